//! At a start: what the journal knows and the ledger does not is brought back before anything is
//! served. After a clean stop nothing is read; after a power cut, at most one group; after an old
//! backup was put in place, everything since.
//!
//! The journal is written before the commit, so its last events may never have been acknowledged.
//! Bringing them back is safe: a reservation or a certificate too many makes the station more
//! careful with a unit, never less, and what says `confirmed` a device has said.

use std::collections::BTreeMap;
use std::io;

use rusqlite::{Connection, OptionalExtension, params};

use super::apply;
use crate::journal::{Event, Journal, Position, read_after};
use crate::ra::Record;
use crate::store::{JournalSettings, Reconciled, StoreError};

/// Reads what follows the ledger's position, writes it into the ledger, and opens the journal
/// behind it.
pub(super) fn reconcile(
    connection: &mut Connection,
    settings: &JournalSettings,
) -> Result<(Journal, Reconciled), StoreError> {
    let mut found = Reconciled::default();
    let transaction = connection.transaction()?;
    let seen = positions(&transaction)?;
    let (mut ends, faults) = read_after(&settings.folder, &seen, |_, event| {
        found.read += 1;
        let restored = restore(&transaction, event).map_err(io::Error::other)?;
        found.restored += u64::from(restored);
        Ok(())
    })
    .map_err(|error| StoreError::journal(&settings.folder, &error))?;
    for (station, end) in &ends {
        remember(&transaction, station, *end)?;
    }
    transaction.commit()?;
    found.faults = faults;
    let end = ends.remove(&settings.station).unwrap_or_default();
    let journal = Journal::open(&settings.folder, &settings.station, settings.rotate_at, end)
        .map_err(|error| StoreError::journal(&settings.folder, &error))?;
    Ok((journal, found))
}

/// Writes down how far the ledger has seen a station's journal, in the transaction of the events.
pub(super) fn remember(
    connection: &Connection,
    station: &str,
    position: Position,
) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT OR REPLACE INTO journal VALUES (?1, ?2, ?3, ?4)")?.execute(
        params![
            station,
            position.file,
            position.offset.cast_signed(),
            position.sequence.cast_signed()
        ],
    )?;
    Ok(())
}

pub(super) fn positions(connection: &Connection) -> Result<BTreeMap<String, Position>, StoreError> {
    let mut statement =
        connection.prepare("SELECT station, file, offset, sequence FROM journal")?;
    let rows = statement.query_map([], |row| {
        let position = Position {
            file: row.get(1)?,
            offset: row.get::<_, i64>(2)?.cast_unsigned(),
            sequence: row.get::<_, i64>(3)?.cast_unsigned(),
        };
        Ok((row.get(0)?, position))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Brings one event back; whether a unit was changed by it. Events of one station come in order,
/// so of two with one version the later is what was acknowledged.
fn restore(connection: &Connection, event: Event) -> Result<bool, StoreError> {
    let (version, mut record) = match event {
        Event::Record { version, record } => (version, *record),
        Event::Operation { at, operator, act, request_id } => {
            connection.prepare_cached(
                "INSERT INTO operations SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM operations
                 WHERE at = ?1 AND operator = ?2 AND act = ?3 AND request_id = ?4)",
            )?
            .execute([at, operator, act, request_id])?;
            return Ok(false);
        }
        // Of a journal that was beside a database.
        Event::Void { .. } | Event::Seen { .. } => return Ok(false),
    };
    let known: Option<(i64, String)> = connection
        .prepare_cached("SELECT version, document FROM units WHERE space = ?1 AND serial = ?2")?
        .query_row([record.space().as_str(), record.unit.serial_number.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((known, document)) = known {
        if known.cast_unsigned() > version {
            return Ok(false);
        }
        // The journal holds no sealing keys; the ledger's own stays.
        let kept: Record = serde_json::from_str(&document)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        record.sealing_key = record.sealing_key.or_else(|| kept.sealing_key.clone());
        if known.cast_unsigned() == version && kept == record {
            return Ok(false);
        }
    }
    apply::restore(connection, &record, version)?;
    Ok(true)
}
