//! What a restore would lose for good: units that the ledger in place has, and neither the backup nor
//! the journal.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::Connection;

use super::about::has_table;
use super::look::{consistently, read};
use super::open::OpenError;
use crate::journal::{self, Event};
use crate::store::JournalSettings;

type Name = (String, String);

/// How many units of the ledger at `old` are lost when the copy at `new` takes its place.
pub(super) fn count(
    old: &Path,
    new: &Path,
    journal: Option<&JournalSettings>,
) -> Result<usize, String> {
    let said = |error: OpenError| error.to_string();
    let (seen, mut known) =
        consistently(new, |connection| Ok((read(connection, new)?.seen, units(connection, new)?)))
            .map_err(said)?;
    if let Some(journal) = journal {
        let take = |_: &str, event: Event| {
            if let Event::Record { record, .. } = event {
                let serial = record.unit.serial_number.as_str().to_owned();
                known.insert((record.space().as_str().to_owned(), serial));
            }
            Ok(())
        };
        journal::read_after(&journal.folder, &seen, take).map_err(|error| error.to_string())?;
    }
    let there = consistently(old, |connection| units(connection, old)).map_err(said)?;
    Ok(there.difference(&known).count())
}

fn units(connection: &Connection, path: &Path) -> Result<HashSet<Name>, OpenError> {
    let refuse = |error: rusqlite::Error| OpenError::file(path, &error);
    if !has_table(connection, "units").map_err(refuse)? {
        return Ok(HashSet::new());
    }
    let mut statement = connection.prepare("SELECT space, serial FROM units").map_err(refuse)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(refuse)?;
    rows.collect::<rusqlite::Result<_>>().map_err(refuse)
}
