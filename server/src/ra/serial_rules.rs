//! What serial numbers of gateways look like on this line: their pattern, and whether case counts.
//!
//! A device that registers itself brings a UUID, whose form is its protocol's.

use regex::Regex;

use super::{Refusal, SerialNumber, Space, UnitId, look_alike};

/// The trials of `pep selftest` begin with it. They are no units of the line, and have a pattern of
/// their own.
const TRIAL: &str = "SELFTEST-";

/// The rules for serial numbers. The default has none.
#[derive(Debug, Clone, Default)]
pub struct SerialRules {
    /// Whether `gw-1` is the unit `GW-1`.
    pub case: SerialCase,
    /// What every serial number must look like.
    pub pattern: Option<SerialPattern>,
}

/// Whether case counts in serial numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SerialCase {
    /// It does: byte for byte as given.
    #[default]
    AsIs,
    /// It does not: `a` to `z` are written as `A` to `Z`.
    Upper,
}

/// A pattern for whole serial numbers.
#[derive(Debug, Clone)]
pub struct SerialPattern {
    /// As the operator wrote it.
    pub text: String,
    /// The same for the whole of a text.
    pub whole: Regex,
    /// What the person at the bench is told.
    pub hint: Option<String>,
}

impl SerialRules {
    /// The name of a unit under these rules.
    #[must_use]
    pub fn folded(&self, unit: UnitId) -> UnitId {
        match (self.case, unit.space) {
            (SerialCase::Upper, Space::Pep) => {
                let upper = unit.serial_number.as_str().to_ascii_uppercase();
                UnitId::pep(SerialNumber::adopted(upper))
            }
            _ => unit,
        }
    }

    /// Whether a new identity may be asked for under this number. A number that is kept under
    /// another spelling is judged by its folded one.
    ///
    /// # Errors
    /// [`Refusal::Pattern`].
    pub fn check(&self, unit: &UnitId) -> Result<(), Refusal> {
        let Some(pattern) = self.pattern.as_ref().filter(|_| unit.space == Space::Pep) else {
            return Ok(());
        };
        let folded = self.folded(unit.clone()).serial_number;
        let serial = folded.as_str();
        if pattern.whole.is_match(serial) || serial.starts_with(TRIAL) {
            return Ok(());
        }
        let mut alike = look_alike::beyond_ascii(serial);
        if alike.is_empty() {
            alike = look_alike::exchanged(serial, |text| pattern.whole.is_match(text));
        }
        Err(Refusal::Pattern {
            got: unit.serial_number.to_string(),
            pattern: pattern.text.clone(),
            look_alikes: look_alike::in_words(&alike),
            hint: pattern.hint.clone(),
        })
    }
}

impl SerialNumber {
    /// Its characters that look like others, in words; none where there is none.
    pub fn look_alikes(&self) -> Option<String> {
        let alike = look_alike::beyond_ascii(self.as_str());
        (!alike.is_empty()).then(|| look_alike::in_words(&alike))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pattern: &str, case: SerialCase) -> SerialRules {
        let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
        let hint = Some("as on the label".to_owned());
        SerialRules { case, pattern: Some(SerialPattern { text: pattern.to_owned(), whole, hint }) }
    }

    fn unit(serial: &str) -> UnitId {
        UnitId::pep(SerialNumber::parse(serial).unwrap())
    }

    #[test]
    fn a_pattern_is_for_the_whole_number() {
        let rules = rules("GW-[0-9]{4}|X", SerialCase::AsIs);
        for good in ["GW-0001", "X", "SELFTEST-20270131-080000-a1b2c3"] {
            assert_eq!(rules.check(&unit(good)), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("GW-00010", ""),
            ("aGW-0001", ""),
            ("gw-0001", ""),
            ("GW\u{2010}0001", "U+2010 HYPHEN looks like U+002D HYPHEN-MINUS"),
            ("GW-OOO1", "U+004F LATIN CAPITAL LETTER O looks like U+0030 DIGIT ZERO"),
        ] {
            let Err(Refusal::Pattern { got, look_alikes, hint, .. }) = rules.check(&unit(bad))
            else {
                panic!("{bad} is taken");
            };
            assert_eq!((got.as_str(), look_alikes.as_str()), (bad, said));
            assert_eq!(hint.as_deref(), Some("as on the label"));
        }
        let uuid = SerialNumber::parse("0190e8f2-c3d4-4b6a-8f1e-2d3c4b5a6978").unwrap();
        assert_eq!(rules.check(&UnitId::sign(uuid)), Ok(()));
    }

    #[test]
    fn upper_case_is_of_gateways_and_of_a_to_z() {
        let rules = rules("[A-ZÄä]{2}-[0-9]", SerialCase::Upper);
        assert_eq!(rules.folded(unit("gw-1")), unit("GW-1"));
        assert_eq!(rules.folded(unit("gä-1")), unit("Gä-1"));
        let device = UnitId::sign(SerialNumber::parse("ab").unwrap());
        assert_eq!(rules.folded(device.clone()), device);
        assert_eq!(rules.check(&unit("gw-1")), Ok(()));
        assert_eq!(SerialRules::default().folded(unit("gw-1")), unit("gw-1"));
    }
}
