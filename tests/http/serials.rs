//! What serial numbers look like on this line: their pattern, look-alikes, and whether case counts.

use super::encode;
use crate::kit::{Device, Done, Kit, Setup, run};

const HINT: &str = "scan the label on the bottom";

fn patterned(setup: &mut Setup) {
    setup
        .station("# serial_pattern = 'GW-[0-9]{6}'", "serial_pattern = 'GW-[0-9]{4}'")
        .env("PEP_ADMISSION_SERIAL_PATTERN_HINT", HINT);
}

fn upper(setup: &mut Setup) {
    setup.env("PEP_ADMISSION_SERIAL_CASE", "upper");
}

/// `pep-server` on the station's own configuration.
fn server(kit: &Kit, arguments: &[&str]) -> Done {
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).args(arguments);
    run(command, |_, _| {})
}

/// A number that does not fit is refused before anything is written down, with the operator's own
/// sentence, and characters that look like others are named by their code points.
#[test]
fn a_number_that_does_not_fit_is_refused() {
    let kit = Kit::with(patterned);
    let device = Device::start();
    let hyphen = "U+2010 HYPHEN looks like U+002D HYPHEN-MINUS";
    for (serial, said) in [
        ("GW-00001", "`GW-00001` does not fit the pattern `GW-[0-9]{4}`"),
        ("xGW-0001", "`xGW-0001` does not fit the pattern"),
        ("gw-0001", "`gw-0001` does not fit the pattern"),
        ("GW-0001x", "does not fit the pattern"),
        ("GW\u{2010}0001", hyphen),
        ("GW\u{2013}0001", "U+2013 EN DASH looks like U+002D"),
        ("GW\u{2212}0001", "U+2212 MINUS SIGN looks like U+002D"),
        ("ＧＷ－０００１", "U+FF27 FULLWIDTH LATIN CAPITAL LETTER G looks like U+0047"),
        ("GW-OOO1", "U+004F LATIN CAPITAL LETTER O looks like U+0030"),
    ] {
        let path = Kit::query(&encode(serial), &device.port());
        let problem = kit.get(&path).problem(403, "not-admitted");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        assert_eq!(problem["hint"], HINT);
        // The old command line shows the sentence as well.
        let text = kit.get_as_curl(&path);
        assert!(text.plain_refusal(403).ends_with(HINT), "{}", text.text());
        assert_eq!(kit.states(serial), [""; 0]);
    }
    let done = kit.provision("GW\u{2010}0001", &device);
    let (error, hint) = done.failed_with(1);
    assert!(error.contains(hyphen) && hint.contains(HINT), "{error} {hint}");
    let preview = server(&kit, &["preview", "GW\u{2010}0001"]);
    assert_eq!(preview.code, 1);
    assert!(preview.stderr.contains(hyphen), "{}", preview.stderr);
    server(&kit, &["preview", "GW-0001"]).worked();
    server(&kit, &["check"]).worked();
    assert!(device.items().is_empty());
    kit.provision("GW-0001", &device).worked();
    // What is asked about a unit is no new unit: other numbers are just unknown.
    kit.get("/v3/enrollment-id?serialNumber=gw-0001").problem(404, "not-found");
}

/// Without a pattern every number is taken, and a look-alike is a word in the log.
#[test]
fn a_look_alike_is_in_the_log() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    kit.provision("GW\u{2010}1", &device).worked();
    kit.provision("GW-1", &device).worked();
    let told = |line: &str| line.contains("U+2010 HYPHEN looks like U+002D HYPHEN-MINUS");
    crate::kit::eventually("it is logged", || kit.log().lines().any(told));
    assert_eq!(kit.log().lines().filter(|line| told(line)).count(), 1);
}

/// Where case does not count, one label is one unit, whoever says its number and wherever.
#[test]
fn one_unit_in_any_case() {
    let kit = Kit::with(upper);
    let device = Device::with(&["--keep"]);
    let document = kit.get(&Kit::query("gw-0001", &device.port())).document();
    assert_eq!(document["serialNumber"], "GW-0001");
    assert_eq!(device.items().text("mbed.EndpointName"), "GW-0001");
    for spelling in ["gw-0001", "GW-0001", "Gw-0001"] {
        kit.get(&Kit::query(spelling, &device.port())).problem(409, "serial-taken");
        for route in ["identity-record", "enrollment-id"] {
            let found = kit.get(&format!("/v3/{route}?serialNumber={spelling}"));
            assert_eq!(found.status, 200, "{route} {spelling}");
        }
        let shown = kit.pep_as_operator(["show", spelling]);
        assert!(shown.worked().contains("GW-0001"));
    }
    kit.pep_as_operator(["release", "gw-0001", "--reason", "rework"]).worked();
    kit.pep_as_operator(["deny", "add", "gW-0002", "--reason", "stolen"]).worked();
    kit.get(&Kit::query("gw-0002", &device.port())).problem(403, "not-admitted");
    kit.pep_as_operator(["deny", "remove", "Gw-0002"]).worked();
    let document = kit.get(&Kit::query("GW-0001", &device.port())).document();
    assert_eq!(document["serialNumber"], "GW-0001");
    assert_eq!(kit.states("GW-0001"), ["confirmed", "confirmed"]);
    assert_eq!(kit.states("gw-0001"), [""; 0]);
    let preview = server(&kit, &["preview", "gw-0009"]);
    assert!(preview.worked().contains("certificate of GW-0009"));
}

/// Units of before keep their spelling, stay reachable under any, and are not made twice.
#[test]
fn units_of_before_are_not_doubled() {
    let mut kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for serial in ["gw-1", "Mixed-2", "GW-3", "gw-3"] {
        kit.get(&Kit::query(serial, &device.port())).document();
    }
    kit.get(&Kit::query("gw-4", "1025")).problem(502, "device-failed");
    kit.stop();
    kit.set_env("PEP_ADMISSION_SERIAL_CASE", "upper");
    kit.start_again();
    for (asked, kept) in [
        ("GW-1", "gw-1"),
        ("gw-1", "gw-1"),
        ("Gw-1", "gw-1"),
        ("MIXED-2", "Mixed-2"),
        ("mixed-2", "Mixed-2"),
        ("GW-3", "GW-3"),
        ("Gw-3", "GW-3"),
        // Two units of before, each under its own spelling.
        ("gw-3", "gw-3"),
    ] {
        kit.get(&Kit::query(asked, &device.port())).problem(409, "serial-taken");
        let found = kit.get(&format!("/v3/identity-record?serialNumber={asked}")).document();
        assert_eq!(found["serialNumber"], kept, "{asked}");
    }
    // A unit that is not done is finished where it was begun.
    let document = kit.get(&Kit::query("GW-4", &device.port())).document();
    assert_eq!(document["serialNumber"], "gw-4");
    assert_eq!(kit.states("gw-4"), ["failed", "confirmed"]);
    // A new one is in upper case.
    let document = kit.get(&Kit::query("gw-5", &device.port())).document();
    assert_eq!(document["serialNumber"], "GW-5");
    let page = kit.get("/v3/enrollment-ids").document();
    assert_eq!(page["provisioned_count"], 6);
}
