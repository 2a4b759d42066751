//! What `pep prepare` finds before the injection that would otherwise be found after it, and images
//! whose keys live in Parsec.

use std::fs;

use super::machine::Machine;
use crate::kit::{Done, run, skip};

/// Runs a command with `place` as an overlay whose lower layer holds what was there; `None` where
/// none can be mounted.
fn on_an_overlay(machine: &Machine, place: &str, command: &str) -> Option<Done> {
    let script = format!(
        "set -e
         mkdir '{base}/lower' '{base}/layers'
         mount -t tmpfs tmpfs '{base}/layers' || exit 99
         mkdir '{base}/layers/upper' '{base}/layers/work'
         cp -a '{place}/.' '{base}/lower'
         layers=lowerdir='{base}/lower',upperdir='{base}/layers/upper',workdir='{base}/layers/work'
         mount -t overlay overlay -o \"$layers\" '{place}' || exit 99
         set +e; \"$@\"; echo \"ended: $?\"; cd '{place}'; find . -type f | sort",
        base = machine.place().display(),
        place = machine.path(place).display(),
    );
    // A root of a name space of its own may not remove folders of a lower layer.
    let launcher = ["unshare", "-m", "sh", "-c", &script, "sh"];
    let done = run(machine.command(&launcher, command, &[]), |it, _| {
        it.current_dir(machine.path("work"));
    });
    // A root that is no mount point, as chroot(8) makes it, has no name space of its own.
    let none = done.code == 99
        || ["unshare failed", "cannot change root"].iter().any(|it| done.stderr.contains(it));
    if none {
        skip("no overlay can be mounted here");
    }
    (!none).then_some(done)
}

/// A gateway's root is an overlay: folders of its lower layer cannot be moved, so the credentials
/// could not be exchanged.
#[test]
fn an_overlay_is_found_before_the_injection() {
    let machine = Machine::new();
    let Some(done) = on_an_overlay(&machine, "userdata/mbed", "prepare") else { return };
    assert!(done.stdout.contains("ended: 1"), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("error: cannot replace "), "{}", done.stderr);
    assert!(done.stderr.contains("lower layer of an overlay"), "{}", done.stderr);
    assert!(done.stderr.contains("before the injection"), "{}", done.stderr);
    assert!(!done.stdout.contains(".pep-try"), "{}", done.stdout);
    assert_eq!(machine.calls().last().unwrap(), "unmask --runtime edge-core");
    assert!(machine.path("work/pal/pal/WORKING/key").exists(), "nothing was set aside");
}

/// A document can be exchanged there, and old folders removed where they are.
#[test]
fn an_overlay_that_is_no_hindrance() {
    for command in ["prepare", "install-identity"] {
        let machine = Machine::new();
        machine.file("userdata/edge_gw_config/old/database", "old");
        let place = "userdata/edge_gw_config";
        let Some(done) = on_an_overlay(&machine, place, command) else { return };
        assert!(done.stdout.contains("ended: 0"), "{}{}", done.stdout, done.stderr);
        let left = done.stdout.split("ended: 0\n").nth(1).unwrap();
        let expected = match command {
            "prepare" => "./identity.json\n./kubelet.pem\n./old/database\n",
            _ => "./identity.json\n",
        };
        assert_eq!(left, expected, "{command}");
    }
}

/// Something is mounted in what would be cleared, or at the place of the credentials.
#[test]
fn mount_points_are_found_before_the_injection() {
    for (mounted, said) in [
        ("userdata/mbed/mcc_config", "cannot replace "),
        ("userdata/edge_gw_config/cache/disk", "cannot remove "),
    ] {
        let machine = Machine::new();
        fs::create_dir_all(machine.path(mounted)).unwrap();
        let script = format!(
            "mount -t tmpfs tmpfs '{}' || exit 99; exec \"$@\"",
            machine.path(mounted).display()
        );
        let done = run(
            machine.command(&["unshare", "-rm", "sh", "-c", &script, "sh"], "prepare", &[]),
            |it, _| {
                it.current_dir(machine.path("work"));
            },
        );
        if done.code == 99 || done.stderr.contains("unshare failed") {
            return skip("nothing can be mounted here");
        }
        let (error, hint) = done.failed_with(1);
        assert!(error.starts_with(said) && error.contains("mounted"), "{error}");
        assert!(hint.contains("before the injection"), "{hint}");
        assert!(machine.files("userdata").values().any(|text| text.contains("old")));
    }
}

/// What the old scripts removed goes too: files and folders that are named.
#[test]
fn the_agents_databases_go_with_the_old_identity() {
    let machine = Machine::new();
    for file in
        ["userdata/etc/devicejs/db/0001.log", "userdata/etc/maestroConfig.db", "userdata/etc/kept"]
    {
        machine.file(file, "old");
    }
    let platform = fs::read_to_string(machine.path("platform.toml")).unwrap();
    let also = format!(
        ", \"{}\", \"{}\", \"{}\"]",
        machine.path("userdata/etc/devicejs/db").display(),
        machine.path("userdata/etc/maestroConfig.db").display(),
        machine.path("userdata/etc/nowhere").display()
    );
    machine.file("platform.toml", &platform.replace("config\"]", &format!("config\"{also}")));
    machine.pep("prepare", &["--pal", "none"]).worked();
    assert_eq!(machine.files("userdata/etc").len(), 3, "not before the new one is there");
    machine.pep("install-identity", &[]).worked();
    assert_eq!(machine.files("userdata/etc").into_keys().collect::<Vec<_>>(), ["kept"]);
    assert_eq!(
        machine.calls().last().unwrap(),
        "unmask --runtime edge-core",
        "{:?}",
        machine.calls()
    );
}

/// The injection client has written `pst/` by itself: only the document is installed.
#[test]
fn keys_in_parsec_stay_as_they_are() {
    let machine = Machine::new();
    let platform = fs::read_to_string(machine.path("platform.toml")).unwrap();
    machine.file("platform.toml", &format!("{platform}parsec = true\n"));
    let done = machine.pep("install-identity", &[]);
    assert!(
        done.failed_with(1).0.contains("pst is not a folder with something in it"),
        "{}",
        done.stderr
    );
    machine.file("userdata/mbed/mcc_config/pst/0001", "handle");
    let before = machine.files("userdata/mbed");
    fs::remove_dir_all(machine.path("work/pal")).unwrap();
    let plan = machine.pep("install-identity", &["--dry-run"]);
    assert!(plan.worked().contains("would leave "), "{}", plan.stdout);
    machine.pep("prepare", &[]).worked();
    let done = machine.pep("install-identity", &[]);
    assert!(done.worked().contains("its keys stay in Parsec"), "{}", done.stdout);
    assert_eq!(machine.files("userdata/mbed"), before);
    let config = machine.files("userdata/edge_gw_config");
    assert_eq!(config.len(), 1, "{config:?}");
    assert!(config["identity.json"].contains("new"));
    assert!(machine.files("work").is_empty());
}

/// A gateway that is not done after all runs its agent again; a unit that cannot be masked is
/// stopped all the same.
#[test]
fn prepared_and_not_done() {
    let mut machine = Machine::new();
    machine.start_agent(true);
    machine.pep("prepare", &[]).worked();
    assert!(!machine.agent_runs());
    let plan = machine.pep("prepare", &["--undo", "--dry-run"]);
    assert_eq!(plan.worked(), "would unmask and start the unit edge-core\n");
    machine.pep("prepare", &["--undo"]).worked();
    let calls = machine.calls();
    assert_eq!(calls[calls.len() - 2..], ["unmask --runtime edge-core", "start edge-core"]);

    let machine = Machine::new();
    machine.file("bin/unmaskable", "");
    let done = machine.pep("prepare", &[]);
    done.worked();
    assert!(
        done.stderr.contains("warning: systemctl mask --runtime edge-core failed"),
        "{}",
        done.stderr
    );
}
