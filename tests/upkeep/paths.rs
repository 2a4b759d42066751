//! One set of paths for the service and every command, and paths that are none.

use std::process::Command;

use super::{owners, provision, server, units};
use crate::kit::{Kit, Setup, binary, run};

/// `init --state` writes the paths down: a service without a variable and a command without one
/// speak of the same ledger. Variables override them for both.
#[test]
fn station_and_commands_speak_of_one_ledger() {
    let (made, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = Command::new(binary("pep-server"));
    command.arg("init").arg(made.path()).arg("--state").arg(state.path());
    run(command, |_, _| {}).worked();
    let text = std::fs::read_to_string(made.path().join("station.toml")).unwrap();
    let kit = Kit::with(|setup| {
        setup.file("station.toml", &text);
    });
    provision(&kit, &["GW-1", "GW-2", "GW-3"]);
    let ledger = state.path().join("ledger.sqlite");
    let place = format!("ledger: {}\n", ledger.display());
    let journal = format!("journal: {}\n", state.path().join("journal").display());
    for arguments in [&["check"][..], &["backup", "copy.sqlite"]] {
        let done = server(&kit, arguments);
        assert!(
            done.worked().contains(&place) && done.stdout.contains(&journal),
            "{}",
            done.stdout
        );
        assert!(done.stdout.contains("3 units"), "{arguments:?}: {}", done.stdout);
    }
    assert!(!kit.folder().join("store").exists());
    assert_eq!(units(&ledger), ["GW-1", "GW-2", "GW-3"]);
    // A copy of station.toml elsewhere names the same files.
    let mut other = Setup::new();
    other.file("station.toml", &text);
    let done = run(other.server(&["backup", "copy.sqlite"]), |_, _| {});
    assert!(done.worked().contains("3 units"), "{}", done.stdout);
    // A command whose variable names another ledger says so, and makes none.
    other.env("PEP_STORE_PATH", "store/other.sqlite");
    let before = owners(other.folder());
    let done = run(other.server(&["backup", "copy.sqlite"]), |_, _| {});
    assert_eq!(done.code, 1, "{}", done.stdout);
    assert!(done.stderr.contains("there is no ledger at ") && done.stderr.contains("other.sqlite"));
    assert_eq!(owners(other.folder()), before);
}

/// A relative folder becomes a whole path, wherever the command is run later.
#[test]
fn a_state_folder_is_written_as_a_whole_path() {
    let mut command = Command::new(binary("pep-server"));
    command.args(["init", "made", "--state", "state"]);
    let done = run(command, |_, _| {});
    done.worked();
    let folder = done.folder.path().canonicalize().unwrap();
    let text = done.file("made/station.toml");
    for line in ["state/ledger.sqlite", "state/journal"] {
        let line = format!("path = \"{}\"", folder.join(line).display());
        assert_eq!(text.matches(&line).count(), 1, "{line}: {text}");
    }
    assert!(!folder.join("state").exists());
    for state in ["~/state", "$HOME/state", "'/state'", "/st\rate", "/state "] {
        let mut command = Command::new(binary("pep-server"));
        command.args(["init", "made", "--state", state]);
        let done = run(command, |_, _| {});
        assert_eq!(done.code, 1, "{state:?}");
        assert!(done.stderr.contains("--state is ") && done.files().is_empty(), "{}", done.stderr);
    }
}

/// What an env file, a shell or an editor leaves in a path is a fault, from a variable and from
/// station.toml, and no ledger is made under the wrong name.
#[test]
fn paths_that_are_none() {
    let cases = [
        ("/state/ledger.sqlite\r", "control character CR"),
        ("/state/led\tger.sqlite", "control character TAB"),
        ("\"/state/ledger.sqlite\"", "quotes count"),
        ("'/state/ledger.sqlite'", "quotes count"),
        ("\"/state/ledger.sqlite", "quotes count"),
        ("~/ledger.sqlite", "only a shell"),
        ("~pep/ledger.sqlite", "only a shell"),
        ("$HOME/ledger.sqlite", "is not replaced"),
        ("${STATE}/ledger.sqlite", "is not replaced"),
        ("/state/$LINE/ledger.sqlite", "is not replaced"),
        (":memory:", "that is not a file"),
        ("file:ledger.sqlite?mode=memory", "that is an address"),
        ("file:///state/ledger.sqlite", "that is an address"),
        ("/state/ledger.sqlite ", "begins or ends with a blank"),
        (" /state/ledger.sqlite", "begins or ends with a blank"),
        ("/state/ledger.sqlite # the ledger", "a comment"),
        ("\u{feff}/state/ledger.sqlite", "invisible character"),
    ];
    for (path, words) in cases {
        for (key, variable, line) in [
            ("[store] path", "PEP_STORE_PATH", "path = \"store/ledger.sqlite\""),
            ("[journal] path", "PEP_JOURNAL_PATH", "path = \"store/journal\""),
        ] {
            for by_variable in [true, false] {
                let mut setup = Setup::new();
                if by_variable {
                    setup.env(variable, path);
                } else {
                    setup.station(
                        line,
                        &format!("path = {path:?}").replace("\\u{feff}", "\u{feff}"),
                    );
                }
                let before = owners(setup.folder());
                for arguments in [&["check"][..], &[], &["backup", "copy.sqlite"]] {
                    let refused = run(setup.server(arguments), |_, _| {});
                    let said = &refused.stderr;
                    assert!(refused.code != 0, "{path:?} {arguments:?}: {said}");
                    assert!(said.contains(key) && said.contains(words), "{path:?}: {said}");
                    assert_eq!(said.contains(variable), by_variable, "{path:?}: {said}");
                    assert!(refused.files().is_empty());
                }
                assert_eq!(owners(setup.folder()), before, "{path:?}");
            }
        }
    }
}

/// The same for every other key that names a file, and for those of fcu.yml.
#[test]
fn every_path_is_held_to_it() {
    for variable in [
        "PEP_OPERATORS_TOKEN_FILE",
        "PEP_HTTP_CERTIFICATE",
        "PEP_HTTP_KEY",
        "PEP_SIGNER_CERTIFICATE",
        "PEP_SIGNER_KEY",
        "PEP_FCU_FILE",
        "PEP_SUPPLIED_FOLDER",
        "PEP_STORE_PASSWORD_FILE",
        "PEP_STORE_TLS_CA_FILE",
    ] {
        let mut setup = Setup::new();
        setup.env(variable, "\"/a/file\"");
        let refused = run(setup.server(&["check"]), |_, _| {});
        assert!(refused.code != 0, "{variable}");
        assert!(refused.stderr.contains(variable), "{variable}: {}", refused.stderr);
        assert!(refused.stderr.contains("write \"/a/file\""), "{variable}: {}", refused.stderr);
    }
    let mut setup = Setup::new();
    setup.fcu("bootstrap-server-ca.pem", "~/bootstrap-server-ca.pem");
    let refused = run(setup.server(&["check"]), |_, _| {});
    assert!(refused.code != 0);
    assert!(refused.stderr.contains("bootstrap-server-ca-file: is "), "{}", refused.stderr);
    assert!(refused.stderr.contains("only a shell knows"), "{}", refused.stderr);
}

/// What can be named and is no file: a device, a folder, a pipe, a link to nothing.
#[test]
fn places_that_are_no_files() {
    let mut setup = Setup::new();
    std::fs::create_dir(setup.folder().join("folder")).unwrap();
    std::os::unix::fs::symlink("nothing", setup.folder().join("link")).unwrap();
    let before = owners(setup.folder());
    for (path, words) in [
        ("/dev/null", "it is not a file"),
        ("folder", "it is a folder"),
        ("link", "it is a link to a file that is not there"),
    ] {
        setup.env("PEP_STORE_PATH", path);
        for arguments in [&["check"][..], &[]] {
            let refused = run(setup.server(arguments), |_, _| {});
            assert!(refused.code != 0, "{path}");
            assert!(refused.stderr.contains(words), "{path}: {}", refused.stderr);
        }
    }
    assert_eq!(owners(setup.folder()), before);
    assert!(!std::path::Path::new("/dev/null.lock").exists());
}
