//! What one job does to the tables, inside the writer's transaction.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::journal::record_event;
use crate::ra::{Record, SerialNumber, Space, UnitId};
use crate::store::{Change, Claim, Operation, StoreError};

/// A record that was written: its version, and the event for the journal.
pub(super) struct Written {
    pub(super) version: u64,
    pub(super) event: String,
}

/// Takes the claims and writes the record, or does nothing at all.
pub(super) fn write(connection: &Connection, change: &Change) -> Result<Written, StoreError> {
    let record = &change.record;
    let (space, serial) = (record.space().as_str(), record.unit.serial_number.as_str());
    for claim in &change.claims {
        check(connection, claim, &record.unit)?;
    }
    let version = change.seen.map_or(1, |seen| seen + 1);
    let sql = match change.seen {
        None => {
            "INSERT INTO units (space, serial, id, version, deployed, open, created_at,
             first_to_claim, hardware_version, category, document, standing)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE ?13 = 0 AND NOT EXISTS (SELECT 1 FROM units WHERE space = ?1 AND serial = ?2)"
        }
        Some(_) => {
            "UPDATE units SET version = ?4, deployed = ?5, open = ?6, created_at = ?7,
             first_to_claim = ?8, hardware_version = ?9, category = ?10, document = ?11,
             standing = ?12 WHERE space = ?1 AND serial = ?2 AND id = ?3 AND version = ?13"
        }
    };
    let document = document(record)?;
    if put(connection, sql, record, version, change.seen.unwrap_or(0), &document)? == 0 {
        return Err(StoreError::Stale);
    }
    for claim in &change.claims {
        connection
            .prepare_cached("INSERT OR REPLACE INTO claims VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![claim.name, space, serial, claim.execution.as_str()])?;
    }
    raise_newest(connection, record)?;
    let event = record_event(version, record, &document)
        .map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(Written { version, event })
}

/// Writes a record that the journal knows and the ledger does not, with the claims it shows.
pub(super) fn restore(
    connection: &Connection,
    record: &Record,
    version: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO units (space, serial, id, version, deployed, open, created_at,
         first_to_claim, hardware_version, category, document, standing)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (space, serial) DO UPDATE SET id = ?3, version = ?4, deployed = ?5, open = ?6,
         created_at = ?7, first_to_claim = ?8, hardware_version = ?9, category = ?10,
         document = ?11, standing = ?12 WHERE ?13 = ?13";
    put(connection, sql, record, version, 0, &document(record)?)?;
    let (space, serial) = (record.space().as_str(), record.unit.serial_number.as_str());
    for execution in &record.executions {
        let Some(certificate) = &execution.certificate else { continue };
        for name in certificate.claims(&execution.planned) {
            connection
                .prepare_cached("INSERT OR IGNORE INTO claims VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![name, space, serial, execution.id.as_str()])?;
        }
    }
    raise_newest(connection, record)
}

fn document(record: &Record) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// Runs one statement over a record's columns; how many rows it changed.
fn put(
    connection: &Connection,
    sql: &str,
    record: &Record,
    version: u64,
    seen: u64,
    document: &str,
) -> Result<usize, StoreError> {
    let values = params![
        record.space().as_str(),
        record.unit.serial_number.as_str(),
        record.id.as_str(),
        version.cast_signed(),
        record.deployed,
        record.is_open(),
        record.created_at.map(Timestamp::as_millisecond),
        record.first_to_claim,
        record.facts.hardware_version,
        record.facts.category,
        document,
        record.standing().as_str(),
        seen.cast_signed(),
    ];
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn raise_newest(connection: &Connection, record: &Record) -> Result<(), StoreError> {
    if let Some(newest) = record.newest() {
        connection
            .prepare_cached(
                "INSERT INTO newest VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET at = ?1 WHERE at < ?1",
            )?
            .execute([newest.as_millisecond()])?;
    }
    Ok(())
}

/// A claim and the record that shows it are committed together here, so one that is held by
/// another unit was always taken.
fn check(connection: &Connection, claim: &Claim, unit: &UnitId) -> Result<(), StoreError> {
    let holder = connection
        .prepare_cached("SELECT space, serial FROM claims WHERE name = ?1")?
        .query_row([&claim.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match holder {
        Some((space, serial)) => {
            let by = unit_id(space, serial)?;
            if by == *unit {
                return Ok(());
            }
            Err(StoreError::ClaimTaken { name: claim.name.clone(), by })
        }
        None => Ok(()),
    }
}

/// Reads a unit's name from its columns.
pub(super) fn unit_id(space: String, serial: String) -> Result<UnitId, StoreError> {
    let space: Space = serde_json::from_value(serde_json::Value::String(space))
        .map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let serial_number =
        SerialNumber::parse(serial).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(UnitId { space, serial_number })
}

pub(super) fn note(connection: &Connection, operation: &Operation) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT INTO operations VALUES (?1, ?2, ?3, ?4)")?.execute(
        params![operation.at.to_string(), operation.operator, operation.act, operation.request_id],
    )?;
    Ok(())
}

/// From now on the newest moment is that of the operation.
pub(super) fn accept_clock(
    connection: &Connection,
    operation: &Operation,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO newest VALUES (1, ?1)")?
        .execute([operation.at.as_millisecond()])?;
    note(connection, operation)
}

pub(super) fn probe(connection: &Connection) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO probe VALUES (1, strftime('%FT%TZ'))")?
        .execute([])?;
    Ok(())
}
