//! Values in words, short enough for one line of a fault.

use serde_json::Value;

/// The one key of what stands for a date or a time of TOML.
pub const TIME: &str = "$__toml_private_datetime";

/// What a value is, in words, short enough for a line.
pub fn described(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(flag) => format!("the truth value {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(entries) if entries.contains_key(TIME) => "a date or time".to_owned(),
        Value::Object(_) => "a section".to_owned(),
    }
}

/// A text in quotes, control characters escaped, cut after 60 characters.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { " ..." } else { "" };
    format!("{short:?}{more}")
}
