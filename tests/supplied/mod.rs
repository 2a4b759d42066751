//! Keys made elsewhere: a folder a unit, held against the rules of our own before anything is sent.

mod refused;
mod wiped;

use std::path::{Path, PathBuf};

use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Extension, X509Name};

use crate::kit::{Authority, Device, Draft, Kit, Setup, p256, run};

const KEY: &str = "mbed.BootstrapDevicePrivateKey";
const CERTIFICATE: &str = "mbed.BootstrapDeviceCert";

/// An identity to be made elsewhere: a good one, unless a test changes something.
struct Made {
    subject: Vec<(Nid, String)>,
    key: PKey<Private>,
    /// Days from now.
    from: i64,
    until: i64,
    digest: MessageDigest,
    extensions: Vec<X509Extension>,
    serial: Option<u32>,
}

impl Made {
    fn named(name: &str) -> Self {
        Self {
            subject: vec![
                (Nid::ORGANIZATIONNAME, "Maker".to_owned()),
                (Nid::COMMONNAME, name.to_owned()),
            ],
            key: p256(),
            from: -1,
            until: 25 * 365,
            digest: MessageDigest::sha256(),
            extensions: Vec::new(),
            serial: None,
        }
    }

    fn signed_by(self, ca: &Authority) -> Authority {
        let mut subject = X509Name::builder().unwrap();
        for (nid, value) in &self.subject {
            subject.append_entry_by_nid(*nid, value).unwrap();
        }
        let mut random = BigNum::new().unwrap();
        random.rand(100, MsbOption::ONE, false).unwrap();
        let serial = self.serial.map_or(random, |serial| BigNum::from_u32(serial).unwrap());
        let days = |days: i64| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
            openssl::asn1::Asn1Time::from_unix(now + days * 86_400).unwrap()
        };
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject.build()).unwrap();
        builder.set_issuer_name(ca.certificate.subject_name()).unwrap();
        builder.set_not_before(&days(self.from)).unwrap();
        builder.set_not_after(&days(self.until)).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        for extension in self.extensions {
            builder.append_extension(extension).unwrap();
        }
        builder.sign(&ca.key, self.digest).unwrap();
        Authority { certificate: builder.build(), key: self.key }
    }
}

/// A station whose units get keys from `supplied/`, and the CA that signs them.
fn setup(change: impl FnOnce(&mut Setup)) -> (Setup, Authority) {
    let ca = Draft::named("Maker CA").self_signed();
    let mut setup = Setup::new();
    setup.file("keystore/CA_cert.pem", ca.pem());
    setup.file("keystore/CA_private.pem", ca.key_pem());
    setup.fcu("generation-mode: by_tool", "generation-mode: externally_supplied");
    std::fs::create_dir(setup.folder().join("supplied")).unwrap();
    setup.env("PEP_SUPPLIED_FOLDER", "supplied");
    change(&mut setup);
    (setup, ca)
}

fn kit(change: impl FnOnce(&mut Setup)) -> (Kit, Authority) {
    let (setup, ca) = setup(change);
    (Kit::of(setup), ca)
}

/// Puts an identity into the folder of a unit.
fn put(folder: &Path, serial: &str, identity: &Authority) -> PathBuf {
    let place = folder.join("supplied").join(serial);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("device-key.pem"), identity.key_pem()).unwrap();
    std::fs::write(place.join("device-certificate.pem"), identity.pem()).unwrap();
    place
}

/// The device holds what was supplied and nothing of the station's own making.
fn holds(device: &Device, identity: &Authority) {
    let items = device.items();
    assert_eq!(items.bytes(CERTIFICATE), identity.certificate.to_der().unwrap());
    let key = PKey::private_key_from_der(items.bytes(KEY)).unwrap();
    assert!(key.public_eq(&identity.key));
}

#[test]
fn a_unit_gets_what_was_made_for_it() {
    let (kit, ca) = kit(|_| {});
    let identity = Made::named("GW-1").signed_by(&ca);
    let place = put(kit.folder(), "GW-1", &identity);
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    holds(&device, &identity);
    assert!(!device.items().holds("@entropy"));
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    let execution = &kit.record("GW-1")["executions"][0];
    assert_eq!(execution["planned"]["profile"], "supplied");
    assert_eq!(execution["planned"]["subject"], "O=Maker, CN=GW-1");
    let enrollment = kit.get("/v3/enrollment-id?serialNumber=GW-1");
    let der = identity.certificate.to_der().unwrap();
    assert_eq!(enrollment.text(), crate::kit::enrollment_id(&der));
    // Without `wipe` everything stays where it is.
    assert!(place.join("device-key.pem").is_file());
    assert!(!kit.log().contains("PRIVATE KEY"));
}

/// DER in the place of PEM, entropy beside it, and a chain with the maker's own intermediate.
#[test]
fn in_der_with_entropy_and_an_intermediate() {
    let (kit, ca) = kit(|setup| {
        setup
            .fcu(
                "entropy-generation-mode: by_device",
                "entropy-generation-mode: externally_supplied",
            )
            .fcu_also("device-certificate-chain-depth: 2");
    });
    let maker = Draft::named("Maker line 7").signed_by(&ca);
    let identity = Made::named("GW-1").signed_by(&maker);
    let place = put(kit.folder(), "GW-1", &identity);
    std::fs::remove_file(place.join("device-key.pem")).unwrap();
    let sec1 = identity.key.ec_key().unwrap().private_key_to_der().unwrap();
    std::fs::write(place.join("device-key.der"), sec1).unwrap();
    let chain = [identity.pem(), maker.pem()].concat();
    std::fs::write(place.join("device-certificate.pem"), chain).unwrap();
    std::fs::write(place.join("entropy.bin"), [7; 48]).unwrap();
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    let items = device.items();
    assert_eq!(items.bytes("@entropy"), [7; 48]);
    assert_eq!(items.bytes(CERTIFICATE), identity.certificate.to_der().unwrap());
    let above = items.bytes(&format!("{CERTIFICATE}#1"));
    assert_eq!(above, maker.certificate.to_der().unwrap());
    assert!(!items.holds(&format!("{CERTIFICATE}#2")));
}

/// The cable is pulled: the same folder serves the same unit again.
#[test]
fn an_attempt_without_confirmation_may_be_repeated() {
    let (kit, ca) = kit(|setup| {
        setup.env("PEP_SUPPLIED_WIPE", "true");
    });
    let identity = Made::named("GW-1").signed_by(&ca);
    let place = put(kit.folder(), "GW-1", &identity);
    let broken = Device::faulty("dies-after-store");
    let first = kit.provision("GW-1", &broken);
    assert_eq!(first.code, 4, "{}", first.stderr);
    assert_eq!(kit.states("GW-1"), ["sent"]);
    assert!(place.join("device-key.pem").is_file(), "nothing is wiped before the unit has it");

    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    holds(&device, &identity);
    assert_eq!(kit.states("GW-1"), ["sent", "confirmed"]);
    assert!(!place.exists());
    // It is one certificate, and it is live.
    assert_eq!(kit.record("GW-1")["executions"][0]["certificate"].get("superseded"), None);
}

/// `check` looks into every folder, `preview` into one.
#[test]
fn check_and_preview_look_into_the_folders() {
    let (setup, ca) = setup(|_| {});
    let check = || crate::kit::run(setup.server(&["check"]), |_, _| {});
    assert!(check().worked().contains("no unit has a folder yet"));
    put(setup.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    let checked = check();
    assert!(checked.worked().contains("a unit with the serial number GW-1 would get"));
    assert!(checked.stdout.contains("made elsewhere, from the unit's folder"));
    put(setup.folder(), "GW-2", &Made::named("GW-3").signed_by(&ca));
    let checked = check();
    checked.worked();
    let words =
        "[supplied] folder: the identity supplied for `GW-2`: the certificate is for `GW-3`";
    assert!(checked.stderr.contains(words), "{}", checked.stderr);

    let started = crate::kit::run(setup.server(&["preview", "GW-1"]), |_, _| {});
    assert!(started.worked().contains("subject       O=Maker, CN=GW-1"));
    assert!(!started.stdout.contains("PRIVATE"));
}

/// A unit's folder is called as its number is written; `check` names those that nobody can ask for.
#[test]
fn folders_are_called_as_serial_numbers_are_written() {
    let (setup, ca) = setup(|setup| {
        setup
            .env("PEP_ADMISSION_SERIAL_CASE", "upper")
            .env("PEP_ADMISSION_SERIAL_PATTERN", "GW-[0-9]+");
    });
    let identity = Made::named("GW-1").signed_by(&ca);
    put(setup.folder(), "GW-1", &identity);
    for name in ["gw-2", "GW\u{2010}3"] {
        put(setup.folder(), name, &Made::named(name).signed_by(&ca));
    }
    let check = run(setup.server(&["check"]), |_, _| {});
    for said in [
        "the folder `gw-2` is looked for as `GW-2` ([admission] serial_case); rename it",
        "`GW\u{2010}3` does not fit the pattern `GW-[0-9]+`: U+2010 HYPHEN looks like U+002D",
    ] {
        assert!(check.stderr.contains(said), "{}", check.stderr);
    }
    let kit = Kit::of(setup);
    let device = Device::start();
    kit.provision("gw-1", &device).worked();
    holds(&device, &identity);
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}
