//! CSRs as the reference device writes them, and every way one can lie.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509NameBuilder, X509ReqBuilder};

use super::*;
use crate::ca::test_ca::{ec, rsa};

/// ecdsa-with-SHA256, and the same with the reference device's NULL.
const PLAIN: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const WITH_NULL: &[u8] = b"\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00";

fn request(key: &PKey<Private>, names: &[(&str, &str)], digest: MessageDigest) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    for (attribute, value) in names {
        name.append_entry_by_text(attribute, value).unwrap();
    }
    let mut builder = X509ReqBuilder::new().unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, digest).unwrap();
    builder.build().to_der().unwrap()
}

fn good() -> Vec<u8> {
    request(&ec(Nid::X9_62_PRIME256V1), &[("CN", "GW-1")], MessageDigest::sha256())
}

/// Writes the NULL in and fixes the outer length, as the reference device does.
fn with_null(der: &[u8]) -> Vec<u8> {
    let at = der.windows(PLAIN.len()).rposition(|window| window == PLAIN).unwrap();
    let body = [&der[header(der)..at], WITH_NULL, &der[at + PLAIN.len()..]].concat();
    crate::ca::der::wrapped(0x30, &body)
}

fn header(der: &[u8]) -> usize {
    match der[1] {
        0x81 => 3,
        0x82 => 4,
        _ => 2,
    }
}

#[test]
fn takes_a_genuine_request_with_and_without_the_null() {
    let der = good();
    for der in [der.clone(), with_null(&der)] {
        let csr = Csr::read(&der).unwrap();
        assert_eq!(csr.check_common_name("GW-1"), Ok(()));
        assert!(csr.check_common_name("gw-1").is_err());
    }
}

#[test]
fn wants_exactly_the_subject_it_asked_for() {
    let key = ec(Nid::X9_62_PRIME256V1);
    for names in [&[][..], &[("O", "x"), ("CN", "GW-1")], &[("CN", "GW-1"), ("CN", "GW-2")]] {
        let csr = Csr::read(&request(&key, names, MessageDigest::sha256())).unwrap();
        assert!(matches!(csr.check_common_name("GW-1"), Err(CsrError::Subject { .. })));
    }
}

#[test]
fn refuses_what_proves_nothing() {
    let mut forged = good();
    let at = forged.windows(4).position(|window| window == b"GW-1").unwrap();
    forged[at] = b'H';
    assert_eq!(Csr::read(&forged).unwrap_err(), CsrError::SelfSignature);

    let other = request(&ec(Nid::SECP384R1), &[("CN", "GW-1")], MessageDigest::sha256());
    assert_eq!(Csr::read(&other).unwrap_err(), CsrError::Key(KeyError::NotP256));
    let other = request(&rsa(), &[("CN", "GW-1")], MessageDigest::sha256());
    assert_eq!(Csr::read(&other).unwrap_err(), CsrError::Algorithm);
    let other = request(&ec(Nid::X9_62_PRIME256V1), &[("CN", "x")], MessageDigest::sha384());
    assert_eq!(Csr::read(&other).unwrap_err(), CsrError::Algorithm);

    let mut long = good();
    long.push(0);
    assert!(matches!(Csr::read(&long), Err(CsrError::Unreadable(_))));
    assert!(matches!(Csr::read(&long[..40]), Err(CsrError::Unreadable(_))));
    assert!(matches!(Csr::read(&[0x30; 5000]), Err(CsrError::Unreadable(_))));
    assert!(matches!(Csr::read(b""), Err(CsrError::Unreadable(_))));
}

#[test]
fn other_keys_are_taken_only_where_they_are_named_and_never_weak_ones() {
    let all = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa];
    let names = [("CN", "x")];
    let short = PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    for (key, kind) in [
        (ec(Nid::X9_62_PRIME256V1), Some(KeyKind::P256)),
        (ec(Nid::SECP384R1), Some(KeyKind::P384)),
        (rsa(), Some(KeyKind::Rsa)),
        (short, None),
        (ec(Nid::SECP256K1), None),
        (ec(Nid::BRAINPOOL_P256R1), None),
        (ec(Nid::SECP521R1), None),
    ] {
        let der = request(&key, &names, MessageDigest::sha256());
        let read = Csr::read_taking(&der, &all);
        assert_eq!(read.as_ref().ok().map(|csr| csr.key().kind()), kind, "{read:?}");
        for only in all {
            let taken = Csr::read_taking(&der, &[only]).is_ok();
            assert_eq!(taken, kind == Some(only), "{only:?}");
        }
        let mut broken = der.clone();
        let last = broken.len() - 1;
        broken[last] ^= 1;
        assert!(Csr::read_taking(&broken, &all).is_err());
    }
    for key in [PKey::generate_ed25519().unwrap(), PKey::generate_ed448().unwrap()] {
        let der = request(&key, &names, MessageDigest::null());
        assert!(Csr::read_taking(&der, &all).is_err());
    }
}

#[test]
fn shows_the_subject_as_it_was_sent() {
    let names = [("CN", "one"), ("OU", "acme"), ("CN", "two"), ("businessCategory", "production")];
    let der = request(&ec(Nid::X9_62_PRIME256V1), &names, MessageDigest::sha256());
    let csr = Csr::read(&der).unwrap();
    let names: Vec<_> = csr.attributes_of(COMMON_NAME).map(|a| a.value.as_deref()).collect();
    assert_eq!(names, [Some("one"), Some("two")]);
    assert_eq!(csr.attributes().len(), 4);
    assert!(der.windows(csr.subject_der().len()).any(|window| window == csr.subject_der()));
    assert_eq!(csr.attributes_of(BUSINESS_CATEGORY).count(), 1);
    assert_eq!(csr.attributes_of(ORGANIZATIONAL_UNIT).count(), 1);
}

/// The same request, its attributes replaced and signed anew; `None`: the field left out.
fn with_attributes(content: Option<&[u8]>) -> Vec<u8> {
    let key = ec(Nid::X9_62_PRIME256V1);
    let der = request(&key, &[("CN", "GW-1")], MessageDigest::sha256());
    let parts = parts(&der).unwrap();
    let info = &parts.signed[header(parts.signed)..];
    assert!(info.ends_with(b"\xa0\x00"));
    let field = content.map(|it| crate::ca::der::wrapped(0xa0, it)).unwrap_or_default();
    let info = crate::ca::der::wrapped(0x30, &[&info[..info.len() - 2], &field].concat());
    let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &key).unwrap();
    let signature = [vec![0], signer.sign_oneshot_to_vec(&info).unwrap()].concat();
    crate::ca::der::wrapped(0x30, &[&info, PLAIN, &crate::ca::der::wrapped(3, &signature)].concat())
}

#[test]
fn attributes_of_every_form_are_passed_over() {
    let attribute = |oid: &[u8], value: &[u8]| {
        let all = [crate::ca::der::wrapped(6, oid), crate::ca::der::wrapped(0x31, value)].concat();
        crate::ca::der::wrapped(0x30, &all)
    };
    let password = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07";
    // Every string type, a number, several values, none at all, an extension request that is none.
    for tag in [0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1b, 0x1c, 0x1e, 0x02, 0x30, 0x80] {
        let value = crate::ca::der::wrapped(tag, b"\0p\0@");
        let content = attribute(password, &value);
        Csr::read(&with_attributes(Some(&content))).unwrap();
        let twice = [content, attribute(password, &[value.clone(), value].concat())].concat();
        Csr::read(&with_attributes(Some(&twice))).unwrap();
    }
    Csr::read(&with_attributes(Some(b""))).unwrap();
    Csr::read(&with_attributes(Some(&attribute(password, b"")))).unwrap();
    Csr::read(&with_attributes(Some(&attribute(
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e",
        b"\x05\x00",
    ))))
    .unwrap();
}

#[test]
fn what_cannot_be_read_is_named_in_plain_words() {
    let missing = Csr::read(&with_attributes(None)).unwrap_err().to_string();
    assert!(missing.contains("the field for attributes, [0], is missing"), "{missing}");
    let damaged = Csr::read(&with_attributes(Some(b"\x30\x05\x06"))).unwrap_err().to_string();
    assert!(damaged.contains("attributes, [0], are damaged"), "{damaged}");
    let good = good();
    for length in 0..good.len() {
        let mut cut = good[..length].to_vec();
        for at in [1, 2, 3] {
            let said = Csr::read(&cut).unwrap_err().to_string();
            for word in ["Nom", "Error", "Incomplete", "Parsing", "Eof"] {
                assert!(!said.contains(word), "{said}");
            }
            if let Some(byte) = cut.get_mut(length / at) {
                *byte ^= 0x41;
            }
        }
    }
}
