//! Identities to inject, made on the spot: CAs, device certificates with single things changed,
//! and whole bundles.

#![expect(
    clippy::unwrap_used,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its own part of the kit"
)]

use fcc::bundle::{Bundle, Certificate, CsrRequest, Key, KeyKind, Param};
use fcc::names;
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509Builder, X509Extension, X509Name, X509NameBuilder, X509Req};

/// The device's time in all tests: 2027-01-01T00:00:00Z.
pub const NOW: i64 = 1_798_761_600;

/// The endpoint name in all tests.
pub const ENDPOINT: &str = "0190e8f2c3d44b6a8f1e2d3c4b5a6978";

pub fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn p256() -> PKey<Private> {
    ec(Nid::X9_62_PRIME256V1)
}

pub fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub fn name(entries: &[(&str, &str)]) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    for (kind, value) in entries {
        builder.append_entry_by_text(kind, value).unwrap();
    }
    builder.build()
}

/// One certificate to be: change what a test is about, then sign.
pub struct Draft {
    pub subject: X509Name,
    pub from: i64,
    pub until: Asn1Time,
    pub digest: MessageDigest,
    pub extensions: Vec<X509Extension>,
}

/// An end of validity, seconds after [`NOW`].
pub fn after(seconds: i64) -> Asn1Time {
    Asn1Time::from_unix(NOW + seconds).unwrap()
}

pub fn extension(oid: &str, critical: bool, content: &[u8]) -> X509Extension {
    let oid = Asn1Object::from_str(oid).unwrap();
    let content = Asn1OctetString::new_from_bytes(content).unwrap();
    X509Extension::new_from_der(&oid, critical, &content).unwrap()
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            subject: name(&[("O", "Example Factory"), ("CN", ENDPOINT)]),
            from: NOW - 3600,
            until: Asn1Time::from_str_x509("99991231235959Z").unwrap(),
            digest: MessageDigest::sha256(),
            extensions: vec![
                BasicConstraints::new().critical().build().unwrap(),
                KeyUsage::new().critical().digital_signature().key_agreement().build().unwrap(),
                ExtendedKeyUsage::new().client_auth().build().unwrap(),
            ],
        }
    }
}

impl Draft {
    pub fn named(entries: &[(&str, &str)]) -> Self {
        Self { subject: name(entries), ..Self::default() }
    }

    pub fn with(extension: X509Extension) -> Self {
        let mut draft = Self::default();
        draft.extensions.push(extension);
        draft
    }

    /// The DER for `key`, issued by `issuer` with its key.
    pub fn sign<K: HasPublic>(
        &self,
        key: &PKey<K>,
        issuer: &X509Name,
        by: &PKey<Private>,
    ) -> Vec<u8> {
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let number = BigNum::from_u32(4711).unwrap();
        builder.set_serial_number(&Asn1Integer::from_bn(&number).unwrap()).unwrap();
        builder.set_issuer_name(issuer).unwrap();
        builder.set_subject_name(&self.subject).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(self.from).unwrap()).unwrap();
        builder.set_not_after(&self.until).unwrap();
        builder.set_pubkey(key).unwrap();
        for extension in &self.extensions {
            builder.append_extension2(extension).unwrap();
        }
        builder.sign(by, self.digest).unwrap();
        builder.build().to_der().unwrap()
    }
}

/// A CA: its key, its certificate, its name.
pub struct Ca {
    pub key: PKey<Private>,
    pub der: Vec<u8>,
    pub name: X509Name,
}

impl Ca {
    pub fn new(key: PKey<Private>, digest: MessageDigest) -> Self {
        let subject = [("O", "EXAMPLE"), ("CN", "EXAMPLE Factory CA")];
        Self::below(None, key, &Draft { digest, ..Draft::named(&subject) })
    }

    pub fn p256() -> Self {
        Self::new(p256(), MessageDigest::sha256())
    }

    /// A CA that `parent` issues, or itself.
    pub fn below(parent: Option<&Self>, key: PKey<Private>, draft: &Draft) -> Self {
        let (issuer, by) = match parent {
            None => (&draft.subject, &key),
            Some(parent) => (&parent.name, &parent.key),
        };
        let der = draft.sign(&key, issuer, by);
        let name = X509Name::from_der(&draft.subject.to_der().unwrap()).unwrap();
        Self { key, der, name }
    }

    pub fn issue<K: HasPublic>(&self, key: &PKey<K>, draft: &Draft) -> Vec<u8> {
        draft.sign(key, &self.name, &self.key)
    }
}

/// SEC 1 DER.
pub fn sec1(key: &PKey<Private>) -> Vec<u8> {
    key.ec_key().unwrap().private_key_to_der().unwrap()
}

/// A bundle that passes without warnings, for `key` and the certificate `der` (injection 10.5).
pub fn identity(key: &PKey<Private>, der: Vec<u8>) -> Bundle {
    let ca = Ca::p256();
    Bundle {
        sid: Some("session-0001".into()),
        keys: vec![Key {
            name: names::BOOTSTRAP_PRIVATE_KEY.into(),
            kind: KeyKind::Private,
            der: sec1(key).into(),
        }],
        certificates: vec![
            certificate(names::BOOTSTRAP_CERTIFICATE, Some(names::BOOTSTRAP_PRIVATE_KEY), der),
            certificate(names::BOOTSTRAP_SERVER_CA, None, ca.der.clone()),
            certificate(names::UPDATE_CERTIFICATE, None, ca.der),
        ],
        params: params(),
        verify: true,
        ..Bundle::default()
    }
}

pub fn certificate(name: &str, key_name: Option<&str>, der: Vec<u8>) -> Certificate {
    Certificate { name: name.into(), key_name: key_name.map(Into::into), der }
}

pub fn params() -> Vec<Param> {
    vec![
        Param::new(names::USE_BOOTSTRAP, 1i64),
        Param::new(names::ENDPOINT_NAME, ENDPOINT),
        Param::new(names::BOOTSTRAP_SERVER_URI, "coaps://bootstrap.example.com:5684"),
        Param::new(names::MANUFACTURER, "Example Maker"),
        Param::new(names::MODEL_NUMBER, "GW-100"),
        Param::new(names::DEVICE_TYPE, "gateway"),
        Param::new(names::HARDWARE_VERSION, "rev-a"),
        Param::new(names::MEMORY_TOTAL_KB, 1_048_576i64),
        Param::new(names::SERIAL_NUMBER, "SN4b5a6978"),
        Param::new(names::CURRENT_TIME, NOW),
        Param::new(names::TIMEZONE, "Europe/Helsinki"),
        Param::new(names::UTC_OFFSET, "+02:00"),
        Param::new(names::VENDOR_ID, vec![1; 16]),
        Param::new(names::CLASS_ID, vec![2; 16]),
        Param::new(names::FIRST_TO_CLAIM, 1i64),
    ]
}

/// The first message of a by-device injection.
pub fn csr_request(subject: &str) -> Bundle {
    Bundle {
        sid: Some("session-0001".into()),
        keep_alive: true,
        csr_requests: vec![CsrRequest {
            key_name: names::BOOTSTRAP_PRIVATE_KEY.into(),
            subject: subject.into(),
            key_usage: Some(9),
            extended_key_usage: Some(4),
        }],
        ..Bundle::default()
    }
}

/// The second message of a by-device injection, for the key of `csr`.
pub fn identity_for(csr: &[u8], ca: &Ca) -> Bundle {
    let key = X509Req::from_der(csr).unwrap().public_key().unwrap();
    let mut bundle = identity(&p256(), ca.issue(&key, &Draft::default()));
    bundle.keys.clear();
    bundle
}
