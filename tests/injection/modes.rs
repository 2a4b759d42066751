//! Every mode of fcu.yml, seen from the device.

use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;
use openssl::x509::X509;

use super::{CERTIFICATE, holds_its_identity};
use crate::kit::{Device, Draft, Items, Kit, Setup, p256, words};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

/// Provisions one unit under a changed fcu.yml.
fn provisioned(change: impl FnOnce(&mut Setup)) -> (Kit, Items) {
    let kit = Kit::with(change);
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    let items = device.items();
    (kit, items)
}

fn warnings(kit: &Kit) -> Vec<String> {
    let warnings = kit.record("GW-1")["executions"][0]["warnings"].clone();
    serde_json::from_value(warnings).unwrap_or_default()
}

/// Not a word of complaint from the device where fcu.yml says everything.
#[test]
fn a_complete_configuration_earns_no_warning() {
    let (kit, _) = provisioned(|_| {});
    assert_eq!(warnings(&kit), [""; 0]);
}

/// Without a bootstrap server: other item names, and the account in OU.
#[test]
fn directly_to_the_device_management_server() {
    let uri = format!("coaps://lwm2m.us-east-1.mbedcloud.com:5684?aid={ACCOUNT}");
    let (kit, items) = provisioned(|setup| {
        std::fs::copy(
            setup.folder().join("bootstrap-server-ca.pem"),
            setup.folder().join("lwm2m-server-ca.pem"),
        )
        .unwrap();
        setup
            .fcu("use-bootstrap: true", "use-bootstrap: false")
            .fcu("first-to-claim: true", "first-to-claim: false")
            .fcu("  OU: \"\"", &format!("  OU: \"{ACCOUNT}\""))
            .fcu_also(&format!(
                "lwm2m-server-uri: {uri}\nlwm2m-server-ca-file: lwm2m-server-ca.pem"
            ));
    });
    let certificate = X509::from_der(items.bytes("mbed.LwM2MDeviceCert")).unwrap();
    assert!(certificate.verify(&kit.ca().public_key().unwrap()).unwrap());
    let expected = ["O=EXAMPLE".to_owned(), format!("OU={ACCOUNT}"), "CN=GW-1".to_owned()];
    assert_eq!(words(certificate.subject_name()), expected);
    let key = PKey::private_key_from_der(items.bytes("mbed.LwM2MDevicePrivateKey")).unwrap();
    assert!(certificate.public_key().unwrap().public_eq(&key));
    assert_eq!(items.text("mbed.LwM2MServerURI"), uri);
    assert!(items.holds("mbed.LwM2MServerCACert"));
    assert_eq!(items.number("mbed.UseBootstrap"), 0);
    assert!(!items.names().iter().any(|name| name.starts_with("mbed.Bootstrap")));
    // The device says so always (injection 6.5).
    assert_eq!(warnings(&kit), ["Bootstrap mode not activated:mbed.UseBootstrap"]);
    // Nobody can claim it by its enrollment identity.
    assert_eq!(kit.record("GW-1")["firstToClaim"], false);
}

/// A unit that belongs to an account from the beginning.
#[test]
fn owned_by_an_account() {
    let uri = format!("coaps://bootstrap.us-east-1.mbedcloud.com:5684?aid={ACCOUNT}");
    let (kit, items) = provisioned(|setup| {
        setup
            .fcu("first-to-claim: true", "first-to-claim: false")
            .fcu_also(&format!("bootstrap-server-uri: {uri}"));
    });
    assert_eq!(items.text("mbed.BootstrapServerURI"), uri);
    assert!(!items.holds("mbed.FirstToClaim") || items.number("mbed.FirstToClaim") == 0);
    assert_eq!(kit.record("GW-1")["firstToClaim"], false);
    assert_eq!(warnings(&kit), [""; 0]);
}

/// Without time the device cannot check any validity, says so, and takes its identity.
#[test]
fn without_time() {
    let (kit, items) = provisioned(|setup| {
        setup.fcu("time-sync: true", "time-sync: false");
    });
    assert!(!items.holds("mbed.Timezone") && !items.holds("mbed.UTCOffset"));
    let warnings = warnings(&kit);
    for item in ["mbed.CurrentTime", "mbed.Timezone", "mbed.UTCOffset"] {
        assert!(warnings.contains(&format!("Item not set:{item}")), "{warnings:?}");
    }
    // The operator sees them in the record; the unit's document does not hold them.
    let document = kit.get("/v3/identity-record?serialNumber=GW-1");
    assert!(!document.text().contains("Item not set"));
}

#[test]
fn another_time_zone() {
    let (_, items) = provisioned(|setup| {
        setup.fcu("timezone: \"UTC\"", "timezone: \"Asia/Kolkata\"");
    });
    assert_eq!(items.text("mbed.Timezone"), "Asia/Kolkata");
    assert_eq!(items.text("mbed.UTCOffset"), "+05:30");
}

/// What verification would warn about goes unsaid when the device does not verify.
#[test]
fn without_verification_on_the_device() {
    let (kit, items) = provisioned(|setup| {
        setup
            .fcu("verify-on-device: true", "verify-on-device: false")
            .fcu("time-sync: true", "time-sync: false");
    });
    assert!(items.holds(CERTIFICATE));
    assert_eq!(warnings(&kit), [""; 0]);
}

#[test]
fn entropy_from_the_station() {
    let mut seen = std::collections::BTreeSet::new();
    let kit = Kit::with(|setup| {
        setup.fcu("entropy-generation-mode: by_device", "entropy-generation-mode: by_tool");
    });
    for serial in ["GW-1", "GW-2"] {
        let device = Device::start();
        kit.provision(serial, &device).worked();
        let entropy = device.items().bytes("@entropy").to_vec();
        assert_eq!(entropy.len(), 48);
        assert!(seen.insert(entropy), "random for each unit");
    }
}

#[test]
fn ids_are_sixteen_bytes_in_the_order_of_the_uuid() {
    let (_, items) = provisioned(|_| {});
    let bytes = |uuid: &str| {
        let digits: String = uuid.chars().filter(|c| *c != '-').collect();
        u128::from_str_radix(&digits, 16).unwrap().to_be_bytes()
    };
    assert_eq!(items.bytes("mbed.VendorId"), bytes("42fa7b48-1a65-43aa-890f-8c704daade54"));
    assert_eq!(items.bytes("mbed.ClassId"), bytes("c56f3a62-b52b-4ef6-95a0-db7a6e3b5b21"));
}

/// Without an update certificate the device warns, at start as on the line.
#[test]
fn without_an_update_certificate() {
    let (kit, items) = provisioned(|setup| {
        setup
            .fcu(
                "update-auth-certificate-file: <%= ENV['FCU_RESOURCES_DIR'] %>/\
                 update-auth-certificate.der",
                "",
            )
            .fcu("vendor-id: \"42fa7b48-1a65-43aa-890f-8c704daade54\"", "")
            .fcu("class-id: \"c56f3a62-b52b-4ef6-95a0-db7a6e3b5b21\"", "");
    });
    assert!(!items.holds("mbed.UpdateAuthCert"));
    let warnings = warnings(&kit);
    for item in ["mbed.UpdateAuthCert", "mbed.VendorId", "mbed.ClassId"] {
        assert!(warnings.contains(&format!("Item not set:{item}")), "{warnings:?}");
    }
    assert!(kit.log().contains("update-auth-certificate-file"), "{}", kit.log());
}

/// The largest item that a client was seen to take (injection 9).
fn large() -> Vec<u8> {
    (0..2 << 20).map(|place: u32| (place % 251) as u8).collect()
}

/// Items of the operator's own, of every type, inline and from files.
#[test]
fn custom_properties_of_every_type() {
    let ca = Draft::named("Service CA").self_signed();
    let leaf = Draft { is_ca: false, signs: false, ..Draft::named("Service") }.signed_by(&ca);
    let key = p256();
    let (spki, sec1) =
        (key.public_key_to_der().unwrap(), key.ec_key().unwrap().private_key_to_der().unwrap());
    let (_, items) = provisioned(|setup| {
        setup.file("ca.pem", ca.pem());
        setup.file("chain.pem", [leaf.pem(), ca.pem()].concat());
        setup.file("key.pem", key.private_key_to_pem_pkcs8().unwrap());
        setup.file("public.der", &spki);
        setup.file("text.txt", "from a file\n");
        setup.file("number.txt", "-7\n");
        setup.file("raw.bin", [0, 1, 2, 255]);
        setup.file("largest.txt", "18446744073709551615");
        setup.file("large.bin", large());
        setup.fcu(
            "custom-properties: []",
            "custom-properties:
  - {type: string, name: acme.Text, data: \"north, süd & <=>\"}
  - {type: string, name: acme.TextFile, data-file: text.txt}
  - {type: integer, name: acme.Number, data: 9223372036854775807}
  - {type: integer, name: acme.NumberFile, data-file: number.txt}
  - {type: integer, name: acme.Unsigned, data: 9223372036854775808}
  - {type: integer, name: acme.Largest, data-file: largest.txt}
  - {type: bytes, name: acme.Large, data-file: large.bin}
  - {type: bytes, name: acme.Bytes, data: \"00ffA5\"}
  - {type: bytes, name: acme.BytesFile, data-file: raw.bin}
  - {type: certificate, name: acme.CA, data-file: ca.pem}
  - {type: certificate, name: acme.Chain, data-file: chain.pem}
  - {type: private-key, name: acme.Key, data-file: key.pem}
  - {type: public-key, name: acme.Public, data-file: public.der}",
        );
    });
    assert_eq!(items.text("acme.Text"), "north, süd & <=>");
    assert_eq!(items.text("acme.TextFile"), "from a file\n");
    assert_eq!(items.bytes("acme.Number"), i64::MAX.to_le_bytes());
    assert_eq!(items.bytes("acme.NumberFile"), (-7_i64).to_le_bytes());
    assert_eq!(items.bytes("acme.Unsigned"), (1_u64 << 63).to_le_bytes());
    assert_eq!(items.bytes("acme.Largest"), u64::MAX.to_le_bytes());
    assert_eq!(items.bytes("acme.Large"), large());
    assert_eq!(items.bytes("acme.Bytes"), [0, 255, 0xa5]);
    assert_eq!(items.bytes("acme.BytesFile"), [0, 1, 2, 255]);
    assert_eq!(items.bytes("acme.CA"), ca.certificate.to_der().unwrap());
    assert_eq!(items.bytes("acme.Chain"), leaf.certificate.to_der().unwrap());
    assert_eq!(items.bytes("acme.Chain#1"), ca.certificate.to_der().unwrap());
    assert_eq!(items.bytes("acme.Key"), sec1);
    assert_eq!(items.bytes("acme.Public"), spki);
}

/// An intermediate CA: the device gets its certificate and the one above it.
#[test]
fn a_chain_of_certificates() {
    let root = Draft::named("Acme root").self_signed();
    let line = Draft::named("Acme line 1").signed_by(&root);
    let with_depth = |depth: &'static str| {
        let (line, root) = (&line, &root);
        move |setup: &mut Setup| {
            setup.file("keystore/CA_cert.pem", [line.pem(), root.pem()].concat());
            setup.file("keystore/CA_private.pem", line.key_pem());
            setup.fcu_also(&format!("device-certificate-chain-depth: {depth}"));
        }
    };
    for (depth, sent) in [("1", 0), ("2", 1), ("3", 2)] {
        let kit = Kit::with(with_depth(depth));
        let device = Device::start();
        let done = kit.provision("GW-1", &device);
        let items = device.items();
        // The enrollment identity is that of the device's own certificate.
        holds_its_identity(&kit, "GW-1", &done, &items);
        let above = [&line, &root].map(|authority| authority.certificate.to_der().unwrap());
        for (place, der) in above.iter().enumerate() {
            let name = format!("{CERTIFICATE}#{}", place + 1);
            assert_eq!(items.holds(&name), place < sent, "{name} of depth {depth}");
            assert!(place >= sent || items.bytes(&name) == der);
        }
    }
}

/// A unit that takes no further injection, where its build keeps what it has.
#[test]
fn a_disabled_unit_is_closed_for_good() {
    let kit = Kit::with(|setup| {
        setup.fcu("disable: false", "disable: true");
    });
    let device = Device::with(&["--no-erase", "--keep"]);
    let done = kit.provision("GW-1", &device);
    holds_its_identity(&kit, "GW-1", &done, &device.items());
    assert!(device.items().holds("@disabled"));

    // Transport status 9 is ambiguous (injection 4): the identity may be there.
    let again = kit.provision("GW-2", &device);
    let (error, _) = again.failed_with(4);
    assert!(error.contains("transport status 9: "), "{error}");
    assert_eq!(kit.states("GW-2"), ["sent"]);
    assert_eq!(kit.record("GW-2")["executions"][0]["reason"]["number"], 9);
}

#[test]
fn the_subject_and_the_validity_are_the_operators() {
    let certificate = |lines: &[(&str, &str)], also: &str| {
        let (kit, items) = provisioned(|setup| {
            for (from, to) in lines {
                setup.fcu(from, to);
            }
            setup.fcu("  # validity-days: 9131", also);
        });
        (kit.ca(), X509::from_der(items.bytes(CERTIFICATE)).unwrap())
    };
    let (_, full) = certificate(
        &[
            ("  C: \"\"", "  C: \"FI\""),
            ("  ST: \"\"", "  ST: \"Pirkanmaa\""),
            ("  L: \"\"", "  L: \"Tampere\""),
            ("  O: \"EXAMPLE\"", "  O: \"Äcme\""),
            ("  OU: \"\"", "  OU: \"line 1\""),
        ],
        "  validity-days: 30",
    );
    let words = words(full.subject_name());
    assert_eq!(words, ["C=FI", "ST=Pirkanmaa", "L=Tampere", "O=Äcme", "OU=line 1", "CN=GW-1"]);
    let span = full.not_before().diff(full.not_after()).unwrap();
    // An hour's margin before, and the 30 days.
    assert_eq!((span.days, span.secs), (30, 3600));

    let (_, endless) = certificate(&[], "  validity-days: 99991231235959Z");
    assert_eq!(endless.not_after(), Asn1Time::from_str_x509("99991231235959Z").unwrap().as_ref());

    let (ca, usual) = certificate(&[], "");
    let span = usual.not_before().diff(usual.not_after()).unwrap();
    assert!((9131..=9132).contains(&span.days), "25 years: {}", span.days);
    assert!(ca.not_after() > usual.not_after());
}

/// 25 years from an hour ago, but never outside the CA's own time.
#[test]
fn the_validity_is_cut_to_the_cas() {
    let (kit, items) = provisioned(|setup| {
        let (from, until) = (-60, 12 * 365 * 86_400);
        let short = Draft { from, until, ..Draft::named("Acme short") }.self_signed();
        setup.file("keystore/CA_cert.pem", short.pem());
        setup.file("keystore/CA_private.pem", short.key_pem());
    });
    let certificate = X509::from_der(items.bytes(CERTIFICATE)).unwrap();
    assert_eq!(certificate.not_after(), kit.ca().not_after());
    assert_eq!(certificate.not_before(), kit.ca().not_before());
}
