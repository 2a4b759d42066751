//! Device certificates, held against OpenSSL's parser, verifier and builder.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use x509_parser::prelude::FromDer;

use super::*;
use crate::ca::test_ca::{self, TestCa};
use crate::ca::{AuthorityFiles, DeviceKey, Validity};

fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

/// Builds the same certificate with OpenSSL and returns its to-be-signed bytes.
fn oracle(ca: &TestCa<'_>, issuer: &X509, draft: &Draft, key: &DeviceKey) -> Vec<u8> {
    let public = PKey::public_key_from_der(&key.public().spki()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    use openssl::asn1::Asn1Type;
    name.append_entry_by_text_with_type("C", "FI", Asn1Type::PRINTABLESTRING).unwrap();
    name.append_entry_by_text_with_type("O", "EXAMPLE Oy", Asn1Type::UTF8STRING).unwrap();
    name.append_entry_by_text_with_type("CN", "GW-1", Asn1Type::UTF8STRING).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_slice(&draft.serial.0).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_issuer_name(issuer.subject_name()).unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    let time = |at: Timestamp| Asn1Time::from_unix(at.as_second()).unwrap();
    builder.set_not_before(&time(draft.not_before)).unwrap();
    builder.set_not_after(&time(draft.not_after)).unwrap();
    builder.set_pubkey(&public).unwrap();
    let identifier: String =
        key.public().identifier().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":");
    #[expect(deprecated, reason = "the only way to give OpenSSL a key identifier as it stands")]
    let ski = openssl::x509::X509Extension::new_nid(
        None,
        None,
        openssl::nid::Nid::SUBJECT_KEY_IDENTIFIER,
        &identifier,
    );
    builder.append_extension(ski.unwrap()).unwrap();
    let aki = AuthorityKeyIdentifier::new()
        .keyid(true)
        .build(&builder.x509v3_context(Some(issuer), None))
        .unwrap();
    builder.append_extension(aki).unwrap();
    builder.append_extension(BasicConstraints::new().critical().build().unwrap()).unwrap();
    let usage = KeyUsage::new().critical().digital_signature().key_agreement().build().unwrap();
    builder.append_extension(usage).unwrap();
    builder.append_extension(ExtendedKeyUsage::new().client_auth().build().unwrap()).unwrap();
    builder.sign(&ca.key, MessageDigest::sha256()).unwrap();
    to_be_signed(&builder.build().to_der().unwrap())
}

fn to_be_signed(certificate: &[u8]) -> Vec<u8> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).unwrap();
    parsed.tbs_certificate.as_ref().to_vec()
}

fn opened(ca: &TestCa<'_>, certificate: &X509) -> Arc<Authority> {
    let folder = tempfile::tempdir().unwrap();
    let files: AuthorityFiles = test_ca::write(folder.path(), &[certificate], &ca.key);
    Arc::new(Authority::open(&files, &test_ca::profile(), now()).ok().unwrap().0)
}

#[test]
fn is_byte_for_byte_what_openssl_builds() {
    let ca = TestCa::default();
    let issuer = ca.certificate();
    let authority = opened(&ca, &issuer);
    for _ in 0..50 {
        let draft =
            Draft::new(authority.clone(), Arc::new(test_ca::profile()), "GW-1", now()).unwrap();
        let key = DeviceKey::generate().unwrap();
        let certificate = draft.sign(key.public()).unwrap();
        assert_eq!(to_be_signed(&certificate.der), oracle(&ca, &issuer, &draft, &key));
        let read = X509::from_der(&certificate.der).unwrap();
        assert!(read.verify(&issuer.public_key().unwrap()).unwrap());
        assert_eq!(read.to_der().unwrap(), certificate.der);
        assert_eq!(certificate.public_key_hash, key.public().hash());
    }
}

#[test]
fn the_ledgers_words_are_the_certificates() {
    let authority = test_ca::authority();
    let draft = Draft::new(authority, Arc::new(test_ca::profile()), "Ünit 7,\\\"", now()).unwrap();
    let key = DeviceKey::generate().unwrap();
    let der = draft.sign(key.public()).unwrap().der;
    let (_, read) = x509_parser::certificate::X509Certificate::from_der(&der).unwrap();
    let planned = draft.planned();
    assert_eq!(planned.subject, "C=FI, O=EXAMPLE Oy, CN=Ünit 7,\\\"");
    let cn = read.subject().iter_common_name().next().unwrap();
    assert_eq!(cn.as_str().unwrap(), "Ünit 7,\\\"");
    let serial = read.tbs_certificate.raw_serial();
    assert_eq!(hex(serial).trim_start_matches('0'), planned.certificate_serial);
    assert_eq!(read.validity().not_after.timestamp(), planned.not_after.as_second());
    assert_eq!(read.validity().not_before.timestamp(), planned.not_before.as_second());
}

#[test]
fn can_last_for_ever() {
    let authority = test_ca::authority();
    let profile = Profile { validity: Validity::Forever, ..test_ca::profile() };
    let draft = Draft::new(authority, Arc::new(profile), "GW-1", now()).unwrap();
    let der = draft.sign(DeviceKey::generate().unwrap().public()).unwrap().der;
    let needle = b"\x18\x0f99991231235959Z";
    assert!(der.windows(needle.len()).any(|window| window == needle));
    X509::from_der(&der).unwrap();
}

#[test]
fn says_what_no_device_would_take() {
    let ca = TestCa::default();
    let authority = opened(&ca, &ca.certificate());
    let mut profile = test_ca::profile();
    let draft = |profile: &Profile, name: &str, at| {
        Draft::new(authority.clone(), Arc::new(profile.clone()), name, at).map(|_| ())
    };
    profile.subject.organization = Some("x".repeat(900));
    assert!(matches!(draft(&profile, "GW-1", now()), Err(DraftError::TooLarge { .. })));

    profile.subject =
        crate::ca::SubjectFields { organization: Some("EXAMPLE".into()), ..Default::default() };
    let same = draft(&profile, "EXAMPLE Factory CA", now());
    assert!(matches!(same, Err(DraftError::SubjectIsIssuer { .. })));

    for at in [authority.not_before(), authority.not_after()] {
        let outside = if at < now() {
            at - jiff::SignedDuration::from_secs(1)
        } else {
            at + jiff::SignedDuration::from_secs(1)
        };
        assert!(matches!(draft(&profile, "GW-1", outside), Err(DraftError::OutsideCa { .. })));
    }
}

#[test]
fn the_largest_draft_still_fits_when_signed() {
    let authority = test_ca::authority();
    let mut profile = test_ca::profile();
    let mut largest = 0;
    for length in 300..700 {
        profile.subject.organization = Some("x".repeat(length));
        let Ok(draft) = Draft::new(authority.clone(), Arc::new(profile.clone()), "GW-1", now())
        else {
            break;
        };
        let der = draft.sign(DeviceKey::generate().unwrap().public()).unwrap().der;
        largest = largest.max(der.len());
    }
    assert!((1000..=LARGEST).contains(&largest), "{largest}");
}
