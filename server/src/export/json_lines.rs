//! One JSON object a line: the listed document and what the certificate says, for programs.

use serde::Serialize;

use super::{ListedDocument, Rows};
use crate::ra::Record;

/// One object a line.
pub struct JsonLines;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(flatten)]
    document: ListedDocument,
    first_to_claim: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    attempts: u64,
}

impl Rows for JsonLines {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let live = record.live_execution();
        let line = Line {
            document: ListedDocument::of(record),
            first_to_claim: record.first_to_claim,
            station: live.map(|execution| execution.station.clone()),
            certificate_serial: live.map(|live| live.planned.certificate_serial.clone()),
            not_after: live.map(|live| live.planned.end()),
            attempts: record.attempts(),
        };
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }
}
