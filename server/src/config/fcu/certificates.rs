//! Certificates that are given to devices: read from files, and held against what a device takes.
//!
//! The device CA that signs is not looked at here.

use openssl::ec::EcKey;
use openssl::pkey::Public;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256,
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_SUBJECT_ALT_NAME,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use crate::pem::{self, der_or_pem};

/// Ten years as the device counts them (injection 8.3).
pub const TEN_YEARS: i64 = 315_360_000;

/// The DER certificates in `bytes`: all of a PEM text, or one in DER. At least one.
pub fn split(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    der_or_pem(bytes, pem::certificates).map_err(|error| error.to_string())
}

/// Reads a certificate as the device would, and refuses what the device refuses (injection 6.3).
/// The error is the rest of a sentence.
pub fn acceptable(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    let (rest, certificate) = X509Certificate::from_der(der)
        .map_err(|_| "is not an X.509 certificate in PEM or DER".to_owned())?;
    if !rest.is_empty() {
        return Err(format!("has {} bytes behind the certificate", rest.len()));
    }
    if certificate.version() != X509Version::V3 {
        return Err("is not a certificate of version 3".to_owned());
    }
    public_key(certificate.public_key().raw)?;
    if certificate.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
        return Err("is not signed with ECDSA and SHA-256".to_owned());
    }
    // The client's parser refuses every other critical extension (profile 1).
    let known = [
        OID_X509_EXT_KEY_USAGE,
        OID_X509_EXT_EXTENDED_KEY_USAGE,
        OID_X509_EXT_BASIC_CONSTRAINTS,
        OID_X509_EXT_SUBJECT_ALT_NAME,
    ];
    let strange = certificate.extensions().iter().find(|e| e.critical && !known.contains(&e.oid));
    match strange {
        Some(extension) => {
            Err(format!("has the critical extension {}, which devices refuse", extension.oid))
        }
        None => Ok(certificate),
    }
}

/// Reads a `SubjectPublicKeyInfo` that holds a point on P-256, named as such.
pub fn public_key(spki: &[u8]) -> Result<EcKey<Public>, String> {
    let (_, parsed) = x509_parser::x509::SubjectPublicKeyInfo::from_der(spki)
        .map_err(|_| "holds no public key".to_owned())?;
    let curve = parsed.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    if parsed.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
        return Err("has a key that is not on P-256".to_owned());
    }
    let key = EcKey::public_key_from_der(spki).map_err(|_| "holds a broken key".to_owned())?;
    key.check_key().map_err(|_| "has a key that is not a point of P-256".to_owned())?;
    Ok(key)
}

/// Whether `certificate` is signed by the key in `issuer`; by names and by signature.
pub fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let verified = || {
        let certificate = openssl::x509::X509::from_der(certificate)?;
        let issuer = openssl::x509::X509::from_der(issuer)?;
        let named = certificate.issuer_name().try_cmp(issuer.subject_name())?.is_eq();
        Ok::<_, openssl::error::ErrorStack>(named && certificate.verify(&*issuer.public_key()?)?)
    };
    verified().unwrap_or(false)
}
