//! The station behind TLS.

use crate::kit::{Authority, Device, Draft, Kit, Setup};

/// A certificate for 127.0.0.1 by a CA of the line.
fn with_tls(ca: &Authority) -> impl FnOnce(&mut Setup) {
    let server =
        Draft { is_ca: false, address: Some("127.0.0.1"), ..Draft::named("station") }.signed_by(ca);
    move |setup: &mut Setup| {
        setup.file("tls-cert.pem", server.pem());
        setup.file("tls-key.pem", server.key_pem());
        setup
            .station("# certificate = \"tls-cert.pem\"", "certificate = \"tls-cert.pem\"")
            .station("# key = \"tls-key.pem\"", "key = \"tls-key.pem\"");
    }
}

/// `pep --cacert` trusts the line's own CA; without it, or with another one, nothing is said to
/// whoever answers there.
#[test]
fn pep_trusts_the_lines_ca_and_no_other() {
    let ca = Draft::named("Line CA").self_signed();
    let other = Draft::named("Other CA").self_signed();
    let kit = Kit::with(with_tls(&ca));
    assert!(kit.url().starts_with("https://"), "{}", kit.url());
    let device = Device::start();
    let ask = |certificate: &[u8]| {
        let arguments =
            ["--cacert", "ca.pem", "get-one-identity", "-s", "GW-1", "-p", &device.port()];
        kit.pep_with(&arguments, |_, folder| {
            std::fs::write(folder.join("ca.pem"), certificate).unwrap();
        })
    };
    let mistrusted = ask(&other.pem());
    let (error, hint) = mistrusted.failed_with(3);
    assert!(error.contains("certificate"), "{error}");
    assert!(hint.contains("give the one that did"), "{hint}");
    let untold = kit.pep(["get-one-identity", "-s", "GW-1", "-p", &device.port()]);
    assert!(untold.failed_with(3).1.contains("--cacert FILE"), "{}", untold.stderr);
    assert_eq!(kit.states("GW-1"), [""; 0]);

    ask(&ca.pem()).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}

/// Plain HTTP to a TLS station, and TLS to a plain one: no answer, and a hint that helps.
#[test]
fn http_and_https_are_not_confused() {
    let kit = Kit::with(with_tls(&Draft::named("Line CA").self_signed()));
    let plain = kit.url().replace("https://", "http://");
    kit.pep(["--server", &plain, "get-identity", "-s", "GW-1"]).failed_with(3);

    let kit = Kit::start();
    let tls = kit.url().replace("http://", "https://");
    let done = kit.pep(["--server", &tls, "get-identity", "-s", "GW-1"]);
    let (_, hint) = done.failed_with(3);
    assert!(hint.contains("http://"), "{hint}");
}
