//! The decision that an ask may be served.

use jiff::Timestamp;

use super::{Ask, SerialRules, Space};

/// Longest endpoint name the runtime client can read back from a certificate, in bytes
/// (certificate profile, section 4.2).
pub const LONGEST_ENDPOINT_NAME: usize = 64;

/// What this station admits.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The categories that may be asked for.
    pub categories: Vec<String>,
    /// What serial numbers look like.
    pub serials: SerialRules,
}

/// An ask that may be served. Only [`admit`] makes one.
pub struct Admitted {
    ask: Ask,
    at: Timestamp,
    same_key: Option<SameKey>,
}

/// Under which condition a provisioned unit may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SameKey {
    /// The key it brings: SHA-256 of its SubjectPublicKeyInfo in hexadecimal.
    pub(super) key_hash: String,
    /// Whether it may bring another key than the one it has.
    pub(super) may_change: bool,
}

/// Why an ask may not be served: the first broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The category is not in the station's list.
    #[error("the category `{got}` is not one of {}", .allowed.join(", "))]
    UnknownCategory {
        /// What was asked for.
        got: String,
        /// What the station allows.
        allowed: Vec<String>,
    },
    /// The serial number becomes the endpoint name, and devices cannot read back longer ones.
    #[error(
        "the serial number has {bytes} bytes; it becomes the device's endpoint name, which holds \
         at most {LONGEST_ENDPOINT_NAME}"
    )]
    TooLongForEndpoint {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// The serial number is not one of this line's.
    #[error(
        "the serial number `{got}` does not fit the pattern `{pattern}`{}",
        behind(.look_alikes)
    )]
    Pattern {
        /// What was asked for.
        got: String,
        /// `[admission] serial_pattern`.
        pattern: String,
        /// Its characters that look like others, in words; empty where there is none.
        look_alikes: String,
        /// What the person at the bench is told.
        hint: Option<String>,
    },
    /// The account is none the units may be bound to.
    #[error("the account id `{got}` is not one of this station's")]
    UnknownAccount {
        /// What was asked for.
        got: String,
    },
    /// An account for a unit that is first to claim.
    #[error(
        "the account id `{got}` was given, and units of this product belong to nobody until they \
         are claimed (first-to-claim in fcu.yml)"
    )]
    BelongsToNobody {
        /// What was asked for.
        got: String,
    },
    /// `&` passes the factory and fails in the field: registration cuts the name there.
    #[error("the serial number holds `&`; a device with that endpoint name can never register")]
    Ampersand,
}

fn behind(look_alikes: &str) -> String {
    if look_alikes.is_empty() { String::new() } else { format!(": {look_alikes}") }
}

/// Decides whether `ask` may go on to a reservation under `rules`.
///
/// The first broken rule is the one reported: whoever stands at the bench can fix only one thing
/// at a time. Whether the serial number is still free is the store's answer, not this one's.
///
/// # Errors
/// [`Refusal`], the first broken rule.
pub fn admit(ask: Ask, rules: &Rules, now: Timestamp) -> Result<Admitted, Refusal> {
    if ask.unit.space == Space::Pep {
        let serial = ask.unit.serial_number.as_str();
        if serial.len() > LONGEST_ENDPOINT_NAME {
            return Err(Refusal::TooLongForEndpoint { bytes: serial.len() });
        }
        if serial.contains('&') {
            return Err(Refusal::Ampersand);
        }
        rules.serials.check(&ask.unit)?;
    }
    if !rules.categories.contains(&ask.facts.category) {
        return Err(Refusal::UnknownCategory {
            got: ask.facts.category,
            allowed: rules.categories.clone(),
        });
    }
    Ok(Admitted { ask, at: now, same_key: None })
}

impl Admitted {
    /// What was asked.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The same, for a unit whose key is known before it is reserved: if it is provisioned, it may
    /// come again with the key it has, or with another where `may_change`.
    pub fn with_key(self, key_hash: String, may_change: bool) -> Self {
        Self { same_key: Some(SameKey { key_hash, may_change }), ..self }
    }

    /// The rule for its coming again, where there is one.
    pub(super) fn same_key(&self) -> Option<&SameKey> {
        self.same_key.as_ref()
    }

    /// When it was admitted.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ra::{Facts, SerialNumber, UnitId};

    fn ask(serial: &str, category: &str) -> Ask {
        Ask {
            unit: UnitId::pep(SerialNumber::parse(serial).unwrap()),
            facts: Facts {
                api_address: String::new(),
                gateway_services_address: String::new(),
                hardware_version: String::new(),
                radio_config: String::new(),
                led_config: String::new(),
                category: category.to_owned(),
                extra: crate::ra::Fields::default(),
            },
            sealing_key: None,
            caller: String::new(),
            address: String::new(),
        }
    }

    #[test]
    fn names_the_first_broken_rule() {
        let categories = vec!["production".into(), "development".into()];
        let rules = Rules { categories, ..Rules::default() };
        let admit = |serial: &str, category: &str| {
            admit(ask(serial, category), &rules, Timestamp::UNIX_EPOCH).map(|_| ())
        };
        assert_eq!(admit("GW-1", "production"), Ok(()));
        assert_eq!(admit(&"x".repeat(64), "development"), Ok(()));
        assert_eq!(
            admit(&"x".repeat(65), "production"),
            Err(Refusal::TooLongForEndpoint { bytes: 65 })
        );
        // 33 two-byte characters are 66 bytes: bytes count, not characters.
        assert_eq!(
            admit(&"é".repeat(33), "production"),
            Err(Refusal::TooLongForEndpoint { bytes: 66 })
        );
        assert_eq!(admit("a&b", "production"), Err(Refusal::Ampersand));
        assert!(matches!(admit("GW-1", "gold"), Err(Refusal::UnknownCategory { .. })));
    }
}
