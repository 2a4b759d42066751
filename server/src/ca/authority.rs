//! The factory CA: its certificates, its key, and everything checked about them at start.

mod judged;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

pub(super) use judged::subject_of;

use super::key::hex;
use super::{
    AuthorityFault, AuthorityWarning, FileSigner, Form, Profile, PublicKey, Signer, extensions,
    name, validity,
};
use crate::pem::{self, PemError};

/// Longest chain a device takes, its own certificate included (injection protocol, section 6.4).
const LONGEST_CHAIN: usize = 5;
/// 3,652 days: below this a device warns.
const TEN_YEARS: SignedDuration = SignedDuration::from_secs(315_360_000);

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
    key_hash: String,
    device_extensions: Vec<u8>,
    keys: Vec<Vec<u8>>,
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
        let form = profile.form;
        let mut checks = Checks { now, form, faults: Vec::new(), warnings: Vec::new() };
        let certificates = checks.certificates(&files.certificate);
        let key = checks.key(&files.key);
        let (Some(certificates), Some(key)) = (certificates, key) else {
            return Err(checks.faults);
        };
        let Some(chain) = checks.chain(certificates, &key, files) else {
            return Err(checks.faults);
        };
        let sent = match form {
            Form::Gateway => checks.depth(chain.len(), files.chain_depth),
            Form::Registered => 0,
        };
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
        let form = profile.form;
        let checks = Checks { now, form, faults: Vec::new(), warnings: Vec::new() };
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
        if checks.form == Form::Gateway {
            checks.validity(&authority, profile);
        }
        if checks.faults.is_empty() { Ok((authority, checks.warnings)) } else { Err(checks.faults) }
    }

    /// The CA's subject, DER, byte for byte.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The first OU of the CA's subject, where it has one.
    pub fn organizational_unit(&self) -> Option<String> {
        let (_, subject) = x509_parser::x509::X509Name::from_der(&self.subject_der).ok()?;
        let mut units = subject.iter_organizational_unit();
        units.next()?.as_str().ok().map(str::to_owned)
    }

    /// The CA's subject in words.
    pub fn subject_words(&self) -> &str {
        &self.subject_words
    }

    /// SHA-256 of the CA's subject DER, 64 hexadecimal digits: names the issuer in claims.
    pub fn subject_hash(&self) -> &str {
        &self.subject_hash
    }

    /// SHA-256 of the issuing CA's SubjectPublicKeyInfo, 64 hexadecimal digits. CAs of one name
    /// and two keys are two CAs.
    pub fn key_hash(&self) -> &str {
        &self.key_hash
    }

    /// Whether this CA issued a certificate: by its name, and by its key.
    pub fn issued(&self, der: &[u8]) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(der) else { return false };
        let Some(Ok(own)) = self.chain.first().map(|own| X509::from_der(own)) else { return false };
        let signed = || signed_by(X509::from_der(der).ok().as_ref(), &own);
        parsed.issuer().as_raw() == self.subject_der && signed()
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

    /// Whether a key is the CA's own, or that of a CA above it: no device may have one.
    pub fn is_own_key(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|own| own == key.spki())
    }

    /// The extensions every device certificate has beside its SKI, DER, one after another.
    pub(super) fn device_extensions(&self) -> &[u8] {
        &self.device_extensions
    }
}

struct Checks {
    now: Timestamp,
    form: Form,
    faults: Vec<AuthorityFault>,
    warnings: Vec<AuthorityWarning>,
}

impl Checks {
    fn certificates(&mut self, path: &Path) -> Option<Vec<X509>> {
        let read = pem::read_certificates(path).map_err(|error| error.to_string());
        let read = read.and_then(|ders| {
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
        let read = pem::read(path).and_then(|text| pem::key(&text));
        read.map_err(|error| {
            let path = path.display().to_string();
            self.faults.push(match error {
                PemError::Encrypted { .. } => AuthorityFault::KeyEncrypted { path },
                other => AuthorityFault::KeyFile { path, problem: other.to_string() },
            });
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
        // Of two certificates of one CA the one that is valid is meant.
        rest.sort_by_key(|certificate| !is_valid(certificate, self.now));
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
        // Nothing stands above a root, not even itself under another's signature.
        while let Some(top) = chain.last().filter(|top| !signed_by(Some(top), top))
            && let Some(place) = rest.iter().position(|above| signed_by(Some(top), above))
        {
            chain.push(rest.remove(place));
        }
        // The same CA, signed by somebody else as well, and whoever did: another way up, which is
        // neither sent nor wrong.
        let mut beside = chain.clone();
        while let Some(place) = rest.iter().position(|one| stands_beside(one, &beside)) {
            beside.push(rest.remove(place));
        }
        for stray in &rest {
            self.faults.push(AuthorityFault::Stray { subject: subject_of(stray) });
        }
        Some(chain)
    }

    /// How many CA certificates a device is given.
    fn depth(&mut self, certificates: usize, depth: Option<u8>) -> usize {
        let most = (certificates + 1).min(LONGEST_CHAIN);
        let problem = match depth {
            None if certificates == 1 => return 0,
            None => format!("is missing, and the CA's file holds a chain of {certificates}"),
            Some(depth) if (1..=most).contains(&usize::from(depth)) => {
                return usize::from(depth) - 1;
            }
            Some(depth) => format!(
                "is {depth}, and a device can be given {most} certificates at most: its own and \
                 the {} in the CA's file",
                most - 1
            ),
        };
        let fix = format!("give {most} for all of them, or fewer; the device's own counts as well");
        self.faults.push(AuthorityFault::Depth { problem, fix });
        0
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
        let keys = chain.iter().filter_map(|c| c.public_key().ok()?.public_key_to_der().ok());
        let keys: Vec<Vec<u8>> = keys.collect();
        let key_hash = hex(&Sha256::digest(keys.first()?));
        // Neither an EC nor an RSA key: `certificate` has said so.
        let signer = FileSigner::new(key)?;
        Some(Authority {
            signer: Box::new(signer),
            keys,
            key_hash,
            subject_hash: hex(&Sha256::digest(&subject_der)),
            subject_der,
            subject_words,
            device_extensions: match self.form {
                Form::Gateway => extensions::gateway(identifier.as_deref()),
                Form::Registered => extensions::registered(identifier.as_deref()),
            },
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
            let until = validity::shown(until);
            self.warnings.push(AuthorityWarning::DevicesUnderTenYears { until });
        }
        if until > authority.not_after() {
            let ca = validity::shown(authority.not_after());
            let until = validity::shown(until);
            self.warnings.push(AuthorityWarning::OutlivesCa { until, ca });
        }
    }
}

/// Whether a certificate is that of a CA among `known`, or signed one of those.
fn stands_beside(one: &X509, known: &[X509]) -> bool {
    let is_one_of_them = |other: &X509| {
        let named = one.subject_name().try_cmp(other.subject_name()).is_ok_and(|it| it.is_eq());
        let keys = (one.public_key(), other.public_key());
        named && matches!(keys, (Ok(one), Ok(other)) if one.public_eq(&other))
    };
    known.iter().any(|other| is_one_of_them(other) || signed_by(Some(other), one))
}

pub(super) fn is_valid(certificate: &X509, now: Timestamp) -> bool {
    let der = certificate.to_der().unwrap_or_default();
    X509Certificate::from_der(&der).is_ok_and(|(_, parsed)| {
        let (from, until) = validity::of(&parsed);
        (from..=until).contains(&now)
    })
}

pub(super) fn signed_by(below: Option<&X509>, above: &X509) -> bool {
    let Some(below) = below else { return false };
    above.public_key().is_ok_and(|key| below.verify(&key).unwrap_or(false))
}

#[cfg(test)]
mod tests;
