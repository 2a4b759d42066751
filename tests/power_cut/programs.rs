//! Power cuts of what writes a file and is done: `init`, `backup`, `developer-credentials`, and
//! `pep` with an identity, and a simulated gateway. What it has said that it wrote is there; cut
//! before that, there is what was there before, or the whole.

use std::path::Path;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use super::{Disk, Unflushed, seed};
use crate::kit::{Device, Gateway, Kit, Running, Setup, binary, only, run};

/// Cuts the power of a program before and behind every flush and move, until none is left. `begin`
/// makes what it works on, in a folder of its own; `check` is told whether the program came to its
/// end.
fn everywhere<T>(
    name: &str,
    least: u64,
    begin: impl Fn(&Path) -> (Command, T),
    check: impl Fn(&Path, &T, bool, &str),
) {
    let seed = seed(name);
    for order in ["before", "after"] {
        let mut tried = 0;
        for number in 1.. {
            let told = format!("{name}, {order} {number}");
            assert!(number < 200, "cuts without end: {told}");
            let folder = tempfile::tempdir().unwrap();
            let (mut command, made) = begin(folder.path());
            let mut disk = Disk::of(folder.path());
            std::fs::write(disk.order(), format!("{order} {number}")).unwrap();
            command.envs(disk.environment()).env("POWER_CUT_MOVES", "1");
            let done = run(command, |_, _| {});
            assert!([0, -1].contains(&done.code), "{told}: {}", done.stderr);
            let torn = Unflushed::Torn(seed + number);
            let was_cut = done.code != 0;
            disk.cut(if was_cut && order == "before" { torn } else { Unflushed::Lost });
            check(folder.path(), &made, !was_cut, &told);
            if !was_cut {
                break;
            }
            tried = number;
        }
        assert!(tried >= least, "only {tried} cuts {order} a step of {name}");
    }
}

#[test]
fn of_init() {
    let begin = |folder: &Path| {
        let mut command = Command::new(binary("pep-server"));
        command.arg("init").arg(folder.join("a/station"));
        (command, ())
    };
    everywhere("init", 7, begin, |folder, (), is_done, told| {
        if is_done {
            let station = folder.join("a/station");
            let mut command = Command::new(binary("pep-server"));
            command.arg("--config").arg(station.join("station.toml")).arg("check");
            run(command, |_, _| {}).worked();
            let token = std::fs::read_to_string(station.join("operator.token")).unwrap();
            assert!(token.starts_with("operator:"), "{told}: {token}");
        }
    });
}

#[test]
fn of_a_backup() {
    let kit = Kit::start();
    let gateways = ["GW-1", "GW-2"].map(|serial| {
        let gateway = Gateway::quiet();
        assert_eq!(kit.get(&Kit::query(serial, &gateway.port())).status, 200);
        gateway
    });
    let begin = |folder: &Path| {
        let mut command = kit.server();
        command.arg("--config").arg(kit.folder().join("station.toml"));
        command.arg("backup").arg(folder.join("copy.sqlite"));
        (command, ())
    };
    everywhere("a backup", 3, begin, |folder, (), is_done, told| {
        let copy = folder.join("copy.sqlite");
        if is_done || copy.exists() {
            let opened = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_ONLY);
            let opened = opened.unwrap_or_else(|error| panic!("{told}: {error}"));
            let one = |sql: &str| opened.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
            assert_eq!(one("PRAGMA integrity_check"), "ok", "{told}");
            let done = one("SELECT '' || count(*) FROM units WHERE deployed = 1");
            assert_eq!(done, gateways.len().to_string(), "{told}");
        }
    });
}

#[test]
fn of_developer_credentials() {
    let mut setup = Setup::new();
    crate::developer::configured(&mut setup);
    let begin = |folder: &Path| {
        let file = folder.join("credentials.c");
        (setup.server(&["developer-credentials", "DEV-1", "-o", file.to_str().unwrap()]), ())
    };
    everywhere("developer-credentials", 2, begin, |folder, (), is_done, told| {
        if is_done {
            let text = std::fs::read_to_string(folder.join("credentials.c")).unwrap();
            assert!(text.contains("DEV-1") && text.contains("\n#endif"), "{told}: {text}");
        }
    });
}

/// The old identity or the new one, and the new one where `pep` has said so.
#[test]
fn of_pep_with_an_identity() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let begin = |folder: &Path| {
        let file = folder.join("identity.json");
        std::fs::write(&file, "the old one").unwrap();
        let serial = format!("GW-{}", folder.file_name().unwrap().to_str().unwrap());
        let mut command = Command::new(binary("pep"));
        let serial = serial.replace('.', "");
        only(&mut command, &[("PEP_SERVER_URL".to_owned(), kit.url())]);
        command.args(["get-one-identity", "-s", &serial]);
        command.args(["-i", "127.0.0.1", "-p", &device.port(), "-o", file.to_str().unwrap()]);
        (command, serial)
    };
    everywhere("identity.json", 3, begin, |folder, serial, is_done, told| {
        let text = std::fs::read_to_string(folder.join("identity.json")).unwrap();
        let is_new = text != "the old one";
        assert!(is_new || !is_done, "{told}: the new one is lost");
        if is_new {
            let identity: serde_json::Value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{told}: half of one: {error}: {text}"));
            assert_eq!(identity["serialNumber"], serial.as_str(), "{told}");
        }
    });
}

/// A simulated gateway that has said that it holds its identity.
#[test]
fn of_a_simulated_gateway() {
    let kit = Kit::start();
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::of(folder.path());
    let store = folder.path().join("store");
    let device = |more: &[&str]| {
        let mut command = Command::new(binary("fcc-device"));
        only(&mut command, &[]);
        command.args(more).arg("--store").arg(&store);
        command
    };
    // The second life erases what the first was given.
    for serial in ["GW-1", "GW-2"] {
        let mut command = device(&["--listen", "127.0.0.1:0"]);
        command.envs(disk.environment());
        let running = Running::start(command);
        let said = "Client IP Address and Port :  127.0.0.1:";
        let port = running.line_with(said).split_off(said.len());
        assert_eq!(kit.get(&Kit::query(serial, &port)).status, 200);
        running.kill();
        disk.cut(Unflushed::Lost);
        let dump = run(device(&["dump"]), |_, _| {});
        let id = kit.unit(serial)["executions"][0]["certificate"]["der"].clone();
        let der = openssl::base64::decode_block(id.as_str().unwrap()).unwrap();
        let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(dump.worked().contains(&hex), "{serial}: its certificate is lost");
    }
}

/// The ledger of before or the one that was put back, whole.
#[test]
fn of_a_restore() {
    let mut kit = Kit::start();
    let provision = |kit: &Kit, serial: &str| {
        let gateway = Gateway::quiet();
        assert_eq!(kit.get(&Kit::query(serial, &gateway.port())).status, 200);
    };
    provision(&kit, "GW-1");
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.sqlite");
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).arg("backup").arg(&copy);
    run(command, |_, _| {}).worked();
    provision(&kit, "GW-2");
    assert_eq!(kit.stop(), 0);
    let begin = |folder: &Path| {
        let copied = Command::new("cp").arg("-a").arg(kit.folder()).arg(folder.join("st")).status();
        assert!(copied.unwrap().success());
        let mut command = kit.server();
        command.arg("--config").arg(folder.join("st/station.toml")).arg("restore").arg(&copy);
        (command, ())
    };
    everywhere("a restore", 5, begin, |folder, (), is_done, told| {
        let opened = Connection::open(folder.join("st/store/ledger.sqlite")).unwrap();
        let one = |sql: &str| opened.query_row(sql, [], |row| row.get::<_, String>(0));
        assert_eq!(one("PRAGMA integrity_check").as_deref(), Ok("ok"), "{told}");
        let done = one("SELECT '' || count(*) FROM units WHERE deployed = 1");
        let done = done.unwrap_or_else(|error| panic!("{told}: {error}"));
        assert!(done == "1" || (done == "2" && !is_done), "{told}: {done} units");
    });
}
