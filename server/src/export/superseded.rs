//! Certificates that are to be revoked: for whoever keeps the CA's revocation list.

use jiff::Timestamp;
use serde::Serialize;

use super::cell::{self, Cells, Moments};
use super::{Rows, csv_line};
use crate::ra::{CertificateFacts, Execution, Record};

const COLUMNS: [&str; 12] = [
    "certificateSerial",
    "issuer",
    "subject",
    "serialNumber",
    "space",
    "since",
    "why",
    "releasedBy",
    "reason",
    "state",
    "notAfter",
    "enrollmentID",
];

/// Since when a certificate is to be revoked, at the earliest and the latest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Within {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// One certificate a row, as CSV.
pub struct SupersededRows {
    /// How formulas are written.
    pub cells: Cells,
    /// How moments are written.
    pub moments: Moments,
    /// Which.
    pub within: Within,
}

/// One certificate a line, as JSON.
pub struct SupersededLines(pub Within);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Superseded<'a> {
    certificate_serial: String,
    issuer: &'a str,
    subject: &'a str,
    serial_number: &'a str,
    space: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    released_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    state: &'static str,
    not_after: Timestamp,
    #[serde(rename = "enrollmentID")]
    enrollment_id: &'a str,
}

impl Within {
    /// A certificate of an old record, of which nobody wrote down since when, is always in.
    fn holds(self, since: Option<Timestamp>) -> bool {
        let Some(at) = since else { return true };
        self.since.is_none_or(|bound| at >= bound) && self.until.is_none_or(|bound| at < bound)
    }

    /// Every certificate of a record that is to be revoked, once.
    fn of(self, record: &Record) -> Vec<Superseded<'_>> {
        let mut seen: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for execution in &record.executions {
            let Some(certificate) = &execution.certificate else { continue };
            let is_new = !seen.contains(&certificate.der.as_str());
            if is_new && certificate.is_to_be_revoked() && self.holds(certificate.revoke) {
                seen.push(&certificate.der);
                found.push(Superseded::of(record, execution, certificate));
            }
        }
        found
    }
}

impl<'a> Superseded<'a> {
    fn of(record: &'a Record, execution: &'a Execution, certificate: &'a CertificateFacts) -> Self {
        let release = record.release_of(execution);
        Self {
            certificate_serial: execution.serial_as_openssl(),
            issuer: &execution.planned.issuer,
            subject: &execution.planned.subject,
            serial_number: record.unit.serial_number.as_str(),
            space: record.space().as_str(),
            since: certificate.revoke,
            why: if release.is_some() { "released" } else { "superseded" },
            released_by: release.map(|it| it.operator.as_str()),
            reason: release.map(|it| it.reason.as_str()),
            state: execution.state.as_str(),
            not_after: execution.planned.not_after,
            enrollment_id: certificate.enrollment_id.as_str(),
        }
    }
}

impl Rows for SupersededRows {
    fn header(&self) -> Vec<u8> {
        csv_line(COLUMNS, ::csv::QuoteStyle::Always)
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let text = |text: &str| cell::quoted(text, self.cells);
        let given = |given: Option<&str>| given.map(text).unwrap_or_default();
        let line = |it: Superseded<'_>| {
            let cells = [
                text(&it.certificate_serial),
                text(it.issuer),
                text(it.subject),
                text(it.serial_number),
                text(it.space),
                self.moments.cell(it.since),
                text(it.why),
                given(it.released_by),
                given(it.reason),
                text(it.state),
                self.moments.cell(Some(it.not_after)),
                text(it.enrollment_id),
            ];
            cells.join(",") + "\n"
        };
        self.within.of(record).into_iter().map(line).collect::<String>().into_bytes()
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}

impl Rows for SupersededLines {
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let mut lines = Vec::new();
        for it in self.0.of(record) {
            lines.extend(serde_json::to_vec(&it).unwrap_or_default());
            lines.push(b'\n');
        }
        lines
    }

    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }
}
