//! `pep prepare` and `pep install-identity`: the agent stops, the new identity takes the place of
//! the old, and whatever goes wrong on the way, one of the two is there whole.

use std::fs;
use std::process::Command;

use super::machine::Machine;
use crate::kit::{Device, Kit, run, skip};
use crate::power_cut::{Disk, Unflushed, seed};

/// The whole way of a gateway, with a real station and a real injection in between.
#[test]
fn prepare_inject_install() {
    let kit = Kit::start();
    let mut machine = Machine::new();
    fs::remove_file(machine.path("work/identity.json")).unwrap();
    machine.start_agent(true);

    let done = machine.pep("prepare", &[]);
    assert!(
        done.worked().contains("pal of an earlier injection is now pal.aside"),
        "{}",
        done.stdout
    );
    assert!(!machine.agent_runs());
    let calls = ["mask --runtime edge-core", "stop edge-core", "is-active edge-core"];
    assert_eq!(machine.calls(), calls);
    assert_eq!(machine.files("userdata").len(), 4, "the old identity stays until the new is there");
    assert!(!machine.path("work/pal").exists());

    let device = Device::start();
    let ask = ["get-one-identity", "-s", "new", "-i", "127.0.0.1", "-p", &device.port()];
    kit.pep_with(&ask, |it, _| {
        it.current_dir(machine.path("work"));
    })
    .worked();
    machine.file("work/pal/pal/WORKING/key", "new key");

    let done = machine.pep("install-identity", &["--start"]);
    let said = done.worked();
    assert!(said.starts_with("new is installed: "), "{said}");
    assert_eq!(machine.calls().last().unwrap(), "start edge-core");
    let installed = machine.files("userdata");
    assert_eq!(installed.len(), 2, "{installed:?}");
    assert!(installed["edge_gw_config/identity.json"].contains("\"serialNumber\":\"new\""));
    assert_eq!(installed["mbed/mcc_config/pal/WORKING/key"], "new key");
    assert!(machine.files("work").is_empty(), "what was set aside goes last");
}

#[test]
fn a_dry_run_says_everything_and_does_nothing() {
    let mut machine = Machine::new();
    machine.start_agent(true);
    for (command, said) in [
        ("prepare", "would move pal to pal.aside"),
        ("install-identity", "would put pal in the place of "),
    ] {
        let done = machine.pep(command, &["--dry-run"]);
        let lines: Vec<_> = done.worked().lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("would ")), "{lines:?}");
        assert!(lines.contains(&"would stop the unit edge-core"), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains(said)), "{lines:?}");
    }
    assert!(machine.agent_runs());
    assert!(machine.calls().is_empty());
    machine.is_untouched();
}

#[test]
fn the_first_identity_of_a_gateway() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("userdata")).unwrap();
    machine.pep("prepare", &["--pal", "none"]).worked();
    let done = machine.pep("install-identity", &["--json"]);
    let said: serde_json::Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(said["serialNumber"], "new");
    machine.is_installed();
}

/// `pep get-one-identity -o` may have written it there at once.
#[test]
fn a_document_that_is_in_place_already() {
    let machine = Machine::new();
    let place = machine.identity();
    fs::rename(machine.path("work/identity.json"), &place).unwrap();
    machine.pep("install-identity", &["--identity", place.to_str().unwrap()]).worked();
    machine.is_installed();
}

/// Whatever keeps the agent running keeps the identity where it is.
#[test]
fn an_agent_that_does_not_stop() {
    for (sign, said) in [
        ("stubborn", "the agent does not stop: the unit edge-core is active"),
        ("spares", " still runs as process "),
        ("refuses", "systemctl stop edge-core failed: Access denied"),
        ("hangs", "systemctl stop edge-core took over 1 s"),
    ] {
        let mut machine = Machine::new();
        machine.start_agent(true);
        machine.file(&format!("bin/{sign}"), "");
        for command in ["prepare", "install-identity"] {
            let done = machine.pep(command, &["--stop-timeout", "1"]);
            let (error, hint) = done.failed_with(1);
            assert!(error.contains(said), "{sign}: {error}");
            assert!(hint.starts_with("nothing was moved"), "{sign}: {hint}");
        }
        machine.is_untouched();
    }
}

/// systemd has stopped its unit; another agent was started by hand.
#[test]
fn an_agent_that_systemd_does_not_know() {
    let mut machine = Machine::new();
    machine.start_agent(false);
    let done = machine.pep("install-identity", &[]);
    assert!(done.failed_with(1).0.contains(" still runs as process "), "{}", done.stderr);
    assert!(machine.agent_runs());
    machine.is_untouched();
}

#[test]
fn nothing_to_install() {
    let machine = Machine::new();
    for (missing, said) in [
        ("work/identity.json", "nothing to install: identity.json "),
        ("work/pal", "nothing to install: pal is not a folder with something in it"),
    ] {
        let path = machine.path(missing);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        let done = machine.pep("install-identity", &[]);
        assert!(done.failed_with(1).0.starts_with(said), "{}", done.stderr);
    }
    machine.file("work/pal/x", "");
    machine.file("work/identity.json", "<html>");
    let done = machine.pep("install-identity", &[]);
    assert!(done.failed_with(1).0.contains("is not an identity document"), "{}", done.stderr);
    assert!(machine.calls().is_empty(), "the agent was let alone");
    assert_eq!(machine.files("userdata").len(), 4);
}

#[test]
fn a_platform_has_to_be_chosen() {
    let machine = Machine::new();
    let done = run(Command::new(crate::kit::binary("pep")), |command, _| {
        command.args(["prepare", "--platform", "toaster", "--dry-run"]);
    });
    let (error, hint) = done.failed_with(2);
    assert_eq!(error, "no platform is called toaster");
    assert!(hint.contains("meta-pelion-edge"), "{hint}");
    machine.file("platform.toml", "credentials = '/'\nidentity = '/a/b/c'\n");
    let done = machine.pep("prepare", &[]);
    assert!(done.failed_with(2).0.contains("too near to the root"), "{}", done.stderr);
}

/// The new does not fit: the old stays, the new stays, and with room the same command finishes.
#[test]
fn a_full_disk() {
    let machine = Machine::new();
    let userdata = machine.path("userdata");
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs '{0}' || exit 99
         cp -a '{1}/.' '{0}/'; dd if=/dev/zero of='{0}/filler' bs=1k 2> /dev/null
         \"$@\"; echo \"full: $?\"; rm '{0}/filler'; find '{0}' -type f -exec cat {{}} +
         \"$@\" > /dev/null; echo \"room: $?\"; find '{0}' -type f -exec cat {{}} +",
        userdata.display(),
        machine.path("old").display(),
    );
    for command in ["install-identity", "prepare"] {
        machine.fill();
        let _ = fs::remove_dir_all(machine.path("old"));
        let copied = Command::new("cp").arg("-a").args([&userdata, &machine.path("old")]).status();
        assert!(copied.unwrap().success());
        let done = run(
            machine.command(&["unshare", "-rm", "sh", "-c", &script, "sh"], command, &[]),
            |it, _| {
                it.current_dir(machine.path("work"));
            },
        );
        if done.code == 99 || done.stderr.contains("unshare failed") {
            return skip("no file system can be mounted here");
        }
        assert!(done.stderr.contains("No space left on device"), "{}", done.stderr);
        let (full, room) = done.stdout.split_once("room: ").unwrap();
        let full = full.strip_prefix("full: 1\n").unwrap();
        assert_eq!(full.matches("old").count(), 4, "{full}");
        assert!(!full.contains("new"), "{full}");
        if command == "install-identity" {
            assert!(
                done.stderr.contains("hint: the old identity is still in place"),
                "{}",
                done.stderr
            );
            assert!(room.starts_with("0\n") && !room.contains("old"), "{room}");
            assert!(machine.files("work").is_empty());
        } else {
            assert!(done.stderr.contains("hint: make room there"), "{}", done.stderr);
        }
    }
}

/// A power cut before and behind every flush, renaming and removal: the old or the new is there,
/// whole, and the same command finishes the work.
#[test]
fn cut_anywhere_it_leaves_the_old_or_the_new() {
    let seed = seed("install-identity");
    everywhere(Place::WithAnOld, &|_| Unflushed::Lost, "after");
    everywhere(Place::WithAnOld, &|number| Unflushed::Torn(seed + number), "before");
    everywhere(Place::WithAnOld, &|_| Unflushed::Backwards, "before");
}

/// The same where there was none: there is nothing or the whole.
#[test]
fn cut_anywhere_the_first_identity_is_whole_or_not_there() {
    let seed = seed("the first identity");
    everywhere(Place::Bare, &|_| Unflushed::Lost, "after");
    everywhere(Place::Bare, &|number| Unflushed::Torn(seed + number), "before");
}

/// Where an identity is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    WithAnOld,
    Bare,
}

fn everywhere(place: Place, unflushed: &dyn Fn(u64) -> Unflushed, when: &str) {
    let cuts = (1..100)
        .take_while(|number| cut_at(place, &format!("{when} {number}"), unflushed(*number)))
        .count();
    assert!((9..99).contains(&cuts), "{cuts} cuts {when} a step");
}

/// Whether the cut came.
fn cut_at(place: Place, order: &str, unflushed: Unflushed) -> bool {
    let machine = Machine::new();
    if place == Place::Bare {
        fs::remove_dir_all(machine.path("userdata")).unwrap();
    }
    let mut disk = Disk::without(&machine.path(""), &["bin"]);
    fs::write(disk.order(), order).unwrap();
    let done = run(machine.command(&[], "install-identity", &[]), |it, _| {
        it.current_dir(machine.path("work"));
        it.envs(disk.environment()).env("POWER_CUT_MOVES", "1");
    });
    let told = format!("{place:?}, {order}, {unflushed:?}");
    disk.cut(unflushed);
    let was_cut = done.code != 0;
    assert!([0, -1].contains(&done.code), "{told}: {}", done.stderr);
    let left = machine.files("userdata");
    let at = |path: &str| left.get(path).map_or("", String::as_str);
    let key = at("mbed/mcc_config/pal/WORKING/key");
    let certificate = at("mbed/mcc_config/pal/certificate");
    let identity = at("edge_gw_config/identity.json");
    assert_eq!(certificate, key.replace("key", "certificate"), "{told}: half");
    if place == Place::WithAnOld {
        assert!(["old key", "new key"].contains(&key), "{told}: {left:?}");
        assert!(identity.contains("serialNumber"), "{told}: {left:?}");
    } else {
        assert!(["", "new key"].contains(&key), "{told}: {left:?}");
        assert!(identity.is_empty() || identity.contains("\"new\""), "{told}: {left:?}");
    }
    // What it has said that it has done is done.
    if !was_cut {
        assert!(key.contains("new") && identity.contains("\"new\""), "{told}: {left:?}");
    }

    let again = machine.pep("install-identity", &[]);
    if again.code != 0 {
        // Cut when it was done but for sweeping up.
        let said = again.failed_with(1).0;
        assert!(said.starts_with("nothing to install"), "{told}: {}", again.stderr);
        let _ = fs::remove_file(machine.path("work/identity.json"));
    }
    machine.is_installed();
    was_cut
}
