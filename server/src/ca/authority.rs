//! The factory CA: its certificates, its key, and everything checked about them at start.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use openssl::ec::EcKey;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry;
use x509_parser::prelude::FromDer;

use super::key::hex;
use super::{
    AuthorityFault, AuthorityWarning, FileSigner, Profile, Signer, der, name, pem, validity,
};

/// Longest chain a device takes, its own certificate included (injection protocol, section 6.4).
const LONGEST_CHAIN: usize = 5;
/// 3,652 days: below this a device warns.
const TEN_YEARS: SignedDuration = SignedDuration::from_secs(315_360_000);

const AUTHORITY_KEY_IDENTIFIER: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x23];
const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x13];
const KEY_USAGE: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x25];
/// CA:FALSE is the default and so an empty SEQUENCE.
const NOT_A_CA: [u8; 2] = [0x30, 0x00];
/// digitalSignature (bit 0) and keyAgreement (bit 4).
const SIGN_AND_AGREE: [u8; 4] = [0x03, 0x02, 0x03, 0x88];
/// id-kp-clientAuth, in its SEQUENCE.
const CLIENT_AUTH: [u8; 12] =
    [0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// Where the CA is.
#[derive(Debug, Clone)]
pub struct AuthorityFiles {
    /// PEM, the issuing CA and, for a chain, those above it.
    pub certificate: PathBuf,
    /// PEM, the issuing CA's private key.
    pub key: PathBuf,
    /// Certificates a device is given, its own included; required when the file holds a chain.
    pub chain_depth: Option<u8>,
}

/// The factory CA, checked and ready to sign.
pub struct Authority {
    signer: Box<dyn Signer>,
    chain: Vec<Vec<u8>>,
    subject_der: Vec<u8>,
    subject_words: String,
    subject_hash: String,
    device_extensions: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    sent: usize,
}

impl Authority {
    /// Reads and checks the CA's files.
    ///
    /// # Errors
    /// Every [`AuthorityFault`] found, not only the first.
    pub fn open(
        files: &AuthorityFiles,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<(Self, Vec<AuthorityWarning>), Vec<AuthorityFault>> {
        let mut checks = Checks { now, faults: Vec::new(), warnings: Vec::new() };
        let certificates = checks.certificates(&files.certificate);
        let key = checks.key(&files.key);
        let (Some(certificates), Some(key)) = (certificates, key) else {
            return Err(checks.faults);
        };
        let Some(chain) = checks.chain(certificates, &key, files) else {
            return Err(checks.faults);
        };
        let sent = checks.depth(chain.len(), files.chain_depth);
        Self::checked(checks, chain, key, sent, profile)
    }

    /// The same for a self-signed CA that is in no file; devices are given no chain.
    ///
    /// # Errors
    /// Every [`AuthorityFault`] found.
    pub fn of(
        certificate: X509,
        key: PKey<Private>,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<(Self, Vec<AuthorityWarning>), Vec<AuthorityFault>> {
        let checks = Checks { now, faults: Vec::new(), warnings: Vec::new() };
        Self::checked(checks, vec![certificate], key, 0, profile)
    }

    fn checked(
        mut checks: Checks,
        chain: Vec<X509>,
        key: PKey<Private>,
        sent: usize,
        profile: &Profile,
    ) -> Result<(Self, Vec<AuthorityWarning>), Vec<AuthorityFault>> {
        for (place, certificate) in chain.iter().enumerate() {
            checks.certificate(certificate, place < sent, place == 0);
        }
        let Some(authority) = checks.authority(chain, key, sent) else {
            return Err(checks.faults);
        };
        checks.validity(&authority, profile);
        if checks.faults.is_empty() { Ok((authority, checks.warnings)) } else { Err(checks.faults) }
    }

    /// The CA's subject, DER, byte for byte.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The CA's subject in words.
    pub fn subject_words(&self) -> &str {
        &self.subject_words
    }

    /// SHA-256 of the CA's subject DER, 64 hexadecimal digits: names the issuer in claims.
    pub fn subject_hash(&self) -> &str {
        &self.subject_hash
    }

    /// Start of the CA's validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of the CA's validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The CA certificates a device is given behind its own, issuer first; empty when the device
    /// gets a single certificate.
    pub fn sent_chain(&self) -> &[Vec<u8>] {
        self.chain.get(..self.sent).unwrap_or_default()
    }

    /// Whether devices get a chain, be it of one.
    pub fn sends_chain(&self) -> bool {
        self.sent > 0
    }

    /// Every CA certificate in the file, issuer first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The key in use.
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// The extensions every device certificate has beside its SKI, DER, one after another.
    pub(super) fn device_extensions(&self) -> &[u8] {
        &self.device_extensions
    }
}

struct Checks {
    now: Timestamp,
    faults: Vec<AuthorityFault>,
    warnings: Vec<AuthorityWarning>,
}

impl Checks {
    fn certificates(&mut self, path: &Path) -> Option<Vec<X509>> {
        let read = pem::certificates(path).map_err(|error| error.to_string()).and_then(|ders| {
            let parsed: Result<Vec<_>, _> = ders.iter().map(|der| X509::from_der(der)).collect();
            parsed.map_err(|error| error.to_string())
        });
        read.map_err(|problem| {
            let path = path.display().to_string();
            self.faults.push(AuthorityFault::CertificateFile { path, problem });
        })
        .ok()
    }

    fn key(&mut self, path: &Path) -> Option<PKey<Private>> {
        let shown = path.display().to_string();
        let pem = match pem::read(path) {
            Ok(pem) => zeroize::Zeroizing::new(pem),
            Err(error) => {
                let problem = error.to_string();
                self.faults.push(AuthorityFault::KeyFile { path: shown, problem });
                return None;
            }
        };
        let text = String::from_utf8_lossy(&pem);
        if text.contains("ENCRYPTED") {
            self.faults.push(AuthorityFault::KeyEncrypted { path: shown });
            return None;
        }
        // The callback keeps OpenSSL from asking a terminal for a password.
        let key = PKey::private_key_from_pem_callback(&pem, |_| Ok(0));
        key.map_err(|_| {
            let problem = "holds no private key in PEM form".to_owned();
            self.faults.push(AuthorityFault::KeyFile { path: shown, problem });
        })
        .ok()
    }

    /// The chain in order: the certificate the key belongs to, then each one's signer.
    fn chain(
        &mut self,
        mut rest: Vec<X509>,
        key: &PKey<Private>,
        files: &AuthorityFiles,
    ) -> Option<Vec<X509>> {
        let is_ours =
            |certificate: &X509| certificate.public_key().is_ok_and(|public| public.public_eq(key));
        let Some(place) = rest.iter().position(is_ours) else {
            self.faults.push(AuthorityFault::KeyOfAnother {
                path: files.key.display().to_string(),
                certificates: files.certificate.display().to_string(),
            });
            return None;
        };
        let mut chain = vec![rest.remove(place)];
        while let Some(place) = rest.iter().position(|above| signed_by(chain.last(), above)) {
            chain.push(rest.remove(place));
        }
        for stray in &rest {
            self.faults.push(AuthorityFault::Stray { subject: subject_of(stray) });
        }
        Some(chain)
    }

    /// How many CA certificates a device is given.
    fn depth(&mut self, certificates: usize, depth: Option<u8>) -> usize {
        let problem = match depth {
            None if certificates == 1 => return 0,
            None => format!(
                "the CA certificate file holds a chain of {certificates}; say in fcu.yml how many \
                 certificates a device is given, its own included: device-certificate-chain-depth"
            ),
            Some(0) => "device-certificate-chain-depth counts the device's own certificate: it is \
                        at least 1"
                .to_owned(),
            Some(depth) if usize::from(depth) > LONGEST_CHAIN => format!(
                "device-certificate-chain-depth is {depth}; devices take {LONGEST_CHAIN} at most"
            ),
            Some(depth) if usize::from(depth) > certificates + 1 => format!(
                "device-certificate-chain-depth is {depth}, but the CA certificate file holds {} \
                 for it",
                certificates
            ),
            Some(depth) => return usize::from(depth) - 1,
        };
        self.faults.push(AuthorityFault::Depth(problem));
        0
    }

    fn certificate(&mut self, certificate: &X509, is_sent: bool, is_issuer: bool) {
        let Ok(der) = certificate.to_der() else {
            return;
        };
        let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
            let problem = "holds a certificate that cannot be parsed".to_owned();
            let path = subject_of(certificate);
            self.faults.push(AuthorityFault::CertificateFile { path, problem });
            return;
        };
        let subject = name::words(parsed.subject());
        if !on_p256(certificate) {
            self.faults.push(AuthorityFault::NotP256 { subject: subject.clone() });
        }
        let algorithm = &parsed.signature_algorithm.algorithm;
        if is_sent && *algorithm != oid_registry::OID_SIG_ECDSA_WITH_SHA256 {
            self.faults.push(AuthorityFault::NotSha256 { subject: subject.clone() });
        }
        if !parsed.is_ca() {
            self.faults.push(AuthorityFault::NotACa { subject: subject.clone() });
        }
        if let Ok(Some(usage)) = parsed.key_usage() {
            if !usage.value.key_cert_sign() {
                self.faults.push(AuthorityFault::MayNotSign { subject: subject.clone() });
            }
            let missing: Vec<&str> = [
                (usage.value.digital_signature(), "digitalSignature"),
                (usage.value.crl_sign(), "cRLSign"),
            ]
            .into_iter()
            .filter_map(|(there, word)| (!there).then_some(word))
            .collect();
            if is_issuer && !missing.is_empty() {
                let missing = missing.join(", ");
                let subject = subject.clone();
                self.warnings.push(AuthorityWarning::KeyUsage { subject, missing });
            }
        }
        let (from, until) = validity::of(&parsed);
        if self.now < from {
            let from = from.to_string();
            self.faults.push(AuthorityFault::NotYet { subject: subject.clone(), from });
        }
        if self.now > until {
            let until = until.to_string();
            self.faults.push(AuthorityFault::Expired { subject, until });
        } else if until.duration_since(self.now) < TEN_YEARS && (is_sent || is_issuer) {
            let until = until.to_string();
            self.warnings.push(AuthorityWarning::UnderTenYears { subject, until });
        }
    }

    fn authority(
        &mut self,
        chain: Vec<X509>,
        key: PKey<Private>,
        sent: usize,
    ) -> Option<Authority> {
        let ders: Vec<Vec<u8>> = chain.iter().filter_map(|c| c.to_der().ok()).collect();
        let (_, issuer) = X509Certificate::from_der(ders.first()?).ok()?;
        let identifier = issuer.iter_extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
            _ => None,
        });
        let subject_words = name::words(issuer.subject());
        if identifier.is_none() {
            let subject = subject_words.clone();
            self.warnings.push(AuthorityWarning::NoKeyIdentifier { subject });
        }
        let (not_before, not_after) = validity::of(&issuer);
        let subject_der = issuer.subject().as_raw().to_vec();
        let key: EcKey<Private> = match key.ec_key() {
            Ok(key) => key,
            // Not an EC key: `certificate` has said so.
            Err(_) => return None,
        };
        Some(Authority {
            signer: Box::new(FileSigner::new(key)),
            subject_hash: hex(&Sha256::digest(&subject_der)),
            subject_der,
            subject_words,
            device_extensions: device_extensions(identifier.as_deref()),
            not_before,
            not_after,
            chain: ders,
            sent,
        })
    }

    fn validity(&mut self, authority: &Authority, profile: &Profile) {
        let (_, until) =
            profile.validity_at(self.now, authority.not_before(), authority.not_after());
        if until.duration_since(self.now) < TEN_YEARS {
            let until = until.to_string();
            self.warnings.push(AuthorityWarning::DevicesUnderTenYears { until });
        }
        if until > authority.not_after() {
            let ca = authority.not_after().to_string();
            let until = until.to_string();
            self.warnings.push(AuthorityWarning::OutlivesCa { until, ca });
        }
    }
}

/// AKI (the CA's own SKI, copied), basicConstraints, keyUsage, extendedKeyUsage.
fn device_extensions(ca_identifier: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(identifier) = ca_identifier {
        // AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING }
        let value = der::wrapped(der::SEQUENCE, &der::wrapped(0x80, identifier));
        der::extension(&mut out, &AUTHORITY_KEY_IDENTIFIER, false, &value);
    }
    der::extension(&mut out, &BASIC_CONSTRAINTS, true, &NOT_A_CA);
    der::extension(&mut out, &KEY_USAGE, true, &SIGN_AND_AGREE);
    der::extension(&mut out, &EXTENDED_KEY_USAGE, false, &CLIENT_AUTH);
    out
}

fn signed_by(below: Option<&X509>, above: &X509) -> bool {
    let Some(below) = below else { return false };
    above.public_key().is_ok_and(|key| below.verify(&key).unwrap_or(false))
}

fn on_p256(certificate: &X509) -> bool {
    certificate.public_key().is_ok_and(|key| {
        key.id() == Id::EC
            && key.ec_key().is_ok_and(|ec| ec.group().curve_name() == Some(Nid::X9_62_PRIME256V1))
    })
}

fn subject_of(certificate: &X509) -> String {
    let der = certificate.to_der().unwrap_or_default();
    X509Certificate::from_der(&der)
        .map_or_else(|_| hex(&der), |(_, parsed)| name::words(parsed.subject()))
}

#[cfg(test)]
mod tests;
