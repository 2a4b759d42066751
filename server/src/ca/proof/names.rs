//! Name constraints (RFC 5280 4.2.1.10): whom they concern, and who cannot judge them.

use openssl::x509::X509;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::look::{Link, is_usual};
use crate::ca::AuthorityWarning;

/// Whether a CA has any.
pub(super) fn constrains(certificate: &X509) -> bool {
    let der = certificate.to_der().unwrap_or_default();
    X509Certificate::from_der(&der).is_ok_and(|(_, it)| of(&it).next().is_some())
}

/// Constraints that Go refuses altogether where they are critical: those on anything but DNS, IP,
/// mail and URI names.
pub(super) fn strange(constraints: &NameConstraints<'_>) -> Option<String> {
    subtrees(constraints).find(|name| !is_usual(name)).map(|name| {
        let kind = match name {
            GeneralName::DirectoryName(_) => "directory names",
            _ => "names of a rare kind",
        };
        format!("critical name constraints on {kind}")
    })
}

/// OpenSSL takes a CN with a dot in it for a host's name and holds it against constraints on those.
pub(super) fn warning_of_dots(links: &[Link]) -> Option<AuthorityWarning> {
    let concerns = |link: &&Link| {
        link.parsed().is_some_and(|parsed| {
            of(&parsed).any(|it| subtrees(it).any(|name| matches!(name, GeneralName::DNSName(_))))
        })
    };
    let subject = links.iter().find(concerns)?.subject();
    Some(AuthorityWarning::DottedNames { subject })
}

fn of<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a NameConstraints<'a>> {
    certificate.extensions().iter().filter_map(|it| match it.parsed_extension() {
        ParsedExtension::NameConstraints(constraints) => Some(constraints),
        _ => None,
    })
}

pub(super) fn subtrees<'a>(
    constraints: &'a NameConstraints<'a>,
) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let base = |tree: &'a GeneralSubtree<'a>| &tree.base;
    let permitted = constraints.permitted_subtrees.iter().flatten();
    permitted.chain(constraints.excluded_subtrees.iter().flatten()).map(base)
}
