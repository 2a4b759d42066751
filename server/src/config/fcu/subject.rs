//! `device-certificate`: the subject of device certificates but for its CN, and how long they hold.

use serde_json::Value;

use crate::config::section::Section;
use crate::config::words::{described, quoted};

use super::product::{CertificateFields, Mode, Validity};
use super::server::account_id;

/// X.520's upper bound for these attributes, in characters (RFC 5280 appendix A.1).
const LONGEST: usize = 64;
/// A hundred years, leap days included.
const MOST_DAYS: u64 = 36_525;
const TEN_YEARS_IN_DAYS: u32 = 3650;
/// RFC 5280 4.1.2.5: no well-defined end.
const NO_END: &str = "99991231235959Z";

/// Reads `device-certificate` and holds it against the mode's rules (injection 14.4).
pub fn read(section: &mut Section<'_>, mode: Option<&Mode>) -> CertificateFields {
    let fields = CertificateFields {
        country: country(section),
        state: attribute(section, "ST"),
        locality: attribute(section, "L"),
        organization: attribute(section, "O"),
        organizational_unit: attribute(section, "OU"),
        validity: validity(section),
    };
    if let Some(Mode::Lwm2m { uri, .. }) = mode {
        check_lwm2m(section, &fields, account_id(uri).unwrap_or_default());
    }
    fields
}

/// A certificate that the device uses towards its server at once: OU is compared with the account
/// id (injection 10, check 12), and L would be taken for a name the server gave (profile 3.2).
fn check_lwm2m(section: &Section<'_>, fields: &CertificateFields, account: &str) {
    if fields.organizational_unit.as_deref() != Some(account) && !section.was_faulty("OU") {
        let given = fields.organizational_unit.as_deref();
        let problem = given.map_or("is missing".to_owned(), |ou| format!("is {}", quoted(ou)));
        section.fault("OU", problem, format!("give the URI's account id: OU: {account:?}"));
    }
    if fields.locality.is_some() {
        section.fault("L", "is given without a bootstrap server", "leave L out");
    }
}

/// Two letters as a PrintableString.
fn country(section: &mut Section<'_>) -> Option<String> {
    let text = section.filled("C")?;
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Some(text);
    }
    let fix = "give the two letters of ISO 3166, in quotes: C: \"FI\"";
    section.fault("C", format!("is {}", quoted(&text)), fix);
    None
}

/// An attribute of the subject; an empty one is left out, since X.520 knows none.
fn attribute(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text = section.filled(key)?;
    let length = text.chars().count();
    if length > LONGEST {
        section.fault(key, format!("is {length} characters long"), "give 64 characters at most");
        return None;
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        let fix = "give one line of plain text without blanks around it";
        section.fault(key, format!("is {}", quoted(&text)), fix);
        return None;
    }
    Some(text)
}

/// A number of days, or the date that means no end.
fn validity(section: &mut Section<'_>) -> Validity {
    let key = "validity-days";
    let Some(given) = section.take(key) else {
        return Validity::default();
    };
    let days = given.value.as_u64().filter(|days| (1..=MOST_DAYS).contains(days));
    match (days.and_then(|days| u32::try_from(days).ok()), &given.value) {
        (Some(days), _) => {
            if days <= TEN_YEARS_IN_DAYS {
                let text = format!("{days} days are not more than ten years: devices warn of it");
                section.warn(key, text);
            }
            Validity::Days(days)
        }
        (None, Value::String(text)) if text == NO_END => Validity::Forever,
        (None, Value::String(text)) if text.is_empty() => Validity::default(),
        (None, other) => {
            section.fault(
                key,
                format!("is {}", described(other)),
                format!("give 1 to {MOST_DAYS} days, or {NO_END} for no end"),
            );
            Validity::default()
        }
    }
}
