//! CAs and keys that the station does not sign with.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;

use super::{faults, one_fault, refused};
use crate::kit::{Authority, Device, Draft, Kit, Setup, on_curve};

fn with_ca(authority: &Authority) -> impl FnOnce(&mut Setup) {
    move |setup| {
        setup.file("keystore/CA_cert.pem", authority.pem());
        setup.file("keystore/CA_private.pem", authority.key_pem());
    }
}

#[test]
fn keys_that_cannot_sign() {
    let said = refused(|setup| {
        std::fs::remove_file(setup.folder().join("keystore/CA_private.pem")).unwrap();
        std::fs::create_dir(setup.folder().join("keystore/CA_private.pem")).unwrap();
    });
    one_fault(&said, &["[signer] key: ", "is not a file", "give the path of a PEM file"]);

    let said = refused(|setup| {
        let path = setup.folder().join("keystore/CA_private.pem");
        let key = PKey::private_key_from_pem(&std::fs::read(path).unwrap()).unwrap();
        let (cipher, password) = (Cipher::aes_256_cbc(), b"secret");
        let pem = key.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap();
        setup.file("keystore/CA_private.pem", pem);
    });
    one_fault(&said, &["[signer] key: ", "is encrypted with a password", "openssl pkey"]);

    let said = refused(|setup| {
        setup.file("keystore/CA_private.pem", Draft::named("Other").self_signed().key_pem());
    });
    one_fault(&said, &["[signer] key: ", "belongs to none of the certificates in "]);

    for garbage in ["", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n"] {
        let said = refused(|setup| {
            setup.file("keystore/CA_private.pem", garbage);
        });
        one_fault(&said, &["[signer] key: ", "holds no private key in PEM form"]);
    }
}

#[test]
fn cas_that_no_device_should_trust() {
    const DAY: i64 = 86_400;
    let draft = || Draft::named("Acme CA");
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    for (ca, words) in [
        (Draft { from: -3 * DAY, until: -DAY, ..draft() }, "expired on "),
        (Draft { from: DAY, ..draft() }, "only; check the station's clock"),
        (Draft { is_ca: false, ..draft() }, "is not a CA: basicConstraints CA:TRUE is missing"),
        (Draft { signs: false, ..draft() }, "its key usage lacks keyCertSign"),
        (Draft { key: on_curve(Nid::SECP384R1), ..draft() }, "has a key that is not on P-256"),
        (Draft { key: rsa, ..draft() }, "has a key that is not on P-256"),
    ] {
        let said = refused(with_ca(&ca.self_signed()));
        one_fault(&said, &["[signer] certificate: ", "Acme CA", words, "give a CA as the README"]);
    }
    // Everything that is wrong with one CA is said, too.
    let bad = Draft { from: -3 * DAY, until: -DAY, is_ca: false, signs: false, ..draft() };
    let said = refused(with_ca(&bad.self_signed()));
    assert_eq!(faults(&said).len(), 3, "{said}");
}

/// Chains: how deep, in which form.
#[test]
fn chains_that_devices_refuse() {
    let root = Draft::named("Acme root").self_signed();
    let line = Draft::named("Acme line 1").signed_by(&root);
    let stranger = Draft::named("Stranger").self_signed();
    let files = |above: &Authority| {
        let (certificates, key) = ([line.pem(), above.pem()].concat(), line.key_pem());
        move |setup: &mut Setup| {
            setup.file("keystore/CA_cert.pem", certificates);
            setup.file("keystore/CA_private.pem", key);
        }
    };
    let said = refused(files(&root));
    one_fault(&said, &[": device-certificate-chain-depth: ", "holds a chain of 2"]);
    let said = refused(|setup| {
        files(&root)(setup);
        setup.fcu_also("device-certificate-chain-depth: 4");
    });
    one_fault(
        &said,
        &["depth: is 4, and a device can be given 3", "the 2 in the CA's file; give 3 for all"],
    );
    let said = refused(|setup| {
        files(&stranger)(setup);
        setup.fcu_also("device-certificate-chain-depth: 2");
    });
    one_fault(&said, &["Stranger", "did not sign the certificate below it"]);

    let sha384 = Draft { digest: MessageDigest::sha384(), ..Draft::named("Acme line 2") };
    let sha384 = sha384.signed_by(&root);
    let said = refused(|setup| {
        setup.file("keystore/CA_cert.pem", [sha384.pem(), root.pem()].concat());
        setup.file("keystore/CA_private.pem", sha384.key_pem());
        setup.fcu_also("device-certificate-chain-depth: 2");
    });
    one_fault(&said, &["Acme line 2", "is not signed with ecdsa-with-SHA256"]);
}

/// A CA that ends soon works, and everybody is told.
#[test]
fn a_ca_that_ends_soon_is_warned_about() {
    let kit = Kit::with(with_ca(
        &Draft { until: 9 * 365 * 86_400, ..Draft::named("Old CA") }.self_signed(),
    ));
    let log = kit.log();
    assert!(log.contains("station.toml:93: [signer]: the CA `"), "{log}");
    assert!(log.contains("in less than 10 years; devices warn about it"), "{log}");
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    let warnings = kit.record("GW-1")["executions"][0]["warnings"].to_string();
    assert!(warnings.contains("Certificate validity is less than 10 years"), "{warnings}");
}
