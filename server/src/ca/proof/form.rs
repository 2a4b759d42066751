//! Extensions in a form that Go does not parse, and with them the whole certificate.

use std::collections::HashSet;
use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, NameConstraints, ParsedExtension, X509Extension};

use super::names;

/// What Go parses in every certificate, critical or not (crypto/x509, parser.go).
const PARSED: [&str; 13] = [
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.35",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
    "1.3.6.1.5.5.7.1.1",
];

/// What is wrong with the form of an extension.
pub(super) fn unread(extension: &X509Extension<'_>) -> Option<String> {
    let oid = extension.oid.to_id_string();
    let damaged = || Some(format!("an extension {oid} that is not written as its type has it"));
    match extension.parsed_extension() {
        ParsedExtension::ParseError { .. } if PARSED.contains(&oid.as_str()) => damaged(),
        // TRUE is 0xff in DER, and something else in BER alone.
        ParsedExtension::BasicConstraints(it)
            if it.ca && extension.value.get(2..5) != Some(&[0x01, 0x01, 0xff]) =>
        {
            damaged()
        }
        ParsedExtension::CertificatePolicies(policies) => {
            let mut seen = HashSet::new();
            let twice = policies.iter().find(|it| !seen.insert(it.policy_id.to_id_string()));
            twice.map(|it| format!("the policy {} twice in its certificate policies", it.policy_id))
        }
        ParsedExtension::SubjectAlternativeName(it) => {
            it.general_names.iter().any(is_damaged).then(damaged).flatten()
        }
        ParsedExtension::NameConstraints(it) => constraint(it),
        _ => None,
    }
}

fn constraint(constraints: &NameConstraints<'_>) -> Option<String> {
    let trees = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
    if trees.into_iter().flatten().all(Vec::is_empty) {
        return Some("empty name constraints".to_owned());
    }
    let wrong = names::subtrees(constraints).any(|name| match name {
        GeneralName::IPAddress(range) => !is_range(range),
        GeneralName::DNSName(domain) => !is_domain(domain),
        GeneralName::URI(domain) => !is_domain(domain) || domain.parse::<IpAddr>().is_ok(),
        GeneralName::RFC822Name(mailbox) => !mailbox
            .rsplit_once('@')
            .map_or_else(|| is_domain(mailbox), |(who, at)| !who.is_empty() && is_domain(at)),
        _ => false,
    });
    wrong.then(|| "name constraints with a name or range of addresses that is none".to_owned())
}

/// An address and a mask, whose ones come first.
fn is_range(range: &[u8]) -> bool {
    let (_, mask) = range.split_at(range.len() / 2);
    let ones: String = mask.iter().map(|octet| format!("{octet:08b}")).collect();
    [8, 32].contains(&range.len()) && !ones.contains("01")
}

fn is_domain(domain: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|it| it.is_ascii_graphic());
    domain.is_empty() || domain.split('.').all(is_label)
}

fn is_damaged(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::IPAddress(address) => ![4, 16].contains(&address.len()),
        GeneralName::Invalid(..) => true,
        _ => false,
    }
}
