//! The tables, and how a file of an older station becomes one of this.
//!
//! A new file is made as the first station made it and then goes every step, so that old and new
//! files cannot differ.

use rusqlite::Connection;

/// "pep" and a number: marks the file as ours.
pub(super) const APPLICATION_ID: i32 = 0x7065_7033;
/// Raised with every change of tables or documents.
pub(super) const SCHEMA: i32 = 1 + STEPS.len() as i32;

/// Schema 1.
const TABLES: &str = "
    CREATE TABLE units (
        space            TEXT    NOT NULL,
        serial           TEXT    NOT NULL,
        id               TEXT    NOT NULL UNIQUE,
        version          INTEGER NOT NULL,
        deployed         INTEGER NOT NULL,
        open             INTEGER NOT NULL,
        created_at       INTEGER,
        first_to_claim   INTEGER NOT NULL,
        hardware_version TEXT    NOT NULL,
        category         TEXT    NOT NULL,
        document         TEXT    NOT NULL,
        PRIMARY KEY (space, serial)
    ) STRICT;
    CREATE INDEX units_provisioned ON units (id) WHERE deployed = 1;
    CREATE INDEX units_open ON units (id) WHERE open = 1;
    CREATE TABLE claims (
        name      TEXT PRIMARY KEY,
        space     TEXT NOT NULL,
        serial    TEXT NOT NULL,
        execution TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE operations (
        at         TEXT NOT NULL,
        operator   TEXT NOT NULL,
        act        TEXT NOT NULL,
        request_id TEXT NOT NULL
    ) STRICT;
    CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), at TEXT NOT NULL) STRICT;
";

/// The first makes schema 2 of schema 1, and so on. A step is never changed once it is out.
const STEPS: [&str; 4] = [
    // Where each unit stands, to find those in doubt. Nearly all are confirmed, and these are
    // found by `units_provisioned`. The newest moment in any record, milliseconds since 1970.
    "
    ALTER TABLE units ADD COLUMN standing TEXT NOT NULL DEFAULT 'reserved';
    UPDATE units SET standing = json_extract(document, '$.executions[#-1].state')
        WHERE json_array_length(document, '$.executions') > 0;
    CREATE INDEX units_standing ON units (standing, id) WHERE standing <> 'confirmed';
    CREATE TABLE newest (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
    INSERT INTO newest
        SELECT 1, 1000 * max(unixepoch(json_extract(document, '$.executions[#-1].steps[#-1].at')))
        FROM units HAVING count(*) > 0;
    ",
    // How far the ledger has seen each station's journal.
    "
    CREATE TABLE journal (
        station  TEXT PRIMARY KEY,
        file     INTEGER NOT NULL,
        offset   INTEGER NOT NULL,
        sequence INTEGER NOT NULL
    ) STRICT;
    ",
    // Units of several spaces: every page is of one.
    "
    DROP INDEX units_provisioned;
    CREATE INDEX units_provisioned ON units (space, id) WHERE deployed = 1;
    DROP INDEX units_standing;
    CREATE INDEX units_standing ON units (space, standing, id) WHERE standing <> 'confirmed';
    CREATE INDEX units_denied ON units (space, id)
        WHERE json_extract(document, '$.denial') IS NOT NULL;
    ",
    // A gateway stands at `sent` as long as an attempt behind its last confirmed one was sent,
    // whatever came after it. Units with one Ethernet address.
    "
    UPDATE units SET standing = 'sent'
        WHERE space = 'pep' AND deployed = 0 AND standing IN ('reserved', 'issued', 'failed')
        AND coalesce((SELECT max(key) FROM json_each(document, '$.executions')
            WHERE json_extract(value, '$.state') = 'sent'), -1)
        > coalesce((SELECT max(key) FROM json_each(document, '$.executions')
            WHERE json_extract(value, '$.state') = 'confirmed'), -1);
    CREATE INDEX units_address ON units (space, json_extract(document, '$.facts.extra.ethernetMAC'))
        WHERE json_extract(document, '$.facts.extra.ethernetMAC') IS NOT NULL;
    ",
];

/// Makes the tables of a new file.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; \
         PRAGMA user_version = 1; COMMIT;"
    ))
}

/// Takes a file from schema `found` to [`SCHEMA`], each step whole or not at all.
pub(super) fn bring_up(connection: &Connection, found: i32) -> rusqlite::Result<()> {
    for (step, to) in STEPS.iter().zip(2..).filter(|(_, to)| *to > found) {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step} PRAGMA user_version = {to}; COMMIT;"
        ))?;
        tracing::debug!(schema = to, "the ledger's tables are brought up");
    }
    Ok(())
}
