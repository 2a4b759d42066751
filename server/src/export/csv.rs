//! The inventory's CSV: the old tool's ten columns, every text value quoted.

use super::{IdentityDocument, Rows, csv_line};
use crate::ra::Record;

/// The columns in their order (pep v3 interface, section 3).
const COLUMNS: [&str; 10] = [
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

/// What to do with a cell that a spreadsheet would run as a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Put an apostrophe before it: spreadsheets show it as text.
    Harmless,
    /// Leave it as it is, for programs.
    AsTheyAre,
}

/// The ten columns.
pub struct CsvRows(pub Cells);

impl Rows for CsvRows {
    fn header(&self) -> Vec<u8> {
        csv_line(COLUMNS, ::csv::QuoteStyle::Always)
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        let document = serde_json::to_value(IdentityDocument::of(record)).unwrap_or_default();
        let cells = COLUMNS.map(|column| match document.get(column) {
            Some(serde_json::Value::String(text)) => quoted(text, self.0),
            Some(other) => other.to_string(),
            None => String::new(),
        });
        let mut line = cells.join(",").into_bytes();
        line.push(b'\n');
        line
    }

    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }
}

/// A text cell: always in quotes, quotes doubled (RFC 4180 2.7).
fn quoted(text: &str, cells: Cells) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let shield = if runs && cells == Cells::Harmless { "'" } else { "" };
    format!("\"{shield}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_text() {
        for (text, harmless) in [
            ("=cmd|x", "\"'=cmd|x\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("GW-1", "\"GW-1\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            assert_eq!(quoted(text, Cells::Harmless), harmless);
        }
        assert_eq!(quoted("=1", Cells::AsTheyAre), "\"=1\"");
    }
}
