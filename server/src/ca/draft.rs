//! A certificate with the key left blank, and its signature.
//!
//! Everything that can be wrong with a certificate is settled in the draft, before anything is
//! written down or a device is touched; signing adds a key and nothing else.

mod sample;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::error::ErrorStack;

use super::key::hex;
use super::{Authority, Csr, Form, Profile, PublicKey, SignerError, der, name};
use crate::ra::Planned;

/// Largest device certificate the runtime client takes by default, in bytes (certificate profile,
/// section 1).
pub const LARGEST: usize = 1024;

/// Version 3, explicitly tagged.
const VERSION_3: [u8; 5] = [0xa0, 0x03, 0x02, 0x01, 0x02];
/// `[3]` EXPLICIT, which holds the extensions.
const EXTENSIONS: u8 = 0xa3;
const SUBJECT_KEY_IDENTIFIER: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x0e];

/// A certificate serial: a positive integer of 16 octets. Random and never derived from the unit,
/// except where the wire fixes it.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateSerial([u8; 16]);

impl CertificateSerial {
    /// Draws a serial (RFC 5280 4.1.2.2 asks for uniqueness; 128 random bits give it).
    ///
    /// # Errors
    /// OpenSSL's, when it has no randomness.
    pub fn random() -> Result<Self, ErrorStack> {
        let mut bytes = [0; 16];
        while bytes.iter().all(|byte| *byte == 0) {
            openssl::rand::rand_bytes(&mut bytes)?;
        }
        Ok(Self(bytes))
    }

    /// The serial that a UUID is; `None` for the nil UUID, since serials are positive.
    pub fn of_uuid(uuid: [u8; 16]) -> Option<Self> {
        uuid.iter().any(|byte| *byte != 0).then_some(Self(uuid))
    }
}

impl fmt::Display for CertificateSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        f.write_str(digits.trim_start_matches('0'))
    }
}

impl fmt::Debug for CertificateSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSerial({self})")
    }
}

/// Why no draft can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Longer than [`LARGEST`] whatever the key.
    #[error(
        "the device certificate would have about {bytes} bytes, devices take {LARGEST}; shorten \
         the subject in fcu.yml's device-certificate"
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
    /// A certificate's subject must differ from its issuer, or devices warn that it is
    /// self-signed.
    #[error("the device's subject `{subject}` is the CA's own")]
    SubjectIsIssuer {
        /// The subject in words.
        subject: String,
    },
    /// A device has the CA's own key, or says so.
    #[error("the public key is the CA's own")]
    KeyOfCa,
    /// The CA is not valid now.
    #[error("the CA certificate is valid from {from} to {until}; the station's clock says {now}")]
    OutsideCa {
        /// Its start.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
        /// The station's clock.
        now: Timestamp,
    },
    /// No randomness.
    #[error("OpenSSL has no randomness: {0}")]
    Random(String),
}

/// A certificate with the key left blank.
#[derive(Clone)]
pub struct Draft {
    authority: Arc<Authority>,
    profile: Arc<Profile>,
    serial: CertificateSerial,
    common_name: String,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
    /// TBSCertificate's content up to the key (RFC 5280 4.1.2).
    head: Vec<u8>,
    /// Where in it the serial ends.
    serial_end: usize,
}

/// Bytes of a SubjectPublicKeyInfo and of the SKI extension, which come with the key.
const KEY_PARTS: usize = 91 + 31;
/// What surrounds TBSCertificate's content: lengths, the algorithm, the longest P-256 signature.
const SURROUNDINGS: usize = 4 + 4 + 4 + 4 + 12 + 3 + 72;

impl Draft {
    /// Drafts a certificate for the device named `common_name`.
    ///
    /// # Errors
    /// [`DraftError`], the first thing that would make a device or a verifier refuse it.
    pub fn new(
        authority: Arc<Authority>,
        profile: Arc<Profile>,
        common_name: &str,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        let subject = Subject {
            der: name::subject(&profile.subject, common_name),
            words: name::subject_words(&profile.subject, common_name),
            common_name: common_name.to_owned(),
        };
        let serial = random_serial()?;
        let draft = Self::of(authority, profile, subject, serial, now)?;
        let extensions = draft.authority.device_extensions().len();
        let bytes = draft.head.len() + KEY_PARTS + extensions + SURROUNDINGS;
        if bytes > LARGEST {
            return Err(DraftError::TooLarge { bytes });
        }
        Ok(draft)
    }

    /// Drafts the certificate that `csr` asks for, its subject as sent. `common_name` is the one
    /// the unit is known by.
    ///
    /// # Errors
    /// [`DraftError`], the first thing that would make a verifier refuse it.
    pub fn for_csr(
        authority: Arc<Authority>,
        profile: Arc<Profile>,
        csr: &Csr,
        common_name: &str,
        serial: CertificateSerial,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        if authority.is_own_key(csr.key()) {
            return Err(DraftError::KeyOfCa);
        }
        let subject = Subject {
            der: csr.subject_der().to_vec(),
            words: csr.subject_words().to_owned(),
            common_name: common_name.to_owned(),
        };
        Self::of(authority, profile, subject, serial, now)
    }

    fn of(
        authority: Arc<Authority>,
        profile: Arc<Profile>,
        subject: Subject,
        serial: CertificateSerial,
        now: Timestamp,
    ) -> Result<Self, DraftError> {
        let (from, until) = (authority.not_before(), authority.not_after());
        if now < from || now > until {
            return Err(DraftError::OutsideCa { from, until, now });
        }
        if subject.der == authority.subject_der() {
            return Err(DraftError::SubjectIsIssuer { subject: subject.words });
        }
        let (not_before, not_after) = profile.validity_at(now, from, until);
        let mut head = Vec::with_capacity(256 + subject.der.len() + authority.subject_der().len());
        head.extend(VERSION_3);
        der::positive_integer(&mut head, &serial.0);
        let serial_end = head.len();
        head.extend(authority.signer().algorithm().der());
        head.extend(authority.subject_der());
        let mut validity = Vec::with_capacity(34);
        der::time(&mut validity, not_before);
        der::time(&mut validity, not_after);
        der::element(&mut head, der::SEQUENCE, &validity);
        head.extend(&subject.der);
        let Subject { words: subject, common_name, .. } = subject;
        Ok(Self {
            authority,
            profile,
            serial,
            common_name,
            subject,
            not_before,
            not_after,
            head,
            serial_end,
        })
    }

    /// The same draft under a random serial, for a unit whose first serial is used up: no CA may
    /// sign two certificates of one serial (RFC 5280 4.1.2.2).
    ///
    /// # Errors
    /// [`DraftError::Random`].
    pub fn renumbered(mut self) -> Result<Self, DraftError> {
        let serial = random_serial()?;
        let mut head = Vec::with_capacity(self.head.len() + 1);
        head.extend(VERSION_3);
        der::positive_integer(&mut head, &serial.0);
        let serial_end = head.len();
        head.extend(self.head.get(self.serial_end..).unwrap_or_default());
        (self.serial, self.head, self.serial_end) = (serial, head, serial_end);
        Ok(self)
    }

    /// Fills in the key and signs.
    ///
    /// # Errors
    /// [`SignerError`] when the CA key is not to be had.
    pub fn sign(&self, key: &PublicKey) -> Result<Certificate, SignerError> {
        let to_be_signed = self.to_be_signed(key);
        let mut bits = vec![0];
        bits.extend(self.authority.signer().sign(&to_be_signed)?);
        let signature = der::wrapped(der::BIT_STRING, &bits);
        let algorithm = self.authority.signer().algorithm().der();
        let der = der::all(der::SEQUENCE, &[&to_be_signed, algorithm, &signature]);
        Ok(Certificate { der, public_key_hash: key.hash() })
    }

    /// The draft in words, for the ledger.
    pub fn planned(&self) -> Planned {
        Planned {
            issuer: self.authority.subject_words().to_owned(),
            issuer_hash: self.authority.subject_hash().to_owned(),
            issuer_key: Some(self.authority.key_hash().to_owned()),
            certificate_serial: self.serial.to_string(),
            subject: self.subject.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
            profile: self.profile.name.clone(),
        }
    }

    /// The CN, which is the endpoint name.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// TBSCertificate: the head, the key, the extensions.
    fn to_be_signed(&self, key: &PublicKey) -> Vec<u8> {
        let mut extensions = Vec::with_capacity(160);
        let identifier = der::wrapped(der::OCTET_STRING, &key.identifier());
        let own = |out: &mut Vec<u8>| {
            der::extension(out, &SUBJECT_KEY_IDENTIFIER, false, &identifier);
        };
        match self.profile.form {
            Form::Gateway => {
                own(&mut extensions);
                extensions.extend(self.authority.device_extensions());
            }
            Form::Registered => {
                extensions.extend(self.authority.device_extensions());
                own(&mut extensions);
            }
        }
        let extensions = der::wrapped(EXTENSIONS, &der::wrapped(der::SEQUENCE, &extensions));
        der::all(der::SEQUENCE, &[&self.head, key.spki(), &extensions])
    }

    /// The CA that will sign.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }
}

/// Whom a certificate is for, in the forms that are needed.
struct Subject {
    der: Vec<u8>,
    words: String,
    common_name: String,
}

fn random_serial() -> Result<CertificateSerial, DraftError> {
    CertificateSerial::random().map_err(|error| DraftError::Random(error.to_string()))
}

/// A signed device certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo, 64 lower-case hexadecimal digits.
    pub public_key_hash: String,
}

#[cfg(test)]
mod tests;
