//! Whatever can go wrong between the station and a gateway, and what the operator is told.

use std::io::Write as _;
use std::time::Duration;

use fcc::frame;
use fcc::reply::{Csr, Reply, SUCCEEDED};
use serde_json::Value;

use super::{CERTIFICATE, holds_its_identity};
use crate::kit::{Device, Done, Kit, Peer, enrollment_id, eventually, p256, pass, read_frame};

/// Tries to provision the unit `serial` at `port`; the device fails.
fn fails(kit: &Kit, serial: &str, port: &str) -> Done {
    let done = kit.pep(["get-one-identity", "-s", serial, "-i", "127.0.0.1", "-p", port]);
    done.failed_with(4);
    assert!(done.files().is_empty(), "{:?}", done.files());
    done
}

/// The one execution of a unit: its state and the reason it ended with.
fn ended(kit: &Kit, serial: &str) -> (String, String) {
    let record = kit.record(serial);
    let [execution] = &record["executions"].as_array().unwrap()[..] else { panic!("{record}") };
    assert!(execution["ended"].is_string(), "{record}");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    (word(&execution["state"]), word(&execution["reason"]["text"]))
}

/// The SID of a request, which a reply has to repeat.
fn sid(payload: &[u8]) -> String {
    let at = payload.windows(4).position(|four| four == b"\x63SID").unwrap() + 4;
    let length = usize::from(payload[at] - 0x60);
    String::from_utf8(payload[at + 1..at + 1 + length].to_vec()).unwrap()
}

fn reply_to(request: &[u8]) -> Reply {
    Reply {
        csrs: Vec::new(),
        sid: Some(sid(request)),
        return_status: 0,
        message: SUCCEEDED.to_owned(),
        warnings: Vec::new(),
    }
}

/// A client that answers the first frame of its first connection as `answer` says.
fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Peer {
    Peer::with(move |_, stream| {
        let request = read_frame(stream);
        // The station may have gone.
        let _ = stream.write_all(&answer(&request));
    })
}

#[test]
fn nobody_listens() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    let done = fails(&kit, "GW-1", &port);
    let (error, hint) = done.two_lines();
    assert!(error.contains(&format!("no connection to the injection client at 127.0.0.1:{port}")));
    assert!(error.contains("(request "), "{error}");
    assert!(hint.contains(&format!("printed port {port}")), "{hint}");
    // Nothing was signed, so nothing can be on any device.
    assert_eq!(ended(&kit, "GW-1").0, "failed");
    assert_eq!(kit.record("GW-1")["executions"][0].get("certificate"), None);

    // The gateway is switched on, and the same command works.
    let device = Device::start();
    let done = kit.provision("GW-1", &device);
    holds_its_identity(&kit, "GW-1", &done, &device.items());
    assert_eq!(kit.states("GW-1"), ["failed", "confirmed"]);
}

/// The port belongs to another program.
#[test]
fn something_else_listens() {
    let kit = Kit::start();
    for (serial, said, what) in [
        ("GW-1", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "an HTTP server"),
        ("GW-2", "220 mail.example ESMTP\r\n", "something other than a factory client"),
        ("GW-3", "\r\n", "something other than a factory client"),
    ] {
        let done = fails(&kit, serial, &Peer::saying(said).port());
        let (error, hint) = done.two_lines();
        assert!(error.contains(&format!("{what} answers there")), "{error}");
        assert!(hint.contains("and not another program"), "{hint}");
        assert_eq!(ended(&kit, serial).0, "sent");
    }
}

/// Nothing comes back. The station opens its second connection once, waits, and gives up.
#[test]
fn the_peer_is_silent() {
    let kit = Kit::start();
    let peer = Peer::silent();
    let device = Device::faulty("silence");
    std::thread::scope(|scope| {
        for (serial, port) in [("GW-1", peer.port()), ("GW-2", device.port())] {
            let kit = &kit;
            scope.spawn(move || {
                let done = fails(kit, serial, &port);
                let (error, _) = done.two_lines();
                assert!(error.contains("gave no answer within 2 s"), "{error}");
                assert_eq!(ended(kit, serial).0, "sent");
            });
        }
    });
    assert_eq!(peer.connections(), 2, "the lost wake-up trick, once");
    assert!(device.items().is_empty());
}

/// By device nothing but the request for a CSR went out, so the identity cannot be there.
#[test]
fn a_silent_peer_that_should_make_a_key() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let device = Device::faulty("busy");
    fails(&kit, "GW-1", &device.port());
    assert_eq!(ended(&kit, "GW-1").0, "failed");
}

/// The lost wake-up (injection 2.1): the client sleeps until a second connection comes, and then
/// serves the first.
#[test]
fn a_client_that_sleeps_is_woken() {
    let kit = Kit::start();
    let (sender, receiver) = std::sync::mpsc::channel();
    let receiver = std::sync::Mutex::new(receiver);
    let peer = Peer::with(move |number, stream| {
        if number > 1 {
            sender.send(()).unwrap();
            return crate::kit::drain(stream);
        }
        let woken = receiver.lock().unwrap().recv_timeout(Duration::from_secs(30));
        woken.unwrap();
        let request = read_frame(stream);
        let _ = stream.write_all(&frame::reply(&reply_to(&request).encode()));
    });
    let port = peer.port();
    kit.pep(["get-one-identity", "-s", "GW-1", "-i", "127.0.0.1", "-p", &port]).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    assert_eq!(peer.connections(), 2);
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

/// The device answers with bytes that are not what they should be, or not at all.
#[test]
fn devices_that_answer_wrongly() {
    let kit = Kit::start();
    for (fault, said) in [
        ("wrong-hash", "hash"),
        ("garbage", "something other than a factory client"),
        ("hangup-frame=1", "closed the connection"),
        ("dies-after-store", "closed the connection"),
    ] {
        let device = Device::with(&["--keep", "--fault", fault]);
        let done = fails(&kit, fault, &device.port());
        let (error, _) = done.two_lines();
        assert!(error.contains(said), "{fault}: {error}");
        assert_eq!(ended(&kit, fault).0, "sent");
    }
}

/// The line is cut behind a certain byte of the identity frame: in its token, its length, its
/// payload. The device cannot have taken it, but the station cannot know.
#[test]
fn the_line_is_cut_inside_the_frame() {
    let kit = Kit::start();
    for bytes in [1, 7, 8, 9, 12, 13, 500, 2000] {
        let serial = format!("GW-{bytes}");
        let device = Device::with(&["--keep", "--fault", &format!("hangup-byte={bytes}")]);
        let done = fails(&kit, &serial, &device.port());
        assert!(done.two_lines().0.contains("closed the connection"), "{:?}", done.stderr);
        assert_eq!(kit.states(&serial), ["sent"]);
        assert!(device.items().is_empty(), "cut at {bytes}: the device was not even erased");

        let again = kit.provision(&serial, &device);
        holds_its_identity(&kit, &serial, &again, &device.items());
        assert_eq!(kit.states(&serial), ["sent", "confirmed"]);
    }
}

/// The case that matters: the device has its identity, the station does not know. The second attempt
/// brings a new one, and the first is marked, never to be enrolled.
#[test]
fn the_device_dies_after_it_stored_its_identity() {
    for mode in ["by_tool", "by_device"] {
        let kit = Kit::with(|setup| {
            let line = format!("device-key-generation-mode: {mode}");
            setup.fcu("device-key-generation-mode: by_tool", &line);
        });
        let device = Device::with(&["--keep", "--fault", "dies-after-store"]);
        let first = fails(&kit, "GW-1", &device.port());
        assert!(first.two_lines().1.contains("repeat the command"), "{}", first.stderr);
        let left_there = enrollment_id(device.items().bytes(CERTIFICATE));
        let record = kit.record("GW-1");
        assert_eq!(kit.states("GW-1"), ["sent"]);
        assert_eq!(record["executions"][0]["certificate"]["enrollmentId"], left_there);
        assert_eq!(record["deployed"], false);
        // Nobody is told an identity that may be dead by tomorrow.
        assert_eq!(kit.get("/v3/enrollment-id?serialNumber=GW-1").status, 404);
        assert_eq!(kit.get("/v3/enrollment-ids").document()["total_count"], 0);

        let second = kit.provision("GW-1", &device);
        holds_its_identity(&kit, "GW-1", &second, &device.items());
        assert_ne!(enrollment_id(device.items().bytes(CERTIFICATE)), left_there);
        assert_eq!(kit.states("GW-1"), ["sent", "confirmed"]);
        let executions = &kit.record("GW-1")["executions"];
        assert_eq!(executions[0]["certificate"]["superseded"], true);
        assert_eq!(executions[1]["certificate"].get("superseded"), None);
    }
}

/// CSRs that nobody may sign. The station says why, signs nothing, and closes the client's session.
#[test]
fn csrs_that_are_not_signed() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let csr = |name: &str, key: &openssl::pkey::PKey<openssl::pkey::Private>| {
        let mut subject = openssl::x509::X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let mut csr = openssl::x509::X509Req::builder().unwrap();
        csr.set_subject_name(&subject.build()).unwrap();
        csr.set_pubkey(key).unwrap();
        csr.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
        csr.build().to_der().unwrap()
    };
    let good = csr("GW-1", &p256());
    let mut broken = good.clone();
    let middle = broken.len() - 20;
    broken[middle] ^= 1;
    let foreign = crate::kit::on_curve(openssl::nid::Nid::SECP384R1);
    for (why, csrs, said) in [
        ("none", vec![], "sent 0 CSRs"),
        ("two", vec![good.clone(), good], "sent 2 CSRs"),
        ("garbage", vec![vec![1, 2, 3]], "CSR"),
        ("a broken signature", vec![broken], "not signed by the key"),
        ("another name", vec![csr("GW-2", &p256())], "GW-2"),
        ("another curve", vec![csr("GW-1", &foreign)], "P-256"),
    ] {
        let (sender, closing) = std::sync::mpsc::channel();
        let peer = Peer::with(move |_, stream| {
            let request = read_frame(stream);
            let key_name = super::KEY.to_owned();
            let csrs = csrs.iter().map(|der| Csr { key_name: key_name.clone(), der: der.clone() });
            let reply = Reply { csrs: csrs.collect(), ..reply_to(&request) };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
            sender.send(read_frame(stream)).unwrap();
        });
        let done = fails(&kit, "GW-1", &peer.port());
        let (error, _) = done.two_lines();
        assert!(error.contains(said), "{why}: {error}");
        assert_eq!(kit.states("GW-1").last().unwrap(), "failed", "{why}");
        // `Verify` 0 and no item: the end of the session (injection 5.2).
        let closing = closing.recv_timeout(Duration::from_secs(20)).unwrap();
        let expected = b"\xa3\x6dSchemeVersion\x650.0.1\x69KpAlvSess\x00\x66Verify\x00";
        assert_eq!(closing, expected, "{why}");
    }
    let record = kit.record("GW-1");
    let executions = record["executions"].as_array().unwrap();
    assert!(executions.iter().all(|one| one.get("certificate").is_none()), "{record}");
}

/// Two gateways made from one image hold one key: the second is stopped before it is signed for.
#[test]
fn two_devices_with_one_key() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let key = p256();
    let copies = move |serial: &'static str| {
        let key = key.clone();
        Peer::with(move |_, stream| {
            let mut subject = openssl::x509::X509Name::builder().unwrap();
            subject.append_entry_by_text("CN", serial).unwrap();
            let mut csr = openssl::x509::X509Req::builder().unwrap();
            csr.set_subject_name(&subject.build()).unwrap();
            csr.set_pubkey(&key).unwrap();
            csr.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
            let der = csr.build().to_der().unwrap();
            let request = read_frame(stream);
            let csrs = vec![Csr { key_name: super::KEY.to_owned(), der }];
            let reply = Reply { csrs, ..reply_to(&request) };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
            let second = read_frame(stream);
            let reply = Reply { sid: None, ..reply_to(&request) };
            let known = second.windows(4).any(|four| four == b"\x63SID");
            let reply = if known { reply_to(&second) } else { reply };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
        })
    };
    let get = |serial: &str, peer: &Peer| kit.get(&Kit::query(serial, &peer.port()));
    assert_eq!(get("GW-1", &copies("GW-1")).status, 200);
    let problem = get("GW-2", &copies("GW-2")).problem(409, "key-taken");
    assert!(problem["detail"].as_str().unwrap().contains("unit `GW-1`"), "{problem}");
    eventually("the attempt is closed", || kit.states("GW-2") == ["failed"]);
}
