//! The portal's bulk upload of enrollment identities (injection protocol, section 14.2).
//!
//! The service reads what stands before the first comma and ignores the first line and the rest of
//! each; the other columns are for people. Nothing here is made harmless for spreadsheets: the
//! identity must stay exact, and it never begins like a formula.

use super::{Rows, csv_line};
use crate::ra::Record;

/// One identity a line.
pub struct EnrollmentRows;

impl Rows for EnrollmentRows {
    fn header(&self) -> Vec<u8> {
        csv_line(
            ["enrollment_identity", "endpoint_name", "serial_number", "timestamp"],
            ::csv::QuoteStyle::Necessary,
        )
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let Some(identity) = &record.enrollment_id else { return Vec::new() };
        let serial = record.unit.serial_number.as_str();
        let at = record.created_at.map(|at| at.strftime("%FT%TZ").to_string()).unwrap_or_default();
        csv_line([identity.as_str(), serial, serial, &at], ::csv::QuoteStyle::Necessary)
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}
