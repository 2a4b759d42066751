//! The ten columns of the old list, as CSV.
//!
//! Columns and quoting are those that inventory already reads (pep-v3 section 3): every text in
//! quotes, the header's names too, numbers and booleans bare, what is absent empty, lines ended by a
//! line feed.

use serde_json::{Map, Value};

/// The columns in their order.
pub const COLUMNS: [&str; 10] = [
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

/// What becomes of a text that a spreadsheet would run as a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formulas {
    /// An apostrophe before it makes it text, the same as in the station's `csv`.
    Defuse,
    /// It stays as it is.
    Keep,
}

/// The header line.
pub fn header() -> String {
    line(COLUMNS.iter().map(|name| quote(name)))
}

/// One unit's line.
pub fn row(unit: &Map<String, Value>, formulas: Formulas) -> String {
    line(COLUMNS.iter().map(|name| cell(unit.get(*name).unwrap_or(&Value::Null), formulas)))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn cell(value: &Value, formulas: Formulas) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if formulas == Formulas::Defuse && is_formula(text) => {
            quote(&format!("'{text}"))
        }
        Value::String(text) => quote(text),
        // No station writes these here; whatever they are, they are text.
        Value::Array(_) | Value::Object(_) => quote(&value.to_string()),
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unit(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_unit_as_the_old_list_wrote_it() {
        let unit = unit(json!({
            "_id": "0123456789abcdef01234567", "serialNumber": "GW \"1\", a", "radioConfig": "00",
            "ledConfig": "01", "category": "production", "deployed": true, "createdAt": 1_795_000_000_123_i64,
            "enrollmentID": "A-07:1B", "hardwareVersion": "izuma-edge-gateway",
        }));
        assert_eq!(
            row(&unit, Formulas::Defuse),
            "\"A-07:1B\",\"GW \"\"1\"\", a\",,,\"izuma-edge-gateway\",\"00\",\"01\",\"production\",true,1795000000123\n"
        );
        assert!(header().starts_with("\"enrollmentID\",\"serialNumber\","));
    }

    #[test]
    fn formulas_are_text() {
        for (serial, defused) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            for (formulas, expected) in [(Formulas::Defuse, defused), (Formulas::Keep, serial)] {
                let text = row(&unit(json!({ "serialNumber": serial })), formulas);
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
                let record = reader.records().next().unwrap().unwrap();
                assert_eq!(record.len(), COLUMNS.len());
                assert_eq!(&record[1], expected);
            }
        }
    }
}
