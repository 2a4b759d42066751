//! Whatever can go wrong between the station and a gateway, and what the operator is told.

mod csrs;
mod replies;

use std::io::Write as _;
use std::time::Duration;

use fcc::frame;
use fcc::reply::{Reply, SUCCEEDED};
use serde_json::Value;

use super::{CERTIFICATE, KEY, holds_its_identity};
use crate::kit::{Device, Done, Kit, Peer, drain, enrollment_id, read_frame};

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
            return drain(stream);
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
