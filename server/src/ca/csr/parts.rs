//! A PKCS#10 request taken apart (RFC 2986 4): its fields, each named where it cannot be read.
//!
//! Attributes are the requester's wishes, and none of them is granted; they have to be whole, and
//! may otherwise be of any kind, any form, and any number.

use x509_parser::der_parser::asn1_rs::{Any, Class, FromDer, Tag};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::AlgorithmIdentifier;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

/// The fields of a request that matter.
pub(super) struct Parts<'d> {
    /// CertificationRequestInfo, which is signed.
    pub(super) signed: &'d [u8],
    pub(super) subject: X509Name<'d>,
    pub(super) key: SubjectPublicKeyInfo<'d>,
    pub(super) algorithm: Oid<'d>,
    pub(super) signature: &'d [u8],
}

/// Takes a request apart. The error is the rest of a sentence that begins with the request.
pub(super) fn parts(der: &[u8]) -> Result<Parts<'_>, String> {
    let (rest, request) = element(der, Tag::Sequence, "it is not a PKCS#10 request in DER")?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow it", rest.len()));
    }
    let whole = request.data;
    let (rest, info) = element(whole, Tag::Sequence, "what it signs is not there")?;
    let signed = whole.get(..whole.len() - rest.len()).unwrap_or_default();
    let (subject, key) = described(info.data)?;
    let (rest, algorithm) = AlgorithmIdentifier::from_der(rest)
        .map_err(|_| "its signature algorithm cannot be read".to_owned())?;
    let (rest, bits) = element(rest, Tag::BitString, "its signature is missing or damaged")?;
    if !rest.is_empty() {
        return Err(format!("{} bytes stand behind its signature", rest.len()));
    }
    let signature = match bits.data.split_first() {
        Some((0, signature)) => signature,
        _ => return Err("its signature is not one of whole bytes".to_owned()),
    };
    Ok(Parts { signed, subject, key, algorithm: algorithm.algorithm, signature })
}

/// Subject and key, the attributes looked through.
fn described(info: &[u8]) -> Result<(X509Name<'_>, SubjectPublicKeyInfo<'_>), String> {
    let (rest, _) = element(info, Tag::Integer, "its version is missing or damaged")?;
    let (rest, subject) =
        X509Name::from_der(rest).map_err(|_| "its subject cannot be read".to_owned())?;
    let (rest, key) = SubjectPublicKeyInfo::from_der(rest)
        .map_err(|_| "its public key cannot be read".to_owned())?;
    if rest.is_empty() {
        return Err("the field for attributes, [0], is missing; it has to be there, be it empty \
                    (RFC 2986 4.1)"
            .to_owned());
    }
    let damaged = || "its attributes, [0], are damaged".to_owned();
    let (rest, attributes) = Any::from_der(rest).map_err(|_| damaged())?;
    let is_the_field = attributes.class() == Class::ContextSpecific
        && attributes.tag() == Tag(0)
        && attributes.header.is_constructed();
    if !is_the_field {
        return Err("something other than attributes stands behind its public key".to_owned());
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes stand behind its attributes", rest.len()));
    }
    let mut rest = attributes.data;
    while !rest.is_empty() {
        (rest, _) = Any::from_der(rest).map_err(|_| damaged())?;
    }
    Ok((subject, key))
}

fn element<'d>(der: &'d [u8], tag: Tag, problem: &str) -> Result<(&'d [u8], Any<'d>), String> {
    match Any::from_der(der) {
        Ok((rest, any)) if any.class() == Class::Universal && any.tag() == tag => Ok((rest, any)),
        _ => Err(problem.to_owned()),
    }
}
