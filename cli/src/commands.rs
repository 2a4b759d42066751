//! The commands, one file each, and what they share: the station, and how to give a result.
//!
//! A command prints nothing itself (a streamed export excepted): it gives its result or its failure,
//! so that there is never half a result on standard output.

pub mod completions;
pub mod denied;
pub mod deny;
pub mod export;
pub mod get_enrollment_id;
pub mod get_identity;
pub mod get_one_identity;
pub mod get_verification_key;
pub mod inject_serial;
pub mod install_identity;
pub mod list;
pub mod list_enrollment_ids;
pub mod manual;
mod pages;
pub mod prepare;
pub mod release;
pub mod selftest;
pub mod show;
pub mod status;
mod unit;
pub mod yields;

use serde_json::Value;
use tokio::time::Instant;

use crate::client::{Client, not_a_station};
use crate::colour::Paint;
use crate::failure::Failure;

/// What a command works with.
pub struct Bench {
    /// The station.
    pub client: Client,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// Whether progress is drawn.
    pub progress: bool,
    /// Whether standard output is read by a person.
    pub to_person: bool,
    /// Until when a station that is still starting is waited for.
    pub until: Option<Instant>,
    /// How text for a person is painted.
    pub paint: Paint,
}

/// What a command that worked has to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// For standard output, line ends included.
    pub stdout: String,
    /// Lines for standard error.
    pub notes: Vec<String>,
}

impl Done {
    /// A result for standard output, without notes.
    pub fn printed(stdout: String) -> Self {
        Self { stdout, notes: Vec::new() }
    }
}

/// An identity document: the station's own text of it, and what it says.
pub struct Document {
    text: String,
    value: Value,
}

impl Document {
    /// The longest document, in bytes: 32 extra fields of a kibibyte fit many times.
    pub const LONGEST: usize = 1024 * 1024;

    /// Read the text of a document; whatever is no object with a `serialNumber` is none.
    pub fn read(bytes: Vec<u8>) -> Result<Self, Failure> {
        let text = String::from_utf8(bytes).map_err(|_| not_a_station())?;
        let value: Value = serde_json::from_str(&text).map_err(|_| not_a_station())?;
        if value.get("serialNumber").and_then(Value::as_str).is_none() {
            return Err(not_a_station());
        }
        let text = format!("{}\n", text.trim());
        Ok(Self { text, value })
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The unit it is of.
    pub fn serial_number(&self) -> &str {
        self.value.get("serialNumber").and_then(Value::as_str).unwrap_or_default()
    }

    /// The document as it was received, ended by a line feed: this is what a file holds.
    pub fn as_received(&self) -> &str {
        &self.text
    }

    /// For standard output: a person gets it indented, a program gets it as it was received.
    pub fn shown(&self, bench: &Bench) -> String {
        if bench.to_person && !bench.json {
            format!("{:#}\n", self.value)
        } else {
            self.text.clone()
        }
    }

    /// A warning when the document is of another unit than the one asked for.
    ///
    /// Old stations decode twice (pep-v3 section 1, defect 2): `GW%41` became `GWA` there.
    pub fn warning(&self, serial_number: &str) -> Option<String> {
        let recorded = self.value.get("serialNumber")?.as_str()?;
        (recorded != serial_number).then(|| {
            format!("warning: the station's document is of serial number {recorded}, not {serial_number}")
        })
    }
}
