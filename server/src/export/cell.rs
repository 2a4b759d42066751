//! One cell of the inventory's CSV: texts always in quotes, numbers and booleans bare, what is
//! absent empty; moments in the form that was asked for.

use jiff::Timestamp;
use serde_json::Value;

/// What to do with a cell that a spreadsheet would run as a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Put an apostrophe before it: spreadsheets show it as text.
    Harmless,
    /// Leave it as it is, for programs.
    AsTheyAre,
}

/// How moments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// Milliseconds since 1970, a bare number.
    Milliseconds,
    /// RFC 3339 in UTC, to the millisecond.
    Rfc3339,
}

impl Moments {
    /// A moment as a cell.
    pub(super) fn cell(self, at: Option<Timestamp>) -> String {
        match (at, self) {
            (None, _) => String::new(),
            (Some(at), Self::Milliseconds) => at.as_millisecond().to_string(),
            (Some(at), Self::Rfc3339) => format!("\"{at:.3}\""),
        }
    }
}

/// A text cell: always in quotes, quotes doubled (RFC 4180 2.7).
pub(super) fn quoted(text: &str, cells: Cells) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let shield = if runs && cells == Cells::Harmless { "'" } else { "" };
    format!("\"{shield}{}\"", text.replace('"', "\"\""))
}

/// A caller's value. Bytes, as adopted records keep addresses and hashes, are pairs of digits.
pub(super) fn value(value: &Value, cells: Cells) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text, cells),
        Value::Array(list) => match bytes(list) {
            Some(pairs) => quoted(&pairs.join(":"), cells),
            None => quoted(&value.to_string(), cells),
        },
        Value::Object(_) => quoted(&value.to_string(), cells),
    }
}

fn bytes(list: &[Value]) -> Option<Vec<String>> {
    let byte = |value: &Value| Some(format!("{:02x}", u8::try_from(value.as_u64()?).ok()?));
    list.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn values_and_moments() {
        for (given, expected) in [
            (json!("x"), "\"x\""),
            (json!(7), "7"),
            (json!(true), "true"),
            (json!(null), ""),
            (json!([0, 165, 9]), "\"00:a5:09\""),
            (json!([0, 256]), "\"[0,256]\""),
            (json!({"a": 1}), "\"{\"\"a\"\":1}\""),
        ] {
            assert_eq!(value(&given, Cells::Harmless), expected);
        }
        let at = Timestamp::from_millisecond(1_795_000_000_120).ok();
        assert_eq!(Moments::Milliseconds.cell(at), "1795000000120");
        assert_eq!(Moments::Rfc3339.cell(at), "\"2026-11-18T11:06:40.120Z\"");
        assert_eq!(Moments::Rfc3339.cell(None), "");
    }
}
