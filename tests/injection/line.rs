//! Gateways at a serial line of the station's, asked for by its name.

use std::fs::OpenOptions;
use std::thread;

use super::holds_its_identity;
use crate::kit::{Device, Kit, Setup, eventually};

/// A station with the line `bench-1`, at whose end `device` is.
fn station(device: &Device, change: impl FnOnce(&mut Setup)) -> Kit {
    let line = device.line();
    Kit::with(|setup| {
        setup.station(
            "queued = 1024\n",
            &format!("queued = 1024\n[[injection.line]]\nname = \"bench-1\"\npath = \"{line}\"\n"),
        );
        setup.env("PEP_INJECTION_QUIET", "1").env("PEP_INJECTION_GIVE_UP", "8");
        change(setup);
    })
}

const QUERY: &str = "/v3/identity?line=bench-1&serialNumber=";

#[test]
fn a_gateway_at_a_line_gets_its_identity() {
    let device = Device::on_a_line(&[]);
    let kit = station(&device, |_| {});
    let told = kit.get(&format!("{QUERY}GW-1")).document();
    assert_eq!(told["serialNumber"], "GW-1");
    assert!(device.items().holds("mbed.BootstrapDeviceCert"));
    assert_eq!(device.exit_status(), 0);
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    assert_eq!(kit.record("GW-1")["executions"][0]["address"], "line bench-1");
}

#[test]
fn a_gateway_at_a_line_makes_its_own_key() {
    let device = Device::on_a_line(&[]);
    let kit = station(&device, |setup| {
        setup.fcu("generation-mode: by_tool", "generation-mode: by_device");
    });
    kit.get(&format!("{QUERY}GW-1")).document();
    assert!(device.items().holds("mbed.BootstrapDeviceCert"));
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}

/// A line that another program has, one that is not there, and one nobody knows.
#[test]
fn lines_that_cannot_be_used_are_named() {
    let device = Device::on_a_line(&["--keep"]);
    let kit = station(&device, |_| {});
    let problem =
        kit.get("/v3/identity?line=nowhere&serialNumber=GW-1").problem(400, "bad-request");
    assert_eq!(problem["hint"], "its lines are bench-1");
    let both = format!("{QUERY}GW-1&ip=127.0.0.1");
    kit.get(&both).problem(400, "bad-request");

    let other = OpenOptions::new().read(true).write(true).open(device.line()).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let problem = kit.get(&format!("{QUERY}GW-1")).problem(502, "device-failed");
    assert!(problem["detail"].as_str().unwrap().contains("in use by another program"), "{problem}");
    drop(other);
    kit.get(&format!("{QUERY}GW-1")).document();

    let line = device.line().to_owned();
    drop(device);
    let problem = kit.get(&format!("{QUERY}GW-2")).problem(502, "device-failed");
    assert_eq!(problem["detail"], format!("the line {line} is not there"));
    assert_eq!(kit.states("GW-2"), ["failed"]);
}

/// The gateway goes in the middle of its frame: the unit is in doubt, and is finished at the next
/// try.
#[test]
fn a_line_that_vanishes_in_the_middle_of_a_frame() {
    let device = Device::on_a_line(&["--fault", "slow=60000"]);
    let mut kit = station(&device, |_| {});
    thread::scope(|scope| {
        let asking = scope.spawn(|| kit.get(&format!("{QUERY}GW-1")));
        eventually("it has the identity", || device.items().holds("mbed.BootstrapDeviceCert"));
        drop(device);
        asking.join().unwrap().problem(502, "device-failed");
    });
    assert_eq!(kit.states("GW-1"), ["sent"]);
    kit.stop();
    let again = Device::start();
    kit.start_again();
    let done = kit.provision("GW-1", &again);
    holds_its_identity(&kit, "GW-1", &done, &again.items());
}
