//! What a ledger holds, found out without leaving a trace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::open::{self, OpenError};
use super::quiet::Quiet;
use super::{about, last_backup, reconcile};
use crate::journal::Position;
use crate::state::Holder;

/// Readings of a ledger that somebody writes meanwhile.
const ROUNDS: usize = 20;

/// A ledger as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLook {
    /// Where the file really is.
    pub path: PathBuf,
    /// Its id; none before a station that knows of ids has opened it.
    pub id: Option<String>,
    /// Its schema; none for an empty file, which a station would make a ledger of.
    pub schema: Option<i32>,
    /// Units in it.
    pub units: u64,
    /// The newest moment in any record.
    pub newest: Option<Timestamp>,
    /// How far it has seen each station's journal.
    pub seen: BTreeMap<String, Position>,
    /// When and from which file it was put back, in words.
    pub restored: Option<String>,
    /// When the last backup of it was made.
    pub last_backup: Option<Timestamp>,
    /// The station that runs on it.
    pub holder: Option<Holder>,
}

/// Looks at the ledger at `path`; none where there is no file.
///
/// # Errors
/// [`OpenError`] says why a station could not use it.
pub fn look(path: &Path) -> Result<Option<LedgerLook>, OpenError> {
    let real = open::real(path)?;
    if !real.exists() {
        return Ok(None);
    }
    let mut found = consistently(&real, |connection| read(connection, &real))?;
    found.last_backup = last_backup::read(&real);
    found.holder = open::holder(&real);
    Ok(Some(found))
}

/// Reads until nobody has written meanwhile.
pub(super) fn consistently<T>(
    path: &Path,
    mut read: impl FnMut(&Connection) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    for _ in 0..ROUNDS {
        let quiet = Quiet::open(path)?;
        let found = read(&quiet.connection);
        if quiet.is_whole() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err(OpenError::file(path, &"it is written all the time; try again"))
}

/// What a connection says of its ledger.
pub(super) fn read(connection: &Connection, path: &Path) -> Result<LedgerLook, OpenError> {
    let refuse = |error: rusqlite::Error| OpenError::file(path, &error);
    let schema = open::schema_of(connection, path)?;
    let mut found = LedgerLook {
        path: path.to_owned(),
        id: about::id(connection).map_err(refuse)?,
        schema,
        units: 0,
        newest: None,
        seen: BTreeMap::new(),
        restored: about::restored(connection).map_err(refuse)?,
        last_backup: None,
        holder: None,
    };
    if schema.is_some() {
        let units: i64 = connection
            .query_row("SELECT count(*) FROM units", [], |row| row.get(0))
            .map_err(refuse)?;
        found.units = units.cast_unsigned();
    }
    if about::has_table(connection, "newest").map_err(refuse)? {
        let newest: Option<i64> = connection
            .query_row("SELECT at FROM newest", [], |row| row.get(0))
            .optional()
            .map_err(refuse)?;
        found.newest = newest.and_then(|at| Timestamp::from_millisecond(at).ok());
    }
    if about::has_table(connection, "journal").map_err(refuse)? {
        let seen = reconcile::positions(connection);
        found.seen = seen.map_err(|error| OpenError::file(path, &error))?;
    }
    Ok(found)
}

/// Whether the ledger at `path` bears SQLite's own mark of a file that may only be read (its file
/// format, 1.3.3). Whose it is, is for others to see.
pub fn is_marked_readonly(path: &Path) -> bool {
    let mut head = [0; 19];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.last() > Some(&2)
}
