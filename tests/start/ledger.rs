//! Ledgers that the station does not open.

use rusqlite::Connection;

use super::one_fault;
use crate::kit::{Device, Done, Kit, run};

/// A ledger that can be read and not written. (A write version above 2 in the header makes SQLite
/// open a file read-only, its file format 1.3.3; that also holds for root.)
#[test]
fn a_ledger_that_is_read_only() {
    let mut kit = Kit::start();
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.stop(), 0);
    let path = kit.folder().join("store/ledger.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18] = 3;
    std::fs::write(&path, &bytes).unwrap();

    let refused = start(&kit);
    assert_eq!(refused.code, 1);
    one_fault(&refused.stderr, &["[store] path: ", "readonly", "name a ledger this station can"]);
    // Nothing was lost by it.
    bytes[18] = 2;
    std::fs::write(&path, &bytes).unwrap();
    kit.start_again();
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=GW-1").status, 200);
}

fn start(kit: &Kit) -> Done {
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml"));
    run(command, |_, _| {})
}

/// Two stations, one ledger: the second is refused, the first goes on.
#[test]
fn a_ledger_that_is_in_use() {
    let kit = Kit::start();
    let second = start(&kit);
    assert_eq!(second.code, 1);
    one_fault(&second.stderr, &["[store] path: ", "is in use by another station"]);
    kit.get("/readyz").document();
}

/// A process that only holds the database file: the station says so within its patience.
#[test]
fn ledgers_that_are_not_this_stations() {
    let mut kit = Kit::start();
    kit.stop();
    let path = kit.folder().join("store/ledger.sqlite");
    let ledger = Connection::open(&path).unwrap();
    ledger.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    let said = start(&kit).stderr;
    one_fault(&said, &["has schema 99, this station knows ", "run the version that wrote it"]);

    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE accounts (name TEXT)").unwrap();
    one_fault(&start(&kit).stderr, &["is a database, but not a ledger of this station"]);
    std::fs::write(&path, "something else entirely, and long enough to have a header".repeat(99))
        .unwrap();
    one_fault(&start(&kit).stderr, &["[store] path: ", "cannot be opened"]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    one_fault(&start(&kit).stderr, &["[store] path: ", "cannot be opened"]);
}
