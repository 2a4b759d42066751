//! Development units: an identity that signs itself, for one account, and never among production's.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use openssl::pkey::PKey;
use openssl::x509::X509;

use crate::kit::{Device, Draft, Kit, Setup, run, words};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const CERTIFICATE: &str = "mbed.BootstrapDeviceCert";
const KEY: &str = "mbed.BootstrapDevicePrivateKey";

pub fn configured(setup: &mut Setup) {
    setup.env("PEP_DEVELOPER_ACCOUNT_ID", ACCOUNT).env("PEP_DEVELOPER_ORGANIZATION", "Acme R&D");
}

fn provision(kit: &Kit, serial: &str, category: &str, device: &Device) {
    let port = device.port();
    let arguments =
        ["get-one-identity", "-s", serial, "-i", "127.0.0.1", "-p", &port, "-c", category];
    kit.pep(arguments).worked();
}

/// Without `[developer]` the category says nothing but its word.
#[test]
fn until_it_is_configured_the_category_is_a_label() {
    let kit = Kit::start();
    let device = Device::start();
    provision(&kit, "DEV-1", "developer", &device);
    let certificate = X509::from_der(device.items().bytes(CERTIFICATE)).unwrap();
    assert!(certificate.verify(&kit.ca().public_key().unwrap()).unwrap());
    assert_eq!(kit.record("DEV-1")["facts"]["category"], "developer");
    assert_eq!(kit.record("DEV-1")["firstToClaim"], true);
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=DEV-1").status, 200);
}

/// Self-signed, of the account, under the usual names (injection 14.6), whoever makes keys for
/// production.
#[test]
fn a_development_unit_gets_an_identity_of_its_own() {
    let marks = [None, Some("0c0a6465762d6d61726b2d31")];
    for (mode, mark) in ["by_tool", "by_device"].into_iter().zip(marks) {
        let kit = Kit::with(|setup| {
            configured(setup);
            setup.env("PEP_DEVELOPER_MARK", mark.unwrap_or_default());
            setup.fcu("generation-mode: by_tool", &format!("generation-mode: {mode}"));
        });
        let device = Device::start();
        provision(&kit, "DEV-1", "developer", &device);
        let items = device.items();
        let certificate = X509::from_der(items.bytes(CERTIFICATE)).unwrap();
        let key = PKey::private_key_from_der(items.bytes(KEY)).unwrap();
        assert!(certificate.public_key().unwrap().public_eq(&key));
        assert!(certificate.verify(&key).unwrap(), "it signs itself");
        let subject = ["O=Acme R&D".to_owned(), format!("OU={ACCOUNT}"), "CN=DEV-1".to_owned()];
        assert_eq!(words(certificate.subject_name()), subject);
        assert_eq!(words(certificate.issuer_name()), subject);
        let text = String::from_utf8(certificate.to_text().unwrap()).unwrap();
        for words in ["CA:TRUE, pathlen:0", "1.3.6.1.4.1.4128.201:"] {
            assert!(text.contains(words), "{text}");
        }
        let content: &[u8] = if mark.is_some() { b"dev-mark-1" } else { b"\x02\x03\x40\x00\x91" };
        let der = items.bytes(CERTIFICATE);
        assert!(der.windows(content.len()).any(|it| it == content), "{text}");
        let days = certificate.not_before().diff(certificate.not_after()).unwrap().days;
        assert!((3652..=3653).contains(&days), "{days} days");
        let uri = format!("coaps://bootstrap.us-east-1.mbedcloud.com:5684?aid={ACCOUNT}");
        assert_eq!(items.text("mbed.BootstrapServerURI"), uri);
        assert!(items.holds("mbed.BootstrapServerCACert"));
        assert!(!items.holds("mbed.FirstToClaim"));
        let execution = &kit.record("DEV-1")["executions"][0];
        assert_eq!(execution["planned"]["profile"], "developer");
        assert_eq!(execution["account"], ACCOUNT);
        let warnings = execution["warnings"].to_string();
        assert!(warnings.contains("Certificate is self signed"), "{warnings}");

        // Beside it, production goes on.
        let gateway = Device::start();
        provision(&kit, "GW-1", "production", &gateway);
        let items = gateway.items();
        let certificate = X509::from_der(items.bytes(CERTIFICATE)).unwrap();
        assert!(certificate.verify(&kit.ca().public_key().unwrap()).unwrap());
        assert_eq!(items.number("mbed.FirstToClaim"), 1);
        assert!(!items.text("mbed.BootstrapServerURI").contains("aid="));
    }
}

/// No enrollment identity, in no export of them, and told apart in lists.
#[test]
fn never_mixed_with_production() {
    let kit = Kit::with(configured);
    provision(&kit, "DEV-1", "developer", &Device::start());
    provision(&kit, "GW-1", "production", &Device::start());
    let record = kit.record("DEV-1");
    assert_eq!((&record["firstToClaim"], record.get("enrollmentId")), (&false.into(), None));

    let none = kit.pep(["get-enrollment-id", "-s", "DEV-1"]);
    assert!(none.failed_with(1).0.contains("a developer identity, which no account can claim"));
    let export = kit.get_as_operator("/v3/export?format=enrollment").text().to_owned();
    assert!(export.contains("GW-1") && !export.contains("DEV-1"), "{export}");
    let page = kit.get("/v3/enrollment-ids").json();
    let rows = page["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["serialNumber"] == "DEV-1").unwrap();
    assert_eq!((row.get("enrollmentID"), &row["category"]), (None, &"developer".into()));
    // What a portal reads of the old list: a line that begins with nothing is skipped.
    let csv = kit.get_as_operator("/v3/export?format=csv").text().to_owned();
    let line = csv.lines().find(|line| line.contains("DEV-1")).unwrap();
    assert!(line.starts_with(",\"DEV-1\""), "{line}");

    let list = kit.pep_as_operator(["list"]);
    let line = list.worked().lines().find(|line| line.starts_with("DEV-1")).unwrap();
    assert!(line.contains("confirmed developer"), "{line}");
    let line = list.stdout.lines().find(|line| line.starts_with("GW-1")).unwrap();
    assert!(!line.contains("developer"), "{line}");
    let shown = kit.pep_as_operator(["show", "DEV-1"]);
    assert!(shown.worked().contains("developer: no account can claim it"), "{}", shown.stdout);

    // The unit can become a production one only by an operator.
    let again = kit.pep(["get-one-identity", "-s", "DEV-1", "-i", "127.0.0.1", "-p", "7777"]);
    assert!(again.failed_with(1).0.contains("has had its identity since"));
    kit.pep_as_operator(["release", "DEV-1", "--reason", "goes to a customer"]).worked();
    provision(&kit, "DEV-1", "production", &Device::start());
    assert_eq!(kit.record("DEV-1")["firstToClaim"], true);
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=DEV-1").status, 200);
}

#[test]
fn only_for_its_own_account() {
    let kit = Kit::with(configured);
    let device = Device::start();
    let path = format!(
        "{}&category=developer&accountId={}",
        Kit::query("DEV-1", &device.port()),
        "f".repeat(32)
    );
    let problem = kit.get(&path).problem(403, "not-admitted");
    assert!(problem["detail"].as_str().unwrap().contains("is not one of this station's"));
    assert!(device.items().is_empty());
}

/// The C source file: it compiles, and what is in it belongs together.
#[test]
fn the_source_file() {
    let mut setup = Setup::new();
    configured(&mut setup);
    setup.fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"Ä\\\"cme??/\"");
    let folder = setup.folder().to_owned();
    let file = folder.join("mbed_cloud_dev_credentials.c");
    let named = ["developer-credentials", "DEV-1", "-o", file.to_str().unwrap()];
    run(setup.server(&named), |_, _| {}).worked();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.join("store").exists(), "nothing is written down");
    let again = run(setup.server(&named), |_, _| {});
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("cannot write"), "{}", again.stderr);

    setup.file(
        "told.c",
        r#"
#include <stdio.h>
#include "mbed_cloud_dev_credentials.c"
static void array(const char *name, const uint8_t *bytes, uint32_t size) {
    printf("%s ", name);
    for (uint32_t i = 0; i < size; i++) printf("%02x", bytes[i]);
    printf("\n");
}
int main(void) {
    printf("name %s\naccount %s\nuri %s\nmaker %s\nserial %s\nmodel %s\ntype %s\nhardware %s\nmemory %u\n",
           MBED_CLOUD_DEV_BOOTSTRAP_ENDPOINT_NAME, MBED_CLOUD_DEV_ACCOUNT_ID,
           MBED_CLOUD_DEV_BOOTSTRAP_SERVER_URI, MBED_CLOUD_DEV_MANUFACTURER,
           MBED_CLOUD_DEV_SERIAL_NUMBER, MBED_CLOUD_DEV_MODEL_NUMBER, MBED_CLOUD_DEV_DEVICE_TYPE,
           MBED_CLOUD_DEV_HARDWARE_VERSION, MBED_CLOUD_DEV_MEMORY_TOTAL_KB);
    array("certificate", MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE,
          MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE_SIZE);
    array("ca", MBED_CLOUD_DEV_BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE,
          MBED_CLOUD_DEV_BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE_SIZE);
    array("key", MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_PRIVATE_KEY,
          MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_PRIVATE_KEY_SIZE);
    return 0;
}
"#,
    );
    let built = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Werror", "-Wno-unused-const-variable", "-o"])
        .arg(folder.join("told"))
        .arg(folder.join("told.c"))
        .status();
    assert!(built.unwrap().success());
    let told = run(Command::new(folder.join("told")), |_, _| {});
    let value = |name: &str| {
        let line = told.worked().lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap().split_once(' ').unwrap().1.to_owned()
    };
    let bytes = |name: &str| {
        let digits = value(name);
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>()
    };
    assert_eq!((value("name"), value("serial")), ("DEV-1".to_owned(), "DEV-1".to_owned()));
    assert_eq!(value("account"), ACCOUNT);
    assert!(value("uri").ends_with(&format!("?aid={ACCOUNT}")));
    assert_eq!(value("maker"), "Ä\"cme??/");
    assert_eq!(value("memory"), "1048576");
    let certificate = X509::from_der(&bytes("certificate")).unwrap();
    let key = PKey::private_key_from_der(&bytes("key")).unwrap();
    assert!(certificate.verify(&key).unwrap());
    assert!(X509::from_der(&bytes("ca")).is_ok());
}

#[test]
fn settings_that_are_absent_or_wrong() {
    let setup = Setup::new();
    let none = run(setup.server(&["developer-credentials", "DEV-1"]), |_, _| {});
    assert_eq!((none.code, none.stdout.as_str()), (1, ""));
    assert!(none.stderr.contains("there is no developer mode: give [developer] account_id"));

    for (variable, value, words) in [
        ("PEP_DEVELOPER_ACCOUNT_ID", "a b", "[developer] account_id): is \"a b\""),
        ("PEP_DEVELOPER_SERVER_URI", "https://x", "[developer] server_uri): is \"https://x\""),
        ("PEP_DEVELOPER_SERVER_URI", "coaps://h?aid=other", "give a URI such as coaps://HOST"),
        ("PEP_DEVELOPER_SERVER_CA_FILE", "fcu.yml", "[developer] server_ca_file"),
        ("PEP_DEVELOPER_COUNTRY", "Finland", "give the two letters of ISO 3166"),
    ] {
        let mut setup = Setup::new();
        configured(&mut setup);
        setup.env(variable, value);
        let checked = run(setup.server(&["check"]), |_, _| {});
        assert_eq!(checked.code, 78, "{variable}={value}");
        assert!(checked.stderr.contains(words), "{words}: {}", checked.stderr);
    }
    let mut setup = Setup::new();
    setup.env("PEP_DEVELOPER_ORGANIZATION", "Acme");
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.stderr.contains("[developer] account_id: is missing"), "{}", checked.stderr);

    // Its own server, beside a product that has none of that kind.
    let mut setup = Setup::new();
    configured(&mut setup);
    let ca = Draft::named("Sandbox CA").self_signed();
    setup.file("sandbox.pem", ca.pem());
    setup.env("PEP_DEVELOPER_SERVER_CA_FILE", "sandbox.pem");
    setup.env("PEP_DEVELOPER_SERVER_URI", &format!("coaps://sandbox.example?aid={ACCOUNT}"));
    let kit = Kit::of(setup);
    let device = Device::start();
    provision(&kit, "DEV-1", "developer", &device);
    let items = device.items();
    assert_eq!(items.bytes("mbed.BootstrapServerCACert"), ca.certificate.to_der().unwrap());
    assert!(items.text("mbed.BootstrapServerURI").starts_with("coaps://sandbox.example?aid="));
}
