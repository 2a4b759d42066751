//! Certificates and keys of every kind a configuration might name, made when a test runs.

use std::cell::RefCell;
use std::path::Path;
use std::sync::LazyLock;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::extension::ExtendedKeyUsage;
use openssl::x509::{X509, X509Extension, X509NameBuilder};

/// 2026-11-21T12:00:00Z, the moment at which the configurations of these tests are read.
pub const NOW: i64 = 1_795_262_400;
const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

pub fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A certificate for `key`, signed by `issuer` in its own name or in that of another's.
pub struct Make<'a> {
    pub key: &'a PKey<Private>,
    pub issuer: Option<(&'a X509, &'a PKey<Private>)>,
    pub digest: MessageDigest,
    pub from: i64,
    pub to: i64,
    pub extensions: Vec<X509Extension>,
}

impl<'a> Make<'a> {
    pub fn new(key: &'a PKey<Private>) -> Self {
        Self {
            key,
            issuer: None,
            digest: MessageDigest::sha256(),
            from: NOW - DAY,
            to: NOW + 20 * YEAR,
            extensions: vec![],
        }
    }

    pub fn certificate(self, name: &str) -> X509 {
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(17).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(self.issuer.map_or(&subject, |(ca, _)| ca.subject_name())).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(self.from).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(self.to).unwrap()).unwrap();
        builder.set_pubkey(self.key).unwrap();
        for extension in self.extensions {
            builder.append_extension(extension).unwrap();
        }
        builder.sign(self.issuer.map_or(self.key, |(_, key)| key), self.digest).unwrap();
        builder.build()
    }
}

/// Fills `dir` with files for configurations to name.
pub fn fill(dir: &Path) {
    std::fs::create_dir(dir).unwrap();
    for (name, bytes) in FILES.iter() {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Made once for all tests: keys take their time.
static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let files = RefCell::new(Vec::new());
    let write = |name: &str, bytes: &[u8]| {
        files.borrow_mut().push((name.to_owned(), bytes.to_vec()));
    };
    let pem = |name: &str, certificate: &X509| write(name, &certificate.to_pem().unwrap());
    let p256 = ec(Nid::X9_62_PRIME256V1);
    let p384 = ec(Nid::SECP384R1);
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();

    let good = Make::new(&p256).certificate("good");
    pem("good.pem", &good);
    write("good.der", &good.to_der().unwrap());
    pem("rsa.pem", &Make::new(&rsa).certificate("rsa"));
    pem("p384.pem", &Make::new(&p384).certificate("p384"));
    let sha384 = Make { digest: MessageDigest::sha384(), ..Make::new(&p256) };
    pem("sha384.pem", &sha384.certificate("sha384"));
    let expired = Make { from: NOW - YEAR, to: NOW - DAY, ..Make::new(&p256) };
    write("expired.der", &expired.certificate("expired").to_der().unwrap());
    let future = Make { from: NOW + DAY, ..Make::new(&p256) };
    pem("future.pem", &future.certificate("future"));
    let usage = ExtendedKeyUsage::new().critical().other("1.2.3.4").build().unwrap();
    let short = Make { to: NOW + 5 * YEAR, extensions: vec![usage], ..Make::new(&p256) };
    pem("short.pem", &short.certificate("short"));
    let extension = openssl::asn1::Asn1OctetString::new_from_bytes(&[5, 0]).unwrap();
    let own = openssl::asn1::Asn1Object::from_str("1.3.6.1.4.1.99999.1").unwrap();
    let own = X509Extension::new_from_der(&own, true, &extension).unwrap();
    let critical = Make { extensions: vec![own], ..Make::new(&p256) };
    pem("critical.pem", &critical.certificate("critical"));

    let leaf_key = ec(Nid::X9_62_PRIME256V1);
    let leaf = Make { issuer: Some((&good, &p256)), ..Make::new(&leaf_key) }.certificate("leaf");
    let joined = |one: &X509, two: &X509| [one.to_pem().unwrap(), two.to_pem().unwrap()].concat();
    pem("leaf.pem", &leaf);
    write("chain.pem", &joined(&leaf, &good));
    write("wrong-chain.pem", &joined(&good, &leaf));
    write("two.pem", &joined(&good, &leaf));

    write("junk.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("junk.der", &[0xff; 91]);
    write("key.pem", &p256.ec_key().unwrap().private_key_to_pem().unwrap());
    write("key-pkcs8.pem", &p256.private_key_to_pem_pkcs8().unwrap());
    write("key.der", &p256.ec_key().unwrap().private_key_to_der().unwrap());
    write("key-p384.pem", &p384.private_key_to_pem_pkcs8().unwrap());
    let sealed = p256.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"x").unwrap();
    write("key-encrypted.pem", &sealed);
    write("public.pem", &p256.public_key_to_pem().unwrap());
    write("public-p384.pem", &p384.public_key_to_pem().unwrap());
    files.into_inner()
});
