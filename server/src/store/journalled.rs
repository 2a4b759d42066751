//! What every store with a journal beside it is told, and tells.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Operation, StoreError};
use crate::journal::{Event, JournalFault, Position, read_after};

/// Where the journal is, and whose.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// Its folder.
    pub folder: PathBuf,
    /// The station that writes it.
    pub station: String,
    /// A file this large, in bytes, is followed by a new one.
    pub rotate_at: u64,
}

/// What a start found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Events read.
    pub read: u64,
    /// Units brought back or brought up to date.
    pub restored: u64,
    /// What is wrong with the journal.
    pub faults: Vec<JournalFault>,
    /// The id of the ledger that the journal's folder says it belongs to, where that is another one.
    pub of_another: Option<String>,
}

/// What a journal holds that a ledger has not seen: the next start brings it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Events.
    pub events: u64,
    /// Units they are about.
    pub units: usize,
    /// The newest moment in their records.
    pub newest: Option<Timestamp>,
    /// What is wrong with the journal.
    pub faults: Vec<JournalFault>,
}

impl Ahead {
    /// Reads the journals in `folder` behind what a ledger has `seen`, and changes nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn of(folder: &Path, seen: &BTreeMap<String, Position>) -> io::Result<Self> {
        let (mut events, mut units, mut newest) = (0, HashSet::new(), None);
        let (_, faults) = read_after(folder, seen, |_, event| {
            events += 1;
            if let Event::Record { record, .. } = event {
                newest = newest.max(record.newest());
                units.insert(record.unit);
            }
            Ok(())
        })?;
        Ok(Self { events, units: units.len(), newest, faults })
    }
}

impl StoreError {
    /// The journal cannot be written or read.
    pub(super) fn journal(folder: &Path, error: &io::Error) -> Self {
        let text = format!("the journal in {} cannot be used: {error}", folder.display());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(text),
            _ => Self::Unavailable(text),
        }
    }
}

impl Operation {
    /// Its event, as it stands in a journal's line.
    pub(super) fn event(&self) -> Result<String, StoreError> {
        let Self { at, operator, act, request_id } = self.clone();
        let event = Event::Operation { at: at.to_string(), operator, act, request_id };
        event.to_json().map_err(|error| StoreError::Unreadable(error.to_string()))
    }
}
