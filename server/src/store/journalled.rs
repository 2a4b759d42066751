//! What every store with a journal beside it is told, and tells.

use std::io;
use std::path::{Path, PathBuf};

use super::{Operation, StoreError};
use crate::journal::{Event, JournalFault};

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
