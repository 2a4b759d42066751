//! What a ledger knows of itself: its id, and where it came from if it was put back from a backup.
//!
//! The table stands beside the schema's steps: an older station does not look at it and goes on
//! using the file.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS about
     (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";
const ID: &str = "id";
const RESTORED: &str = "restored";

/// The ledger's id; none before a station that knows of ids has opened it.
pub(super) fn id(connection: &Connection) -> rusqlite::Result<Option<String>> {
    value(connection, ID)
}

/// When and from which file the ledger was put back, in words.
pub(super) fn restored(connection: &Connection) -> rusqlite::Result<Option<String>> {
    value(connection, RESTORED)
}

/// The ledger's id. One that has none gets it here: `known`, where its journal knows it, else a new
/// one.
pub(super) fn id_or(connection: &Connection, known: Option<String>) -> rusqlite::Result<String> {
    if let Some(id) = id(connection)? {
        return Ok(id);
    }
    let id = known.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    write(connection, ID, &id)?;
    Ok(id)
}

/// Writes down that the ledger was put back.
pub(super) fn say_restored(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    write(connection, RESTORED, text)
}

fn write(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLE)?;
    transaction.execute("INSERT OR REPLACE INTO about VALUES (?1, ?2)", [name, value])?;
    transaction.commit()
}

fn value(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    if !has_table(connection, "about")? {
        return Ok(None);
    }
    let sql = "SELECT value FROM about WHERE name = ?1";
    connection.query_row(sql, [name], |row| row.get(0)).optional()
}

/// Whether there is a table of this name: ledgers of older stations lack some.
pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    Ok(connection.query_row(sql, [name], |_| Ok(())).optional()?.is_some())
}
