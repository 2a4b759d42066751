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
    let public = PKey::public_key_from_der(key.public().spki()).unwrap();
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

const UUID: [u8; 16] = [0xf1, 0x2d, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const NAMES: [(&str, &str); 3] = [
    ("CN", "F12D0304-0506-0708-090a-0b0c0d0e0f10"),
    ("OU", "acme"),
    ("businessCategory", "production"),
];

/// What a factory's CA signs for a request.
fn registered(ca: &TestCa<'_>, csr: &Csr) -> Result<(X509, Certificate), DraftError> {
    let folder = tempfile::tempdir().unwrap();
    let files = test_ca::write(folder.path(), &[&ca.certificate()], &ca.key);
    let opened = Authority::open(&files, &test_ca::registered(), now());
    let (authority, warnings) = opened.unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(warnings, []);
    let serial = CertificateSerial::of_uuid(UUID).unwrap();
    let profile = Arc::new(test_ca::registered());
    let draft = Draft::for_csr(Arc::new(authority), profile, csr, "f12d", serial, now())?;
    let issuer = X509::from_pem(&std::fs::read(files.certificate).unwrap()).unwrap();
    Ok((issuer, draft.sign(csr.key()).unwrap()))
}

#[test]
fn a_registered_device_gets_the_references_certificate() {
    let (p256, p384) = (openssl::nid::Nid::X9_62_PRIME256V1, openssl::nid::Nid::SECP384R1);
    let taken = [crate::ca::KeyKind::P256, crate::ca::KeyKind::P384, crate::ca::KeyKind::Rsa];
    for ca_key in [test_ca::ec(p256), test_ca::ec(p384), test_ca::rsa()] {
        for key in [test_ca::ec(p256), test_ca::ec(p384), test_ca::rsa()] {
            // 21 octets in DER, as half of all serials of the platform's own tool.
            let ca = TestCa { key: ca_key.clone(), serial: &[0xff; 20], ..TestCa::default() };
            let csr = Csr::read_taking(&test_ca::request(&key, &NAMES), &taken).unwrap();
            let (issuer, certificate) = registered(&ca, &csr).unwrap();
            let read = X509::from_der(&certificate.der).unwrap();
            assert!(read.verify(&issuer.public_key().unwrap()).unwrap());
            assert_eq!(issuer.issued(&read), openssl::x509::X509VerifyResult::OK);
            assert!(read.public_key().unwrap().public_eq(&key));
            assert_eq!(read.subject_name().to_der().unwrap(), csr.subject_der());
            let (_, parsed) =
                x509_parser::certificate::X509Certificate::from_der(&certificate.der).unwrap();
            assert_eq!(parsed.tbs_certificate.raw_serial(), [&[0][..], &UUID].concat());
            assert_eq!(parsed.version(), x509_parser::x509::X509Version::V3);
            let order: Vec<(String, bool)> =
                parsed.extensions().iter().map(|e| (e.oid.to_id_string(), e.critical)).collect();
            let wanted = [("15", true), ("37", true), ("35", false), ("14", false)];
            let wanted = wanted.map(|(last, critical)| (format!("2.5.29.{last}"), critical));
            assert_eq!(order, wanted);
            let (_, ca_parsed) =
                x509_parser::pem::parse_x509_pem(&issuer.to_pem().unwrap()).unwrap();
            let ca_end = ca_parsed.parse_x509().unwrap().validity().not_after.timestamp();
            let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
            let asked = from.timestamp() + 7300 * 86_400;
            assert_eq!(until.timestamp(), asked.min(ca_end));
            assert!((now().as_second() - from.timestamp()).abs() <= 2);
        }
    }
}

#[test]
fn the_authority_identifier_is_the_cas_own_and_nothing_outlives_the_ca() {
    let identifier = "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13";
    let ca = TestCa { own_identifier: Some(identifier), days: (-1, 3650), ..TestCa::default() };
    let key = test_ca::ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let csr = Csr::read(&test_ca::request(&key, &NAMES)).unwrap();
    let (issuer, certificate) = registered(&ca, &csr).unwrap();
    let read = X509::from_der(&certificate.der).unwrap();
    let counted: Vec<u8> = (0..20).collect();
    assert_eq!(read.authority_key_id().unwrap().as_slice(), counted);
    assert_eq!(read.subject_key_id().unwrap().as_slice(), csr.key().identifier());
    assert_eq!(issuer.issued(&read), openssl::x509::X509VerifyResult::OK);
    assert!(read.not_after() <= issuer.not_after());
}

#[test]
fn the_cas_own_key_is_no_devices_key() {
    let ca = TestCa::default();
    let csr = Csr::read(&test_ca::request(&ca.key, &NAMES)).unwrap();
    assert_eq!(registered(&ca, &csr).map(|_| ()), Err(DraftError::KeyOfCa));
}

#[test]
fn a_second_certificate_has_another_serial_and_is_else_the_same() {
    let key = test_ca::ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let csr = Csr::read(&test_ca::request(&key, &NAMES)).unwrap();
    let profile = Arc::new(test_ca::profile());
    let serial = CertificateSerial::of_uuid(UUID).unwrap();
    let first = Draft::for_csr(test_ca::authority(), profile, &csr, "f12d", serial, now()).unwrap();
    let second = first.clone().renumbered().unwrap();
    assert_ne!(first.planned().certificate_serial, second.planned().certificate_serial);
    let tail = |draft: &Draft| draft.head[draft.serial_end..].to_vec();
    assert_eq!(tail(&first), tail(&second));
    X509::from_der(&second.sign(csr.key()).unwrap().der).unwrap();
    assert_eq!(CertificateSerial::of_uuid([0; 16]), None);
}
