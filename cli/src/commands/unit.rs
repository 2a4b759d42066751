//! A unit named on the command line, as `-s SERIAL` or as the word itself, and the protocol whose
//! serial number it is; and its record.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::client::{Answer, Query, not_a_station};
use crate::failure::Failure;

/// The longest record, in bytes: thousands of attempts.
const LONGEST: usize = 16 * 1024 * 1024;

/// The longest reason that a station keeps, in characters.
const LONGEST_REASON: usize = 500;

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

/// Whose serial numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Space {
    /// Gateways that are given their identity
    #[default]
    Pep,
    /// Devices that register themselves: the serial number is the UUID
    Sign,
}

/// The protocol of a unit.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct OfSpace {
    /// Which protocol's serial number it is
    #[arg(long, value_enum, default_value = "pep", ignore_case = true, value_name = "PROTOCOL")]
    pub space: Space,
}

impl OfSpace {
    /// Its word in a query; the gateways' is left out, since old stations know no other.
    pub fn word(self) -> Option<&'static str> {
        match self.space {
            Space::Pep => None,
            Space::Sign => Some("sign"),
        }
    }

    /// Says it in a query.
    pub fn add_to(self, query: &mut Query) {
        query.add_given("space", self.word());
    }

    /// The option as it would be typed, with a blank before it.
    pub fn typed(self) -> String {
        self.word().map(|word| format!(" --space {word}")).unwrap_or_default()
    }
}

/// A reason, as a station keeps it: one line.
pub fn read_reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let characters = text.chars().count();
    if characters == 0 {
        return Err("it needs a reason".to_owned());
    }
    if characters > LONGEST_REASON {
        return Err(format!("it has {characters} characters, at most {LONGEST_REASON} are kept"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has to be one line".to_owned());
    }
    Ok(text.to_owned())
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
