//! Requests as the real client makes them, and those the reference should have refused.

use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::ca::test_ca::{self, TestCa, ec, rsa};
use crate::front::sign::Allowed;

const UUID: &str = "F12d0304-0506-0708-090a-0b0c0d0e0f10";

fn factory() -> Factory {
    let folder = tempfile::tempdir().unwrap();
    let ca = TestCa::default();
    let files = test_ca::write(folder.path(), &[&ca.certificate()], &ca.key);
    let now = jiff::Timestamp::now();
    let (authority, _) =
        crate::ca::Authority::open(&files, &test_ca::registered(), now).ok().unwrap();
    Factory {
        name: "acme".into(),
        root: crate::ca::Root::open(&files.certificate, &authority, now).unwrap(),
        chain: authority.chain().to_vec(),
        gateway: "https://g:8443".into(),
        ostree: "https://o:8443".into(),
        keys: vec![KeyKind::P256],
        attributes: vec!["2.5.4.10".into()],
        overrides: Allowed::default(),
        fixed_uuid: vec!["hsm-board".into()],
        cloud: None,
    }
}

fn key() -> PKey<Private> {
    ec(Nid::X9_62_PRIME256V1)
}

fn pem(der: &[u8]) -> String {
    let letters = openssl::base64::encode_block(der);
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{letters}\n-----END CERTIFICATE REQUEST-----\n")
}

fn csr(names: &[(&str, &str)]) -> String {
    pem(&test_ca::request(&key(), names))
}

fn said(csr: String) -> Members {
    Members {
        csr,
        hardware_id: "imx8mm".into(),
        folder: "/var/sota".into(),
        name: Some("unit 1".into()),
        overrides: Vec::new(),
    }
}

#[track_caller]
fn refused(csr: String, words: &str) {
    let factories = [factory()];
    let refused = hear(&factories, &said(csr), [127, 0, 0, 1].into()).map(|_| ());
    let Err(Error::BadRequest { problem, hint }) = refused else { panic!("taken: {words}") };
    assert!(problem.contains(words) && !hint.is_empty(), "{problem}");
}

fn taken(csr: String) -> Heard {
    let factories = [factory()];
    let heard = hear(&factories, &said(csr), [127, 0, 0, 1].into());
    heard.unwrap_or_else(|error| panic!("{error}")).1
}

#[test]
fn an_honest_request_is_taken_however_its_pem_is_cut() {
    let honest = csr(&[("CN", UUID), ("OU", "acme"), ("businessCategory", "production")]);
    let one_line = honest.clone();
    let crlf = honest.replace('\n', "\r\n");
    let new = honest.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    let around = format!("text\n{honest}{}", csr(&[("CN", "other")]));
    for pem in [one_line, crlf, new, around] {
        let heard = taken(pem);
        assert_eq!(heard.ask.unit.to_string(), format!("sign:{}", UUID.to_lowercase()));
        assert_eq!(heard.ask.facts.category, "production");
        assert_eq!(heard.ask.facts.hardware_version, "imx8mm");
        assert_eq!(heard.order.first_serial.to_string(), UUID.to_lowercase().replace('-', ""));
        assert!(!heard.order.may_change_key);
    }
    let heard = taken(csr(&[("CN", UUID), ("OU", "acme"), ("O", "allowed")]));
    assert_eq!(heard.ask.facts.category, "development");
    assert_eq!(heard.ask.facts.extra.get("factory").unwrap(), "acme");
}

#[test]
fn the_references_errors_come_in_its_words() {
    refused("x".into(), "Unable to load PEM file");
    refused("-----BEGIN CERTIFICATE REQUEST-----\nAAAA".into(), "Unable to load PEM file");
    refused(pem(&[]), "Unable to load PEM file");
    let ca = String::from_utf8(TestCa::default().certificate().to_pem().unwrap()).unwrap();
    refused(ca, "Valid PEM but no BEGIN CERTIFICATE REQUEST");
    refused(pem(b"\x30\x03\x02\x01\x01"), "cannot be read");
    refused(csr(&[("CN", UUID)]), "no OU");
    refused(csr(&[("OU", "acme")]), "no CN");
    refused(csr(&[("CN", UUID), ("OU", "Acme")]), "Invalid factory(Acme) must be acme");
    refused(
        csr(&[("CN", "00000000-0000-0000-0000-000000000000"), ("OU", "acme")]),
        "The serial number should be positive.",
    );
}

#[test]
fn what_the_reference_signed_and_should_not_have_is_refused() {
    let mut broken = test_ca::request(&key(), &[("CN", UUID), ("OU", "acme")]);
    let last = broken.len() - 1;
    broken[last] ^= 1;
    refused(pem(&broken), "not signed by the key it holds");
    refused(csr(&[("CN", UUID), ("CN", "victim"), ("OU", "acme")]), "more than one CN");
    refused(csr(&[("CN", UUID), ("OU", "acme"), ("OU", "b")]), "more than one OU");
    for cn in
        ["12-34-56", "1234-56", "12_34-56", "123456 ", "123456\n", "１２３４５６", "--5--", "5"]
    {
        refused(csr(&[("CN", cn), ("OU", "acme")]), "is not a UUID");
    }
    let flat = UUID.replace('-', "");
    for cn in [flat, format!("{UUID}0"), UUID.replace('F', "g"), UUID.replace('-', "_")] {
        refused(csr(&[("CN", &cn), ("OU", "acme")]), "is not a UUID");
    }
    let names = [("CN", UUID), ("OU", "acme")];
    refused(csr(&[names[0], names[1], ("C", "DE")]), "the attribute 2.5.4.6");
    refused(csr(&[names[0], names[1], ("businessCategory", "gold")]), "businessCategory");
    let twice = [names[0], names[1], ("businessCategory", "production"), ("businessCategory", "x")];
    refused(csr(&twice), "businessCategory");
    for key in [rsa(), ec(Nid::SECP384R1), ec(Nid::SECP256K1)] {
        let factories = [factory()];
        let members = said(pem(&test_ca::request(&key, &names)));
        assert!(hear(&factories, &members, [127, 0, 0, 1].into()).is_err());
    }
}

#[test]
fn a_board_with_a_fixed_uuid_may_change_its_key() {
    let factories = [factory()];
    let mut members = said(csr(&[("CN", UUID), ("OU", "acme")]));
    members.hardware_id = "hsm-board".into();
    let (_, heard) = hear(&factories, &members, [127, 0, 0, 1].into()).ok().unwrap();
    assert!(heard.order.may_change_key);
}

#[test]
fn sota_toml_is_the_references() {
    let mut members = said(csr(&[("CN", UUID), ("OU", "acme")]));
    let key = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
    members.overrides = vec![
        (
            "pacman".into(),
            vec![
                key("type", Some("\"ostree\"")),
                key("tags", Some("\"{gateway_server}\"")),
                key("reset_apps", Some("\"\"")),
                key("compose_apps", None),
            ],
        ),
        ("tls".into(), vec![key("pkey_source", None)]),
    ];
    let factories = [factory()];
    let (_, heard) = hear(&factories, &members, [127, 0, 0, 1].into()).ok().unwrap();
    let wanted = r#"[tls]
server = "https://g:8443"
ca_source = "file"
# pkey_source is not set
cert_source = "file"

[provision]
server = "https://g:8443"
primary_ecu_hardware_id = "imx8mm"

[uptane]
repo_server = "https://g:8443/repo"
key_source = "file"

[pacman]
type = "ostree"
ostree_server = "https://o:8443/ostree"
tags = "{gateway_server}"
reset_apps = ""
# compose_apps is not set

[storage]
type = "sqlite"
path = "/var/sota/"

[import]
tls_cacert_path = "/var/sota/root.crt"
tls_pkey_path = "/var/sota/pkey.pem"
tls_clientcert_path = "/var/sota/client.pem"
"#;
    assert_eq!(heard.sota, wanted);
}

#[test]
fn what_a_device_calls_itself_stays_a_text() {
    let mut members = said(csr(&[("CN", UUID), ("OU", "acme")]));
    members.hardware_id = "x\"]\\ [pacman".into();
    members.folder = "/a\"b".into();
    let factories = [factory()];
    let (_, heard) = hear(&factories, &members, [127, 0, 0, 1].into()).ok().unwrap();
    let table: toml::Table = toml::from_str(&heard.sota).unwrap();
    assert_eq!(table.len(), 6);
    assert_eq!(table["provision"]["primary_ecu_hardware_id"].as_str(), Some("x\"]\\ [pacman"));
    assert_eq!(table["storage"]["path"].as_str(), Some("/a\"b/"));
}
