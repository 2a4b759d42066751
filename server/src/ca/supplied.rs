//! Identities made elsewhere: a key and its certificate, held against the same rules as ours before
//! anything is written down or a device is touched.
//!
//! Where they come from is not looked at here.

use jiff::Timestamp;
use openssl::ec::EcKey;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{KeyUsage, ParsedExtension};
use x509_parser::oid_registry;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;
use zeroize::Zeroizing;

use super::draft::LARGEST;
use super::key::hex;
use super::{Authority, Flaw, PublicKey, name, proof, validity};
use crate::pem;
use crate::ra::Planned;

/// Longest chain a device takes, its own certificate included (injection 6.4).
const LONGEST_CHAIN: usize = 5;

/// An identity made elsewhere, checked. No `Debug`: it holds a private key.
pub struct Supplied {
    /// The device certificate, DER.
    pub certificate: Vec<u8>,
    /// The CA certificates above it that a device is given, issuer first.
    pub chain: Vec<Vec<u8>>,
    /// The private key, SEC 1 DER.
    pub key: Zeroizing<Vec<u8>>,
    /// SHA-256 of the public key, as [`PublicKey::hash`].
    pub public_key_hash: String,
    /// The certificate in words, for the ledger.
    pub planned: Planned,
}

/// Why an identity made elsewhere is not given to a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuppliedError {
    /// Not a private key without a password.
    #[error("the key is not a private key without a password, in PEM or DER: its file {0}")]
    Key(String),
    /// The key or the certificate's is on another curve.
    #[error("{0} is not on P-256; devices take P-256 only")]
    Curve(&'static str),
    /// Not a certificate, or not one of version 3.
    #[error(
        "the certificate is not an X.509 certificate of version 3, in PEM or DER: its file {0}"
    )]
    Certificate(String),
    /// Two halves of different pairs.
    #[error("key and certificate do not belong together; two units' files may be swapped")]
    Pair,
    /// Made for another unit.
    #[error("the certificate is for `{got}`, not for this unit: its CN has to be `{wanted}`")]
    CommonName {
        /// Its common names.
        got: String,
        /// The unit's endpoint name.
        wanted: String,
    },
    /// Not the account's.
    #[error("the certificate's OU is `{got}`; without a bootstrap server it has to be `{wanted}`")]
    Account {
        /// Its organizational units.
        got: String,
        /// The account id.
        wanted: String,
    },
    /// Nothing leads from it to the station's CA.
    #[error("`{issuer}` signed the certificate, and nothing leads from there to the station's CA")]
    Chain {
        /// Who signed the last certificate that was followed.
        issuer: String,
    },
    /// Not enough certificates for the depth that is asked for, or more than a device takes.
    #[error("the chain has {found} certificates, device-certificate-chain-depth asks for {wanted}")]
    Depth {
        /// How many there are, the device's own included.
        found: usize,
        /// How many are wanted.
        wanted: usize,
    },
    /// Not valid now.
    #[error("the certificate is valid from {from} to {until} only")]
    Dates {
        /// Its start.
        from: String,
        /// Its end.
        until: String,
    },
    /// A verifier would refuse it for what stands above it.
    #[error("the certificate would be refused: {0}")]
    Refused(Flaw),
    /// Something a device refuses, or that no device certificate may say.
    #[error("the certificate {0}")]
    Unfit(String),
}

impl Supplied {
    /// Checks key and certificates, PEM or DER each, for the unit of this endpoint name. The
    /// certificate file may hold intermediates behind the device's own. `account` is the id that OU
    /// has to be, without a bootstrap server. `depth` is how many certificates a device is given,
    /// its own included; none: its own, alone.
    ///
    /// # Errors
    /// [`SuppliedError`], the first rule broken.
    pub fn check(
        (key, certificates): (&[u8], &[u8]),
        endpoint_name: &str,
        account: Option<&str>,
        authority: &Authority,
        depth: Option<u8>,
        now: Timestamp,
    ) -> Result<Self, SuppliedError> {
        let key = read_key(key)?;
        let ders = read_certificates(certificates)?;
        let (first, above) = ders.split_first().ok_or_else(|| unread("is empty"))?;
        let certificate = parsed(first)?;
        let public = public_key(&certificate)?;
        let pair = X509::from_der(first).and_then(|it| it.public_key());
        if !pair.is_ok_and(|it| it.public_eq(&key)) {
            return Err(SuppliedError::Pair);
        }
        check_subject(&certificate, endpoint_name, account)?;
        check_dates(&certificate, now)?;
        check_usage(&certificate)?;
        if first.len() > LARGEST {
            let text = format!("has {} bytes; devices take {LARGEST}", first.len());
            return Err(SuppliedError::Unfit(text));
        }
        let all = chain(first, above, authority, now)?;
        let wanted = depth.map_or(1, usize::from);
        if wanted > all.len() + 1 || wanted > LONGEST_CHAIN {
            return Err(SuppliedError::Depth { found: all.len() + 1, wanted });
        }
        if let Some(flaw) = proof::refusal(first, &all, now) {
            return Err(SuppliedError::Refused(flaw));
        }
        let planned = planned(&certificate, all.first());
        let sent: Vec<_> = all.into_iter().take(wanted.saturating_sub(1)).collect();
        for der in &sent {
            if let Some(problem) = fcc::device::unreadable_certificate(der) {
                let issuer = parsed(der).map(|it| name::words(it.subject()))?;
                let text = format!("has `{issuer}` above it, which {problem}; devices refuse it");
                return Err(SuppliedError::Unfit(text));
            }
        }
        let private = key.ec_key().and_then(|key| key.private_key_to_der());
        let key = Zeroizing::new(private.map_err(|_| SuppliedError::Key("cannot be read".into()))?);
        Ok(Self {
            certificate: first.clone(),
            chain: sent,
            key,
            public_key_hash: public.hash(),
            planned,
        })
    }
}

impl Supplied {
    /// The device certificate in a file of certificates, DER; none where there is none.
    pub fn first(bytes: &[u8]) -> Option<Vec<u8>> {
        read_certificates(bytes).ok()?.into_iter().next()
    }
}

/// The certificate as the ledger names it before it is given.
fn planned(certificate: &X509Certificate<'_>, issuer: Option<&Vec<u8>>) -> Planned {
    let (not_before, not_after) = validity::of(certificate);
    let serial = hex(certificate.raw_serial());
    Planned {
        issuer: name::words(certificate.issuer()),
        issuer_hash: hex(&Sha256::digest(certificate.issuer().as_raw())),
        issuer_key: issuer.and_then(|issuer| issuer_key(issuer)),
        certificate_serial: serial.trim_start_matches('0').to_owned(),
        subject: name::words(certificate.subject()),
        not_before,
        not_after,
        profile: "supplied".to_owned(),
    }
}

fn issuer_key(issuer: &[u8]) -> Option<String> {
    Some(hex(&Sha256::digest(parsed(issuer).ok()?.public_key().raw)))
}

fn read_key(bytes: &[u8]) -> Result<PKey<Private>, SuppliedError> {
    let key = match PKey::private_key_from_der(bytes) {
        Ok(key) => key,
        Err(_) => pem::key(bytes).map_err(|error| SuppliedError::Key(error.to_string()))?,
    };
    let ec: EcKey<Private> = key.ec_key().map_err(|_| SuppliedError::Curve("the key"))?;
    let named = ec.group().curve_name() == Some(openssl::nid::Nid::X9_62_PRIME256V1);
    if !named || ec.check_key().is_err() {
        return Err(SuppliedError::Curve("the key"));
    }
    Ok(key)
}

/// The file is the station's own, and may hold the key as well: nobody is given its text.
fn read_certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SuppliedError> {
    let read = pem::der_or_pem(bytes, pem::beside_a_key);
    read.map_err(|error| SuppliedError::Certificate(error.to_string()))
}

fn unread(problem: &str) -> SuppliedError {
    SuppliedError::Certificate(problem.to_owned())
}

fn parsed(der: &[u8]) -> Result<X509Certificate<'_>, SuppliedError> {
    match X509Certificate::from_der(der) {
        Ok((rest, it)) if rest.is_empty() && it.version() == X509Version::V3 => Ok(it),
        _ => Err(unread("cannot be parsed")),
    }
}

fn public_key(certificate: &X509Certificate<'_>) -> Result<PublicKey, SuppliedError> {
    let spki = certificate.public_key();
    let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let key = PublicKey::from_point(&spki.subject_public_key.data);
    match key {
        Ok(key) if curve == Some(oid_registry::OID_EC_P256) => Ok(key),
        _ => Err(SuppliedError::Curve("the certificate's key")),
    }
}

/// CN and, without a bootstrap server, OU, as the device compares them (injection 10, 11 and 12).
fn check_subject(
    certificate: &X509Certificate<'_>,
    endpoint_name: &str,
    account: Option<&str>,
) -> Result<(), SuppliedError> {
    let subject = certificate.subject();
    let names: Vec<_> = subject.iter_common_name().map(|it| it.as_str().unwrap_or("?")).collect();
    if names != [endpoint_name] {
        let (got, wanted) = (names.join(", "), endpoint_name.to_owned());
        return Err(SuppliedError::CommonName { got, wanted });
    }
    let Some(account) = account else { return Ok(()) };
    let units = subject.iter_organizational_unit();
    let units: Vec<_> = units.map(|it| it.as_str().unwrap_or("?")).collect();
    if units != [account] {
        let (got, wanted) = (units.join(", "), account.to_owned());
        return Err(SuppliedError::Account { got, wanted });
    }
    Ok(())
}

fn check_dates(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<(), SuppliedError> {
    let (from, until) = validity::of(certificate);
    if now < from || now > until {
        let (from, until) = (from.to_string(), until.to_string());
        return Err(SuppliedError::Dates { from, until });
    }
    Ok(())
}

/// What a device refuses when it stores the certificate (injection 6.3) or verifies it (10), and
/// what our own never say.
fn check_usage(certificate: &X509Certificate<'_>) -> Result<(), SuppliedError> {
    let unfit = |text: &str| Err(SuppliedError::Unfit(text.to_owned()));
    if certificate.signature_algorithm.algorithm != oid_registry::OID_SIG_ECDSA_WITH_SHA256 {
        return unfit("is not signed with ecdsa-with-SHA256");
    }
    if certificate.subject().as_raw() == certificate.issuer().as_raw() {
        return unfit("is self-signed");
    }
    if certificate.is_ca() {
        return unfit("is a CA's");
    }
    let known = [
        oid_registry::OID_X509_EXT_KEY_USAGE,
        oid_registry::OID_X509_EXT_EXTENDED_KEY_USAGE,
        oid_registry::OID_X509_EXT_BASIC_CONSTRAINTS,
        oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME,
    ];
    for extension in certificate.iter_extensions() {
        match extension.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(usage) if !usage.client_auth && !usage.any => {
                return unfit("has an extended key usage without client authentication");
            }
            ParsedExtension::KeyUsage(usage) if !KeyUsage::digital_signature(usage) => {
                return unfit("has a key usage without digital signature");
            }
            _ if extension.critical && !known.contains(&extension.oid) => {
                let text = format!("has the critical extension {}", extension.oid);
                return Err(SuppliedError::Unfit(text));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The certificates above `first`, from its issuer to a certificate of the station's CA and what
/// stands above that.
fn chain(
    first: &[u8],
    above: &[Vec<u8>],
    authority: &Authority,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, SuppliedError> {
    let mut chain: Vec<Vec<u8>> = Vec::new();
    let mut below = first.to_vec();
    loop {
        let ours = authority.chain();
        if let Some(place) = ours.iter().position(|ca| is_signed_by(&below, ca)) {
            chain.extend(ours.iter().skip(place).cloned());
            return Ok(chain);
        }
        let next = above.iter().find(|ca| !chain.contains(ca) && is_signed_by(&below, ca));
        let Some(next) = next else {
            let issuer = parsed(&below).map(|it| name::words(it.issuer()))?;
            return Err(SuppliedError::Chain { issuer });
        };
        check_intermediate(next, now)?;
        chain.push(next.clone());
        below.clone_from(next);
    }
}

fn check_intermediate(der: &[u8], now: Timestamp) -> Result<(), SuppliedError> {
    let certificate = parsed(der)?;
    public_key(&certificate)?;
    check_dates(&certificate, now)?;
    let signs = certificate.key_usage().ok().flatten();
    if !certificate.is_ca() || signs.is_some_and(|usage| !usage.value.key_cert_sign()) {
        let text = format!(
            "is signed by `{}`, which is not a CA that may sign",
            name::words(certificate.subject())
        );
        return Err(SuppliedError::Unfit(text));
    }
    Ok(())
}

/// By name and by signature.
fn is_signed_by(certificate: &[u8], issuer: &[u8]) -> bool {
    let verified = || {
        let (certificate, issuer) = (X509::from_der(certificate)?, X509::from_der(issuer)?);
        let named = certificate.issuer_name().try_cmp(issuer.subject_name())?.is_eq();
        Ok::<_, openssl::error::ErrorStack>(named && certificate.verify(&*issuer.public_key()?)?)
    };
    verified().unwrap_or(false)
}
