//! What the first landed version wrote still opens: its ledger, its journal alone, its
//! configuration. Exports of it are the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{Kit, Setup, binary, run};

fn fixture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests");
    tests.join("fixtures/landed-3.0.0").join(name)
}

fn written(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

/// The landed configuration in a folder with a PKI of its own, and its journal.
fn configure(setup: &mut Setup) {
    let made = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("pep-server"));
    command.arg("init").arg(made.path()).args(["--sign", "acme"]);
    run(command, |_, _| {}).worked();
    std::fs::create_dir(setup.folder().join("sign")).unwrap();
    for name in ["sign/factory_ca.pem", "sign/local-ca.pem", "sign/local-ca.key", "sign/tls-crt"] {
        std::fs::copy(made.path().join(name), setup.folder().join(name)).unwrap();
    }
    for name in ["station.toml", "fcu.yml"] {
        setup.file(name, written(name));
    }
    std::fs::create_dir_all(setup.folder().join("store/journal")).unwrap();
    let journal = std::fs::read(fixture("line-1.journal")).unwrap();
    setup.file("store/journal/line%2d1-000001.journal", journal);
    setup.env("PEP_STATION_NAME", "line-1");
}

fn put_the_ledger(setup: &mut Setup) {
    setup.file("store/ledger.sqlite", std::fs::read(fixture("ledger.db")).unwrap());
}

/// An export's rows as a later version gives them: without a selftest's.
fn without_selftests(export: &str) -> String {
    let counts = |line: &&str| !line.contains("SELFTEST-");
    export.lines().filter(counts).map(|line| format!("{line}\n")).collect()
}

/// An upload's, without the unit that was denied as well.
fn without_denied(upload: &str) -> String {
    let counts = |line: &&str| !line.contains(",GW-0009,");
    upload.lines().filter(counts).map(|line| format!("{line}\n")).collect()
}

fn assert_all_there(kit: &Kit) {
    let export = |format: &str| kit.pep_as_operator(["export", "--format", format]);
    assert_eq!(export("csv").worked(), without_selftests(&written("export.csv")));
    let upload = export("enrollment");
    assert_eq!(upload.worked(), without_denied(&without_selftests(&written("enrollment.csv"))));
    let lines = export("jsonl");
    let was = without_selftests(&written("export.jsonl"));
    let (now, was): (Vec<_>, Vec<_>) = (lines.worked().lines().collect(), was.lines().collect());
    assert_eq!(now.len(), was.len());
    for (now, was) in now.into_iter().zip(was) {
        let now: Value = serde_json::from_str(now).unwrap();
        let was: Value = serde_json::from_str(was).unwrap();
        for (member, value) in was.as_object().unwrap() {
            // Kept as the text it was, and shown as the bytes that readers want.
            if member == "ethernetMAC" {
                assert_eq!(*value, "00:a5:09:6a:6e:94");
                assert_eq!(now[member], json!([0, 165, 9, 106, 110, 148]));
                continue;
            }
            assert_eq!(now[member], *value, "{member} of {}", was["serialNumber"]);
        }
    }
    assert_eq!(kit.states("GW-0004"), ["sent"]);
    assert_eq!(kit.states("GW-0005"), ["failed"]);
    assert_eq!(kit.states("GW-0006"), ["sent", "failed"]);
    let in_doubt = kit.pep_as_operator(["list", "--state", "sent"]);
    assert!(in_doubt.worked().contains("GW-0006 "), "a doubt stays: {}", in_doubt.stdout);
    assert_eq!(kit.states("GW-0007"), ["confirmed", "confirmed"]);
    assert_eq!(kit.states("GW-0014"), ["sent"], "closed at the start");
    for done in ["GW-0001", "GW-0007"] {
        let asked = kit.get(&Kit::query(done, "7999"));
        assert_eq!(asked.status, 409, "{done}: {}", asked.text());
    }
    assert_eq!(kit.get(&Kit::query("GW-0010", "7999")).status, 403, "denied");
}

#[test]
fn the_landed_ledger_opens() {
    let kit = Kit::with(|setup| {
        configure(setup);
        put_the_ledger(setup);
    });
    assert_all_there(&kit);
    assert!(!kit.log().contains("behind its journal"), "the ledger was up to date");
}

#[test]
fn the_landed_journal_alone_brings_it_all_back() {
    let kit = Kit::with(configure);
    assert_all_there(&kit);
    assert!(kit.log().contains("behind its journal"), "nothing was there");
}

#[test]
fn the_landed_configuration_passes_the_check() {
    let mut setup = Setup::new();
    configure(&mut setup);
    run(setup.server(&["check"]), |_, _| {}).worked();
}
