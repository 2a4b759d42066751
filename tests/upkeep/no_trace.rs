//! `check`, `preview`, `backup` and `accept-clock` make nothing: no ledger, no folder, no lock, no
//! log, whether a station has never run, runs, has stopped, or was killed.

use super::{contents, hash, ledger, owners, provision, server, units};
use crate::kit::{Kit, Setup, run};

/// Before the first start there is nothing to look at, and nothing is made.
#[test]
fn before_the_first_start() {
    let setup = Setup::new();
    let before = owners(setup.folder());
    let path = setup.folder().join("store/ledger.sqlite");

    let checked = run(setup.server(&["check"]), |_, _| {});
    let said =
        format!("no ledger yet at {}; the station makes it at its first start", path.display());
    assert!(checked.worked().contains(&said), "{}", checked.stdout);
    let shown = run(setup.server(&["preview", "GW-1"]), |_, _| {});
    shown.worked();
    for words in [format!("ledger: {}", path.display()), "journal: ".to_owned()] {
        assert!(shown.stderr.contains(&words), "{words}: {}", shown.stderr);
    }
    for arguments in [&["backup", "copy.sqlite"][..], &["accept-clock"]] {
        let done = run(setup.server(arguments), |_, _| {});
        assert_eq!(done.code, 1, "{arguments:?}: {}", done.stdout);
        let said = format!("there is no ledger at {}", path.display());
        assert!(done.stderr.contains(&said), "{arguments:?}: {}", done.stderr);
        assert_eq!(done.files(), [""; 0], "{arguments:?}");
    }
    assert_eq!(owners(setup.folder()), before);
}

/// An empty file is no ledger either, and stays what it is.
#[test]
fn an_empty_file_stays_empty() {
    let setup = Setup::new();
    let path = setup.folder().join("store/ledger.sqlite");
    std::fs::create_dir(setup.folder().join("store")).unwrap();
    std::fs::write(&path, "").unwrap();
    let before = owners(setup.folder());
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.worked().contains("no ledger yet at "), "{}", checked.stdout);
    for arguments in [&["backup", "copy.sqlite"][..], &["accept-clock"]] {
        let done = run(setup.server(arguments), |_, _| {});
        assert_eq!(done.code, 1, "{arguments:?}: {}", done.stdout);
        assert!(done.stderr.contains("there is no ledger at "), "{}", done.stderr);
    }
    assert_eq!(owners(setup.folder()), before);
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

/// Beside a station that has stopped not one byte changes, but for the note of the backup.
#[test]
fn beside_a_station_that_has_stopped() {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1", "GW-2"]);
    kit.stop();
    let (before, bytes) = (owners(kit.folder()), contents(kit.folder()));
    let checked = server(&kit, &["check"]);
    for words in ["2 units, newest record 20", "ledger: ", "journal: ", "  id "] {
        assert!(checked.worked().contains(words), "{words}: {}", checked.stdout);
    }
    server(&kit, &["preview", "GW-9"]).worked();
    assert_eq!(contents(kit.folder()), bytes);

    let made = server(&kit, &["backup", "copy.sqlite"]);
    made.worked();
    assert_eq!(made.files(), ["copy.sqlite"]);
    assert_eq!(units(&made.folder.path().join("copy.sqlite")), ["GW-1", "GW-2"]);
    assert_eq!(owners(kit.folder()), before);
    let mut now = contents(kit.folder());
    let noted = kit.folder().join("store/ledger.sqlite.last-backup");
    assert!(std::fs::read(&noted).unwrap().starts_with(b"20"));
    now.insert(noted, hash(b""));
    assert_eq!(now, bytes);
    assert!(server(&kit, &["check"]).worked().contains(", last backup 20"));

    server(&kit, &["accept-clock"]).worked();
    assert_eq!(owners(kit.folder()), before);
    kit.start_again();
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 2);
}

/// Beside one that runs as well; what it is doing goes on.
#[test]
fn beside_a_station_that_runs() {
    let kit = Kit::start();
    provision(&kit, &["GW-1"]);
    let before = owners(kit.folder());
    let checked = server(&kit, &["check"]);
    let said = format!("a station is running on this ledger (process {})", kit.process());
    assert!(checked.worked().contains(&said), "{}", checked.stdout);
    server(&kit, &["preview", "GW-9"]).worked();
    let made = server(&kit, &["backup", "copy.sqlite"]);
    made.worked();
    assert_eq!(units(&made.folder.path().join("copy.sqlite")), ["GW-1"]);
    let refused = server(&kit, &["accept-clock"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said = format!("is in use by another station, process {}", kit.process());
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    assert_eq!(owners(kit.folder()), before);
    provision(&kit, &["GW-2"]);
}

/// A station that was killed leaves its log: what is in it is read, and the log stays.
#[test]
fn beside_a_station_that_was_killed() {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1", "GW-2"]);
    kit.kill();
    let log = kit.folder().join("store/ledger.sqlite-wal");
    assert!(log.metadata().unwrap().len() > 0);
    for without_index in [false, true] {
        if without_index {
            std::fs::remove_file(kit.folder().join("store/ledger.sqlite-shm")).unwrap();
        }
        let (before, logged) = (owners(kit.folder()), std::fs::read(&log).unwrap());
        let main = std::fs::read(ledger(&kit)).unwrap();
        let checked = server(&kit, &["check"]);
        assert!(checked.worked().contains("2 units"), "{}", checked.stdout);
        let made = server(&kit, &["backup", "copy.sqlite"]);
        assert!(made.worked().contains("2 units"), "{}", made.stdout);
        assert_eq!(units(&made.folder.path().join("copy.sqlite")), ["GW-1", "GW-2"]);
        assert_eq!(made.files(), ["copy.sqlite"]);
        assert_eq!(owners(kit.folder()), before, "without an index: {without_index}");
        assert_eq!(std::fs::read(&log).unwrap(), logged);
        assert_eq!(std::fs::read(ledger(&kit)).unwrap(), main);
    }
    kit.start_again();
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 2);
}
