//! What a front end heard, checked for form only.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Octets, UnitId};

/// Most extra fields one ask may bring.
pub const MOST_FIELDS: usize = 32;
/// Longest value of one field, in bytes.
pub const LONGEST_VALUE: usize = 1024;
/// Longest name of an extra field, in bytes.
pub const LONGEST_NAME: usize = 64;

/// Names an extra field may not take: the station's own, or the ledger's.
const RESERVED: [&str; 12] = [
    "_id",
    "executions",
    "deployed",
    "cloudAddress",
    "enrollmentID",
    "createdAt",
    "verificationKey",
    "attempts",
    "certificateSerial",
    "firstToClaim",
    "notAfter",
    "station",
];

/// One request for an identity.
pub struct Ask {
    /// The unit it is for.
    pub unit: UnitId,
    /// What the caller says of the unit.
    pub facts: Facts,
    /// The journald sealing verification key, if the unit has one.
    pub sealing_key: Option<SealingKey>,
    /// The caller's address, for the record.
    pub caller: String,
    /// Where the unit is reached, for the record.
    pub address: String,
}

/// What the caller says of the unit: kept, returned, exported, never interpreted.
///
/// Source: the query table of the pep v3 interface, section 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Base address of the cloud's API.
    pub api_address: String,
    /// Address of the gateway services; `cloudAddress` is always the same value.
    pub gateway_services_address: String,
    /// The hardware version the caller names (the device is given fcu.yml's).
    pub hardware_version: String,
    /// Radio configuration code.
    pub radio_config: String,
    /// LED configuration code.
    pub led_config: String,
    /// Production, development, developer.
    pub category: String,
    /// Everything else the caller said.
    #[serde(default)]
    pub extra: Fields,
}

/// The category of development units, where the station has such a mode; a label elsewhere.
const DEVELOPER: &str = "developer";

impl Facts {
    /// Whether the caller calls the unit a developer's.
    pub fn is_developer(&self) -> bool {
        self.category == DEVELOPER
    }
}

/// The caller's extra fields by name. Values are text, or bytes as an array of numbers
/// ([`Octets`]); only adopted records hold other JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, Value>);

/// Why an extra field is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The name is not a letter followed by at most 63 letters, digits, `_` and `-`.
    #[error(
        "the field name `{got}` is not a letter followed by at most 63 letters, digits, `_` or `-`"
    )]
    Name {
        /// The name, cut to 80 characters.
        got: String,
    },
    /// The name belongs to the station.
    #[error("the field `{got}` is written by the station and cannot be given")]
    Reserved {
        /// The name.
        got: String,
    },
    /// The value is longer than [`LONGEST_VALUE`] bytes.
    #[error("the value of `{name}` has {bytes} bytes, at most {LONGEST_VALUE} are kept")]
    Value {
        /// The field's name.
        name: String,
        /// The value's length in bytes.
        bytes: usize,
    },
    /// The value of a field that holds bytes cannot be read.
    #[error("`{name}` {problem}")]
    Octets {
        /// The field's name.
        name: &'static str,
        /// What is wrong, as the rest of a sentence.
        problem: String,
    },
    /// More than [`MOST_FIELDS`] fields.
    #[error("more than {MOST_FIELDS} extra fields were given")]
    TooMany,
}

impl Fields {
    /// Adds one field as text.
    ///
    /// # Errors
    /// [`FieldError`] when name, value or number of fields are out of bounds.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), FieldError> {
        if RESERVED.contains(&name) {
            return Err(FieldError::Reserved { got: name.to_owned() });
        }
        let mut letters = name.chars();
        let well_formed = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && name.len() <= LONGEST_NAME;
        if !well_formed {
            return Err(FieldError::Name { got: name.chars().take(80).collect() });
        }
        check_value(name, value)?;
        self.put(name, Value::String(value.to_owned()))
    }

    /// Adds a field that holds bytes, as its values say.
    ///
    /// # Errors
    /// [`FieldError`] when they are not such bytes, or there are too many fields.
    pub fn add_octets(&mut self, field: Octets, values: &[String]) -> Result<(), FieldError> {
        let bytes = field.read(values)?;
        self.put(field.name(), bytes.into())
    }

    fn put(&mut self, name: &str, value: Value) -> Result<(), FieldError> {
        if self.0.len() >= MOST_FIELDS && !self.0.contains_key(name) {
            return Err(FieldError::TooMany);
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// Fields an older system wrote down, as they stand.
    pub fn adopted(fields: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// Forgets the fields that `others` has, too.
    pub fn forget(&mut self, others: &Self) {
        self.0.retain(|name, _| !others.0.contains_key(name));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The fields as they are shown: bytes as arrays of numbers, also those that an older station
    /// kept as text.
    pub fn shown(&self) -> impl Iterator<Item = (&str, Value)> {
        self.iter().map(|(name, value)| match Octets::of(name) {
            Some(field) => (name, field.shown(value)),
            None => (name, value.clone()),
        })
    }

    /// The value of one field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// Checks the length of a value of any field.
///
/// # Errors
/// [`FieldError::Value`] when it is longer than [`LONGEST_VALUE`] bytes.
pub fn check_value(name: &str, value: &str) -> Result<(), FieldError> {
    if value.len() > LONGEST_VALUE {
        return Err(FieldError::Value { name: name.to_owned(), bytes: value.len() });
    }
    Ok(())
}

/// A journald sealing verification key: stored, answered by its own route only, never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKey(Zeroizing<String>);

impl SealingKey {
    /// Takes the key as the gateway sent it.
    pub fn new(key: String) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key itself, for the one route that answers it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_known_extras_and_refuses_the_stations_own() {
        let mut fields = Fields::default();
        for name in ["OU", "deviceID", "ethernetMAC", "sixBMAC", "hash", "acme_line-7"] {
            assert_eq!(fields.add(name, "x"), Ok(()));
        }
        for name in ["_id", "executions", "deployed", "enrollmentID", "createdAt", "cloudAddress"] {
            assert_eq!(fields.add(name, "x"), Err(FieldError::Reserved { got: name.to_owned() }));
        }
        for name in ["serialNumber[$ne]", "$ne", "a.b", "1a", "", "ä", &"a".repeat(65)] {
            assert!(matches!(fields.add(name, "x"), Err(FieldError::Name { .. })), "{name}");
        }
        assert!(matches!(fields.add("a", &"x".repeat(1025)), Err(FieldError::Value { .. })));
    }

    #[test]
    fn keeps_at_most_thirty_two() {
        let mut fields = Fields::default();
        for n in 0..32 {
            assert_eq!(fields.add(&format!("f{n}"), ""), Ok(()));
        }
        assert_eq!(fields.add("one-more", ""), Err(FieldError::TooMany));
    }
}
