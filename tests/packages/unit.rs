//! dist/pep-server.service, judged by systemd itself.

use std::process::Command;

use crate::kit::binary;

/// The unit with this machine's `pep-server`, in a folder of its own.
fn unit() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let text = super::read("dist/pep-server.service");
    let program = binary("pep-server");
    let text = text.replace("/usr/local/bin/pep-server", program.to_str().unwrap());
    assert!(!text.contains("/usr/local/"), "{text}");
    // The page is not installed here.
    let text = text.replace("Documentation=man:pep-server(1)\n", "");
    let path = folder.path().join("pep-server.service");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn systemd_analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args(arguments).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn systemd_finds_nothing_wrong() {
    let (_folder, path) = unit();
    let Some((good, said)) = systemd_analyze(&["verify", "--man=no", &path]) else {
        return crate::kit::skip("there is no systemd-analyze here");
    };
    assert!(good && said.trim().is_empty(), "{said}");
}

/// 0 is the best, 10 the worst; without a sandbox it is 9.6.
#[test]
fn systemd_finds_it_confined() {
    let (_folder, path) = unit();
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", &path];
    let Some((good, said)) = systemd_analyze(&arguments) else {
        return crate::kit::skip("there is no systemd-analyze here");
    };
    if said.contains("unrecognized option") {
        return crate::kit::skip("this systemd-analyze judges no files");
    }
    assert!(good, "{said}");
}

/// It may write to one folder. Which files lie there is said in station.toml alone, so that the
/// service and every command find the same ones.
#[test]
fn what_is_written_lies_in_the_state_folder() {
    let text = super::read("dist/pep-server.service");
    for line in ["ProtectSystem=strict", "StateDirectory=pep"] {
        assert!(text.lines().any(|it| it == line), "{line}");
    }
    assert!(!text.contains("_PATH="), "{text}");
}

/// What systemd does with the station: waits for it, watches it, reads its configuration again, and
/// does not try a wrong one over and over.
#[test]
fn the_station_and_systemd_work_together() {
    let text = super::read("dist/pep-server.service");
    let value = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {key}"))
    };
    assert_eq!(value("Type"), "notify");
    assert!(value("WatchdogSec").parse::<u32>().unwrap() >= 30);
    assert!(value("ExecStartPre").ends_with(" check"));
    assert!(value("ExecReload").contains("kill -HUP $MAINPID"));
    assert_eq!(value("Restart"), "on-failure");
    assert_eq!(value("RestartPreventExitStatus"), "78");
    // A port below 1024 can be listened at: the right is there, and none of the host's users are
    // taken away with it.
    assert_eq!(value("AmbientCapabilities"), "CAP_NET_BIND_SERVICE");
    assert_eq!(value("CapabilityBoundingSet"), "CAP_NET_BIND_SERVICE");
    assert!(!text.lines().any(|line| line == "PrivateUsers=yes"));
}
