//! A unit named on the command line, as `-s SERIAL` or as the word itself; and its record.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use crate::client::{Answer, not_a_station};
use crate::failure::Failure;

/// The longest record, in bytes: thousands of attempts.
const LONGEST: usize = 16 * 1024 * 1024;

/// One unit.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Unit {
    /// The unit's serial number; one that begins with a dash goes behind -s
    #[arg(value_name = "SERIAL", value_parser = NonEmptyStringValueParser::new())]
    serial: Option<String>,

    /// The unit's serial number
    #[arg(
        short,
        long,
        value_name = "SERIAL",
        allow_hyphen_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    serial_number: Option<String>,
}

impl Unit {
    /// Its serial number.
    pub fn serial_number(&self) -> &str {
        let given = self.serial_number.as_ref().or(self.serial.as_ref());
        given.map_or("", String::as_str)
    }

    #[cfg(test)]
    pub fn named(serial: &str) -> Self {
        Self { serial: Some(serial.to_owned()), serial_number: None }
    }
}

/// A unit's record: the station's own text of it, and what it says.
pub struct UnitRecord {
    /// The text, ended by a line feed.
    pub text: String,
    /// What it says.
    pub value: Value,
}

impl UnitRecord {
    /// Reads an answer; whatever has no serial number and no executions is no record.
    pub async fn read(answer: &mut Answer) -> Result<Self, Failure> {
        let body = answer.body(LONGEST).await?;
        let text = String::from_utf8(body).map_err(|_| not_a_station())?;
        let value: Value = serde_json::from_str(&text).map_err(|_| not_a_station())?;
        let is_record = value.get("serialNumber").is_some_and(Value::is_string)
            && value.get("executions").is_some_and(Value::is_array);
        if !is_record {
            return Err(not_a_station());
        }
        Ok(Self { text: format!("{}\n", text.trim()), value })
    }
}
