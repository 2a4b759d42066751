//! `restore`: an old backup is put in the ledger's place, what was there is kept, and the journal
//! brings back the rest.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{contents, ledger, owners, provision, server, units};
use crate::kit::{Device, Done, Kit, Setup, run};

/// A station that was backed up when it had done GW-1, and has done GW-2 and GW-3 since.
struct Line {
    kit: Kit,
    devices: Vec<Device>,
    backup: PathBuf,
}

impl Line {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let kit = Kit::with(change);
        let mut devices = provision(&kit, &["GW-1"]);
        let backup = kit.folder().join("backup.sqlite");
        server(&kit, &["backup", backup.to_str().unwrap()]).worked();
        devices.extend(provision(&kit, &["GW-2", "GW-3"]));
        Self { kit, devices, backup }
    }

    fn restore(&self) -> Done {
        server(&self.kit, &["restore", self.backup.to_str().unwrap()])
    }

    /// The ledgers that earlier restores have kept, whole.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.kit.folder().join("store")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_kept = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("ledger.sqlite.before-restore-20") && name.ends_with('Z')
        };
        paths.filter(is_kept).collect()
    }
}

#[test]
fn the_journal_brings_back_what_the_backup_lacks() {
    for killed in [false, true] {
        let mut line = Line::new();
        if killed {
            line.kit.kill();
        } else {
            line.kit.stop();
        }
        let done = line.restore();
        let said = done.worked();
        for words in [
            "holds 6 events about 2 units that the ledger has not seen; the station's next start \
             brings them in",
            "1 unit, newest record 20",
            "restored at 20",
            "kept the ledger that was in place: ",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(done.stderr.lines().filter(|line| !line.contains("EXAMPLE")).count(), 2);
        assert_eq!(units(&ledger(&line.kit)), ["GW-1"]);
        let [kept] = &line.kept()[..] else { panic!("{said}") };
        assert!(said.contains(kept.to_str().unwrap()), "{said}");
        assert_eq!(units(kept), ["GW-1", "GW-2", "GW-3"], "killed: {killed}");
        let checked = server(&line.kit, &["check"]);
        assert!(checked.worked().contains("holds 6 events about 2 units"), "{}", checked.stdout);
        let again = server(&line.kit, &["backup", "copy.sqlite"]);
        assert!(again.worked().contains("holds 6 events about 2 units"), "{}", again.stdout);

        line.kit.start_again();
        assert_eq!(line.kit.get("/v3/enrollment-ids").document()["provisioned_count"], 3);
        for (number, device) in (1..).zip(&line.devices) {
            let serial = format!("GW-{number}");
            assert_eq!(line.kit.states(&serial), ["confirmed"]);
            line.kit.provision_by_http(&serial, device).problem(409, "serial-taken");
        }
        // The ledger is the same one, and says where it comes from.
        let checked = server(&line.kit, &["check"]);
        assert!(checked.worked().contains("3 units") && checked.stdout.contains("restored at 20"));
    }
}

/// Not under a station that runs, which is named.
#[test]
fn a_station_that_runs_is_left_alone() {
    let line = Line::new();
    let before = owners(line.kit.folder());
    let refused = line.restore();
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said = format!(
        "is in use by another station, process {}; stop that one first",
        line.kit.process()
    );
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    assert_eq!(owners(line.kit.folder()), before);
}

/// With no ledger in place the backup is simply there, in a folder that may have to be made.
#[test]
fn onto_nothing() {
    let mut line = Line::new();
    line.kit.stop();
    let mut other = Setup::new();
    other.env("PEP_JOURNAL_ENABLED", "false");
    let done = run(other.server(&["restore", line.backup.to_str().unwrap()]), |_, _| {});
    assert!(!done.worked().contains("kept "), "{}", done.stdout);
    assert!(done.stderr.contains("nothing newer than the backup comes back"), "{}", done.stderr);
    let path = other.folder().join("store/ledger.sqlite");
    assert_eq!(units(&path), ["GW-1"]);
    let kit = Kit::of(other);
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 1);

    // Of a log whose ledger is gone nothing comes into the new one.
    for name in ["ledger.sqlite", "ledger.sqlite-shm"] {
        let _ = std::fs::remove_file(line.kit.folder().join("store").join(name));
    }
    std::fs::write(line.kit.folder().join("store/ledger.sqlite-wal"), [7; 4096]).unwrap();
    line.restore().worked();
    assert!(!line.kit.folder().join("store/ledger.sqlite-wal").exists());
    line.kit.start_again();
    assert_eq!(line.kit.get("/v3/enrollment-ids").document()["provisioned_count"], 3);
}

/// A ledger that cannot be read is what a restore is for; it is kept as well.
#[test]
fn over_a_damaged_ledger() {
    let mut line = Line::new();
    line.kit.kill();
    std::fs::write(ledger(&line.kit), [b'x'; 9000]).unwrap();
    std::fs::write(format!("{}-wal", ledger(&line.kit).display()), [7; 5000]).unwrap();
    let done = line.restore();
    done.worked();
    assert!(
        done.stderr.contains("the ledger in place cannot be read, and is kept"),
        "{}",
        done.stderr
    );
    let [kept] = &line.kept()[..] else { panic!("{}", done.stdout) };
    assert_eq!(std::fs::read(kept).unwrap(), [b'x'; 9000]);
    let log = PathBuf::from(format!("{}-wal", kept.display()));
    assert_eq!(std::fs::read(log).unwrap(), [7; 5000], "its log is kept with it");
    assert_eq!(units(&ledger(&line.kit)), ["GW-1"]);
    line.kit.start_again();
    assert_eq!(line.kit.get("/v3/enrollment-ids").document()["provisioned_count"], 3);
}

/// What is no backup changes nothing.
#[test]
fn what_is_no_backup() {
    let mut line = Line::new();
    line.kit.stop();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(&line.backup).unwrap();
    let changed = |name: &str, change: &dyn Fn(&Connection)| {
        let path = file(name, &whole);
        change(&Connection::open(&path).unwrap());
        path
    };
    let mut flipped = whole.clone();
    let page = flipped.len() / 2 / 4096 * 4096;
    flipped[page..page + 4096].fill(0xa5);
    let before = contents(line.kit.folder());
    for (path, words) in [
        (folder.path().join("missing"), "is not there"),
        (folder.path().to_owned(), "it is a folder"),
        (file("empty", b""), "is empty"),
        (file("text", &[b'x'; 9000]), "file is not a database"),
        (file("short", &whole[..whole.len() / 2]), "malformed"),
        (file("flipped", &flipped), "cannot be put in place"),
        (
            changed("newer", &|it| it.pragma_update(None, "user_version", 99).unwrap()),
            "has schema 99",
        ),
        (
            changed("foreign", &|it| it.pragma_update(None, "application_id", 7).unwrap()),
            "not a ledger of this station",
        ),
        (ledger(&line.kit), "is the ledger itself"),
    ] {
        let refused = server(&line.kit, &["restore", path.to_str().unwrap()]);
        let said = &refused.stderr;
        assert_eq!(refused.code, 1, "{}: {said}", path.display());
        assert!(said.contains(words), "{}: {said}", path.display());
        assert_eq!(contents(line.kit.folder()), before, "{}", path.display());
    }
}

/// A backup of another ledger takes a word more, and beside the journal of another one a warning.
#[test]
fn of_another_ledger() {
    let (mut line, other) = (Line::new(), Line::new());
    line.kit.stop();
    let before = contents(line.kit.folder());
    let theirs = other.backup.to_str().unwrap();
    let refused = server(&line.kit, &["restore", theirs]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("the backup is of ledger "), "{}", refused.stderr);
    assert!(refused.stderr.contains("--other-ledger"), "{}", refused.stderr);
    assert_eq!(contents(line.kit.folder()), before);

    let done = server(&line.kit, &["restore", "--other-ledger", theirs]);
    done.worked();
    let said = "is that of ledger ";
    assert!(
        done.stderr.contains(said) && done.stderr.contains("[journal] path"),
        "{}",
        done.stderr
    );
    let checked = server(&line.kit, &["check"]);
    assert!(checked.stderr.contains("belongs to ledger "), "{}", checked.stderr);
    // A start says so as well.
    line.kit.start_again();
    assert!(line.kit.log().contains("belongs to ledger "), "{}", line.kit.log());
}

/// Without the journal the units done since are lost, and their number is said.
#[test]
fn without_a_journal_the_loss_is_counted() {
    let mut line = Line::with(|setup| {
        setup.env("PEP_JOURNAL_ENABLED", "false");
    });
    line.kit.stop();
    let done = line.restore();
    done.worked();
    let said =
        "2 units of the ledger that was in place are neither in the backup nor in the journal";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    // The other way round nothing is lost.
    let kept = line.kept().remove(0);
    let done = server(&line.kit, &["restore", kept.to_str().unwrap()]);
    done.worked();
    assert!(!done.stderr.contains("neither in the backup"), "{}", done.stderr);
    assert_eq!(units(&ledger(&line.kit)), ["GW-1", "GW-2", "GW-3"]);
}

/// The landed version's ledger has no id: its backups are put back as well, and it gets one.
#[test]
fn a_ledger_of_an_older_version_gets_an_id() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests");
    let old = tests.join("fixtures/landed-3.0.0/ledger.db");
    let mut setup = Setup::new();
    std::fs::create_dir(setup.folder().join("store")).unwrap();
    let path = setup.file("store/ledger.sqlite", std::fs::read(&old).unwrap());
    setup.env("PEP_STATION_NAME", "line-1").env("PEP_JOURNAL_PATH", "store/own");
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.stdout.contains("no id yet"), "{}{}", checked.stdout, checked.stderr);
    let made = run(setup.server(&["backup", "copy.sqlite"]), |_, _| {});
    assert_eq!(units(&made.folder.path().join("copy.sqlite")), units(&path));
    let backup = setup.folder().join("old.sqlite");
    std::fs::copy(made.folder.path().join("copy.sqlite"), &backup).unwrap();
    let mut kit = Kit::of(setup);
    let id = |kit: &Kit| {
        let said = server(kit, &["backup", "copy.sqlite"]).worked().to_owned();
        said.split("id ").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    let given = id(&kit);
    assert_eq!(given.len(), 32);
    kit.stop();
    server(&kit, &["restore", backup.to_str().unwrap()]).worked();
    kit.start_again();
    assert_eq!(id(&kit), given, "it is still that ledger");
    // Lost altogether, it comes back from its journal as the same one.
    kit.kill();
    for name in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{name}", path.display()));
    }
    kit.start_again();
    assert_eq!(id(&kit), given);
}

/// A MongoDB has its own tools, and they are named.
#[test]
fn a_database_has_its_own_tools() {
    let mut setup = Setup::new();
    setup.env("PEP_STORE_KIND", "mongodb").env("PEP_STORE_URI", "mongodb://127.0.0.1:1");
    for arguments in [["backup", "x"], ["restore", "x"]] {
        let refused = run(setup.server(&arguments), |_, _| {});
        assert_eq!(refused.code, 1);
        assert!(
            refused.stderr.contains("mongodump --uri=mongodb://127.0.0.1:1"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("ledger: the database "), "{}", refused.stderr);
    }
}
