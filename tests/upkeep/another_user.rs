//! Root looks after a station that runs as another user: nothing of root's is left in its folder, and
//! the station goes on.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::Command;

use super::{owners, server, units};
use crate::kit::{Device, Kit, Setup, binary, run, skip};

/// Nobody's number on any machine that runs tests.
const USER: u32 = 61_234;

/// Whether this is root, and another user can run our programs.
fn can_run_as_another() -> bool {
    let mut command = Command::new("setpriv");
    command.args(AS_USER).arg(binary("pep-server")).arg("--version");
    let runs = command.output().is_ok_and(|output| output.status.success());
    if !runs {
        skip("only root can run a station as another user");
    }
    runs
}

const AS_USER: [&str; 3] = ["--reuid=61234", "--regid=61234", "--clear-groups"];

fn give(folder: &Path) {
    chown(folder, Some(USER), Some(USER)).unwrap();
    for path in owners(folder).into_keys() {
        chown(path, Some(USER), Some(USER)).unwrap();
    }
}

/// A station's folder that belongs to the user.
fn setup() -> Setup {
    let mut setup = Setup::new();
    give(setup.folder());
    let mut launcher = vec!["setpriv"];
    launcher.extend(AS_USER);
    setup.launched_by(&launcher);
    setup
}

/// `pep-server` as root, beside a kit whose station is the user's.
fn as_root(kit: &Kit, arguments: &[&str]) -> crate::kit::Done {
    let mut command = Command::new(binary("pep-server"));
    command.env("PEP_HTTP_LISTEN", "127.0.0.1:0").env("PEP_DISCOVERY_ANNOUNCE", "false");
    command.arg("--config").arg(kit.folder().join("station.toml")).args(arguments);
    run(command, |_, _| {})
}

fn all_the_users(folder: &Path) {
    for (path, (user, _)) in owners(folder) {
        assert_eq!(user, USER, "{}", path.display());
    }
}

#[test]
fn nothing_of_roots_is_left() {
    if !can_run_as_another() {
        return;
    }
    let setup = setup();
    // Before the first start: `check` says what is to come, and makes none of it.
    let mut command = Command::new(binary("pep-server"));
    command.env("PEP_HTTP_LISTEN", "127.0.0.1:0").env("PEP_DISCOVERY_ANNOUNCE", "false");
    command.arg("--config").arg(setup.folder().join("station.toml")).arg("check");
    let checked = run(command, |_, _| {});
    assert!(checked.worked().contains("no ledger yet at "), "{}", checked.stdout);
    assert!(!setup.folder().join("store").exists());

    let mut kit = Kit::of(setup);
    let device = Device::with(&["--keep"]);
    kit.provision("GW-1", &device).worked();
    for stopped in [false, true] {
        if stopped {
            kit.kill();
        }
        as_root(&kit, &["check"]).worked();
        as_root(&kit, &["preview", "GW-2"]).worked();
        // A backup into the station's own folder is the station's, too.
        let to = kit.folder().join(format!("copy-{stopped}.sqlite"));
        as_root(&kit, &["backup", to.to_str().unwrap()]).worked();
        assert_eq!(units(&to), ["GW-1"]);
        all_the_users(kit.folder());
    }
    as_root(&kit, &["accept-clock"]).worked();
    all_the_users(kit.folder());
    let copy = kit.folder().join("copy-true.sqlite");
    as_root(&kit, &["restore", copy.to_str().unwrap()]).worked();
    all_the_users(kit.folder());
    kit.start_again();
    kit.provision("GW-2", &Device::start()).worked();
    all_the_users(kit.folder());
}

/// Onto nothing, root's restore leaves a ledger that the station can use.
#[test]
fn a_restore_onto_nothing_is_the_folders_owners() {
    if !can_run_as_another() {
        return;
    }
    let first = Kit::start();
    first.provision("GW-1", &Device::start()).worked();
    let made = server(&first, &["backup", "copy.sqlite"]);
    let copy = made.folder.path().join("copy.sqlite");
    assert_eq!(std::fs::metadata(&copy).unwrap().uid(), 0);
    let second = setup();
    let mut command = Command::new(binary("pep-server"));
    command.arg("--config").arg(second.folder().join("station.toml")).arg("restore").arg(&copy);
    run(command, |_, _| {}).worked();
    all_the_users(second.folder());
    let kit = Kit::of(second);
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 1);
}

/// A folder that only root could make is said before the first start.
#[test]
fn a_state_folder_that_the_station_cannot_make() {
    if !can_run_as_another() {
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    let setup = setup();
    let state = closed.path().join("pep");
    let check = || {
        let mut command = Command::new(binary("pep-server"));
        command.env("PEP_HTTP_LISTEN", "127.0.0.1:0").env("PEP_DISCOVERY_ANNOUNCE", "false");
        command.env("PEP_STORE_PATH", state.join("ledger.sqlite"));
        command.env("PEP_JOURNAL_PATH", state.join("journal"));
        command.arg("--config").arg(setup.folder().join("station.toml")).arg("check");
        run(command, |_, _| {})
    };
    let refused = check();
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said =
        format!("the folder {} is not there, and user {USER} can make none", state.display());
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    assert!(!state.exists());
    std::fs::create_dir(&state).unwrap();
    chown(&state, Some(USER), Some(USER)).unwrap();
    check().worked();
}
