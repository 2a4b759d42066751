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

/// Writes `C, ST, L, O, OU, CN`: empty ones left out, CN last, CN and others as UTF8String, C as
/// PrintableString (certificate profile, section 9).
pub(super) fn subject(fields: &SubjectFields, common_name: &str) -> Vec<u8> {
    let mut names = Vec::with_capacity(128);
    for (_, oid, tag, value) in attributes(fields, common_name) {
        let attribute = der::all(der::SEQUENCE, &[&oid, &der::wrapped(tag, value.as_bytes())]);
        der::element(&mut names, der::SET, &attribute);
    }
    der::wrapped(der::SEQUENCE, &names)
}

/// The same subject in words.
pub(super) fn subject_words(fields: &SubjectFields, common_name: &str) -> String {
    let words =
        attributes(fields, common_name).map(|(word, _, _, value)| format!("{word}={value}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Short name, OBJECT IDENTIFIER, string type and value of every attribute that is there.
fn attributes<'a>(
    fields: &'a SubjectFields,
    common_name: &'a str,
) -> impl Iterator<Item = (&'static str, [u8; 5], u8, &'a str)> {
    [
        ("C", COUNTRY, der::PRINTABLE_STRING, fields.country.as_deref()),
        ("ST", STATE, der::UTF8_STRING, fields.state.as_deref()),
        ("L", LOCALITY, der::UTF8_STRING, fields.locality.as_deref()),
        ("O", ORGANIZATION, der::UTF8_STRING, fields.organization.as_deref()),
        ("OU", ORGANIZATIONAL_UNIT, der::UTF8_STRING, fields.organizational_unit.as_deref()),
        ("CN", COMMON_NAME, der::UTF8_STRING, Some(common_name)),
    ]
    .into_iter()
    .filter_map(|(word, oid, tag, value)| {
        value.filter(|value| !value.is_empty()).map(|value| (word, oid, tag, value))
    })
}

/// Any name in words, for people.
pub(super) fn words(name: &X509Name<'_>) -> String {
    name.to_string()
}
