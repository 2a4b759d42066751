//! A device's PKCS#10 request (RFC 2986), checked before anything is signed for it.

mod parts;

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::sign::Verifier;
use openssl::x509::{X509NameBuilder, X509ReqBuilder};
use parts::{Parts, parts};
use sha2::{Digest, Sha256};
use x509_parser::oid_registry::{
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512, Oid,
};

use super::{KeyError, KeyKind, PublicKey, name};

/// Longest CSR looked at, in bytes: the reply that carries it holds 2,560.
const LONGEST: usize = 4096;

/// A request whose self-signature holds and whose key is of a kind that is taken.
#[derive(Debug, Clone)]
pub struct Csr {
    key: PublicKey,
    subject: String,
    subject_der: Vec<u8>,
    attributes: Vec<SubjectAttribute>,
}

/// One attribute of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectAttribute {
    /// Its type, an OBJECT IDENTIFIER in dots: `2.5.4.3` is the common name.
    pub kind: String,
    /// Its text; `None` where the value is of no string type that holds Unicode or ASCII.
    pub value: Option<String>,
}

/// The attribute type commonName.
pub const COMMON_NAME: &str = "2.5.4.3";
/// The attribute type organizationalUnitName.
pub const ORGANIZATIONAL_UNIT: &str = "2.5.4.11";
/// The attribute type businessCategory.
pub const BUSINESS_CATEGORY: &str = "2.5.4.15";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Not a PKCS#10 request, or more than one, or too long.
    #[error("the device's CSR cannot be read: {0}")]
    Unreadable(String),
    /// Signed with something else than ECDSA and SHA-256, where P-256 keys are taken alone.
    #[error("the device's CSR is not signed with ecdsa-with-SHA256")]
    Algorithm,
    /// The key is of no kind that is taken.
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
    /// Reads and checks a request for a P-256 key.
    ///
    /// The reference device writes a NULL behind the signature algorithm where RFC 5758 3.2 wants
    /// nothing (injection protocol, section 7); it is tolerated, the signed part is not affected.
    ///
    /// # Errors
    /// [`CsrError`], the first rule broken.
    pub fn read(der: &[u8]) -> Result<Self, CsrError> {
        Self::read_taking(der, &[KeyKind::P256])
    }

    /// Reads and checks a request for a key of one of the kinds `taken`.
    ///
    /// # Errors
    /// [`CsrError`], the first rule broken.
    pub fn read_taking(der: &[u8], taken: &[KeyKind]) -> Result<Self, CsrError> {
        if der.len() > LONGEST {
            return Err(CsrError::Unreadable(format!("it has {} bytes", der.len())));
        }
        let Parts { signed, subject, key, algorithm, signature } =
            parts(der).map_err(CsrError::Unreadable)?;
        if taken == [KeyKind::P256] && algorithm != OID_SIG_ECDSA_WITH_SHA256 {
            return Err(CsrError::Algorithm);
        }
        let key = PublicKey::read(&key, taken)?;
        if !proven(&key, &algorithm, signed, signature).unwrap_or(false) {
            return Err(CsrError::SelfSignature);
        }
        let attributes = subject.iter_attributes().map(|attribute| SubjectAttribute {
            kind: attribute.attr_type().to_id_string(),
            value: attribute.as_str().ok().map(str::to_owned),
        });
        let attributes = attributes.collect();
        Ok(Self {
            key,
            subject: name::words(&subject),
            subject_der: subject.as_raw().to_vec(),
            attributes,
        })
    }

    /// The request of a device that does not exist, as those of a factory make it.
    ///
    /// # Errors
    /// OpenSSL's, in words.
    pub(super) fn sample(uuid: &str, factory: &str) -> Result<Self, String> {
        let made = || {
            let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(
                Nid::X9_62_PRIME256V1,
            )?)?)?;
            let mut name = X509NameBuilder::new()?;
            for (kind, value) in [("CN", uuid), ("OU", factory), ("businessCategory", "production")]
            {
                name.append_entry_by_text(kind, value)?;
            }
            let mut request = X509ReqBuilder::new()?;
            request.set_subject_name(&name.build())?;
            request.set_pubkey(&key)?;
            request.sign(&key, MessageDigest::sha256())?;
            request.build().to_der()
        };
        let der = made().map_err(|error: ErrorStack| error.to_string())?;
        Self::read(&der).map_err(|error| error.to_string())
    }

    /// Compares the subject with what was asked: a device cuts a malformed `Subj` without a word
    /// (certificate profile, section 4.3).
    ///
    /// # Errors
    /// [`CsrError::Subject`] unless the subject is exactly one CN with this value.
    pub fn check_common_name(&self, wanted: &str) -> Result<(), CsrError> {
        if let [only] = self.attributes.as_slice()
            && only.kind == COMMON_NAME
            && only.value.as_deref() == Some(wanted)
        {
            return Ok(());
        }
        Err(CsrError::Subject { got: self.subject.clone(), wanted: wanted.to_owned() })
    }

    /// The device's public key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The subject in words.
    pub fn subject_words(&self) -> &str {
        &self.subject
    }

    /// The subject, DER, byte for byte as sent.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The subject's attributes in their order.
    pub fn attributes(&self) -> &[SubjectAttribute] {
        &self.attributes
    }

    /// The attributes of one type, in their order.
    pub fn attributes_of<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a SubjectAttribute> {
        self.attributes.iter().filter(move |attribute| attribute.kind == kind)
    }
}

/// Whether `signature` over `message` is the work of the key's holder.
fn proven(
    key: &PublicKey,
    algorithm: &Oid<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    if key.kind() == KeyKind::P256 && *algorithm == OID_SIG_ECDSA_WITH_SHA256 {
        // Nearly every request: OpenSSL's short way, without its key decoders.
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, key.bits(), &mut context)?;
        let public = EcKey::from_public_key(&group, &point)?;
        return EcdsaSig::from_der(signature)?.verify(&Sha256::digest(message), &public);
    }
    let fitting = [
        (OID_SIG_ECDSA_WITH_SHA256, false, MessageDigest::sha256()),
        (OID_SIG_ECDSA_WITH_SHA384, false, MessageDigest::sha384()),
        (OID_SIG_ECDSA_WITH_SHA512, false, MessageDigest::sha512()),
        (OID_PKCS1_SHA256WITHRSA, true, MessageDigest::sha256()),
        (OID_PKCS1_SHA384WITHRSA, true, MessageDigest::sha384()),
        (OID_PKCS1_SHA512WITHRSA, true, MessageDigest::sha512()),
    ];
    let is_rsa = key.kind() == KeyKind::Rsa;
    let digest = fitting.iter().find(|(oid, rsa, _)| oid == algorithm && *rsa == is_rsa);
    let Some((_, _, digest)) = digest else { return Ok(false) };
    let public = PKey::public_key_from_der(key.spki())?;
    Verifier::new(*digest, &public)?.verify_oneshot(signature, message)
}

#[cfg(test)]
mod tests;
