//! Names in certificates as mbed TLS 2.25 reads them (injection 10, profile and names 3.2).

use super::Unfit;
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::x509::X509Name;

/// The attribute types that the library has a short name for. One that is not here ends every
/// search before it reaches what stands behind.
const KNOWN: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.16", "postalAddress"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.12", "title"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("2.5.4.45", "uniqueIdentifier"),
];

/// What a search for an attribute finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attribute<'c> {
    /// Its value's bytes.
    Found(&'c [u8]),
    /// Nothing, or an unknown type before it: return status 11 either way.
    Missing,
}

/// The first attribute whose short name begins with `short_name`.
pub(super) fn find<'c>(name: &'c X509Name<'_>, short_name: &str) -> Attribute<'c> {
    for attribute in name.iter_attributes() {
        let oid = attribute.attr_type().to_id_string();
        match KNOWN.iter().find(|(known, _)| *known == oid) {
            None => return Attribute::Missing,
            Some((_, word)) if word.starts_with(short_name) => {
                return Attribute::Found(attribute.as_slice());
            }
            Some(_) => {}
        }
    }
    Attribute::Missing
}

/// Whether the library reads every value's string type.
pub(super) fn readable(name: &X509Name<'_>) -> Result<(), Unfit> {
    let read = name.iter_attributes().all(|attribute| {
        matches!(
            attribute.attr_value().tag(),
            Tag::BmpString
                | Tag::Utf8String
                | Tag::TeletexString
                | Tag::PrintableString
                | Tag::Ia5String
                | Tag::UniversalString
                | Tag::BitString
        )
    });
    if read { Ok(()) } else { Err(Unfit::Unreadable) }
}
