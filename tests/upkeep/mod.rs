//! What is done to a ledger beside the station: `check`, `preview`, `backup`, `restore` and
//! `accept-clock`, through the real programs.

mod another_user;
mod backups;
mod cut;
mod no_trace;
mod old_database;
mod paths;
mod restores;
mod several_names;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::kit::{Device, Done, Kit, run};

/// `pep-server` with a kit's configuration and environment.
fn server(kit: &Kit, arguments: &[&str]) -> Done {
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).args(arguments);
    run(command, |_, _| {})
}

/// Gives each of these units its identity; gives their devices.
fn provision(kit: &Kit, serials: &[&str]) -> Vec<Device> {
    let give = |serial: &&str| {
        let device = Device::with(&["--keep"]);
        kit.provision(serial, &device).worked();
        device
    };
    serials.iter().map(give).collect()
}

fn ledger(kit: &Kit) -> PathBuf {
    kit.folder().join("store/ledger.sqlite")
}

/// The units in a ledger's file, which is left as it is.
fn units(path: &Path) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        if Path::new(&from).exists() {
            std::fs::copy(from, copy.path().join(format!("l{suffix}"))).unwrap();
        }
    }
    let ledger = Connection::open(copy.path().join("l")).unwrap();
    let sound: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{}", path.display());
    let mut statement = ledger.prepare("SELECT serial FROM units ORDER BY serial").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Owner and mode of everything below a folder.
fn owners(folder: &Path) -> BTreeMap<PathBuf, (u32, u32)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let about = std::fs::symlink_metadata(&path).unwrap();
            if about.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (about.uid(), about.mode()));
        }
    }
    found
}

/// The SHA-256 of every file below a folder. Who had a lock last stands in its file.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    let files = owners(folder).into_keys().filter(|path| path.is_file() && !is_lock(path));
    files.map(|path| (path.clone(), hash(&std::fs::read(&path).unwrap()))).collect()
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    openssl::sha::sha256(bytes).to_vec()
}
