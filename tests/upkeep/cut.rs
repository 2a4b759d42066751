//! The power goes at every write of a restore, and of a first start: the old ledger or the new one is
//! there, whole, and doing it again ends well.

use std::path::{Path, PathBuf};

use super::{ledger, provision, server, units};
use crate::kit::{Kit, Running, Setup, binary, run};
use crate::power_cut::{Disk, Unflushed, seed};

/// A station's folder as it was when its station was killed, to be copied for every cut.
fn line() -> (Kit, PathBuf) {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1"]);
    let backup = kit.folder().join("backup.sqlite");
    server(&kit, &["backup", backup.to_str().unwrap()]).worked();
    provision(&kit, &["GW-2"]);
    kit.kill();
    (kit, backup)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

#[test]
fn cut_anywhere_a_restore_leaves_the_old_ledger_or_the_new() {
    let (kit, _) = line();
    let seed = seed("restore");
    for when in ["before", "after"] {
        let cuts = (1..200).take_while(|number| {
            let torn = Unflushed::Torn(seed + number);
            let unflushed = if when == "before" { torn } else { Unflushed::Lost };
            restore_cut_at(&kit, &format!("{when} {number}"), unflushed)
        });
        let cuts = cuts.count();
        assert!((8..199).contains(&cuts), "{cuts} cuts {when} a step");
        println!("restore: {cuts} cuts {when} a step");
    }
}

/// Whether the cut came.
fn restore_cut_at(kit: &Kit, order: &str, unflushed: Unflushed) -> bool {
    let folder = tempfile::tempdir().unwrap();
    copy(kit.folder(), folder.path());
    let store = folder.path().join("store");
    let restore = || {
        let mut command = std::process::Command::new(binary("pep-server"));
        command.arg("--config").arg(folder.path().join("station.toml"));
        command.arg("restore").arg(folder.path().join("backup.sqlite"));
        command
    };
    let mut disk = Disk::of(&store);
    std::fs::write(disk.order(), order).unwrap();
    let done = run(restore(), |it, _| {
        it.envs(disk.environment()).env("POWER_CUT_MOVES", "1");
    });
    disk.cut(unflushed);
    let told = format!("{order}, {unflushed:?}: {}", done.stderr);
    assert!([0, -1].contains(&done.code), "{told}");
    let was_cut = done.code != 0;
    let there = units(&store.join("ledger.sqlite"));
    if was_cut {
        assert!(there == ["GW-1", "GW-2"] || there == ["GW-1"], "{told}: {there:?}");
    } else {
        assert_eq!(there, ["GW-1"], "{told}");
    }
    let kept = || {
        let entries = std::fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path());
        let is_kept = |path: &PathBuf| {
            let name = path.to_str().unwrap();
            name.contains(".before-restore-") && !name.ends_with("-wal") && !name.ends_with("-shm")
        };
        entries.filter(is_kept).collect::<Vec<_>>()
    };
    if there == ["GW-1"] {
        // What was in place is kept, whole.
        assert!(kept().iter().any(|path| units(path) == ["GW-1", "GW-2"]), "{told}");
    }
    run(restore(), |_, _| {}).worked();
    assert_eq!(units(&store.join("ledger.sqlite")), ["GW-1"], "{told}");
    assert!(kept().iter().any(|path| units(path) == ["GW-1", "GW-2"]), "{told}");
    was_cut
}

#[test]
fn cut_anywhere_a_first_start_leaves_one_ledger() {
    let seed = seed("first-start");
    for when in ["before", "after"] {
        let cuts = (1..200).take_while(|number| {
            let torn = Unflushed::Torn(seed + number);
            let unflushed = if when == "before" { torn } else { Unflushed::Lost };
            start_cut_at(&format!("{when} {number}"), unflushed)
        });
        let cuts = cuts.count();
        assert!((8..199).contains(&cuts), "{cuts} cuts {when} a step");
        println!("first start: {cuts} cuts {when} a step");
    }
}

/// Whether the cut came before the station listened.
fn start_cut_at(order: &str, unflushed: Unflushed) -> bool {
    let setup = Setup::new();
    let store = setup.folder().join("store");
    std::fs::create_dir(&store).unwrap();
    let mut disk = Disk::of(&store);
    std::fs::write(disk.order(), order).unwrap();
    let mut command = setup.server(&[]);
    command.envs(disk.environment()).env("POWER_CUT_MOVES", "1");
    let station = Running::start(command);
    crate::kit::eventually("listening, or cut", || {
        station.code().is_some() || station.written().contains("listening on ")
    });
    let was_cut = station.code().is_some();
    let log = station.kill();
    assert!(!was_cut || !log.contains("error: "), "{order}: {log}");
    disk.cut(unflushed);

    let mut kit = Kit::of(setup);
    let log = kit.log();
    assert!(!log.contains("belongs to ledger "), "{order}, {unflushed:?}: two ids: {log}");
    provision(&kit, &["GW-1"]);
    kit.stop();
    let id = std::fs::read_to_string(store.join("journal/ledger-id")).unwrap();
    let checked = server(&kit, &["check"]);
    assert!(checked.worked().contains(&format!("id {}, 1 unit", id.trim())), "{}", checked.stdout);
    assert_eq!(units(&ledger(&kit)), ["GW-1"]);
    was_cut
}
