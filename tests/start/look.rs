//! `check` looks at every file and says what a device would get; `preview` says it of one unit.

use std::process::Command;

use openssl::hash::MessageDigest;
use openssl::x509::X509;
use openssl::x509::extension::ExtendedKeyUsage;

use crate::kit::{Draft, Kit, Setup, run};

fn check(setup: &Setup) -> crate::kit::Done {
    run(setup.server(&["check"]), |_, _| {})
}

fn preview(setup: &Setup, serial: &str) -> crate::kit::Done {
    run(setup.server(&["preview", serial]), |_, _| {})
}

/// A setup with CAs of its own in the place of the EXAMPLE ones.
fn real() -> Setup {
    let mut setup = Setup::new();
    let ca = Draft::named("Acme CA").self_signed();
    setup.file("keystore/CA_cert.pem", ca.pem());
    setup.file("keystore/CA_private.pem", ca.key_pem());
    setup.file("bootstrap-server-ca.pem", Draft::named("Cloud CA").self_signed().pem());
    setup
}

/// Nothing in fcu.yml is the EXAMPLE's any more.
fn own_product(setup: &mut Setup) {
    setup
        .env("PEP_ADMISSION_ALLOW_EXAMPLE", "")
        .fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"Acme\"")
        .fcu("model-number: \"EXAMPLE-1\"", "model-number: \"G-1\"")
        .fcu("O: \"EXAMPLE\"", "O: \"Acme\"")
        .fcu("42fa7b48-1a65-43aa-890f-8c704daade54", "52fa7b48-1a65-43aa-890f-8c704daade54")
        .fcu("c56f3a62-b52b-4ef6-95a0-db7a6e3b5b21", "d56f3a62-b52b-4ef6-95a0-db7a6e3b5b21");
}

/// An update certificate with the usages the old tool asks for (injection 15.2), under a name of
/// its own.
fn firmware_signer() -> Vec<u8> {
    let authority = Draft::named("Acme firmware").self_signed();
    let usage = ExtendedKeyUsage::new().client_auth().code_signing().build().unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(authority.certificate.serial_number()).unwrap();
    builder.set_subject_name(authority.certificate.subject_name()).unwrap();
    builder.set_issuer_name(authority.certificate.subject_name()).unwrap();
    builder.set_not_before(authority.certificate.not_before()).unwrap();
    builder.set_not_after(authority.certificate.not_after()).unwrap();
    builder.set_pubkey(&authority.key).unwrap();
    builder.append_extension(usage).unwrap();
    builder.sign(&authority.key, MessageDigest::sha256()).unwrap();
    builder.build().to_der().unwrap()
}

#[test]
fn check_names_every_file_and_every_example() {
    let setup = Setup::new();
    let checked = check(&setup);
    let said = checked.worked();
    for words in [
        "[operators] token_file: ",
        "[signer] certificate: ",
        "`O=EXAMPLE, CN=EXAMPLE device CA - not for production` until ",
        "[signer] key: ",
        "[fcu] file: ",
        "fcu.yml: bootstrap-server-ca-file: ",
        "fcu.yml: update-auth-certificate-file: ",
        "[store] path: ",
        "[journal] path: ",
        "[operators]: 1 token",
        "a unit with the serial number SAMPLE-0001 would get",
        "it takes this identity",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let warnings: Vec<_> = checked.stderr.lines().collect();
    let keys = [
        "[signer] certificate",
        "bootstrap-server-ca-file",
        "device-info.manufacturer",
        "device-info.model-number",
        "device-certificate.O",
        "update-auth-certificate-file",
        "vendor-id",
        "class-id",
    ];
    assert_eq!(warnings.len(), keys.len(), "{warnings:?}");
    for (warning, key) in warnings.iter().zip(keys) {
        assert!(warning.contains(&format!(": {key}: ")), "{warning}");
        assert!(warning.contains("is an EXAMPLE"), "{warning}");
    }
    // A station that starts on them says so, too.
    assert!(Kit::start().log().contains("is an EXAMPLE"));

    let mut setup = real();
    setup.file("update-auth-certificate.der", firmware_signer());
    own_product(&mut setup);
    let checked = check(&setup);
    assert!(checked.worked().contains("`O=Acme, CN=Acme CA` until "));
    assert_eq!(checked.stderr, "");
}

/// A TLS certificate that is about to end.
#[test]
fn check_warns_of_a_tls_certificate_at_its_end() {
    let mut setup = real();
    let draft = Draft { is_ca: false, until: 5 * 86_400, ..Draft::named("station") };
    let tls = draft.self_signed();
    setup.file("cert.pem", tls.pem());
    setup.file("key.pem", tls.key_pem());
    setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
    let checked = check(&setup);
    checked.worked();
    assert!(checked.stderr.contains("[http] certificate): it ends on "), "{}", checked.stderr);
}

/// A pipe in a file's place never comes to an end; `check` does.
#[test]
fn pipes_do_not_hold_check_up() {
    type Change = fn(&mut Setup);
    let cases: [(&str, Change); 10] = [
        ("station.toml", |_| {}),
        ("operator.token", |_| {}),
        ("fcu.yml", |_| {}),
        ("keystore/CA_cert.pem", |_| {}),
        ("keystore/CA_private.pem", |_| {}),
        ("bootstrap-server-ca.pem", |_| {}),
        ("update-auth-certificate.der", |_| {}),
        ("tls.pem", |setup| {
            setup.env("PEP_HTTP_CERTIFICATE", "tls.pem");
            setup.env("PEP_HTTP_KEY", "keystore/CA_private.pem");
        }),
        ("tls-key.pem", |setup| {
            setup.env("PEP_HTTP_CERTIFICATE", "keystore/CA_cert.pem");
            setup.env("PEP_HTTP_KEY", "tls-key.pem");
        }),
        ("units.sqlite", |setup| {
            setup.env("PEP_STORE_PATH", "units.sqlite");
        }),
    ];
    for (name, change) in cases {
        let mut setup = Setup::new();
        change(&mut setup);
        let path = setup.folder().join(name);
        let _ = std::fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let checked = check(&setup);
        assert_eq!(checked.code, super::code(&checked.stderr), "{name}: {}", checked.stdout);
        assert!(checked.stderr.contains(name), "{name}: {}", checked.stderr);
    }
}

/// Every item by its name, and nothing that is secret; the ledger is not even made.
#[test]
fn preview_shows_what_a_unit_would_get() {
    let mut setup = real();
    let secret = crate::kit::p256().private_key_to_pem_pkcs8().unwrap();
    setup.file("acme.key", &secret);
    setup.fcu(
        "custom-properties: []",
        "custom-properties:\n  - type: private-key\n    name: acme.Key\n    data-file: acme.key\n  \
         - type: string\n    name: acme.Pin\n    data: \"very-secret-pin\"",
    );
    setup.fcu("entropy-generation-mode: by_device", "entropy-generation-mode: by_tool");
    let shown = preview(&setup, "GW-0001");
    let said = shown.worked();
    for words in [
        "certificate of GW-0001",
        "subject       O=EXAMPLE, CN=GW-0001",
        "issuer        O=Acme, CN=Acme CA",
        "P-256, made by the station for each unit",
        "TLS Web Client Authentication",
        "48 random bytes, not shown",
        "mbed.BootstrapDevicePrivateKey (private, not shown)",
        "acme.Key (private, not shown)",
        "acme.Pin: text of 15 bytes, not shown",
        "mbed.BootstrapServerCACert: O=Acme, CN=Cloud CA, until ",
        "mbed.EndpointName = \"GW-0001\"",
        "mbed.FirstToClaim = 1",
        "it takes this identity",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("very-secret-pin") && !said.contains("PRIVATE KEY"), "{said}");
    assert!(!setup.folder().join("store").exists(), "nothing is written down");
    // `check` shows the same of its sample, and no secret either.
    assert!(!check(&setup).worked().contains("very-secret-pin"));
}

/// Keys made on the device, and a CA that is an intermediate: the simulated device takes both.
#[test]
fn preview_of_the_other_modes() {
    let mut setup = real();
    setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    let shown = preview(&setup, "GW-1");
    assert!(shown.worked().contains("P-256, made by the device"));
    assert!(!shown.stdout.contains("mbed.BootstrapDevicePrivateKey (private"), "{}", shown.stdout);

    let mut setup = real();
    let root = Draft::named("Acme root").self_signed();
    let line = Draft::named("Acme line 1").signed_by(&root);
    setup.file("keystore/CA_cert.pem", [line.pem(), root.pem()].concat());
    setup.file("keystore/CA_private.pem", line.key_pem());
    setup.fcu_also("device-certificate-chain-depth: 2");
    let shown = preview(&setup, "GW-1");
    assert!(shown.worked().contains("signed by: O=Acme, CN=Acme line 1, until "));
    assert!(shown.stdout.contains("it takes this identity"), "{}", shown.stdout);
}

#[test]
fn preview_of_a_unit_that_would_be_refused() {
    let setup = real();
    for (serial, words) in [
        ("a&b", "can never register"),
        (" a", "begins or ends with a blank"),
        (&"x".repeat(65)[..], "holds at most 64"),
    ] {
        let shown = preview(&setup, serial);
        assert_eq!((shown.code, shown.stdout.as_str()), (1, ""), "{serial}");
        assert!(shown.stderr.contains(words), "{}", shown.stderr);
    }
}
