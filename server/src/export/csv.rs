//! The inventory's CSV: the old tool's ten columns, or those that were asked for; every text value
//! quoted.

use super::cell::{self, Cells, Moments};
use super::{Columns, IdentityDocument, Rows, csv_line};
use crate::ra::Record;

/// The columns in their order (pep v3 interface, section 3).
pub(super) const OLD_COLUMNS: [&str; 10] = [
    "enrollmentID",
    "serialNumber",
    "gatewayServicesAddress",
    "apiAddress",
    "hardwareVersion",
    "radioConfig",
    "ledConfig",
    "category",
    "deployed",
    "createdAt",
];

/// The ten columns.
pub struct CsvRows(pub Cells);

impl Rows for CsvRows {
    fn header(&self) -> Vec<u8> {
        csv_line(OLD_COLUMNS, ::csv::QuoteStyle::Always)
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let document = serde_json::to_value(IdentityDocument::of(record)).unwrap_or_default();
        let cells = OLD_COLUMNS.map(|column| match document.get(column) {
            Some(found) => cell::value(found, self.0),
            None => String::new(),
        });
        line(&cells)
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}

/// The columns that were asked for.
pub struct ColumnRows {
    /// Which.
    pub columns: Columns,
    /// How formulas are written.
    pub cells: Cells,
    /// How moments are; as in the ten columns where nobody says.
    pub moments: Option<Moments>,
}

impl Rows for ColumnRows {
    fn header(&self) -> Vec<u8> {
        csv_line(self.columns.names(), ::csv::QuoteStyle::Always)
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        line(&self.columns.cells(record, self.cells, self.moments))
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}

fn line(cells: &[String]) -> Vec<u8> {
    let mut line = cells.join(",").into_bytes();
    line.push(b'\n');
    line
}
