//! Many at once, callers that go away, stations that are told to stop.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use serde_json::Value;

use super::{CERTIFICATE, holds_its_identity};
use crate::kit::{Device, Kit, Peer, Running, binary, enrollment_id, eventually};

/// Twenty gateways with one label. One gets the identity; the others hear who and where.
#[test]
fn one_serial_number_twenty_times_at_once() {
    let kit = Kit::start();
    let devices: Vec<_> = (0..20).map(|_| Device::faulty("slow=700")).collect();
    let answers: Vec<_> = thread::scope(|scope| {
        let asking = devices.iter().map(|device| {
            let kit = &kit;
            scope.spawn(move || kit.get(&Kit::query("GW-1", &device.port())))
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });

    let winners: Vec<_> = (0..20).filter(|number| answers[*number].status == 200).collect();
    let [winner] = winners[..] else { panic!("{} winners", winners.len()) };
    let place = format!("127.0.0.1:{}", devices[winner].port());
    for (number, answer) in answers.iter().enumerate().filter(|(number, _)| *number != winner) {
        let busy = answer.json()["code"] == "serial-busy";
        let code = if busy { "serial-busy" } else { "serial-taken" };
        let said = answer.problem(409, code)["detail"].as_str().unwrap().to_owned();
        let why = if busy { "has been getting its identity since" } else { "has had its identity" };
        assert!(said.contains(why), "{said}");
        assert!(!busy || said.contains(&place), "{said}");
        assert!(devices[number].items().is_empty(), "nobody else was touched");
    }
    let told = answers[winner].document();
    assert_eq!(told["enrollmentID"], enrollment_id(devices[winner].items().bytes(CERTIFICATE)));
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}

/// Many different units at once, through `pep`: each gets its own.
#[test]
fn many_units_at_once() {
    let kit = Kit::start();
    thread::scope(|scope| {
        for number in 0..12 {
            let kit = &kit;
            scope.spawn(move || {
                let serial = format!("GW-{number}");
                let device = Device::start();
                let done = kit.provision(&serial, &device);
                holds_its_identity(kit, &serial, &done, &device.items());
            });
        }
    });
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 12);
}

/// Two labels, one gateway: the second is refused while the first is at work there.
#[test]
fn two_units_at_one_address() {
    let kit = Kit::start();
    let device = Device::with(&["--keep", "--fault", "slow=1500"]);
    thread::scope(|scope| {
        let first = scope.spawn(|| kit.provision("GW-1", &device));
        kit.await_states("GW-1", &["sent"]);
        let refused = kit.get(&Kit::query("GW-2", &device.port()));
        let problem = refused.problem(409, "address-busy");
        let place = format!("127.0.0.1:{}", device.port());
        assert!(problem["detail"].as_str().unwrap().contains(&place), "{problem}");
        kit.provision("GW-2", &device).failed_with(1);
        first.join().unwrap().worked();
    });
    assert_eq!(kit.states("GW-2"), [""; 0], "refused before a record was made");
    kit.provision("GW-2", &device).worked();
}

/// More units than the station takes: those that wait get their turn, those beyond are sent away.
#[test]
fn a_full_queue() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_AT_ONCE", "1").env("PEP_INJECTION_QUEUED", "1");
    });
    let devices = [0, 1, 2].map(|_| Device::faulty("slow=1500"));
    thread::scope(|scope| {
        let kit = &kit;
        let ask = |serial, device| scope.spawn(move || kit.provision(serial, device));
        let first = ask("GW-1", &devices[0]);
        kit.await_states("GW-1", &["sent"]);
        let second = ask("GW-2", &devices[1]);
        let queued = || kit.get_as_operator("/metrics").text().contains("pep_injections_queued 1");
        eventually("the second waits", queued);

        let refused = kit.get(&Kit::query("GW-3", &devices[2].port()));
        refused.problem(503, "busy");
        assert_eq!(refused.header("retry-after"), Some("5"));
        let third = kit.provision("GW-3", &devices[2]);
        let (error, hint) = third.failed_with(5);
        assert!(error.contains("1 units are being served and 1 are waiting"), "{error}");
        assert_eq!(hint, "wait and repeat");

        first.join().unwrap().worked();
        second.join().unwrap().worked();
    });
    assert_eq!(kit.states("GW-3"), [""; 0]);
    kit.provision("GW-3", &devices[2]).worked();
}

/// The gateway's shell is gone in the middle. The story goes on to its end, and the document can be
/// fetched.
#[test]
fn the_caller_goes_away() {
    let kit = Kit::start();
    let device = Device::faulty("slow=1000");
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", Kit::query("GW-1", &device.port()));
    stream.write_all(request.as_bytes()).unwrap();
    kit.await_states("GW-1", &["sent"]);
    drop(stream);

    kit.await_states("GW-1", &["confirmed"]);
    let fetched = kit.pep(["get-identity", "-s", "GW-1"]);
    holds_its_identity(&kit, "GW-1", &fetched, &device.items());
}

/// The operator presses Ctrl-C: no half a file stays, and the hint says how to go on.
#[test]
fn pep_is_interrupted() {
    let kit = Kit::start();
    let device = Device::faulty("slow=1000");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("pep"));
    command.args(["--server", &kit.url(), "get-one-identity", "-s", "GW-1"]);
    command.args(["-p", &device.port()]).current_dir(folder.path());
    let pep = Running::start(command);
    kit.await_states("GW-1", &["sent"]);
    pep.signal("INT");
    let (code, said) = pep.ended(crate::kit::PATIENCE);
    assert_eq!(code, 130, "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("`pep get-identity -s GW-1` tells"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    kit.await_states("GW-1", &["confirmed"]);
}

/// A station that is told to stop lets running injections end, and their callers hear of it.
#[test]
fn a_stop_waits_for_running_injections() {
    let mut kit = Kit::start();
    let device = Device::faulty("slow=1000");
    let (url, port) = (kit.url(), device.port());
    let asking = thread::spawn(move || {
        let mut command = Command::new(binary("pep"));
        command.args(["--server", &url, "get-one-identity", "-s", "GW-1", "-p", &port]);
        crate::kit::run(command, |_, _| {})
    });
    kit.await_states("GW-1", &["sent"]);
    kit.ask_to_stop();
    assert_eq!(kit.stopped(), 0);
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    let told = asking.join().unwrap();
    let document: Value = serde_json::from_str(told.worked()).unwrap();
    assert_eq!(document["enrollmentID"], enrollment_id(device.items().bytes(CERTIFICATE)));
    assert!(kit.log().contains("stopping; running injections end first running=1"));
}

/// The same when its caller has gone: nobody waits for the answer, the stop does.
#[test]
fn a_stop_waits_for_stories_whose_callers_left() {
    let mut kit = Kit::start();
    let device = Device::faulty("slow=1500");
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", Kit::query("GW-1", &device.port()));
    stream.write_all(request.as_bytes()).unwrap();
    kit.await_states("GW-1", &["sent"]);
    drop(stream);
    assert_eq!(kit.stop(), 0);
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}

/// Each attempt gives its turn and its address back, also when it fails.
#[test]
fn a_failed_injection_leaves_the_address_free() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_AT_ONCE", "1").env("PEP_INJECTION_QUEUED", "0");
    });
    let (_nobody, port) = Peer::nobody();
    for _ in 0..3 {
        kit.get(&Kit::query("GW-1", &port)).problem(502, "device-failed");
    }
    assert_eq!(kit.states("GW-1"), ["failed"; 3]);
}

/// Whoever leaves while waiting for its turn is not served behind its back: another label may be
/// on that gateway by then.
#[test]
fn who_leaves_the_queue_is_not_served() {
    use std::io::Write as _;
    let kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_AT_ONCE", "1").env("PEP_INJECTION_GIVE_UP", "60");
    });
    let ask = |serial: &str, port: &str| {
        let mut stream = std::net::TcpStream::connect(kit.address()).unwrap();
        let path = Kit::query(serial, port);
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        stream
    };
    let waiting = |number: u32| {
        let line = format!("pep_injections_queued {number}");
        kit.get_as_operator("/metrics").text().lines().any(|found| found == line)
    };
    let silent = Peer::silent();
    let _first = ask("GW-1", &silent.port());
    kit.await_states("GW-1", &["sent"]);
    let device = Device::with(&["--keep"]);
    let second = ask("GW-2", &device.port());
    crate::kit::eventually("it waits", || waiting(1));
    drop(second);
    crate::kit::eventually("its place is free again", || waiting(0));
    assert!(kit.states("GW-2").is_empty() && device.items().is_empty());
}
