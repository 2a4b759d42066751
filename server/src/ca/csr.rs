//! A device's PKCS#10 request (RFC 2986), checked before anything is signed for it.

use openssl::ecdsa::EcdsaSig;
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry;
use x509_parser::prelude::FromDer;

use super::{KeyError, PublicKey, name};

/// Longest CSR looked at, in bytes: the reply that carries it holds 2,560.
const LONGEST: usize = 4096;

/// A request whose self-signature holds and whose key is on P-256.
#[derive(Debug, Clone)]
pub struct Csr {
    key: PublicKey,
    subject: String,
    common_names: Vec<String>,
    attributes: usize,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Not a PKCS#10 request, or more than one, or too long.
    #[error("the device's CSR cannot be read: {0}")]
    Unreadable(String),
    /// Signed with something else than ECDSA and SHA-256.
    #[error("the device's CSR is not signed with ecdsa-with-SHA256")]
    Algorithm,
    /// The key is not on P-256.
    #[error("the device's CSR: {0}")]
    Key(#[from] KeyError),
    /// The device does not prove that it holds the key.
    #[error("the device's CSR is not signed by the key it holds")]
    SelfSignature,
    /// Not the subject that was asked for.
    #[error("the device's CSR is for `{got}`, asked was `CN={wanted}`")]
    Subject {
        /// The CSR's subject in words.
        got: String,
        /// The common name asked for.
        wanted: String,
    },
}

impl Csr {
    /// Reads and checks a request.
    ///
    /// The reference device writes a NULL behind the signature algorithm where RFC 5758 3.2 wants
    /// nothing (injection protocol, section 7); it is tolerated, the signed part is not affected.
    ///
    /// # Errors
    /// [`CsrError`], the first rule broken.
    pub fn read(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > LONGEST {
            return Err(CsrError::Unreadable(format!("it has {} bytes", der.len())));
        }
        let (rest, request) = X509CertificationRequest::from_der(der)
            .map_err(|error| CsrError::Unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(CsrError::Unreadable(format!("{} bytes follow it", rest.len())));
        }
        let info = &request.certification_request_info;
        if request.signature_algorithm.algorithm != oid_registry::OID_SIG_ECDSA_WITH_SHA256 {
            return Err(CsrError::Algorithm);
        }
        let key = spki_key(&info.subject_pki)?;
        let signature = EcdsaSig::from_der(&request.signature_value.data)
            .map_err(|_| CsrError::SelfSignature)?;
        let public = key.to_openssl().map_err(KeyError::from)?;
        let genuine = signature.verify(&Sha256::digest(info.raw), &public);
        if !genuine.unwrap_or(false) {
            return Err(CsrError::SelfSignature);
        }
        let common_names = info.subject.iter_common_name();
        Ok(Self {
            key,
            subject: name::words(&info.subject),
            common_names: common_names
                .map(|cn| cn.as_str().unwrap_or("(not text)").to_owned())
                .collect(),
            attributes: info.subject.iter_attributes().count(),
        })
    }

    /// Compares the subject with what was asked: a device cuts a malformed `Subj` without a word
    /// (certificate profile, section 4.3).
    ///
    /// # Errors
    /// [`CsrError::Subject`] unless the subject is exactly one CN with this value.
    pub fn check_common_name(&self, wanted: &str) -> Result<(), CsrError> {
        let same = self.attributes == 1 && self.common_names == [wanted];
        if same {
            return Ok(());
        }
        Err(CsrError::Subject { got: self.subject.clone(), wanted: wanted.to_owned() })
    }

    /// The device's public key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

fn spki_key(spki: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Result<PublicKey, KeyError> {
    let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let named = spki.algorithm.algorithm == oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY
        && curve == Some(oid_registry::OID_EC_P256);
    if !named {
        return Err(KeyError::NotP256);
    }
    PublicKey::from_point(&spki.subject_public_key.data)
}

#[cfg(test)]
mod tests;
