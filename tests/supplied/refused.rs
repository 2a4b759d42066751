//! Folders that no unit is served from. Nothing is sent to the device, and the words say why.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use super::{Made, kit, put, setup};
use crate::kit::{Authority, Device, Draft, Kit, on_curve, run};

/// Asks for the unit, which must be refused in these words with nothing sent and nothing written.
fn refused(kit: &Kit, serial: &str, words: &str) {
    let device = Device::start();
    let done = kit.provision(serial, &device);
    let (error, hint) = done.failed_with(1);
    assert!(error.contains(words), "{words}: {error}");
    assert!(hint.contains("files supplied for it have to be fixed"), "{hint}");
    assert!(device.items().is_empty());
    assert_eq!(kit.states(serial), [""; 0]);
}

#[test]
fn missing_half_filled_and_swapped() {
    let (kit, ca) = kit(|_| {});
    refused(&kit, "GW-1", "supplied/GW-1 is not there");
    std::fs::write(kit.folder().join("supplied/GW-1"), "a file").unwrap();
    refused(&kit, "GW-1", "is not a folder");
    std::fs::remove_file(kit.folder().join("supplied/GW-1")).unwrap();

    let one = Made::named("GW-1").signed_by(&ca);
    let two = Made::named("GW-2").signed_by(&ca);
    let place = put(kit.folder(), "GW-1", &one);
    std::fs::remove_file(place.join("device-key.pem")).unwrap();
    refused(&kit, "GW-1", "device-key.pem (or .der) is missing");
    std::fs::write(place.join("device-key.pem"), "").unwrap();
    refused(&kit, "GW-1", "device-key.pem has 0 bytes");
    std::fs::write(place.join("device-key.pem"), one.key_pem()).unwrap();
    std::fs::remove_file(place.join("device-certificate.pem")).unwrap();
    refused(&kit, "GW-1", "device-certificate.pem (or .der) is missing");
    std::fs::write(place.join("device-certificate.pem"), one.pem()).unwrap();
    std::fs::write(place.join("device-certificate.der"), "x").unwrap();
    refused(&kit, "GW-1", "are both there; keep one of them");
    std::fs::remove_file(place.join("device-certificate.der")).unwrap();

    // The pair of another unit, half and whole.
    std::fs::write(place.join("device-key.pem"), two.key_pem()).unwrap();
    refused(&kit, "GW-1", "key and certificate do not belong together");
    put(kit.folder(), "GW-1", &two);
    refused(&kit, "GW-1", "the certificate is for `GW-2`, not for this unit");
    assert!(kit.get("/v3/identity?serialNumber=GW-9&ip=127.0.0.1&port=7777").status == 409);

    let problem = kit.get(&Kit::query("GW-1", "7777"));
    problem.problem(409, "supply-refused");
}

#[test]
fn entropy_that_is_missing_or_too_short() {
    let (kit, ca) = kit(|setup| {
        setup.fcu(
            "entropy-generation-mode: by_device",
            "entropy-generation-mode: externally_supplied",
        );
    });
    let place = put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    refused(&kit, "GW-1", "entropy.bin is missing");
    std::fs::write(place.join("entropy.bin"), [1; 47]).unwrap();
    refused(&kit, "GW-1", "entropy.bin has 47 bytes; it has to have 48");
}

/// Nothing outside the root is reached: not by a link, not by the serial number.
#[test]
fn out_of_the_root() {
    let (kit, ca) = kit(|_| {});
    let identity = Made::named("GW-1").signed_by(&ca);
    let elsewhere = put(kit.folder(), "../elsewhere", &identity);
    let link = kit.folder().join("supplied/GW-1");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    refused(&kit, "GW-1", "GW-1 is a symbolic link, and links out of the root are not followed");
    std::fs::remove_file(&link).unwrap();

    let place = put(kit.folder(), "GW-1", &identity);
    std::fs::remove_file(place.join("device-key.pem")).unwrap();
    let (key, link) = (elsewhere.join("device-key.pem"), place.join("device-key.pem"));
    std::os::unix::fs::symlink(key, &link).unwrap();
    refused(&kit, "GW-1", "device-key.pem is a symbolic link");
    std::fs::remove_file(&link).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(&link).status();
    assert!(fifo.unwrap().success());
    refused(&kit, "GW-1", "device-key.pem is not a file");

    for serial in ["../elsewhere", "..", "GW/1"] {
        refused(&kit, serial, "no folder can be called");
    }
}

/// Every rule of our own certificates holds for those made elsewhere.
#[test]
fn certificates_that_break_a_rule() {
    let (setup, ca) = setup(|_| {});
    let preview = |identity: &Authority, words: &str| {
        put(setup.folder(), "GW-1", identity);
        let shown = run(setup.server(&["preview", "GW-1"]), |_, _| {});
        assert_eq!((shown.code, shown.stdout.as_str()), (1, ""), "{words}");
        assert!(shown.stderr.contains(words), "{words}: {}", shown.stderr);
    };
    let made = || Made::named("GW-1");
    let usage = KeyUsage::new().critical().key_agreement().build().unwrap();
    let server = ExtendedKeyUsage::new().server_auth().build().unwrap();
    let is_ca = BasicConstraints::new().critical().ca().build().unwrap();
    let cases = [
        (Made { from: 2, ..made() }, "the certificate is valid from "),
        (Made { from: -9, until: -2, ..made() }, "the certificate is valid from "),
        (Made { key: on_curve(Nid::SECP384R1), ..made() }, "is not on P-256"),
        (
            Made { digest: MessageDigest::sha384(), ..made() },
            "is not signed with ecdsa-with-SHA256",
        ),
        (Made { extensions: vec![usage], ..made() }, "a key usage without digital signature"),
        (Made { extensions: vec![server], ..made() }, "without client authentication"),
        (Made { extensions: vec![is_ca], ..made() }, "is a CA's"),
        (
            Made { subject: vec![(Nid::ORGANIZATIONNAME, "Maker".into())], ..made() },
            "its CN has to be `GW-1`",
        ),
        (
            Made {
                subject: vec![(Nid::COMMONNAME, "GW-1".into()), (Nid::COMMONNAME, "GW-2".into())],
                ..made()
            },
            "the certificate is for `GW-1, GW-2`",
        ),
        (Made::named("gw-1"), "the certificate is for `gw-1`"),
    ];
    for (made, words) in cases {
        preview(&made.signed_by(&ca), words);
    }
    // A CA of the right name, and another key.
    let stranger = Draft::named("Maker CA").self_signed();
    preview(&made().signed_by(&stranger), "nothing leads from there to the station's CA");
    let no_ca = Draft { is_ca: false, ..Draft::named("Maker clerk") }.signed_by(&ca);
    let identity = made().signed_by(&no_ca);
    put(setup.folder(), "GW-1", &identity);
    let chain = [identity.pem(), no_ca.pem()].concat();
    let place = setup.folder().join("supplied/GW-1/device-certificate.pem");
    std::fs::write(&place, chain).unwrap();
    let shown = run(setup.server(&["preview", "GW-1"]), |_, _| {});
    assert!(shown.stderr.contains("which is not a CA that may sign"), "{}", shown.stderr);
    // Files that are none.
    std::fs::write(&place, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let shown = run(setup.server(&["preview", "GW-1"]), |_, _| {});
    assert!(shown.stderr.contains("is not an X.509 certificate of version 3"), "{}", shown.stderr);
}

/// Without a bootstrap server OU is the account.
#[test]
fn the_account_in_ou() {
    const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
    let (setup, ca) = setup(|setup| {
        let folder = setup.folder().to_owned();
        let server_ca = folder.join("bootstrap-server-ca.pem");
        std::fs::copy(server_ca, folder.join("lwm2m-server-ca.pem")).unwrap();
        setup
            .fcu("use-bootstrap: true", "use-bootstrap: false")
            .fcu("first-to-claim: true", "first-to-claim: false")
            .fcu("  OU: \"\"", &format!("  OU: \"{ACCOUNT}\""))
            .fcu_also(&format!(
                "lwm2m-server-uri: coaps://lwm2m.example:5684?aid={ACCOUNT}\n\
                 lwm2m-server-ca-file: lwm2m-server-ca.pem"
            ));
    });
    let preview = |ou: &str| {
        let mut made = Made::named("GW-1");
        made.subject.insert(0, (Nid::ORGANIZATIONALUNITNAME, ou.to_owned()));
        put(setup.folder(), "GW-1", &made.signed_by(&ca));
        run(setup.server(&["preview", "GW-1"]), |_, _| {})
    };
    assert!(preview(ACCOUNT).worked().contains("it takes this identity"));
    let refused = preview("another");
    assert_eq!(refused.code, 1);
    let words = format!(
        "the certificate's OU is `another`; without a bootstrap server it has to be `{ACCOUNT}`"
    );
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
}

/// The same key for two units, the same certificate serial for two units: an alarm, and the second
/// one is refused.
#[test]
fn used_for_two_units() {
    let (kit, ca) = kit(|_| {});
    let first = Made { serial: Some(77), ..Made::named("GW-1") }.signed_by(&ca);
    put(kit.folder(), "GW-1", &first);
    kit.provision("GW-1", &Device::start()).worked();

    let copy = Made { key: first.key.clone(), ..Made::named("GW-2") }.signed_by(&ca);
    put(kit.folder(), "GW-2", &copy);
    let device = Device::start();
    let refused = kit.provision("GW-2", &device);
    let (error, _) = refused.failed_with(1);
    assert!(error.contains("has the key of unit `GW-1`"), "{error}");
    assert!(device.items().is_empty());
    assert_eq!(kit.states("GW-2"), ["failed"]);

    let twin = Made { serial: Some(77), ..Made::named("GW-3") }.signed_by(&ca);
    put(kit.folder(), "GW-3", &twin);
    let refused = kit.provision("GW-3", &device);
    let (error, _) = refused.failed_with(1);
    assert!(error.contains("has the serial of the one of unit `GW-1`"), "{error}");
    assert!(device.items().is_empty());
}

/// A unit that was released gets a new identity, never the old one.
#[test]
fn used_twice_by_a_released_unit() {
    let (kit, ca) = kit(|_| {});
    put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    kit.provision("GW-1", &Device::start()).worked();
    // It is the unit's for good.
    let again = kit.provision("GW-1", &Device::start());
    assert!(again.failed_with(1).0.contains("has had its identity since"));
    kit.pep_as_operator(["release", "GW-1", "--reason", "repaired"]).worked();
    let device = Device::start();
    let refused = kit.provision("GW-1", &device);
    let (error, _) = refused.failed_with(1);
    assert!(error.contains("is the one it had before it was released"), "{error}");
    assert!(device.items().is_empty());

    put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed", "failed", "confirmed"]);
}

#[test]
fn settings_that_do_not_fit() {
    for (folder, words) in [
        (None, "[supplied] folder: is missing, and fcu.yml says"),
        (Some("nowhere"), "which is not a folder"),
    ] {
        let (mut setup, _) = setup(|_| {});
        setup.env("PEP_SUPPLIED_FOLDER", folder.unwrap_or_default());
        let started = run(setup.server(&[]), |_, _| {});
        assert_eq!(started.code, 78);
        assert!(started.stderr.contains(words), "{}", started.stderr);
    }
}
