//! The unit's serial number, the name everything else hangs on.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Longest serial number of any protocol, in bytes of UTF-8. Protocols may allow less.
pub const LONGEST: usize = 255;

/// The name space a serial number lives in: the same number under two protocols is two units.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// Gateways provisioned over the factory injection protocol (`/v3/identity`).
    #[default]
    Pep,
    /// Devices that register themselves (`/sign`): the serial number is their UUID, lower case.
    Sign,
}

impl Space {
    /// The word stored and logged for this space.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pep => "pep",
            Self::Sign => "sign",
        }
    }

    /// All of them.
    pub const ALL: [Self; 2] = [Self::Pep, Self::Sign];

    /// The space of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|space| space.as_str() == word)
    }

    /// Whether devices of this space confirm what they were given. Where they do not, a unit is
    /// provisioned by what was sent, and may come again with the same key only (`same-key`).
    pub fn confirms(self) -> bool {
        match self {
            Self::Pep => true,
            Self::Sign => false,
        }
    }
}

/// A serial number: 1 to 255 bytes of UTF-8 in NFC, without control or format characters and
/// without a blank at either end. Compared byte for byte; never trimmed, folded or normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SerialNumber(String);

/// Why a text is not a serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SerialNumberError {
    /// Nothing was given.
    #[error("the serial number is empty")]
    Empty,
    /// More than [`LONGEST`] bytes.
    #[error("the serial number has {bytes} bytes, the longest allowed has {LONGEST}")]
    TooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// A blank at either end: byte comparison and trimming spreadsheets would disagree about it.
    #[error("the serial number `{got}` begins or ends with a blank")]
    Blank {
        /// The text as given.
        got: String,
    },
    /// A control, format or separator character somebody cannot see on a label.
    #[error("the serial number holds the invisible character U+{:04X} at byte {at}", u32::from(*.character))]
    Invisible {
        /// The character.
        character: char,
        /// Its byte offset.
        at: usize,
    },
    /// Not in Unicode normalisation form C: two spellings would look the same on the label.
    #[error("the serial number `{got}` is not in Unicode normalisation form C")]
    NotNormalised {
        /// The text as given.
        got: String,
    },
}

impl SerialNumber {
    /// Reads a serial number as it stands.
    ///
    /// # Errors
    /// [`SerialNumberError`] names the first rule that is broken.
    pub fn parse(text: impl Into<String>) -> Result<Self, SerialNumberError> {
        let text = text.into();
        if text.is_empty() {
            return Err(SerialNumberError::Empty);
        }
        if text.len() > LONGEST {
            return Err(SerialNumberError::TooLong { bytes: text.len() });
        }
        if let Some((at, character)) = text.char_indices().find(|(_, c)| invisible(*c)) {
            return Err(SerialNumberError::Invisible { character, at });
        }
        if text.trim() != text {
            return Err(SerialNumberError::Blank { got: text });
        }
        if !is_nfc(&text) {
            return Err(SerialNumberError::NotNormalised { got: text });
        }
        Ok(Self(text))
    }

    /// A number an older system wrote down, as it stands: that system kept none of these rules, and
    /// its units must still be found, listed and exported. Not for what a caller wants to be given
    /// an identity.
    pub fn adopted(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, byte for byte as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn invisible(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

impl TryFrom<String> for SerialNumber {
    type Error = SerialNumberError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<SerialNumber> for String {
    fn from(serial: SerialNumber) -> Self {
        serial.0
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The thing with the label: a serial number in its space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnitId {
    /// The name space.
    pub space: Space,
    /// The number on the label.
    pub serial_number: SerialNumber,
}

impl UnitId {
    /// A unit of the factory injection protocol.
    pub fn pep(serial_number: SerialNumber) -> Self {
        Self { space: Space::Pep, serial_number }
    }

    /// A device that registers itself.
    pub fn sign(serial_number: SerialNumber) -> Self {
        Self { space: Space::Sign, serial_number }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.space.as_str(), self.serial_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_label_can_hold() {
        for text in [
            "GW-1",
            "GW 1%41#+,\\\"'/x",
            "Ünit-7/Ω",
            "$ne",
            "; rm -rf /",
            "=cmd|x",
            "a&b",
            &"x".repeat(255),
        ] {
            assert_eq!(SerialNumber::parse(text).map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_older_systems_number_is_taken_as_it_stands() {
        for text in ["", " a ", "a\tb", &"x".repeat(300)] {
            assert!(SerialNumber::parse(text).is_err());
            assert_eq!(SerialNumber::adopted(text).as_str(), text);
        }
        assert_eq!(SerialNumber::parse("GW-1"), Ok(SerialNumber::adopted("GW-1")));
    }

    #[test]
    fn names_the_broken_rule() {
        assert_eq!(SerialNumber::parse(""), Err(SerialNumberError::Empty));
        assert_eq!(
            SerialNumber::parse("x".repeat(256)),
            Err(SerialNumberError::TooLong { bytes: 256 })
        );
        for text in [" a", "a ", "\u{a0}a", "   "] {
            assert!(matches!(SerialNumber::parse(text), Err(SerialNumberError::Blank { .. })));
        }
        for text in ["a\0", "a\nb", "a\tb", "a\u{202e}b", "a\u{200b}", "\u{7f}", "a\u{2028}b"] {
            assert!(
                matches!(SerialNumber::parse(text), Err(SerialNumberError::Invisible { .. })),
                "{text:?}"
            );
        }
        assert!(matches!(
            SerialNumber::parse("U\u{308}"),
            Err(SerialNumberError::NotNormalised { .. })
        ));
    }
}
