//! Devices that registered themselves, as CSV: what the platform's own lists are compared with.

use super::{Rows, csv_line};
use crate::ra::{Record, State};

const COLUMNS: [&str; 10] = [
    "uuid",
    "publicKeyHash",
    "certificateSerial",
    "notBefore",
    "notAfter",
    "factory",
    "hardwareId",
    "category",
    "registeredAt",
    "cloud",
];

/// One row a device, of its live certificate.
pub struct RegistrationRows;

impl Rows for RegistrationRows {
    fn header(&self) -> Vec<u8> {
        csv_line(COLUMNS, ::csv::QuoteStyle::Necessary)
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let Some(live) = record.live_execution() else { return Vec::new() };
        let Some(certificate) = &live.certificate else { return Vec::new() };
        let planned = &live.planned;
        let (from, until) = (planned.not_before.to_string(), planned.end());
        let registered = record.created_at.map(|at| at.to_string()).unwrap_or_default();
        let factory = record.facts.extra.get("factory").and_then(|value| value.as_str());
        // The hardware id is the device's own word: no spreadsheet may run it.
        let hardware_id = harmless(&record.facts.hardware_version);
        let cells = [
            record.unit.serial_number.as_str(),
            &certificate.public_key_hash,
            &planned.certificate_serial,
            &from,
            &until,
            factory.unwrap_or_default(),
            &hardware_id,
            &record.facts.category,
            &registered,
            if was_told(record, &certificate.der) { "told" } else { "detached" },
        ];
        csv_line(cells, ::csv::QuoteStyle::Necessary)
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}

/// Whether the cloud took this certificate: it was issued first and sent afterwards.
fn was_told(record: &Record, der: &str) -> bool {
    record.executions.iter().any(|execution| {
        let same = execution.certificate.as_ref().is_some_and(|one| one.der == der);
        let issued = execution.steps.iter().any(|step| step.state == State::Issued);
        same && issued && execution.certificate_left()
    })
}

fn harmless(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if runs { format!("'{text}") } else { text.to_owned() }
}
