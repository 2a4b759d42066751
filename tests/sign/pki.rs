//! Factories made on the spot, good ones unless a story changes something.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Extension, X509Name, X509NameBuilder};

use crate::kit::{Setup, p256};

pub const DAY: i64 = 86_400;

/// A factory to be.
pub struct Factory {
    /// The OU of its CA.
    pub name: Option<&'static str>,
    pub key: PKey<Private>,
    /// Seconds from now in which its CA is valid.
    pub from: i64,
    pub until: i64,
    pub is_ca: bool,
}

impl Factory {
    pub fn named(name: &'static str) -> Self {
        let (from, until) = (-3600, 10 * 365 * DAY);
        Self { name: Some(name), key: p256(), from, until, is_ca: true }
    }

    /// Puts it into `sign/` of a station, in the place of the one that `init` made.
    pub fn put(&self, setup: &mut Setup) {
        self.put_into(setup, "sign");
    }

    /// Puts its files into a folder of a station.
    pub fn put_into(&self, setup: &mut Setup, folder: &str) {
        std::fs::create_dir_all(setup.folder().join(folder)).unwrap();
        let root_key = p256();
        let root_name = subject("Factory-CA", self.name);
        let mut root = draft(&root_name, &root_name, &root_key, (-DAY, 20 * 365 * DAY));
        root.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
        root.append_extension(usage).unwrap();
        root.append_extension(identifier(&root_key)).unwrap();
        root.sign(&root_key, MessageDigest::sha256()).unwrap();

        let ca = subject("fio-42", self.name);
        let mut local = draft(&ca, &root_name, &self.key, (self.from, self.until));
        if self.is_ca {
            let basic = BasicConstraints::new().critical().ca().pathlen(0).build().unwrap();
            local.append_extension(basic).unwrap();
        }
        let usage = KeyUsage::new().critical().key_cert_sign().build().unwrap();
        local.append_extension(usage).unwrap();
        local.append_extension(identifier(&self.key)).unwrap();
        local.sign(&root_key, MessageDigest::sha256()).unwrap();

        let tls_key = p256();
        let name = self.name.unwrap_or("acme");
        let tls_name = subject("gateway", Some(name));
        let mut tls = draft(&tls_name, &root_name, &tls_key, (-DAY, 365 * DAY));
        let names = SubjectAlternativeName::new()
            .dns(&format!("{name}.ota-lite.foundries.io"))
            .dns(&format!("{name}.ostree.foundries.io"))
            .build(&tls.x509v3_context(None, None));
        tls.append_extension(names.unwrap()).unwrap();
        tls.sign(&root_key, MessageDigest::sha256()).unwrap();

        let pem = |builder: X509Builder| builder.build().to_pem().unwrap();
        setup.file(&format!("{folder}/factory_ca.pem"), pem(root));
        setup.file(&format!("{folder}/local-ca.pem"), pem(local));
        setup.file(&format!("{folder}/tls-crt"), pem(tls));
        let key = self.key.private_key_to_pem_pkcs8().unwrap();
        setup.file(&format!("{folder}/local-ca.key"), key);
    }
}

/// The section of station.toml for a factory whose files are in `folder`.
pub fn section(folder: &str) -> String {
    format!(
        "\n[[sign.factories]]\nroot = \"{folder}/factory_ca.pem\"\n\
         certificate = \"{folder}/local-ca.pem\"\nkey = \"{folder}/local-ca.key\"\n\
         tls = \"{folder}/tls-crt\"\n"
    )
}

/// As the platform's present tool makes them: a serial of 21 octets, and a subject key identifier
/// that is no SHA-1 (sign 2).
fn draft(
    subject: &X509Name,
    issuer: &X509Name,
    key: &PKey<Private>,
    (from, until): (i64, i64),
) -> X509Builder {
    let mut serial = BigNum::new().unwrap();
    serial.rand(160, MsbOption::ONE, false).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = |seconds: i64| Asn1Time::from_unix(i64::try_from(now).unwrap() + seconds).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_not_before(&at(from)).unwrap();
    builder.set_not_after(&at(until)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
}

fn identifier(key: &PKey<Private>) -> X509Extension {
    let digest = sha256(&key.public_key_to_der().unwrap());
    let value = [&[4, 20], &digest[..20]].concat();
    let kind = Asn1Object::from_str("2.5.29.14").unwrap();
    let value = Asn1OctetString::new_from_bytes(&value).unwrap();
    X509Extension::new_from_der(&kind, false, &value).unwrap()
}

fn subject(common_name: &str, unit: Option<&str>) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    if let Some(unit) = unit {
        name.append_entry_by_text("OU", unit).unwrap();
    }
    name.build()
}
