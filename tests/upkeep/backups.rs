//! `backup`: what it says, what it checks, and where it may not write.

use std::path::Path;

use rusqlite::Connection;

use super::{contents, ledger, owners, provision, server, units};
use crate::kit::{Done, Kit, run};

fn backup_in(kit: &Kit, to: &str, prepare: impl FnOnce(&Path)) -> Done {
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).args(["backup", to]);
    run(command, |_, folder| prepare(folder))
}

#[test]
fn it_says_what_it_copied_and_checks_the_copy() {
    let kit = Kit::start();
    provision(&kit, &["GW-1", "GW-2", "GW-3"]);
    let made = server(&kit, &["backup", "copy.sqlite"]);
    let said = made.worked();
    let line =
        kit.log().lines().find(|line| line.contains("the ledger is open")).unwrap().to_owned();
    let id = line.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(line.contains(&format!("ledger=\"{}\"", ledger(&kit).display())), "{line}");
    assert!(line.contains("units=0 newest=\"none\""), "{line}");
    for words in [
        format!("ledger: {}", ledger(&kit).display()),
        format!("journal: {}", kit.folder().join("store/journal").display()),
        format!("id {id}, 3 units, newest record 20"),
        "wrote copy.sqlite (".to_owned(),
    ] {
        assert!(said.contains(&words), "{words}: {said}");
    }
    assert_eq!(said.matches(id).count(), 2, "of the ledger and of the copy: {said}");
    use std::os::unix::fs::PermissionsExt as _;
    let copy = made.folder.path().join("copy.sqlite");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let header = std::fs::read(&copy).unwrap();
    assert_eq!(header[18..20], [1, 1], "one file, without a log");
}

/// A ledger without a unit may be the wrong one.
#[test]
fn an_empty_ledger_is_said_to_be_empty() {
    let kit = Kit::start();
    let made = server(&kit, &["backup", "copy.sqlite"]);
    assert!(made.worked().contains(", 0 units, no record"), "{}", made.stdout);
    assert!(made.stderr.contains("this ledger is empty; is it the one"), "{}", made.stderr);
}

/// What is there stays, whatever it is, and the error names the target.
#[test]
fn nothing_is_overwritten() {
    let kit = Kit::start();
    provision(&kit, &["GW-1"]);
    let refused = backup_in(&kit, "copy.sqlite", |folder| {
        std::fs::write(folder.join("copy.sqlite"), "mine").unwrap();
    });
    assert_eq!(refused.code, 1);
    let said = "error: copy.sqlite exists already; backups overwrite nothing: give another name";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(refused.file("copy.sqlite"), "mine");
    assert_eq!(refused.files(), ["copy.sqlite"]);

    // A link to nothing, a folder, the ledger itself.
    let refused = backup_in(&kit, "copy.sqlite", |folder| {
        std::os::unix::fs::symlink("elsewhere", folder.join("copy.sqlite")).unwrap();
    });
    assert!(refused.stderr.contains("copy.sqlite exists already"), "{}", refused.stderr);
    assert_eq!(refused.files(), ["copy.sqlite"]);
    let refused = backup_in(&kit, "copy.sqlite", |folder| {
        std::fs::create_dir(folder.join("copy.sqlite")).unwrap();
    });
    assert!(refused.stderr.contains("copy.sqlite exists already"), "{}", refused.stderr);
    let refused = server(&kit, &["backup", ledger(&kit).to_str().unwrap()]);
    assert!(refused.stderr.contains("exists already"), "{}", refused.stderr);
    assert_eq!(units(&ledger(&kit)), ["GW-1"]);
}

/// A name that the ledger or its journal would take for its own, once the station has stopped.
#[test]
fn names_of_the_ledgers_own_files_are_refused() {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1"]);
    kit.stop();
    let before = contents(kit.folder());
    for name in ["ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-journal", "a.journal"] {
        let to = kit.folder().join("store").join(name);
        let refused = server(&kit, &["backup", to.to_str().unwrap()]);
        assert_eq!(refused.code, 1, "{name}");
        assert!(
            refused.stderr.contains("is a name of the ledger's own files"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(contents(kit.folder()), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let kit = Kit::start();
    provision(&kit, &["GW-1"]);
    for (to, words) in [
        ("missing/copy.sqlite", "missing is no folder; make it first"),
        ("/proc/copy.sqlite", "/proc/copy.sqlite cannot be written: "),
        (".", "exists already"),
    ] {
        let refused = server(&kit, &["backup", to]);
        assert_eq!(refused.code, 1, "{to}");
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        assert_eq!(refused.files(), [""; 0], "{to}");
    }
    // What would be taken for the copy's own log.
    let refused = backup_in(&kit, "copy.sqlite", |folder| {
        std::fs::write(folder.join("copy.sqlite-wal"), "old").unwrap();
    });
    assert!(refused.stderr.contains("copy.sqlite-wal is in the way"), "{}", refused.stderr);
    assert_eq!(refused.files(), ["copy.sqlite-wal"]);
    // What a backup that was killed has left is no hindrance.
    let made = backup_in(&kit, "copy.sqlite", |folder| {
        std::fs::write(folder.join("copy.sqlite.part"), "half").unwrap();
    });
    made.worked();
    assert_eq!(made.files(), ["copy.sqlite"]);
}

/// A disk without room: said in plain words, and nothing stays.
#[test]
fn a_full_disk_leaves_nothing() {
    let kit = Kit::start();
    provision(&kit, &["GW-1"]);
    let script = "mkdir d && mount -t tmpfs -o size=16k tmpfs d && \"$@\"; c=$?; ls d; exit $c";
    let can = std::process::Command::new("unshare").args(["-rm", "true"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return crate::kit::skip("no file system can be mounted here");
    }
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(crate::kit::binary("pep-server"));
    command.env("PEP_HTTP_LISTEN", "127.0.0.1:0");
    command.arg("--config").arg(kit.folder().join("station.toml")).args(["backup", "d/copy"]);
    let refused = run(command, |_, _| {});
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let said = "d/copy cannot be written: its disk has no room";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert!(!refused.stdout.lines().any(|line| line.starts_with("copy")), "{}", refused.stdout);
}

/// A ledger that is damaged, or no ledger of a station.
#[test]
fn a_ledger_that_is_damaged_is_not_copied() {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1"]);
    kit.stop();
    let whole = std::fs::read(ledger(&kit)).unwrap();
    let mut damaged = whole.clone();
    let page = damaged.len() / 2 / 4096 * 4096;
    damaged[page..page + 4096].fill(0xa5);
    std::fs::write(ledger(&kit), &damaged).unwrap();
    let refused = server(&kit, &["backup", "copy.sqlite"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert_eq!(refused.files(), [""; 0], "{}", refused.stderr);

    std::fs::write(ledger(&kit), &whole).unwrap();
    Connection::open(ledger(&kit)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = owners(kit.folder());
    let refused = server(&kit, &["backup", "copy.sqlite"]);
    let said = "has schema 99, this station knows ";
    assert!(refused.code == 1 && refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(owners(kit.folder()), before);
}
