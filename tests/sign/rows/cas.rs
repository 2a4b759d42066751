//! Rows 9 to 12, 27, 28 and 32: the factory's material and the station's settings, judged at start
//! and not at a device's cost.

use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContext};

use super::*;
use crate::kit::{on_curve, run};
use crate::sign::pki::{DAY, Factory};

/// Starts a station whose folder `change` has spoilt: it must not start, and says why.
fn not_started(change: impl FnOnce(&mut Setup)) -> String {
    let mut setup = Setup::new();
    On::Embedded.prepare(&mut setup);
    change(&mut setup);
    let started = run(setup.server(&[]), |_, _| {});
    assert_eq!((started.code, started.stdout.as_str()), (78, ""), "{}", started.stderr);
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert_eq!(checked.stderr, started.stderr, "`check` says the same");
    started.stderr
}

fn certificate(kit: &Kit, name: &str) -> X509 {
    X509::from_pem(&std::fs::read(kit.folder().join("sign").join(name)).unwrap()).unwrap()
}

/// As an OpenSSL TLS server verifies a device: with the whole chain, or with the leaf alone where
/// it has the issuing CA itself.
fn verifies(leaf: &X509, root: X509, ca: X509) -> bool {
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(root).unwrap();
    let mut chain = Stack::new().unwrap();
    chain.push(ca).unwrap();
    let mut context = X509StoreContext::new().unwrap();
    context.init(&store.build(), leaf, &chain, |context| context.verify_cert()).unwrap()
}

#[test]
fn row_9_an_authority_key_identifier_that_is_not_the_cas() {
    let rsa = || PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    for ca_key in [key(), on_curve(Nid::SECP384R1), rsa()] {
        let kit = kit_with(|setup| Factory { key: ca_key, ..Factory::named("acme") }.put(setup));
        let answer = register(&kit, &honest(UUID, &key()));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let leaf = answer.json()["client.pem"].as_str().unwrap().to_owned();
        let leaf = X509::from_pem(leaf.as_bytes()).unwrap();
        let (root, ca) = (certificate(&kit, "factory_ca.pem"), certificate(&kit, "local-ca.pem"));
        let of_ca = ca.subject_key_id().unwrap().as_slice().to_vec();
        assert_eq!(leaf.authority_key_id().unwrap().as_slice(), of_ca);
        assert!(leaf.subject_key_id().is_some());
        assert_eq!(ca.serial_number().to_bn().unwrap().num_bits(), 160, "21 octets");
        assert!(verifies(&leaf, root, ca));
    }
}

#[test]
fn row_10_a_certificate_that_outlives_its_issuer() {
    let kit = kit_with(|setup| Factory { until: 30 * DAY, ..Factory::named("acme") }.put(setup));
    let answer = register(&kit, &honest(UUID, &key()));
    let leaf = answer.json()["client.pem"].as_str().unwrap().to_owned();
    let leaf = X509::from_pem(leaf.as_bytes()).unwrap();
    assert!(leaf.not_after() == certificate(&kit, "local-ca.pem").not_after());
}

#[test]
fn row_11_cas_that_are_expired_early_or_somebody_elses() {
    let at = "[sign] factories[1].certificate: ";
    let acme = || Factory::named("acme");
    let said = not_started(|setup| Factory { from: -9 * DAY, until: -DAY, ..acme() }.put(setup));
    assert!(said.contains(at) && said.contains("expired on "), "{said}");
    let said = not_started(|setup| Factory { from: DAY, ..acme() }.put(setup));
    assert!(said.contains(at) && said.contains("check the station's clock"), "{said}");
    let said = not_started(|setup| {
        setup.file("sign/local-ca.key", key().private_key_to_pem_pkcs8().unwrap());
    });
    assert!(said.contains("belongs to none of the certificates"), "{said}");
    let said = not_started(|setup| {
        Factory::named("acme").put_into(setup, "other");
        let root = std::fs::read(setup.folder().join("other/factory_ca.pem")).unwrap();
        setup.file("sign/factory_ca.pem", root);
    });
    assert!(said.contains("root: "), "{said}");
}

#[test]
fn row_12_cas_that_cannot_sign_are_no_devices_fault() {
    let acme = || Factory::named("acme");
    let said = not_started(|setup| Factory { is_ca: false, ..acme() }.put(setup));
    assert!(said.contains("is not a CA"), "{said}");
    let ed25519 = PKey::generate_ed25519().unwrap();
    let said = not_started(|setup| Factory { key: ed25519, ..acme() }.put(setup));
    assert!(said.contains("[sign] factories[1].certificate: "), "{said}");
    let said = not_started(|setup| {
        let key = std::fs::read(setup.folder().join("sign/local-ca.key")).unwrap();
        let key = PKey::private_key_from_pem(&key).unwrap();
        let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret");
        setup.file("sign/local-ca.key", locked.unwrap());
    });
    assert!(said.contains("is encrypted with a password"), "{said}");
    let said = not_started(|setup| {
        Factory { name: None, ..acme() }.put(setup);
        setup.station("name = \"acme\"\nroot", "root");
    });
    assert!(said.contains("the CA has no OU"), "{said}");
}

#[test]
fn row_27_what_is_missing_is_said_at_start_and_all_at_once() {
    let said = not_started(|setup| {
        setup.station("\nroot = \"sign/factory_ca.pem\"\n", "\n");
        setup.station("\nkey = \"sign/local-ca.key\"\ntls = \"sign/tls-crt\"\n", "\n");
    });
    for key in ["root: is missing", "key: is missing", "gateway: is missing", "ostree: is missing"]
    {
        assert!(said.contains(key), "{key}: {said}");
    }
}

#[test]
fn row_28_only_the_word_false_switches_tls_verification_off() {
    for word in ["\"on\"", "\"\"", "\"false\"", "0", "\"no\""] {
        let said = not_started(|setup| {
            setup.file("fio.token", "a-token\n");
            let cloud = format!(
                "\ntls = \"sign/tls-crt\"\n[sign.factories.cloud]\ntoken_file = \"fio.token\"\n\
                 verify_tls = {word}\n"
            );
            setup.station("\ntls = \"sign/tls-crt\"\n", &cloud);
        });
        assert!(said.contains("verify_tls: "), "{word}: {said}");
    }
}

#[test]
fn row_32_no_debugger_by_environment() {
    let kit = kit_with(|setup| {
        setup.env("FLASK_DEBUG", "1").env("FLASK_APP", "x");
    });
    let problem = post(kit.address(), b"[").problem(400, "bad-request");
    assert!(!problem.to_string().contains("debugger"));
    assert_eq!(kit.get("/console").status, 404);
}
