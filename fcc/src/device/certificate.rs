//! Certificates as mbed TLS 2.25 reads them in the client's build (injection 6.3, profile and
//! names 1, 3, 8).
//!
//! Only what that library looks at; it decides what the double accepts. Issuing proper ones is
//! the station's business.

mod extensions;
mod subject;

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::Public;
use std::sync::OnceLock;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

pub(super) use subject::Attribute;

const ECDSA_SHA224: &str = "1.2.840.10045.4.3.1";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const EC_KEY: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";

/// The text behind a certificate the library refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not readable, or with a critical extension the library does not know.
    Unreadable,
    /// A signature or key algorithm that is not built in.
    Algorithm,
    /// P-384: reported differently when it stands in a chain.
    P384,
    /// Another elliptic curve.
    Curve,
    /// A point that is not on the curve.
    Point,
}

impl Unfit {
    /// The client's text (injection 8.2).
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "Certificate parse failed",
            Self::Algorithm => super::refusal::GENERAL,
            Self::P384 | Self::Curve => "Curve unsupported",
            Self::Point => "Certificate public key error",
        }
    }
}

/// Why the client cannot read a certificate, in a chain or alone: the rest of a sentence. `None`
/// where it can.
pub fn unreadable(der: &[u8]) -> Option<String> {
    let Err(unfit) = Certificate::read(der) else { return None };
    let parsed = X509Certificate::from_der(der).ok();
    let obstacle = parsed.and_then(|(_, parsed)| extensions::obstacle(&parsed));
    Some(match (unfit, obstacle) {
        (Unfit::Unreadable, Some(obstacle)) => format!("has {obstacle}"),
        (Unfit::Unreadable, None) => "has a name or a form that their library cannot read".into(),
        (Unfit::Algorithm, _) => "is not of an elliptic curve, or not signed with SHA-256".into(),
        (Unfit::P384 | Unfit::Curve, _) => "has a key that is not on P-256".into(),
        (Unfit::Point, _) => "has a key that is not a point of P-256".into(),
    })
}

/// A certificate the library accepts.
pub(super) struct Certificate<'d> {
    parsed: X509Certificate<'d>,
    point: Vec<u8>,
    sha224: bool,
}

impl<'d> Certificate<'d> {
    /// Reads one certificate; bytes behind it are tolerated (injection 6.3).
    pub(super) fn read(der: &'d [u8]) -> Result<Self, Unfit> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Unfit::Unreadable)?;
        // The order of mbed TLS: signature algorithm, names, key, extensions.
        let sha224 = match parsed.tbs_certificate.signature.algorithm.to_id_string().as_str() {
            ECDSA_SHA256 => false,
            ECDSA_SHA224 => true,
            _ => return Err(Unfit::Algorithm),
        };
        subject::readable(parsed.issuer())?;
        subject::readable(parsed.subject())?;
        let point = point(&parsed)?;
        extensions::readable(&parsed)?;
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(Unfit::Unreadable);
        }
        Ok(Self { parsed, point, sha224 })
    }

    /// The public key as an uncompressed point, 65 bytes.
    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }

    /// What the device pins of its server's CA: the compressed point, 33 bytes (injection 10.3).
    pub(super) fn compressed(&self) -> Result<Vec<u8>, ErrorStack> {
        let (group, key) = (p256()?, public(&self.point)?);
        let mut context = BigNumContext::new()?;
        key.public_key().to_bytes(group, PointConversionForm::COMPRESSED, &mut context)
    }

    /// Whether `issuer`'s key signed this one. Nothing else is compared (profile and names 0.13).
    pub(super) fn signed_by(&self, issuer: &Self) -> Result<bool, ErrorStack> {
        let digest = if self.sha224 { MessageDigest::sha224() } else { MessageDigest::sha256() };
        let digest = hash(digest, self.parsed.tbs_certificate.as_ref())?;
        let Ok(signature) = EcdsaSig::from_der(&self.parsed.signature_value.data) else {
            return Ok(false);
        };
        // An impossible signature is an error to OpenSSL and a wrong one to us.
        let key = public(&issuer.point)?;
        Ok(signature.verify(&digest, &key).unwrap_or(false))
    }

    /// Start and end of validity, seconds since 1970.
    pub(super) fn validity(&self) -> (i64, i64) {
        let validity = self.parsed.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    }

    /// Whether the subject's name equals the issuer's.
    pub(super) fn self_signed(&self) -> bool {
        self.parsed.subject().as_raw() == self.parsed.issuer().as_raw()
    }

    /// Whether extended key usage is absent or allows a client (injection 10, 10).
    pub(super) fn for_clients(&self) -> bool {
        match self.parsed.extended_key_usage() {
            Ok(Some(usage)) => usage.value.any || usage.value.client_auth,
            _ => true,
        }
    }

    /// A subject attribute, found the way the client finds it (injection 10, 11).
    pub(super) fn attribute(&self, short_name: &str) -> Attribute<'_> {
        subject::find(self.parsed.subject(), short_name)
    }
}

/// The public point, or why there is none.
fn point(parsed: &X509Certificate<'_>) -> Result<Vec<u8>, Unfit> {
    let key = parsed.public_key();
    if key.algorithm.algorithm.to_id_string() != EC_KEY {
        return Err(Unfit::Algorithm);
    }
    let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    match curve.map(|oid| oid.to_id_string()).as_deref() {
        Some(P256) => {}
        Some(P384) => return Err(Unfit::P384),
        _ => return Err(Unfit::Curve),
    }
    let point = key.subject_public_key.data.to_vec();
    // The client takes uncompressed points only.
    if point.first() != Some(&4) {
        return Err(Unfit::Point);
    }
    public(&point).map_err(|_| Unfit::Point)?;
    Ok(point)
}

/// The one curve there is. Made once: hundreds of devices in one process use it all the time.
pub(super) fn p256() -> Result<&'static EcGroup, ErrorStack> {
    static P256: OnceLock<EcGroup> = OnceLock::new();
    if let Some(group) = P256.get() {
        return Ok(group);
    }
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(P256.get_or_init(|| group))
}

/// A public key from its point, which is checked to be on the curve.
fn public(point: &[u8]) -> Result<EcKey<Public>, ErrorStack> {
    let group = p256()?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(group, point, &mut context)?;
    EcKey::from_public_key(group, &point)
}
