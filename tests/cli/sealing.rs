//! `-k`: a stand-in for journalctl makes the key; the station keeps it.

use std::path::Path;
use std::process::Command;

use crate::kit::{Device, Done, Kit};

const KEY: &str = "0123ab-cd4567-89ef01-234567/1b2c3-989680";

/// Puts programs into a folder that stands first in PATH. A child writes them: a file that this
/// process holds open while another test starts a program could not be run.
fn programs(command: &mut Command, folder: &Path, programs: &[(&str, &str)]) {
    let place = folder.join("bin");
    std::fs::create_dir(&place).unwrap();
    for (name, text) in programs {
        let script = r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#;
        let mut writer = Command::new("sh");
        writer.args(["-c", script, "sh"]).arg(place.join(name)).arg(text);
        assert!(writer.status().unwrap().success());
    }
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", place.display()));
}

pub fn sealed(kit: &Kit, port: &str, options: &[&str], journalctl: &str) -> Done {
    let mut arguments = vec!["get-one-identity", "-s", "GW-1", "-p", port, "-k"];
    arguments.extend(options);
    kit.pep_with(&arguments, |command, folder| {
        // Whoever runs the tests may be root or not.
        let sudo = r#"test "$1" = -- && shift; exec "$@""#;
        programs(command, folder, &[("journalctl", journalctl), ("sudo", sudo)]);
        command.env("DEBUG", "*");
    })
}

#[test]
fn the_key_goes_to_the_station_and_nowhere_else() {
    let kit = Kit::start();
    let device = Device::start();
    let journalctl = format!("echo \"$*\" > arguments; echo {KEY}; echo talk >&2");
    let done = sealed(&kit, &device.port(), &["-e", "15min"], &journalctl);
    assert!(!done.worked().contains(KEY));
    assert!(!done.stderr.contains(KEY), "{}", done.stderr);
    assert!(!done.file("identity.json").contains(KEY));
    assert_eq!(done.file("arguments"), "--setup-keys --force --interval=15min\n");

    let told = kit.pep(["get-verification-key", "-s", "GW-1"]);
    assert_eq!(told.worked(), format!("{KEY}\n"));
    assert!(!kit.log().contains(KEY));
    // Without -k there is none.
    let other = Device::start();
    kit.provision("GW-2", &other).worked();
    let none = kit.pep(["get-verification-key", "-s", "GW-2"]);
    let (error, _) = none.failed_with(1);
    assert_eq!(error, "unit `GW-2` brought no sealing verification key");
}

/// Sealing that cannot be set up: the station is not asked, the unit keeps its chance.
#[test]
fn sealing_that_fails() {
    let kit = Kit::start();
    let device = Device::start();
    for journalctl in [
        format!("echo {KEY}; echo 'cannot keep {KEY}' >&2; exit 1"),
        "echo 'no journal' >&2; exit 1".to_owned(),
        "exit 0".to_owned(),
    ] {
        let done = sealed(&kit, &device.port(), &[], &journalctl);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{}", done.stderr);
        assert!(done.stderr.contains("journalctl could not set up sealing"), "{}", done.stderr);
        assert!(!done.stderr.contains(KEY), "{}", done.stderr);
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
    assert!(device.items().is_empty());
}
