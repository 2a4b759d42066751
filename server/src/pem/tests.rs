//! Files as editors, shells and other tools leave them: taken, or refused by name.

use openssl::symm::Cipher;

use super::*;
use crate::ca::test_ca::{TestCa, ec, rsa};

fn ca() -> (Vec<u8>, Vec<u8>) {
    let ca = TestCa::default().certificate();
    (ca.to_pem().unwrap(), ca.to_der().unwrap())
}

fn text(pem: &[u8]) -> String {
    String::from_utf8(pem.to_vec()).unwrap()
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, words: &str) {
    let said = certificates(bytes.as_ref()).expect_err(words).to_string();
    assert!(said.contains(words), "{said}");
}

#[test]
fn whatever_stands_around_a_block_does_not_matter() {
    let (pem, der) = ca();
    let lines = text(&pem);
    let indented = lines.lines().map(|line| format!("  {line}\n")).collect::<String>();
    for variant in [
        pem.clone(),
        lines.replace('\n', "\r\n").into_bytes(),
        lines.replace('\n', "\r").into_bytes(),
        lines.trim_end().into(),
        [MARK, &pem].concat(),
        [b"# Z\xfcrich f\xe4brik \xff\xfe\n".as_slice(), &pem, b"\0\0\x1a"].concat(),
        [b"Bag Attributes\n    friendlyName: a PRIVATE KEY\nsubject=CN = x\n".as_slice(), &pem]
            .concat(),
        [b"text\r\n".as_slice(), MARK, lines.replace('\n', "\r\n").as_bytes(), b"\xe9"].concat(),
        lines.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes(),
        indented.into_bytes(),
        lines.replace("-----\nMII", "-----\nComment: x\n\nMII").into_bytes(),
    ] {
        assert_eq!(certificates(&variant), Ok(vec![der.clone()]), "{}", variant.escape_ascii());
    }
}

#[test]
fn one_that_stands_twice_is_taken_once_and_files_put_together_are_taken_apart() {
    let ((one, one_der), (two, two_der)) = (ca(), ca());
    let both = vec![one_der.clone(), two_der];
    assert_eq!(certificates(&[&one[..], &one].concat()), Ok(vec![one_der]));
    assert_eq!(certificates(&[&one[..], &two, &one].concat()), Ok(both.clone()));
    assert_eq!(certificates(&[one.trim_ascii(), &two].concat()), Ok(both.clone()));
    assert_eq!(certificates(&[&one[..], MARK, &two].concat()), Ok(both.clone()));
    let encoded = encode(&both);
    assert_eq!(encoded.into_bytes(), [one, two].concat());
}

#[test]
fn private_keys_of_every_kind_and_place_are_refused() {
    let (certificate, _) = ca();
    let key = ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let (cipher, password) = (Cipher::aes_256_cbc(), b"secret");
    let sec1 = key.ec_key().unwrap().private_key_to_pem().unwrap();
    let traditional = rsa().rsa().unwrap().private_key_to_pem_passphrase(cipher, password);
    for (pem, label) in [
        (key.private_key_to_pem_pkcs8().unwrap(), "`PRIVATE KEY`"),
        (sec1.clone(), "`EC PRIVATE KEY`"),
        (rsa().rsa().unwrap().private_key_to_pem().unwrap(), "`RSA PRIVATE KEY`"),
        (traditional.unwrap(), "`RSA PRIVATE KEY`"),
        (key.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap(), "`ENCRYPTED PRIVATE"),
        (text(&sec1).replace("EC P", "OPENSSH P").into_bytes(), "`OPENSSH PRIVATE KEY`"),
        (text(&sec1).replace("EC P", "DSA P").into_bytes(), "`DSA PRIVATE KEY`"),
        (text(&sec1).replace('\n', "\r\n").into_bytes(), "`EC PRIVATE KEY`"),
        (sec1[..60].to_vec(), "`EC PRIVATE KEY`"),
        (b"key = -----BEGIN PRIVATE KEY-----\\nMIG".to_vec(), "`PRIVATE KEY`"),
    ] {
        refused([&certificate[..], &pem].concat(), label);
        refused([&pem[..], b"\n", &certificate].concat(), "holds a private key (line 1");
        refused([certificate.trim_ascii(), &pem].concat(), "holds a private key");
        refused(&pem, "holds a private key");
    }
    // What is wrong with a key is never shown.
    let said = certificates(&sec1).unwrap_err().to_string();
    assert!(!said.contains(text(&sec1).lines().nth(1).unwrap()), "{said}");
}

#[test]
fn what_is_no_plain_certificate_is_named() {
    let (pem, der) = ca();
    let lines = text(&pem);
    refused(lines.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "`TRUSTED CERTIFICATE` (line 1)");
    refused(lines.replace("CERTIFICATE", "PKCS7"), "holds PEM of the kind \"PKCS7\" (line 1)");
    let other = lines.replace("CERTIFICATE", "CERTIFICATE REQUEST");
    refused(&other, "holds no certificate in PEM form, but a `CERTIFICATE REQUEST` (line 1)");
    assert_eq!(certificates(format!("{other}{lines}").as_bytes()), Ok(vec![der.clone()]));
    refused("", "holds no certificate in PEM form");
    refused("no certificate", "holds no certificate in PEM form");
    refused(&der, "openssl x509 -inform DER");
    let cut = |at: usize| lines.lines().take(at).collect::<Vec<_>>().join("\n");
    refused(format!("\n\n{}", cut(4)), "`CERTIFICATE` that begins in line 3 and has no END line");
    refused(format!("{}\n{lines}", cut(4)), "begins in line 1 and has no END line");
    refused(lines.replacen("MII", "MI!", 1), "line 2 holds a character that is not base64");
    refused(
        "-----BEGIN CERTIFICATE-----\nAAAA\nA\n-----END CERTIFICATE-----",
        "line 3 ends in the",
    );
    refused("-----BEGIN CERTIFICATE-----\nAA==AA\n-----END CERTIFICATE-----", "behind the end");
    refused("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "nothing behind it");
    refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be parsed");
    let label = |der: &[u8]| encode([der]);
    refused(label(&[&der[..], b"tail"].concat()), "4 bytes of something else behind it");
    refused(label(&der[..der.len() - 1]), "cannot be parsed");
    for utf16 in [
        lines.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        lines.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        [0xff, 0xfe].into_iter().chain(lines.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
    ] {
        refused(&utf16, "UTF-16");
        assert_eq!(super::key(&utf16).err(), Some(PemError::Utf16));
    }
}

#[test]
fn keys_are_taken_from_whatever_stands_around_them() {
    let (certificate, _) = ca();
    let own = ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let (pkcs8, sec1) = (
        own.private_key_to_pem_pkcs8().unwrap(),
        own.ec_key().unwrap().private_key_to_pem().unwrap(),
    );
    let parameters =
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let bag = b"Bag Attributes\n    friendlyName: Line 1 (was ENCRYPTED)\nKey Attributes: <No Attributes>\n";
    for pem in [
        pkcs8.clone(),
        sec1.clone(),
        [&bag[..], &pkcs8].concat(),
        [&parameters[..], &sec1].concat(),
        [&certificate[..], &pkcs8].concat(),
        [&pkcs8[..], &certificate, b"\0"].concat(),
        [&pkcs8[..], &pkcs8].concat(),
        [MARK, text(&pkcs8).replace('\n', "\r\n").as_bytes()].concat(),
        [b"\xfc\xe4\n".as_slice(), &sec1].concat(),
    ] {
        assert!(super::key(&pem).unwrap().public_eq(&own), "{}", pem.escape_ascii());
        let beside = beside_a_key(&pem);
        assert_eq!(
            beside.is_ok(),
            text(&certificate.clone()).len() < pem.len()
                && pem.windows(11).any(|at| at == b"CERTIFICATE")
        );
    }
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let own = ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let pkcs8 = own.private_key_to_pem_pkcs8().unwrap();
    let (cipher, password) = (Cipher::aes_256_cbc(), b"secret");
    let traditional =
        own.ec_key().unwrap().private_key_to_pem_passphrase(cipher, password).unwrap();
    let tail = |der: Vec<u8>| {
        let letters = openssl::base64::encode_block(&der);
        format!("-----BEGIN PRIVATE KEY-----\n{letters}\n-----END PRIVATE KEY-----\n").into_bytes()
    };
    let longer = [own.private_key_to_pkcs8().unwrap(), b"tail".to_vec()].concat();
    for (pem, words) in [
        (
            own.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap(),
            "encrypted with a password",
        ),
        (traditional, "encrypted with a password"),
        (text(&pkcs8).replace("PRIVATE", "OPENSSH PRIVATE").into_bytes(), "ssh-keygen"),
        (
            [&pkcs8[..], &rsa().private_key_to_pem_pkcs8().unwrap()].concat(),
            "more than one private key (lines 1 and 6)",
        ),
        (ca().0, "holds no private key in PEM form, but a `CERTIFICATE` (line 1)"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n".to_vec(), "holds no private key in PEM form"),
        (b"".to_vec(), "holds no private key in PEM form"),
        (tail(longer), "4 bytes of something else behind it"),
        (tail(vec![0x30, 0x82]), "holds no private key in PEM form"),
    ] {
        let Err(error) = super::key(&pem) else { panic!("taken: {words}") };
        assert!(error.to_string().contains(words), "{error}");
    }
}
