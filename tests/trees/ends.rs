//! CAs that are about to end, and one that never does (R09, R37).

use super::*;
use crate::kit::Device;

const DAY: i64 = 86_400;

fn warnings(change: impl FnOnce(&mut Setup)) -> String {
    let mut setup = factory_setup();
    change(&mut setup);
    let checked = check(&setup);
    checked.worked();
    checked.stderr
}

#[test]
fn r09_cas_that_end_before_their_devices_are_warned_about() {
    let ending = |root: i64, line: i64| {
        Tree::of(
            Draft { until: root, ..Draft::named("Acme root") },
            Draft { until: line, ..Draft::named("Acme line 1") },
        )
    };
    let long = 35 * 365 * DAY;
    for (tree, words) in [
        (ending(long, 60 * DAY), &["in less than a year", "are cut to its end"][..]),
        (ending(long, 3600), &["in less than a year", "are cut to its end"]),
        (ending(2 * 365 * DAY, long), &["before device certificates made now"]),
        (ending(long, 9 * 365 * DAY), &["are cut to its end"]),
    ] {
        let said = warnings(|setup| tree.for_registering(setup));
        for word in words {
            let warns = |line: &&str| line.contains("factories[1]") && line.contains(word);
            assert!(said.lines().any(|line| warns(&line)), "{word}: {said}");
        }
        let said = warnings(|setup| tree.for_gateways(setup, 1));
        for word in words {
            let warns = |line: &&str| line.contains("[signer]") && line.contains(word);
            assert!(said.lines().any(|line| warns(&line)), "{word}: {said}");
        }
    }
    let said = warnings(|setup| {
        let tree = ending(long, long);
        tree.for_registering(setup);
        tree.for_gateways(setup, 1);
    });
    assert!(!said.contains("ends on"), "{said}");
}

#[test]
fn ends_of_cas_and_of_tls_are_metrics() {
    let tree = Tree::usual();
    let kit = registering(|setup| tree.for_registering(setup));
    let numbers = kit.get_as_operator("/metrics");
    let numbers = numbers.text();
    for name in ["O=Acme, CN=Acme root", "O=Acme, CN=Acme line 1", "EXAMPLE device CA"] {
        let is_there =
            |line: &&str| line.starts_with("pep_ca_not_after_seconds{ca=\"") && line.contains(name);
        let line = numbers.lines().find(is_there).unwrap_or_else(|| panic!("{name}: {numbers}"));
        let seconds: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(seconds > 2.0e9, "{line}");
    }
    assert!(!numbers.contains("\npep_tls_not_after_seconds"), "there is no TLS");
    let tls = Draft { address: Some("127.0.0.1"), ..Draft::named("station") }.self_signed();
    let mut setup = Setup::new();
    setup.file("cert.pem", tls.pem());
    setup.file("key.pem", tls.key_pem());
    setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
    check(&setup).worked();
}

#[test]
fn r37_a_ca_without_end_is_shown_as_such() {
    let forever = || {
        let at = openssl::asn1::Asn1Time::from_str("99991231235959Z").unwrap();
        let now = openssl::asn1::Asn1Time::days_from_now(0).unwrap();
        let length = now.diff(&at).unwrap();
        i64::from(length.days) * DAY + i64::from(length.secs)
    };
    let tree = Tree::of(
        Draft { until: forever(), ..Draft::named("Acme root") },
        Draft { until: forever(), ..Draft::named("Acme line 1") },
    );
    let mut setup = Setup::new();
    tree.for_gateways(&mut setup, 2);
    let checked = check(&setup);
    let said = checked.worked();
    assert!(said.contains("until 9999-12-31T23:59:59Z"), "{said}");
    assert!(!said.contains("9999-12-30"), "{said}");
    let kit = Kit::with(|setup| tree.for_gateways(setup, 2));
    kit.provision("GW-1", &Device::start()).worked();
}
