//! The station's disk is full, for real. It says so, touches no device, loses nothing, and goes on
//! when there is room.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::kit::{Device, Kit, eventually};

/// A station whose ledger is on a file system of two megabytes; `None` where none can be mounted.
/// (Only the station sees the mount, in a name space of its own.)
fn on_a_small_disk() -> Option<Kit> {
    let mount = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=2m tmpfs /mnt"];
    let can = Command::new(mount[0]).args(&mount[1..]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return None;
    }
    Some(Kit::with(|setup| {
        let store = setup.folder().join("store");
        std::fs::create_dir(&store).unwrap();
        let store = store.display();
        let script = format!("mount -t tmpfs -o size=2m tmpfs '{store}' && exec \"$@\"");
        setup.launched_by(&["unshare", "-rm", "sh", "-c", &script, "sh"]);
    }))
}

/// Takes all room on the station's small disk; gives the file that has to go again.
fn fill(kit: &Kit) -> PathBuf {
    let store = kit.folder().join("store");
    let path = format!("/proc/{}/root{}/filler", kit.process(), store.display());
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    path.into()
}

#[test]
fn a_full_disk_and_room_again() {
    let Some(kit) = on_a_small_disk() else {
        // The other test of this file tells the same with other means.
        return eprintln!("no file system can be mounted here");
    };
    let first = Device::start();
    let told = kit.provision_by_http("GW-1", &first).document();
    let filler = fill(&kit);

    let second = Device::with(&["--keep"]);
    let problem = kit.provision_by_http("GW-2", &second).problem(503, "stopped");
    assert_eq!(problem["detail"], "the ledger's disk is full");
    let done = kit.provision("GW-2", &second);
    let (error, hint) = done.failed_with(5);
    assert!(error.starts_with("the ledger's disk is full (request "), "{error}");
    assert!(hint.contains("call the line engineer"), "{hint}");
    assert!(second.items().is_empty(), "no device is touched that cannot be written down");
    kit.get("/readyz").problem(503, "stopped");
    // It lives, and what it knows it still tells.
    kit.get("/healthz").document();
    assert_eq!(kit.get("/v3/identity-record?serialNumber=GW-1").document(), told);
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 1);

    std::fs::remove_file(filler).unwrap();
    kit.get("/readyz").document();
    kit.provision("GW-2", &second).worked();
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 2);
}

/// The disk fills while an identity is on its way. The last write waits for room, and the unit is
/// not left in doubt.
#[test]
fn a_disk_that_is_full_at_the_wrong_moment() {
    let Some(kit) = on_a_small_disk() else {
        return eprintln!("no file system can be mounted here");
    };
    let device = Device::faulty("slow=1500");
    thread::scope(|scope| {
        let asking = scope.spawn(|| kit.provision("GW-1", &device));
        eventually("the device has it", || device.items().holds("mbed.BootstrapDeviceCert"));
        let filler = fill(&kit);
        eventually("the write waits", || kit.log().contains("a last write waits for the ledger"));
        std::fs::remove_file(filler).unwrap();
        asking.join().unwrap().worked();
    });
    kit.get("/v3/identity-record?serialNumber=GW-1").document();
}

/// A ledger that cannot grow any more, by the system's limit on a file's size. What was confirmed
/// stays so, and after a start without the limit every unit can be finished.
#[test]
fn a_ledger_that_cannot_grow() {
    let mut kit = Kit::with(|setup| {
        // 400 or 800 KiB, as the shell counts.
        setup.launched_by(&["sh", "-c", "trap '' XFSZ; ulimit -f 800; exec \"$@\"", "sh"]);
    });
    let device = Device::with(&["--keep"]);
    let mut confirmed = Vec::new();
    let refused = loop {
        let serial = format!("GW-{}", confirmed.len());
        let answer = kit.provision_by_http(&serial, &device);
        if answer.status != 200 {
            break answer;
        }
        assert!(confirmed.len() < 500, "the limit never came");
        confirmed.push(serial);
    };
    assert!(confirmed.len() > 5, "{confirmed:?}");
    let problem = refused.problem(503, "store-unavailable");
    assert_eq!(problem["detail"], "the ledger cannot be used now");
    // The cause stands in the log, under the number the caller was given.
    let id = problem["requestId"].as_str().unwrap();
    let told = |line: &str| line.contains(id) && line.contains("I/O error");
    eventually("the cause is logged", || kit.log().lines().any(told));
    // What is tried there is less than a unit needs, and may fit a while longer.
    eventually("it is not ready", || kit.get("/readyz").status == 503);
    let known = kit.get("/v3/enrollment-ids?limit=1000").document();
    assert_eq!(known["provisioned_count"], confirmed.len());

    kit.kill();
    kit.launched_by(&[]);
    kit.start_again();
    for serial in &confirmed {
        assert_eq!(kit.states(serial), ["confirmed"]);
    }
    let serial = format!("GW-{}", confirmed.len());
    kit.provision(&serial, &device).worked();
    let known = kit.get("/v3/enrollment-ids?limit=1000").document();
    assert_eq!(known["provisioned_count"], confirmed.len() + 1);
}
