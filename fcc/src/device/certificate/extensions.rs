//! Extensions as mbed TLS 2.25 reads them (profile and names 1, 3.1).

use super::Unfit;
use std::collections::HashSet;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, FromDer, Oid, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};

const ANY_POLICY: &str = "2.5.29.32.0";
const HARDWARE_MODULE_NAME: &str = "1.3.6.1.5.5.7.8.4";

/// Whether the library takes the certificate's extensions.
pub(super) fn readable(certificate: &X509Certificate<'_>) -> Result<(), Unfit> {
    match obstacle(certificate) {
        Some(_) => Err(Unfit::Unreadable),
        None => Ok(()),
    }
}

/// The first extension that keeps the library from reading the certificate, and how it does.
pub(super) fn obstacle(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut seen = HashSet::new();
    certificate.extensions().iter().find_map(|extension| {
        let oid = extension.oid.to_id_string();
        if !taken(extension) {
            let word = if extension.critical { "critical" } else { "malformed" };
            return Some(format!("the {word} extension {oid}"));
        }
        let twice = known(extension) && !seen.insert(extension.oid.clone());
        twice.then(|| format!("the extension {oid} twice"))
    })
}

fn known(extension: &X509Extension<'_>) -> bool {
    matches!(
        extension.oid.to_id_string().as_str(),
        "2.5.29.19"
            | "2.5.29.15"
            | "2.5.29.37"
            | "2.5.29.17"
            | "2.5.29.32"
            | "2.16.840.1.113730.1.1"
    )
}

fn taken(extension: &X509Extension<'_>) -> bool {
    match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(_)
        | ParsedExtension::KeyUsage(_)
        | ParsedExtension::ExtendedKeyUsage(_)
        | ParsedExtension::NSCertType(_) => true,
        ParsedExtension::CertificatePolicies(policies) => {
            !extension.critical
                || policies.iter().all(|policy| policy.policy_id.to_id_string() == ANY_POLICY)
        }
        // Every entry but the last is looked at.
        ParsedExtension::SubjectAlternativeName(names) => {
            names.general_names.split_last().is_none_or(|(_, looked_at)| {
                looked_at.iter().all(|name| match name {
                    GeneralName::OtherName(kind, value) => other_name(kind, value),
                    GeneralName::Invalid(..) => false,
                    _ => true,
                })
            })
        }
        _ if known(extension) => false,
        _ => !extension.critical,
    }
}

/// A hardwareModuleName (RFC 4108 5) must be one; other kinds are not looked into.
fn other_name(kind: &Oid<'_>, value: &[u8]) -> bool {
    kind.to_id_string() != HARDWARE_MODULE_NAME || module_name(value).is_some()
}

/// `[0] SEQUENCE { OBJECT IDENTIFIER, OCTET STRING }`, with or without the outer tag.
fn module_name(value: &[u8]) -> Option<()> {
    let (_, outer) = Any::from_der(value).ok()?;
    let sequence = match outer.tag() {
        Tag::Sequence => outer,
        _ => Any::from_der(outer.data).ok()?.1,
    };
    sequence.tag().assert_eq(Tag::Sequence).ok()?;
    let (rest, kind) = Any::from_der(sequence.data).ok()?;
    kind.tag().assert_eq(Tag::Oid).ok()?;
    let (rest, serial) = Any::from_der(rest).ok()?;
    serial.tag().assert_eq(Tag::OctetString).ok()?;
    rest.is_empty().then_some(())
}
