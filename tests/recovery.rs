//! The power goes. Whatever the moment, nothing is lost, and every unit can be finished without
//! anybody's help.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::kit::{Device, Kit, Peer, Running, binary, enrollment_id, eventually, pass};

/// Asks for an identity and does not wait for the answer.
fn ask(kit: &Kit, serial: &str, port: &str) -> TcpStream {
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    let path = Kit::query(serial, port);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// Nothing was signed: the attempt is closed as failed, and the next one succeeds.
#[test]
fn power_is_lost_while_a_unit_is_reserved() {
    let mut kit = Kit::with(|setup| {
        setup
            .fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device")
            .env("PEP_INJECTION_GIVE_UP", "60");
    });
    let silent = Peer::silent();
    let _asked = ask(&kit, "GW-1", &silent.port());
    kit.await_states("GW-1", &["reserved"]);
    kit.kill();
    assert_eq!(kit.states("GW-1"), ["reserved"]);

    kit.start_again();
    assert_eq!(kit.states("GW-1"), ["failed"]);
    let execution = kit.record("GW-1")["executions"][0].clone();
    assert_eq!(execution["reason"]["text"], "station restarted before anything was signed");
    assert!(execution["ended"].is_string());
    assert!(kit.log().contains("attempts that the last stop left open are closed closed=1"));

    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.states("GW-1"), ["failed", "confirmed"]);
}

/// The identity was on its way: the attempt stays `sent`, since the device may have it.
#[test]
fn power_is_lost_while_an_identity_is_on_its_way() {
    // The second attempt waits for the device's first answer as well.
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_GIVE_UP", "30");
    });
    let device = Device::with(&["--keep", "--fault", "slow=1000"]);
    let _asked = ask(&kit, "GW-1", &device.port());
    let certificate = "mbed.BootstrapDeviceCert";
    eventually("the device has it", || device.items().holds(certificate));
    assert_eq!(kit.states("GW-1"), ["sent"]);
    kit.kill();

    kit.start_again();
    assert_eq!(kit.states("GW-1"), ["sent"]);
    let record = kit.record("GW-1");
    let reason = "station restarted before the device answered; it may hold this identity";
    assert_eq!(record["executions"][0]["reason"]["text"], reason);
    assert!(record["executions"][0]["ended"].is_string());
    assert_eq!(record["deployed"], false);
    // The ledger knows the certificate that is on the device.
    let held = enrollment_id(device.items().bytes(certificate));
    assert_eq!(record["executions"][0]["certificate"]["enrollmentId"], held);

    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.states("GW-1"), ["sent", "confirmed"]);
    assert_eq!(kit.record("GW-1")["executions"][0]["certificate"]["superseded"], true);
}

/// What was confirmed stays confirmed, and is still protected.
#[test]
fn power_is_lost_after_a_unit_was_done() {
    let mut kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let before = kit.provision("GW-1", &device);
    before.worked();
    kit.kill();
    kit.start_again();
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    kit.provision("GW-1", &device).failed_with(1);
    assert_eq!(kit.pep(["get-identity", "-s", "GW-1"]).worked(), before.worked());
}

/// A stop leaves one file that holds everything: who copies it has the whole ledger.
#[test]
fn a_stopped_station_leaves_one_file() {
    let mut kit = Kit::start();
    let device = Device::start();
    let told = kit.provision("GW-1", &device);
    told.worked();
    // Readers of the ledger do not hold it open either.
    kit.get("/v3/enrollment-ids").document();
    assert_eq!(kit.stop(), 0);
    let store = kit.folder().join("store");
    let left = || {
        let entries = std::fs::read_dir(&store).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let all = ["journal", "ledger.sqlite", "ledger.sqlite.last-backup", "ledger.sqlite.lock"];
    assert_eq!(left(), all);

    let kept = std::fs::read(store.join("ledger.sqlite")).unwrap();
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    std::fs::write(store.join("ledger.sqlite"), kept).unwrap();
    kit.start_again();
    assert_eq!(kit.pep(["get-identity", "-s", "GW-1"]).worked(), told.worked());
}

/// The caller hears that the connection broke, and what tells whether the unit is done.
#[test]
fn pep_says_how_to_go_on() {
    let mut kit = Kit::start();
    let device = Device::faulty("slow=1000");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("pep"));
    command.args(["--server", &kit.url(), "get-one-identity", "-s", "GW 1"]);
    command.args(["-p", &device.port()]).current_dir(folder.path());
    let pep = Running::start(command);
    kit.await_states("GW 1", &["sent"]);
    kit.kill();
    let (code, said) = pep.ended(crate::kit::PATIENCE);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("no answer from the station"), "{said}");
    assert!(said.contains("`pep get-identity -s 'GW 1'` tells"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    // Nobody is there at all.
    let done = kit.pep(["get-identity", "-s", "GW 1"]);
    let (error, hint) = done.failed_with(3);
    assert!(error.contains("no connection to the station"), "{error}");
    assert!(hint.contains("PEP_SERVER_URL"), "{hint}");
}

/// A station closes what it left open itself. What another station has open is left alone until
/// its deadline has passed.
#[test]
fn another_stations_attempt_is_left_alone() {
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-1").env("PEP_INJECTION_GIVE_UP", "60");
    });
    let silent = Peer::silent();
    let _asked = ask(&kit, "GW-1", &silent.port());
    kit.await_states("GW-1", &["sent"]);
    kit.kill();

    kit.set_env("PEP_STATION_NAME", "line-2");
    kit.start_again();
    assert!(kit.record("GW-1")["executions"][0].get("ended").is_none());
    let device = Device::start();
    let problem = kit.get(&Kit::query("GW-1", &device.port())).problem(409, "serial-busy");
    assert!(problem["detail"].as_str().unwrap().contains("(station line-1, "), "{problem}");
    kit.stop();

    kit.set_env("PEP_STATION_NAME", "line-1");
    kit.start_again();
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.states("GW-1"), ["sent", "confirmed"]);
}

/// Power cuts at all sorts of moments, in both key modes. Each time: no certificate on the device
/// without a record of it, the unit can be finished, and the count is right.
#[test]
fn power_is_lost_at_any_moment() {
    for mode in ["by_tool", "by_device"] {
        let mut kit = Kit::with(|setup| {
            let line = format!("device-key-generation-mode: {mode}");
            setup.fcu("device-key-generation-mode: by_tool", &line);
        });
        for milliseconds in [0, 1, 2, 4, 7, 11, 16, 24, 40, 60] {
            let serial = format!("GW-{milliseconds}");
            let device = Device::with(&["--keep", "--fault", "slow=8"]);
            let asked = ask(&kit, &serial, &device.port());
            pass(Duration::from_millis(milliseconds));
            kit.kill();
            drop(asked);
            kit.start_again();

            let states = kit.states(&serial);
            let known = ["failed", "sent", "confirmed"];
            assert!(states.iter().all(|state| known.contains(&state.as_str())), "{states:?}");
            if device.items().holds("mbed.BootstrapDeviceCert") {
                let held = enrollment_id(device.items().bytes("mbed.BootstrapDeviceCert"));
                let record = kit.record(&serial);
                let recorded = &record["executions"][0]["certificate"]["enrollmentId"];
                assert_eq!(*recorded, held, "{mode} {milliseconds}");
                assert_ne!(states, ["failed"], "{mode} {milliseconds}");
            }
            if states.last().is_none_or(|state| state != "confirmed") {
                let again = kit.provision(&serial, &device);
                // A client that still holds the session of the lost attempt says so, and is ended
                // by the station: then once more.
                if again.code != 0 {
                    assert!(again.failed_with(4).0.contains("return status 17 "));
                    assert_eq!(mode, "by_device");
                    kit.provision(&serial, &device).worked();
                }
            }
            let told = kit.get(&format!("/v3/enrollment-id?serialNumber={serial}"));
            let held = enrollment_id(device.items().bytes("mbed.BootstrapDeviceCert"));
            assert_eq!(told.text(), held, "{mode} {milliseconds}");
        }
        let page = kit.get("/v3/enrollment-ids").document();
        assert_eq!(page["provisioned_count"], 10, "{mode}");
    }
}
