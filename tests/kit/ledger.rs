//! The ledger, read beside the station: what is on disk, not what the station says. One thing is
//! written: how new the ledger takes itself to be.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::Value;

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ledger = Connection::open_with_flags(path, flags).unwrap();
    ledger.busy_timeout(super::PATIENCE).unwrap();
    ledger
}

pub fn record(path: &Path, serial: &str) -> Option<Value> {
    let document: Option<String> = open(path)
        .query_row("SELECT document FROM units WHERE serial = ?1", [serial], |row| row.get(0))
        .optional()
        .unwrap();
    document.map(|document| serde_json::from_str(&document).unwrap())
}

pub fn states(path: &Path, serial: &str) -> Vec<String> {
    let executions = record(path, serial).map(|record| record["executions"].clone());
    let executions = executions.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    executions.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

pub fn operations(path: &Path) -> Vec<(String, String)> {
    let ledger = open(path);
    let mut statement = ledger.prepare("SELECT operator, act FROM operations ORDER BY at").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Says that the newest record is this many seconds newer than now. The station must not run.
pub fn newer_than_now(path: &Path, seconds: i64) {
    let ledger = Connection::open(path).unwrap();
    let changed =
        ledger.execute("UPDATE newest SET at = 1000 * (unixepoch() + ?1)", [seconds]).unwrap();
    assert_eq!(changed, 1);
}
