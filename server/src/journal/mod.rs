//! What was written, once more and append-only, beside the store: whoever restores an old ledger
//! gets back from here what it has forgotten.
//!
//! One line an event: sequence number, checksum, JSON. This room knows the format, the files and
//! the order; what an event means to a ledger is `store`'s. No sealing key stands in a journal.

mod append;
mod files;
mod ledger;
mod line;
mod lock;
mod read;
mod writer;

use serde::{Deserialize, Serialize};

use crate::ra::Record;

pub use append::Journal;
pub use files::{is_empty, names_journal};
pub use ledger::{belongs_to, say_ledger};
pub use lock::{holder, lock};
pub use read::{JournalFault, read_after, read_station_after};
pub use writer::{Entry, JournalWriter, Reached};

/// Something that was written to the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// A record, as it was from this version on. Its sealing key is left out.
    Record {
        /// The version the ledger gave it.
        version: u64,
        /// The record.
        record: Box<Record>,
    },
    /// What an operator did.
    Operation {
        /// When, RFC 3339.
        at: String,
        /// Whose token.
        operator: String,
        /// What, in words.
        act: String,
        /// The request it came with.
        request_id: String,
    },
    /// An event of this journal that never came into the ledger: its writer had lost a race.
    Void {
        /// Its sequence number.
        sequence: u64,
    },
    /// The ledger has said that it has seen this journal up to here. One that has forgotten it
    /// again has been restored to an older state.
    Seen {
        /// Events so far.
        sequence: u64,
    },
}

impl Event {
    /// As it stands in a line.
    ///
    /// # Errors
    /// Those of the writer of JSON; no event is known to meet any.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// A place in a station's journal: behind event `sequence`, which ends at byte `offset` of file
/// `file`. All zero is the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the file, from 1.
    pub file: u32,
    /// Bytes into it.
    pub offset: u64,
    /// Events so far, over all files.
    pub sequence: u64,
}

/// The JSON of a record's event. `document` is the record's own JSON where it is at hand and holds
/// no sealing key.
pub fn record_event(version: u64, record: &Record, document: &str) -> serde_json::Result<String> {
    if record.sealing_key.is_none() {
        return Ok(format!("{{\"record\":{{\"version\":{version},\"record\":{document}}}}}"));
    }
    let record = Box::new(Record { sealing_key: None, ..record.clone() });
    serde_json::to_string(&Event::Record { version, record })
}

#[cfg(test)]
mod tests;
