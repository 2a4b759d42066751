//! The device makes the key, the station signs its CSR.

use openssl::x509::X509;

use super::{CERTIFICATE, KEY, holds_its_identity};
use crate::kit::{Device, Kit, Setup, words};

fn by_device(setup: &mut Setup) {
    setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
}

/// The key never leaves the device: the certificate belongs to the key that was made there.
#[test]
fn a_unit_that_makes_its_own_key() {
    let kit = Kit::with(by_device);
    let device = Device::start();
    let done = kit.provision("GW-0001", &device);
    holds_its_identity(&kit, "GW-0001", &done, &device.items());
    assert_eq!(device.exit_status(), 0);
    assert_eq!(kit.states("GW-0001"), ["confirmed"]);

    let kept = kit.record("GW-0001")["executions"][0]["certificate"]["publicKeyHash"].clone();
    let certificate = X509::from_der(device.items().bytes(CERTIFICATE)).unwrap();
    let spki = certificate.public_key().unwrap().public_key_to_der().unwrap();
    let hash = openssl::sha::sha256(&spki).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(kept, hash);
}

/// Names that a CSR request can say in its own way, and one that it cannot say at all: then the
/// device is asked for another name, and the certificate has the right one all the same.
#[test]
fn names_that_are_hard_to_ask_for() {
    let kit = Kit::with(|setup| {
        by_device(setup);
        setup.fcu("  O: \"EXAMPLE\"", "  O: \"Acme, Inc.\"");
    });
    for serial in ["a,b", ",,", "=x+y", "a\\b", "Größe-7/Ω", "GW \"1\" 'x'", &"x".repeat(64)] {
        let device = Device::start();
        let done = kit.provision(serial, &device);
        let certificate = holds_its_identity(&kit, serial, &done, &device.items());
        let expected = ["O=Acme, Inc.".to_owned(), format!("CN={serial}")];
        assert_eq!(words(certificate.subject_name()), expected);
    }
}

/// A device that fails after it handed out its CSR keeps a session open. The station closes it, so
/// that the client ends and can be started afresh.
#[test]
fn a_failure_after_the_csr_ends_the_clients_session() {
    let kit = Kit::with(by_device);
    // It answers the CSR request with a status and without a CSR, its session open.
    let device = Device::faulty("status=18");
    let done = kit.provision("GW-1", &device);
    let (error, _) = done.failed_with(4);
    assert!(error.contains("return status 18 "), "{error}");
    // Only the closing bundle can have ended it.
    assert_eq!(device.exit_status(), 0);
    assert_eq!(kit.states("GW-1"), ["failed"]);

    let device = Device::start();
    let done = kit.provision("GW-1", &device);
    holds_its_identity(&kit, "GW-1", &done, &device.items());
    assert_eq!(kit.states("GW-1"), ["failed", "confirmed"]);
}

/// Status 17 to the first frame: the client was not restarted, or is a build that is provisioned
/// only once.
#[test]
fn a_client_that_was_not_restarted_is_named() {
    let kit = Kit::with(by_device);
    let device = Device::with(&["--no-erase", "--keep"]);
    kit.provision("GW-1", &device).worked();
    let key = device.items().bytes(KEY).to_vec();

    let second = kit.provision("GW-2", &device);
    let (error, hint) = second.failed_with(4);
    assert!(error.contains("return status 17 "), "{error}");
    assert!(error.contains("Desired generated key name already exists"), "{error}");
    assert!(hint.starts_with("restart the client: it holds a session"), "{hint}");
    assert_eq!(device.items().bytes(KEY), key);
    assert_eq!(kit.states("GW-2"), ["failed"]);
}

/// The line is cut before the identity frame, and within it. Before: nothing of the identity can be
/// on the device. Within: it may be.
#[test]
fn a_device_that_drops_out_between_the_frames() {
    let kit = Kit::with(by_device);
    for (serial, fault, state) in
        [("GW-1", "hangup-frame=1", "failed"), ("GW-2", "hangup-frame=2", "sent")]
    {
        let device = Device::with(&["--keep", "--fault", fault]);
        let done = kit.provision(serial, &device);
        let (error, _) = done.failed_with(4);
        assert!(error.contains("closed the connection"), "{error}");
        assert_eq!(kit.states(serial), [state]);
    }
}

/// A board without a random generator makes its key of what the station sends, so that has to come
/// with the request for the key; and `check` and `preview` know what such a device refuses.
#[test]
fn a_device_without_a_random_generator() {
    let entropy = |mode: &'static str| {
        move |setup: &mut Setup| {
            by_device(setup);
            setup.fcu("entropy-generation-mode: by_device", mode);
        }
    };
    let kit = Kit::with(entropy("entropy-generation-mode: by_tool"));
    for options in [&["--no-entropy"][..], &[]] {
        let serial = format!("GW-{}", options.len());
        let device = Device::with(options);
        let done = kit.provision(&serial, &device);
        holds_its_identity(&kit, &serial, &done, &device.items());
        assert_eq!(device.items().bytes("@entropy").len(), 48);
    }
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).arg("check");
    let check = crate::kit::run(command, |_, _| {});
    assert!(check.worked().contains("request for a CSR"), "{}", check.stdout);

    // Without it the device cannot make a key, and the hint says what to set.
    let kit = Kit::with(by_device);
    let device = Device::with(&["--no-entropy"]);
    let done = kit.provision("GW-1", &device);
    let (error, hint) = done.failed_with(4);
    assert!(error.contains("return status 15 "), "{error}");
    assert!(hint.contains("entropy-generation-mode: by_tool"), "{hint}");
    assert_eq!(kit.states("GW-1"), ["failed"]);
}
