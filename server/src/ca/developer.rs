//! Certificates of development units: each signs itself, is a CA for nobody, and carries a mark
//! (injection 14.6). The factory CA has no part in them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509Extension, X509Name};
use sha2::{Digest, Sha256};

use super::key::hex;
use super::{CertificateSerial, DeviceKey, KeyError, SubjectFields, Supplied, name};
use crate::ra::{DEVELOPER_PROFILE, Planned};

/// The extension that marks developer mode; the factory client does not read it.
const MARK: &str = "1.3.6.1.4.1.4128.201";
/// A device whose clock is behind must not find its certificate not yet valid.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What certificates of development units look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeveloperProfile {
    subject: SubjectFields,
    mark: Vec<u8>,
}

impl DeveloperProfile {
    /// Certificates of this account: its id is their OU, whatever the fields say. `mark` is the
    /// content of the marking extension, DER.
    pub fn new(fields: SubjectFields, account: &str, mark: Vec<u8>) -> Self {
        let organizational_unit = Some(account.to_owned());
        Self { subject: SubjectFields { organizational_unit, ..fields }, mark }
    }

    /// Makes a key and the certificate that it signs itself, for ten years.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make(&self, endpoint_name: &str, now: Timestamp) -> Result<Supplied, KeyError> {
        let key = DeviceKey::generate()?;
        let sec1 = key.to_sec1()?;
        let (from, until) = validity(now);
        let serial = CertificateSerial::random()?;
        let certificate = self.certificate(endpoint_name, &sec1, &serial, (from, until))?;
        let subject = name::subject(&self.subject, endpoint_name);
        let words = name::subject_words(&self.subject, endpoint_name);
        Ok(Supplied {
            certificate: certificate.to_der()?,
            chain: Vec::new(),
            key: sec1,
            public_key_hash: key.public().hash(),
            planned: Planned {
                issuer: words.clone(),
                issuer_hash: hex(&Sha256::digest(&subject)),
                issuer_key: Some(key.public().hash()),
                certificate_serial: serial.to_string(),
                subject: words,
                not_before: from,
                not_after: until,
                profile: DEVELOPER_PROFILE.to_owned(),
            },
        })
    }

    fn certificate(
        &self,
        endpoint_name: &str,
        key: &[u8],
        serial: &CertificateSerial,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<X509, ErrorStack> {
        let key = PKey::private_key_from_der(key)?;
        let subject = X509Name::from_der(&name::subject(&self.subject, endpoint_name))?;
        let serial = BigNum::from_hex_str(&serial.to_string())?;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
        builder.set_subject_name(&subject)?;
        builder.set_issuer_name(&subject)?;
        builder.set_not_before(&*Asn1Time::from_unix(from.as_second())?)?;
        builder.set_not_after(&*Asn1Time::from_unix(until.as_second())?)?;
        builder.set_pubkey(&key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        let content = Asn1OctetString::new_from_bytes(&self.mark)?;
        let mark = Asn1Object::from_str(MARK)?;
        builder.append_extension(X509Extension::new_from_der(&mark, false, &content)?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(builder.build())
    }
}

/// Ten years from now, in whole seconds.
fn validity(now: Timestamp) -> (Timestamp, Timestamp) {
    let later = now.to_zoned(TimeZone::UTC).checked_add(10.years());
    let until = later.map_or(Timestamp::MAX, |end| end.timestamp());
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    (whole(now.checked_sub(MARGIN).unwrap_or(now)), whole(until))
}
