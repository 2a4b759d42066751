//! CAs that a device would refuse, or that should not be trusted: each is named at start.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::ca::test_ca::{self, TestCa, ec, profile, rsa};

fn open(certificates: &[&X509], key: &PKey<Private>, depth: Option<u8>) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let mut files = test_ca::write(folder.path(), certificates, key);
    files.chain_depth = depth;
    Opened::of(&files)
}

#[derive(Debug)]
struct Opened {
    faults: Vec<AuthorityFault>,
    warnings: Vec<AuthorityWarning>,
    sent: usize,
}

impl Opened {
    fn of(files: &AuthorityFiles) -> Self {
        match Authority::open(files, &profile(), Timestamp::now()) {
            Ok((authority, warnings)) => {
                Self { faults: vec![], warnings, sent: authority.sent_chain().len() }
            }
            Err(faults) => Self { faults, warnings: vec![], sent: 0 },
        }
    }

    fn says(&self, words: &str) -> bool {
        let faults = self.faults.iter().map(ToString::to_string);
        let warnings = self.warnings.iter().map(ToString::to_string);
        faults.chain(warnings).any(|text| text.contains(words))
    }
}

#[track_caller]
fn refused(ca: &TestCa<'_>, words: &str) {
    let opened = open(&[&ca.certificate()], &ca.key, None);
    assert!(!opened.faults.is_empty() && opened.says(words), "{opened:?}");
}

#[test]
fn a_good_ca_has_nothing_to_say() {
    let ca = TestCa::default();
    let opened = open(&[&ca.certificate()], &ca.key, None);
    assert_eq!((opened.faults, opened.warnings), (vec![], vec![]));
}

#[test]
fn refuses_what_devices_refuse_or_should() {
    refused(&TestCa { key: ec(Nid::SECP384R1), ..TestCa::default() }, "not on P-256");
    refused(&TestCa { key: rsa(), ..TestCa::default() }, "not on P-256");
    refused(&TestCa { is_ca: false, ..TestCa::default() }, "basicConstraints");
    refused(&TestCa { days: (-100, -1), ..TestCa::default() }, "expired");
    refused(&TestCa { days: (1, 5000), ..TestCa::default() }, "valid from");
}

#[test]
fn says_everything_at_once() {
    let ca = TestCa { key: ec(Nid::SECP384R1), is_ca: false, days: (-10, -1), ..TestCa::default() };
    let opened = open(&[&ca.certificate()], &ca.key, None);
    assert_eq!(opened.faults.len(), 3, "{opened:?}");
}

#[test]
fn warns_of_a_short_life_and_a_missing_identifier() {
    let short = TestCa { days: (-1, 3000), identifier: false, ..TestCa::default() };
    let opened = open(&[&short.certificate()], &short.key, None);
    assert_eq!(opened.faults, []);
    assert!(opened.says("in less than 10 years; devices warn about it and"));
    assert!(opened.says("device certificates made now end on"));
    assert!(opened.says("no subject key identifier"));
}

#[test]
fn wants_its_own_key_in_the_clear() {
    let ca = TestCa::default();
    let certificate = ca.certificate();
    let other = ec(Nid::X9_62_PRIME256V1);
    assert!(open(&[&certificate], &other, None).says("belongs to none"));

    let folder = tempfile::tempdir().unwrap();
    let files = test_ca::write(folder.path(), &[&certificate], &ca.key);
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let encrypted = ca.key.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap();
    std::fs::write(&files.key, encrypted).unwrap();
    assert!(Opened::of(&files).says("encrypted"));

    std::fs::write(&files.key, "not a key").unwrap();
    assert!(Opened::of(&files).says("no private key"));

    std::fs::remove_file(&files.key).unwrap();
    std::fs::create_dir(&files.key).unwrap();
    assert!(Opened::of(&files).says("cannot be read") || Opened::of(&files).says("directory"));

    std::fs::remove_file(&files.certificate).unwrap();
    assert_eq!(Opened::of(&files).faults.len(), 2, "both files are named at once");
}

#[test]
fn chains_are_ordered_counted_and_bounded() {
    let root = TestCa { name: "EXAMPLE Root", ..TestCa::default() };
    let root_certificate = root.certificate();
    let issuing = TestCa {
        name: "EXAMPLE Issuing",
        issuer: Some((&root_certificate, &root.key)),
        ..TestCa::default()
    };
    let issuing_certificate = issuing.certificate();
    let both = [&root_certificate, &issuing_certificate];

    assert!(open(&both, &issuing.key, None).says("device-certificate-chain-depth"));
    for (depth, sent) in [(1, 0), (2, 1), (3, 2)] {
        let opened = open(&both, &issuing.key, Some(depth));
        assert_eq!((opened.faults.len(), opened.sent), (0, sent), "{opened:?}");
    }
    for depth in [0, 4, 6] {
        assert!(open(&both, &issuing.key, Some(depth)).says("device-certificate-chain-depth"));
    }
    let stranger = TestCa { name: "EXAMPLE Stranger", ..TestCa::default() }.certificate();
    let opened = open(&[&issuing_certificate, &stranger], &issuing.key, Some(2));
    assert!(opened.says("did not sign"), "{opened:?}");
}

#[test]
fn what_is_sent_is_signed_with_sha256() {
    let root = TestCa { name: "EXAMPLE Root", ..TestCa::default() };
    let root_certificate = root.certificate();
    let issuing = TestCa {
        name: "EXAMPLE Issuing",
        issuer: Some((&root_certificate, &root.key)),
        digest: MessageDigest::sha384(),
        ..TestCa::default()
    };
    let certificate = issuing.certificate();
    assert!(open(&[&certificate], &issuing.key, Some(2)).says("ecdsa-with-SHA256"));
    assert_eq!(open(&[&certificate], &issuing.key, Some(1)).faults, []);
}
