//! Distinguished names: the subject written, any name put into words (RFC 5280 4.1.2.4).

use x509_parser::x509::X509Name;

use super::der;
use super::profile::SubjectFields;

const COUNTRY: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x06];
const STATE: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x08];
const LOCALITY: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x07];
const ORGANIZATION: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x0a];
const ORGANIZATIONAL_UNIT: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x0b];
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// A subject: its DER and its words.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) der: Vec<u8>,
    pub(super) words: String,
}

/// Writes `C, ST, L, O, OU, CN`: empty ones left out, CN last, CN and others as UTF8String, C as
/// PrintableString (certificate profile, section 9).
pub(super) fn subject(fields: &SubjectFields, common_name: &str) -> Subject {
    let attributes = [
        ("C", COUNTRY, der::PRINTABLE_STRING, fields.country.as_deref()),
        ("ST", STATE, der::UTF8_STRING, fields.state.as_deref()),
        ("L", LOCALITY, der::UTF8_STRING, fields.locality.as_deref()),
        ("O", ORGANIZATION, der::UTF8_STRING, fields.organization.as_deref()),
        ("OU", ORGANIZATIONAL_UNIT, der::UTF8_STRING, fields.organizational_unit.as_deref()),
        ("CN", COMMON_NAME, der::UTF8_STRING, Some(common_name)),
    ];
    let mut names = Vec::new();
    let mut words = Vec::new();
    for (word, oid, tag, value) in attributes {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let attribute = der::all(der::SEQUENCE, &[&oid, &der::wrapped(tag, value.as_bytes())]);
            names.extend(der::wrapped(der::SET, &attribute));
            words.push(format!("{word}={value}"));
        }
    }
    Subject { der: der::wrapped(der::SEQUENCE, &names), words: words.join(", ") }
}

/// Any name in words, for people.
pub(super) fn words(name: &X509Name<'_>) -> String {
    name.to_string()
}
