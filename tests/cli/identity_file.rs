//! identity.json: there whole, for its owner alone, or not at all.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::provision;
use crate::kit::{Device, Kit, Peer, binary, run};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_file_is_the_owners_alone() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let done = provision(&kit, &device, "GW-1", &[]);
    assert_eq!(mode(&done.folder.path().join("identity.json")), 0o600);

    // Somewhere else, over an old one that everybody could read.
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("identity.json");
    std::fs::write(&place, "old").unwrap();
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o666)).unwrap();
    let done = provision(&kit, &device, "GW-2", &["-o", place.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&place).unwrap(), done.stdout);
    assert_eq!(mode(&place), 0o600);
    assert!(done.files().is_empty());
}

/// What was there stays there when anything fails.
#[test]
fn an_old_file_survives_every_failure() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    for (arguments, code) in [
        (vec!["get-one-identity", "-s", "GW-1", "-p", &port], 4),
        (vec!["get-one-identity", "-s", "GW-1", "-c", "none"], 1),
        (vec!["--server", "http://127.0.0.1:1", "get-one-identity", "-s", "GW-1"], 3),
        (vec!["get-identity", "-s", "GW-1", "-o", "identity.json"], 1),
    ] {
        let done = kit.pep_with(&arguments, |_, folder| {
            std::fs::write(folder.join("identity.json"), "the old one").unwrap();
        });
        done.failed_with(code);
        assert_eq!(done.file("identity.json"), "the old one");
        assert_eq!(done.files(), ["identity.json"]);
    }
}

/// Where the file cannot be written, the station is not even asked: the unit keeps its chance.
#[test]
fn a_place_where_no_file_can_be() {
    let kit = Kit::start();
    let device = Device::start();
    for place in ["/dev/null", "/proc/identity.json", ".", "no/such/folder/identity.json", ""] {
        let arguments = ["get-one-identity", "-s", "GW-1", "-p", &device.port(), "-o", place];
        let done = kit.pep_with(&arguments, |_, _| {});
        assert!([1, 2].contains(&done.code), "{place:?}: {}", done.stderr);
        done.two_lines();
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
    assert!(device.items().is_empty());
}

/// The disk of this machine is full before the station is asked: nothing is asked, nothing is left.
#[test]
fn a_disk_without_room() {
    let kit = Kit::start();
    let device = Device::start();
    let mut command = Command::new("sh");
    // No file may grow beyond four blocks; the document needs more than is left.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    command.args(["-c", script, "sh"]).arg(binary("pep"));
    command.args(["--server", &kit.url(), "get-one-identity", "-s", "GW-1"]);
    command.args(["-p", &device.port()]);
    let done = run(command, |_, _| {});
    let (error, _) = done.failed_with(1);
    assert!(error.contains("cannot write identity.json"), "{error}");
    assert!(done.files().is_empty(), "{:?}", done.files());
    assert_eq!(kit.states("GW-1"), [""; 0]);
}
