//! Replies that no client gives.

use std::io::Write as _;
use std::time::Duration;

use fcc::frame;
use fcc::reply::Reply;

use super::{ended, fails, reply_to};
use crate::kit::{Kit, Peer, pass, read_frame};

/// A client that answers the first frame of its first connection as `answer` says.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Peer {
    Peer::with(move |_, stream| {
        let request = read_frame(stream);
        // The station may have gone.
        let _ = stream.write_all(&answer(&request));
    })
}

/// Replies that no client gives: the station takes none for a success, and reads no more than a
/// reply can hold.
#[test]
fn replies_that_are_none() {
    let kit = Kit::start();
    let good = |request: &[u8]| frame::reply(&reply_to(request).encode());
    let with = |change: fn(&mut Reply)| {
        answering(move |request| {
            let mut reply = reply_to(request);
            change(&mut reply);
            frame::reply(&reply.encode())
        })
    };
    let payload = |bytes: &'static [u8]| answering(move |_| frame::reply(bytes));
    for (serial, peer, said) in [
        // 4 GiB of length.
        (
            "huge",
            answering(|_| [&frame::TOKEN[..], &[0; 4], &[0xff; 4], &[0; 4096]].concat()),
            "4294967295",
        ),
        (
            "too-long",
            answering(|_| [&frame::TOKEN[..], &[0; 4], &2561_u32.to_le_bytes()].concat()),
            "2561",
        ),
        (
            "wrong-hash",
            answering(move |request| {
                let mut frame = good(request);
                *frame.last_mut().unwrap() ^= 1;
                frame
            }),
            "hash",
        ),
        ("not-cbor", payload(b"\xff\xff"), "cannot be read"),
        ("a-list", payload(b"\x80"), "cannot be read"),
        ("empty-map", payload(b"\xa0"), "holds no SchemeVersion"),
        ("other-sid", with(|reply| reply.sid = Some("another".into())), "the session \"another\""),
        ("no-sid", with(|reply| reply.sid = None), "holds no SID"),
    ] {
        let done = fails(&kit, serial, &peer.port());
        let (error, hint) = done.two_lines();
        assert!(error.contains(said), "{serial}: {error}");
        assert!(hint.contains("and not another program"), "{serial}: {hint}");
        let (state, reason) = ended(&kit, serial);
        assert_eq!(state, "sent", "{serial}");
        assert!(reason.contains(said), "{serial}: {reason}");
    }
}

/// A reply that stops: after every part of the frame, and inside each.
#[test]
fn replies_that_stop_short() {
    let kit = Kit::start();
    for kept in [0, 1, 8, 11, 12, 15, 16, 17, 60, -33, -32, -1_isize] {
        let serial = format!("GW{kept}");
        let peer = answering(move |request| {
            let mut whole = frame::reply(&reply_to(request).encode());
            let length = isize::try_from(whole.len()).unwrap();
            whole.truncate(usize::try_from(if kept < 0 { length + kept } else { kept }).unwrap());
            whole
        });
        let done = fails(&kit, &serial, &peer.port());
        let (error, _) = done.two_lines();
        assert!(error.contains("closed the connection without an answer"), "{kept}: {error}");
        assert_eq!(ended(&kit, &serial).0, "sent", "{kept}");
    }
}

/// A reply in single bytes, with time between them, is a reply.
#[test]
fn a_reply_that_drips() {
    let kit = Kit::start();
    let peer = Peer::with(|_, stream| {
        stream.set_nodelay(true).unwrap();
        let request = read_frame(stream);
        // Text on the line before the token is skipped (injection 3.3).
        for byte in [b"\nboot ".to_vec(), frame::reply(&reply_to(&request).encode())].concat() {
            stream.write_all(&[byte]).unwrap();
            pass(Duration::from_millis(2));
        }
    });
    let port = peer.port();
    kit.pep(["get-one-identity", "-s", "GW-1", "-i", "127.0.0.1", "-p", &port]).worked();
}

/// Transport statuses: whatever the number, it is kept, and the identity may be there.
#[test]
fn transport_statuses_keep_their_number() {
    let kit = Kit::start();
    for status in [1_u32, 3, 4, 8, 9, 15, 16, u32::MAX] {
        let serial = format!("GW-{status}");
        let peer = answering(move |_| frame::reply_status(status));
        let done = fails(&kit, &serial, &peer.port());
        let (error, _) = done.two_lines();
        assert!(error.contains(&format!("transport status {status}: ")), "{error}");
        let record = kit.record(&serial);
        assert_eq!(record["executions"][0]["reason"]["number"], status);
        assert_eq!(ended(&kit, &serial).0, "sent");
    }
}
