//! The station makes the key.

use serde_json::{Value, json};

use super::{CERTIFICATE, KEY, holds_its_identity};
use crate::kit::{Device, Kit, enrollment_id};

/// The product's main job, once, as the operator does it.
#[test]
fn a_unit_gets_its_identity() {
    let kit = Kit::start();
    let device = Device::start();

    let done = kit.provision("GW-0001", &device);
    let items = device.items();
    holds_its_identity(&kit, "GW-0001", &done, &items);
    assert_eq!(device.exit_status(), 0);

    // What fcu.yml says of the product.
    assert_eq!(items.number("mbed.UseBootstrap"), 1);
    assert_eq!(items.number("mbed.FirstToClaim"), 1);
    let uri = "coaps://bootstrap.us-east-1.mbedcloud.com:5684";
    assert_eq!(items.text("mbed.BootstrapServerURI"), uri);
    assert_eq!(items.text("mbed.Manufacturer"), "EXAMPLE");
    assert_eq!(items.text("mbed.ModelNumber"), "EXAMPLE-1");
    assert_eq!(items.text("mbed.DeviceType"), "gateway");
    assert_eq!(items.text("mbed.HardwareVersion"), "1.0");
    assert_eq!(items.number("mbed.MemoryTotalKB"), 1_048_576);
    assert_eq!(items.text("mbed.Timezone"), "UTC");
    assert_eq!(items.text("mbed.UTCOffset"), "+00:00");
    let file = |name: &str| std::fs::read(kit.folder().join(name)).unwrap();
    assert_eq!(items.bytes("mbed.UpdateAuthCert"), file("update-auth-certificate.der"));
    let server_ca = openssl::x509::X509::from_pem(&file("bootstrap-server-ca.pem")).unwrap();
    assert_eq!(items.bytes("mbed.BootstrapServerCACert"), server_ca.to_der().unwrap());
    // SEC 1 with curve and public key (injection 6.2).
    assert_eq!(items.bytes(KEY).len(), 121);
    assert!(!items.holds("@entropy") && !items.holds("@disabled"));

    assert_eq!(kit.states("GW-0001"), ["confirmed"]);
}

/// identity.json and standard output are the same document: what was asked for, what the station
/// adds, and no more.
#[test]
fn the_document_says_what_was_asked_and_what_was_made() {
    let kit = Kit::start();
    let device = Device::start();
    let done = kit.pep([
        "get-one-identity",
        "--serial-number=GW-7",
        "-i",
        "localhost",
        "-p",
        &device.port(),
        "-a",
        "https://api.acme.example",
        "-g",
        "https://gateways.acme.example",
        "-w",
        "rev-c",
        "-r",
        "02",
        "-l",
        "03",
        "-c",
        "development",
        "--field",
        "OU=0159",
        "--field",
        "ethernetMAC=00:11:22:33:44:55",
        "--field",
        "acme-line=7",
    ]);
    let document: Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(done.file("identity.json"), done.stdout);
    assert_eq!(done.files(), ["identity.json"]);

    let created = document["createdAt"].as_u64().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    assert!(created <= now && created > now - 60_000, "{created}");
    assert_eq!(
        document,
        json!({
            "serialNumber": "GW-7",
            "OU": "0159",
            "deployed": true,
            "ethernetMAC": [0, 17, 34, 51, 68, 85],
            "hardwareVersion": "rev-c",
            "radioConfig": "02",
            "ledConfig": "03",
            "category": "development",
            "cloudAddress": "https://gateways.acme.example",
            "apiAddress": "https://api.acme.example",
            "gatewayServicesAddress": "https://gateways.acme.example",
            "enrollmentID": enrollment_id(device.items().bytes(CERTIFICATE)),
            "createdAt": created,
        })
    );
    // What the device is told is fcu.yml's.
    assert_eq!(device.items().text("mbed.HardwareVersion"), "1.0");
}

/// Without options the station takes its own defaults and the caller's address.
#[test]
fn the_defaults_are_those_of_the_old_interface() {
    let kit = Kit::start();
    let device = Device::start();
    let done = kit.pep(["get-one-identity", "-s", "GW-1", "-p", &device.port()]);
    let document: Value = serde_json::from_str(done.worked()).unwrap();
    for (member, value) in [
        ("apiAddress", "https://api.us-east-1.mbedcloud.com"),
        ("gatewayServicesAddress", "https://gateways.us-east-1.mbedcloud.com"),
        ("cloudAddress", "https://gateways.us-east-1.mbedcloud.com"),
        ("hardwareVersion", "izuma-edge-gateway"),
        ("radioConfig", "00"),
        ("ledConfig", "01"),
        ("category", "production"),
    ] {
        assert_eq!(document[member], value, "{member}");
    }
    assert_eq!(document.get("OU"), None);
}

/// A unit that is done is protected: the second attempt is refused before the device, which would
/// erase itself, hears a word. The hint brings the lost document.
#[test]
fn a_provisioned_unit_is_left_alone() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let first = kit.provision("GW 1", &device);
    let items = device.items();
    holds_its_identity(&kit, "GW 1", &first, &items);

    let second = kit.provision("GW 1", &device);
    let (error, hint) = second.failed_with(1);
    assert!(error.contains("`GW 1` has had its identity since "), "{error}");
    assert!(hint.contains("pep get-identity -s 'GW 1'"), "{hint}");
    assert!(second.files().is_empty());
    assert_eq!(device.items().bytes(CERTIFICATE), items.bytes(CERTIFICATE));
    assert_eq!(kit.states("GW 1"), ["confirmed"]);
    let refused = kit.get(&Kit::query("GW%201", &device.port()));
    let problem = refused.problem(409, "serial-taken");
    assert!(problem["hint"].as_str().unwrap().contains("pep get-identity -s 'GW 1'"));

    let fetched = kit.pep(["get-identity", "-s", "GW 1"]);
    assert_eq!(fetched.worked(), first.worked());
}

/// Each unit has a key, a certificate serial and an identity of its own.
#[test]
fn no_two_units_share_anything() {
    let kit = Kit::start();
    let mut seen = std::collections::BTreeSet::new();
    for serial in ["GW-1", "GW-2", "GW-3"] {
        let device = Device::start();
        let done = kit.provision(serial, &device);
        let items = device.items();
        let certificate = holds_its_identity(&kit, serial, &done, &items);
        let number = certificate.serial_number().to_bn().unwrap().to_vec();
        assert!(seen.insert(items.bytes(KEY).to_vec()));
        assert!(seen.insert(number));
        assert!(seen.insert(enrollment_id(items.bytes(CERTIFICATE)).into_bytes()));
    }
}
