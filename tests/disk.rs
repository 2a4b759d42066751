//! The station's disk is full, for real. It says so, touches no device, loses nothing, and goes on
//! when there is room.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::kit::{Database, Device, Kit, Ledger, Setup, eventually, skip};

/// A station whose ledger is on a file system of two megabytes, all of which it may use; `None`
/// where none can be mounted.
fn on_a_small_disk() -> Option<Kit> {
    on_a_disk_of(2, 0)
}

/// A station whose ledger is on a file system of so many MiB, of which `min_free` shall stay free.
/// (Only the station sees the mount, in a name space of its own.)
fn on_a_disk_of(size: u32, min_free: u32) -> Option<Kit> {
    on_a_disk_with(size, min_free, |_| {})
}

/// The same, after `change` has edited its folder and environment.
fn on_a_disk_with(size: u32, min_free: u32, change: impl FnOnce(&mut Setup)) -> Option<Kit> {
    let mount = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=2m tmpfs /mnt"];
    let can = Command::new(mount[0]).args(&mount[1..]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return None;
    }
    Some(Kit::with(|setup| {
        let store = setup.folder().join("store");
        std::fs::create_dir(&store).unwrap();
        let store = store.display();
        let script = format!("mount -t tmpfs -o size={size}m tmpfs '{store}' && exec \"$@\"");
        setup.env("PEP_STORE_MIN_FREE", &min_free.to_string());
        setup.launched_by(&["unshare", "-rm", "sh", "-c", &script, "sh"]);
        change(setup);
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

/// Takes this many MiB of the station's small disk; gives the file that has to go again.
fn take(kit: &Kit, mebibytes: usize) -> PathBuf {
    let store = kit.folder().join("store");
    let path = format!("/proc/{}/root{}/filler", kit.process(), store.display());
    let mut file = File::create(&path).unwrap();
    file.write_all(&vec![0; mebibytes << 20]).unwrap();
    path.into()
}

/// Says that it is over when it goes.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The disk fills up under load. The station stops taking units while it can still write down how
/// the running ones end, says so, and goes on by itself.
#[test]
fn a_disk_that_fills_up_under_load() {
    match on_a_disk_of(96, 32) {
        Some(kit) => fills_up_under_load(&kit),
        None => skip("no file system can be mounted here"),
    }
}

/// The same on a MongoDB: it is the journal beside it whose disk fills up.
#[test]
fn a_disk_that_fills_up_under_load_beside_a_mongodb() {
    let Some(server) = Database::shared() else { return };
    let ledger = Ledger::new_database(server.address());
    let kit = on_a_disk_with(96, 32, |setup| {
        setup.mongodb(&ledger, server.address());
    });
    match kit {
        Some(kit) => fills_up_under_load(&kit),
        None => skip("no file system can be mounted here"),
    }
}

fn fills_up_under_load(kit: &Kit) {
    let over = AtomicBool::new(false);
    // Its answers come late: it is on its way when the disk has filled up.
    let (late, next) = (Device::faulty("slow=1500"), Device::with(&["--keep"]));
    let answers = thread::scope(|scope| {
        // Set also when an assertion fails: nobody may go on asking for ever.
        let ending = Ending(&over);
        let callers: Vec<_> = (0..4)
            .map(|line| {
                let over = &over;
                scope.spawn(move || {
                    let device = Device::with(&["--keep"]);
                    let mut answers = Vec::new();
                    while !over.load(Ordering::SeqCst) {
                        let serial = format!("GW-{line}-{}", answers.len());
                        let status = kit.provision_by_http(&serial, &device).status;
                        answers.push((serial, status));
                        if status == 503 {
                            crate::kit::pass(std::time::Duration::from_millis(50));
                        }
                    }
                    answers
                })
            })
            .collect();
        let asking = scope.spawn(|| kit.provision("GW-late", &late));
        // The ledger can be seen from within the station's name space only.
        eventually("it is on its way", || {
            let sent = kit.get_as_operator("/v3/units?state=sent").document();
            sent["results"].to_string().contains("GW-late")
        });
        let filler = take(kit, 70);
        eventually("it stops", || kit.get("/readyz").status == 503);
        let problem = kit.get("/readyz").problem(503, "stopped");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        let begins = "the station is not issuing now: the ledger's disk has ";
        assert!(detail.starts_with(begins), "{detail}");
        assert!(detail.contains("32 MiB shall stay free"), "{detail}");
        let done = kit.provision("GW-next", &next);
        assert!(done.failed_with(5).0.contains("MiB shall stay free"), "{}", done.stderr);
        assert!(next.items().is_empty(), "no device is touched");
        assert!(kit.get_as_operator("/v3/unit?serialNumber=GW-next").status == 404);
        let numbers = kit.get_as_operator("/metrics");
        let numbers = numbers.text();
        assert!(numbers.contains("pep_stopped{cause=\"disk\"} 1"), "{numbers}");
        let free = numbers.lines().find_map(|line| line.strip_prefix("pep_disk_free_bytes "));
        let free: f64 = free.unwrap().parse().unwrap();
        assert!(free < 32.0 * 1_048_576.0 && free > 0.0, "{free}");
        // What was on its way when it stopped is written down.
        asking.join().unwrap().worked();

        std::fs::remove_file(filler).unwrap();
        eventually("it goes on", || kit.get("/readyz").status == 200);
        kit.provision("GW-next", &next).worked();
        drop(ending);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    let confirmed = answers.iter().filter(|(_, status)| *status == 200).count();
    assert!(confirmed > 4, "{answers:?}");
    assert!(answers.iter().any(|(_, status)| *status == 503), "{answers:?}");
    assert!(answers.iter().all(|(_, status)| [200, 503].contains(status)), "{answers:?}");
    let page = kit.get("/v3/enrollment-ids").document();
    assert_eq!(page["provisioned_count"], confirmed + 2);
    let listed = kit.get_as_operator("/v3/units?state=sent").document();
    assert_eq!(listed["results"].as_array().unwrap().len(), 0, "no unit is in doubt");
}

/// More than any disk has free: the station never begins.
#[test]
fn more_shall_stay_free_than_there_is() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STORE_MIN_FREE", "1073741824");
    });
    assert!(kit.log().contains("1073741824 MiB shall stay free"), "{}", kit.log());
    let device = Device::with(&["--keep"]);
    kit.provision_by_http("GW-1", &device).problem(503, "stopped");
    kit.get("/readyz").problem(503, "stopped");
    assert!(device.items().is_empty());
    kit.get("/healthz").document();
}

/// A ledger that cannot grow any more, by the system's limit on a file's size. What was confirmed
/// stays so, and after a start without the limit every unit can be finished.
/// The journal may be on another disk than the ledger: that one is looked after as well.
#[test]
fn a_journal_on_a_disk_of_its_own() {
    let ledger = |setup: &mut Setup| {
        setup.env("PEP_STORE_PATH", "elsewhere/ledger.sqlite");
    };
    let Some(kit) = on_a_disk_with(12, 4, ledger) else {
        return eprintln!("no file system can be mounted here");
    };
    kit.provision_by_http("GW-1", &Device::start()).document();
    let filler = take(&kit, 6);
    eventually("it stops", || kit.get("/readyz").status == 503);
    let problem = kit.get("/readyz").problem(503, "stopped");
    assert!(problem["detail"].as_str().unwrap().contains("shall stay free"), "{problem}");
    std::fs::remove_file(filler).unwrap();
    eventually("it goes on", || kit.get("/readyz").status == 200);
    kit.provision_by_http("GW-2", &Device::start()).document();
}

#[test]
fn a_ledger_that_cannot_grow() {
    let mut kit = Kit::with(|setup| {
        // 1.5 or 3 MiB, as the shell counts.
        setup.launched_by(&["sh", "-c", "trap '' XFSZ; ulimit -f 3000; exec \"$@\"", "sh"]);
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
