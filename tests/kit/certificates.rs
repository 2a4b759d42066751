//! CAs made on the spot, and certificates looked at.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Extension, X509Name, X509NameRef};

pub const DAY: i64 = 86_400;

/// A certificate and its key.
pub struct Authority {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// A CA to be: a good one, unless a test changes something.
pub struct Draft {
    pub name: String,
    pub key: PKey<Private>,
    /// Seconds from now.
    pub from: i64,
    /// Seconds from now.
    pub until: i64,
    pub is_ca: bool,
    pub signs: bool,
    pub digest: MessageDigest,
    /// A host's address, for TLS.
    pub address: Option<&'static str>,
    /// How many CAs may stand below it.
    pub path_length: Option<u32>,
    pub negative_serial: bool,
    /// Further extensions: OID, whether critical, content in DER.
    pub extra: Vec<(&'static str, bool, Vec<u8>)>,
}

impl Draft {
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: p256(),
            from: -3600,
            until: 35 * 365 * DAY,
            is_ca: true,
            signs: true,
            digest: MessageDigest::sha256(),
            address: None,
            path_length: None,
            negative_serial: false,
            extra: Vec::new(),
        }
    }

    pub fn self_signed(self) -> Authority {
        let (subject, key) = (subject(&self.name), self.key.clone());
        self.signed(&subject, &key)
    }

    pub fn signed_by(self, issuer: &Authority) -> Authority {
        self.signed(issuer.certificate.subject_name(), &issuer.key)
    }

    fn signed(self, issuer: &X509NameRef, issuing: &PKey<Private>) -> Authority {
        let mut serial = BigNum::new().unwrap();
        serial.rand(120, MsbOption::ONE, false).unwrap();
        serial.set_negative(self.negative_serial);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let at = |seconds: i64| Asn1Time::from_unix(now + seconds).unwrap();

        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
        builder.set_subject_name(&subject(&self.name)).unwrap();
        builder.set_issuer_name(issuer).unwrap();
        builder.set_not_before(&at(self.from)).unwrap();
        builder.set_not_after(&at(self.until)).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        if self.is_ca {
            let mut constraints = BasicConstraints::new();
            constraints.critical().ca();
            if let Some(length) = self.path_length {
                constraints.pathlen(length);
            }
            builder.append_extension(constraints.build().unwrap()).unwrap();
        }
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature().crl_sign();
        if self.signs {
            usage.key_cert_sign();
        }
        builder.append_extension(usage.build().unwrap()).unwrap();
        if let Some(address) = self.address {
            let name = SubjectAlternativeName::new()
                .ip(address)
                .build(&builder.x509v3_context(None, None));
            builder.append_extension(name.unwrap()).unwrap();
        }
        let identifier = SubjectKeyIdentifier::new();
        let identifier = identifier.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(identifier).unwrap();
        for (kind, critical, content) in &self.extra {
            let kind = Asn1Object::from_str(kind).unwrap();
            let content = Asn1OctetString::new_from_bytes(content).unwrap();
            let extension = X509Extension::new_from_der(&kind, *critical, &content).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.sign(issuing, self.digest).unwrap();
        Authority { certificate: builder.build(), key: self.key }
    }
}

impl Authority {
    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

fn subject(name: &str) -> X509Name {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Acme").unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    subject.build()
}

pub fn p256() -> PKey<Private> {
    on_curve(Nid::X9_62_PRIME256V1)
}

pub fn on_curve(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A name as `type=value`, in its order.
pub fn words(name: &X509NameRef) -> Vec<String> {
    let entries = name.entries().map(|entry| {
        let kind = entry.object().nid().short_name().unwrap();
        format!("{kind}={}", entry.data().to_string().unwrap())
    });
    entries.collect()
}

/// The enrollment identity of a certificate: `A-` and its SHA-256 in pairs (injection 14.1).
pub fn enrollment_id(der: &[u8]) -> String {
    let digest = hash(MessageDigest::sha256(), der).unwrap();
    let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("A-{}", pairs.join(":"))
}
