//! fcu.yml: what would be injected wrongly, or not at all.

use super::{faults, one_fault, refused};
use crate::kit::{Device, Kit, Setup};

/// A misspelt key would take its default in silence: it stops the start, and the line to paste is
/// printed.
#[test]
fn unknown_keys_of_fcu_yml() {
    let spoil = |setup: &mut Setup| {
        setup
            .fcu_also("frist-to-claim: true\nold-key: 1")
            .fcu("  timezone: \"UTC\"", "  timezone: \"UTC\"\n  colour: blue");
    };
    let said = refused(spoil);
    let line = "[fcu] ignore = [\"device-info.colour\", \"frist-to-claim\", \"old-key\"]";
    let said: Vec<_> = faults(&said);
    let wanted = [
        "fcu.yml:41: device-info.colour: unknown key; take it out",
        "fcu.yml:87: frist-to-claim: unknown key; did you mean first-to-claim?",
        "fcu.yml:88: old-key: unknown key; take it out",
    ];
    assert_eq!(said.len(), wanted.len(), "{said:?}");
    for (fault, wanted) in said.iter().zip(wanted) {
        assert!(fault.contains(wanted), "{fault}");
    }
    assert!(said[2].ends_with(line), "{said:?}");

    // The very line, pasted, lets the station start.
    let pasted = line.strip_prefix("[fcu] ").unwrap().to_owned();
    let kit = Kit::with(|setup| {
        spoil(setup);
        setup.station("ignore = []", &pasted);
    });
    kit.get("/readyz").document();
}

#[test]
fn values_of_fcu_yml_that_cannot_be() {
    for (from, to, words) in [
        ("time-sync: true", "time-sync: 1", "fcu.yml:27: time-sync: is the number 1"),
        ("time-sync: true", "time-sync: yes please", "fcu.yml:27: time-sync: is the text"),
        ("manufacturer: \"EXAMPLE\"", "manufacturer: 1.10", "fcu.yml:34: device-info.manufacturer"),
        ("manufacturer: \"EXAMPLE\"", "manufacturer: [a]", "fcu.yml:34: device-info.manufacturer"),
        ("memory-total-kb: 1048576", "memory-total-kb: -1", "device-info.memory-total-kb"),
        ("memory-total-kb: 1048576", "memory-total-kb: 4294967296", "memory-total-kb"),
        ("C: \"\"", "C: \"Finland\"", "fcu.yml:49: device-certificate.C"),
        ("# validity-days: 9131", "validity-days: 0", "device-certificate.validity-days"),
        (
            "entropy-generation-mode: by_device",
            "entropy-generation-mode: externally_supplied",
            "entropy made elsewhere comes with its key",
        ),
        ("generation-mode: by_device", "generation-mode: by_hand", "entropy-generation-mode"),
        ("42fa7b48-1a65-43aa-890f-8c704daade54", "42fa7b48", "fcu.yml:68: vendor-id"),
        ("custom-properties: []", "custom-properties: {}", "fcu.yml:81: custom-properties"),
        ("bootstrap-server-ca-file: bootstrap", "bootstrap-server-ca-file: no", "cannot be read"),
        ("use-bootstrap: true", "", "fcu.yml: use-bootstrap: is missing"),
        ("mbedcloud.com:5684\n", "mbedcloud.com:5684?aid=1\n", "holds an account id"),
    ] {
        let said = refused(|setup| {
            // The first of them: some stand in a comment as well.
            let text = std::fs::read_to_string(setup.folder().join("fcu.yml")).unwrap();
            assert!(text.contains(from), "{from}");
            setup.file("fcu.yml", text.replacen(from, to, 1));
        });
        assert!(said.contains(words), "{to}: {said}");
    }
}

/// Variables in fcu.yml: a missing one is a fault and not an empty text, and none can bring keys of
/// its own.
#[test]
fn variables_of_fcu_yml() {
    let with_variable = |setup: &mut Setup| {
        setup.fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"<%= ENV['MAKER'] %>\"");
    };
    let said = refused(with_variable);
    one_fault(&said, &["fcu.yml:34: wants the variable MAKER, which is not set"]);
    for evil in ["Acme\"\n  timezone: \"UTC", "a\rb", "a\u{2028}b", "\u{1b}[2J"] {
        let said = refused(|setup| {
            with_variable(setup);
            setup.env("MAKER", evil);
        });
        one_fault(&said, &["wants the variable MAKER, whose value holds a control character"]);
        assert!(!said.contains('\u{1b}'));
    }
    let said = refused(|setup| {
        setup.fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"<%= `id` %>\"");
    });
    one_fault(&said, &["holds Ruby other than <%= ENV[...] %>"]);

    let kit = Kit::with(|setup| {
        with_variable(setup);
        setup.env("MAKER", "Äcme");
    });
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(device.items().text("mbed.Manufacturer"), "Äcme");
}

/// Ten megabytes, by size or by aliases: refused at once.
#[test]
fn an_fcu_yml_without_measure() {
    let said = refused(|setup| {
        setup.file("fcu.yml", format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(2_500_000)));
    });
    one_fault(&said, &["fcu.yml is ", "bytes long, more than the 1048576 allowed"]);

    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..8 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    let said = refused(|setup| {
        setup.file("fcu.yml", laughs);
    });
    one_fault(&said, &[": more aliases, levels or lines than a station reads"]);

    let said = refused(|setup| {
        setup.file("fcu.yml", format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(200_000)));
    });
    one_fault(&said, &[": more aliases, levels or lines than a station reads"]);
}
