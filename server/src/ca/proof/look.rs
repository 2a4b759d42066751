//! A second, stricter look at the CAs above a device: what Go, mbed TLS and others refuse.

use std::collections::HashSet;

use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::X509;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{X509Name, X509Version};

use super::{Flaw, form, names};
use crate::ca::name;

/// The longest certificate serial in octets, its sign's not counted (RFC 5280 4.1.2.2). The
/// platform's own tool makes 160 bits, which are 21 octets with the sign's.
const LONGEST_SERIAL: usize = 20;

/// One certificate, parsed, and what OpenSSL says of its key.
pub(super) struct Link {
    der: Vec<u8>,
    signs_itself: bool,
    has_odd_curve: bool,
}

impl Link {
    pub(super) fn of(certificate: &X509) -> Option<Self> {
        let key = certificate.public_key().ok();
        let curve = key
            .as_ref()
            .filter(|key| key.id() == Id::EC)
            .map(|key| key.ec_key().ok().and_then(|key| key.group().curve_name()));
        let usual = [Nid::SECP224R1, Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
        Some(Self {
            der: certificate.to_der().ok()?,
            signs_itself: super::signed_by(Some(certificate), certificate),
            has_odd_curve: curve.is_some_and(|it| it.is_none_or(|it| !usual.contains(&it))),
        })
    }

    pub(super) fn parsed(&self) -> Option<X509Certificate<'_>> {
        X509Certificate::from_der(&self.der).ok().map(|(_, parsed)| parsed)
    }

    pub(super) fn subject(&self) -> String {
        self.parsed().map(|it| name::words(it.subject())).unwrap_or_default()
    }
}

/// The flaws of a way up, issuing CA first.
pub(super) fn at(links: &[Link]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (below, link) in links.iter().enumerate() {
        flaws.extend(alone(link));
        let Some(parsed) = link.parsed() else { continue };
        let subject = link.subject();
        flaws.extend(path_length(&parsed, &subject, below));
        flaws.extend(usage(&parsed, &subject));
        flaws.extend(critical(&parsed, &subject));
        if !(link.signs_itself && below + 1 == links.len()) {
            flaws.extend(wants_policy(&parsed, &subject, below));
        }
        if !link.signs_itself {
            flaws.extend(digest(&parsed, &subject));
        }
        let above = links.get(below + 1).and_then(|link| Some((link.parsed()?, link.subject())));
        if let Some((above, issuer)) = above {
            flaws.extend(between(&parsed, subject, &above, issuer));
        }
    }
    flaws
}

/// What keeps others from reading a certificate, wherever it stands.
pub(super) fn alone(link: &Link) -> Vec<Flaw> {
    let Some(parsed) = link.parsed() else { return Vec::new() };
    let mut problems = Vec::new();
    let serial = parsed.raw_serial();
    if serial.first().is_some_and(|octet| *octet >= 0x80) {
        problems.push("a negative certificate serial".to_owned());
    } else if serial.strip_prefix(&[0]).unwrap_or(serial).len() > LONGEST_SERIAL {
        problems.push(format!("a certificate serial of {} octets", serial.len()));
    }
    if parsed.version() != X509Version::V3 {
        problems.push("a version other than 3".to_owned());
    }
    if link.has_odd_curve {
        problems.push("a key on a curve other than the NIST's".to_owned());
    }
    let mut seen = HashSet::new();
    let twice = parsed.extensions().iter().find(|it| !seen.insert(it.oid.to_id_string()));
    problems.extend(twice.map(|it| format!("the extension {} twice", it.oid)));
    problems.extend(unread(parsed.subject()).or_else(|| unread(parsed.issuer())));
    for (oid, word) in [("2.5.29.35", "authority"), ("2.5.29.14", "subject")] {
        let is_critical = |it: &&X509Extension<'_>| it.critical && it.oid.to_id_string() == oid;
        if parsed.extensions().iter().any(|it| is_critical(&it)) {
            problems.push(format!("a critical {word} key identifier"));
        }
    }
    problems.extend(parsed.extensions().iter().filter_map(form::unread));
    let subject = link.subject();
    let flaw = |problem| Flaw::Form { subject: subject.clone(), problem };
    problems.into_iter().map(flaw).collect()
}

fn path_length(parsed: &X509Certificate<'_>, subject: &str, below: usize) -> Option<Flaw> {
    let constraints = parsed.basic_constraints().ok().flatten()?;
    let allowed = constraints.value.path_len_constraint?;
    let is_exceeded = usize::try_from(allowed).is_ok_and(|allowed| below > allowed);
    is_exceeded.then(|| Flaw::PathLength { subject: subject.to_owned(), allowed, below })
}

/// OpenSSL wants clientAuth itself, and takes anyExtendedKeyUsage of a CA for nothing.
fn usage(parsed: &X509Certificate<'_>, subject: &str) -> Option<Flaw> {
    let usage = parsed.extended_key_usage().ok().flatten()?.value;
    if usage.client_auth {
        return None;
    }
    let named = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    let named = named.into_iter().filter(|(has, _)| *has).map(|(_, word)| word.to_owned());
    let named: Vec<_> = named.chain(usage.other.iter().map(Oid::to_id_string)).collect();
    let usage = if named.is_empty() { "nothing".to_owned() } else { named.join(", ") };
    Some(Flaw::Usage { subject: subject.to_owned(), usage })
}

/// Critical extensions, and those that may say no to every device.
fn critical(parsed: &X509Certificate<'_>, subject: &str) -> Vec<Flaw> {
    let strange = |extension: &X509Extension<'_>| {
        let oid = &extension.oid;
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::CertificatePolicies(_) => None,
            // Go checks the names it knows, and one of them has to be there.
            ParsedExtension::SubjectAlternativeName(it)
                if it.general_names.iter().any(is_usual) =>
            {
                None
            }
            // Said by `alone`.
            ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::SubjectKeyIdentifier(_) => None,
            ParsedExtension::NameConstraints(constraints) => names::strange(constraints),
            ParsedExtension::PolicyConstraints(_) => {
                Some(format!("critical policy constraints ({oid})"))
            }
            _ => Some(format!("the critical extension {oid}")),
        }
    };
    let critical = parsed.extensions().iter().filter(|extension| extension.critical);
    let flaw = |extension| Flaw::Extension { subject: subject.to_owned(), extension };
    critical.filter_map(strange).map(flaw).collect()
}

fn digest(parsed: &X509Certificate<'_>, subject: &str) -> Option<Flaw> {
    let digest = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => "SHA-1",
        "1.2.840.113549.1.1.4" => "MD5",
        "1.2.840.113549.1.1.2" => "MD2",
        _ => return None,
    };
    Some(Flaw::Digest { subject: subject.to_owned(), digest })
}

/// A policy that has to be named in every certificate below, where no device's names one: Go wants
/// it whether or not the extension is critical. A root that signs itself is not asked.
fn wants_policy(parsed: &X509Certificate<'_>, subject: &str, below: usize) -> Option<Flaw> {
    // Critical ones are refused altogether.
    let constraints = parsed.extensions().iter().filter(|it| !it.critical);
    let skipped = constraints.map(X509Extension::parsed_extension).find_map(|it| match it {
        ParsedExtension::PolicyConstraints(it) => it.require_explicit_policy,
        _ => None,
    })?;
    let is_reached = usize::try_from(skipped).is_ok_and(|skipped| skipped <= below + 1);
    let extension = "policy constraints (2.5.29.36) that want a policy in every device certificate";
    is_reached
        .then(|| Flaw::Extension { subject: subject.to_owned(), extension: extension.to_owned() })
}

/// What two certificates say of each other.
fn between(
    parsed: &X509Certificate<'_>,
    subject: String,
    above: &X509Certificate<'_>,
    issuer: String,
) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if parsed.issuer().as_raw() != above.subject().as_raw() {
        let (subject, issuer) = (subject.clone(), issuer.clone());
        flaws.push(Flaw::IssuerBytes { subject, issuer });
    }
    let said = parsed.extensions().iter().find_map(|it| match it.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(it) => it.key_identifier.as_ref().map(|it| it.0),
        _ => None,
    });
    let own = above.extensions().iter().find_map(|it| match it.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(it) => Some(it.0),
        _ => None,
    });
    if let (Some(said), Some(own)) = (said, own)
        && said != own
    {
        flaws.push(Flaw::KeyIdentifier { subject, issuer });
    }
    flaws
}

/// A string in a name that Go cannot read, or refuses to.
fn unread(subject: &X509Name<'_>) -> Option<String> {
    use x509_parser::der_parser::asn1_rs::Tag;
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
    subject.iter_attributes().find_map(|attribute| {
        let (value, kind) = (attribute.attr_value(), attribute.attr_type());
        let is_read = match value.tag() {
            Tag::Utf8String => std::str::from_utf8(value.data).is_ok(),
            Tag::PrintableString => value.data.iter().all(printable),
            Tag::Ia5String | Tag::NumericString => value.data.is_ascii(),
            Tag::BmpString => value.data.len().is_multiple_of(2),
            Tag::TeletexString => true,
            _ => false,
        };
        (!is_read)
            .then(|| format!("a name whose attribute {kind} is not written as its type has it"))
    })
}

/// The kinds of names that a constraint is about and Go checks (it refuses the others where they
/// are critical).
pub(super) fn is_usual(name: &GeneralName<'_>) -> bool {
    matches!(
        name,
        GeneralName::DNSName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RFC822Name(_)
            | GeneralName::URI(_)
    )
}
