//! The sealing verification key is a secret of the unit's: it comes to the ledger once, leaves by its
//! own route, and is looked for everywhere else.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::sealing::sealed;
use crate::kit::{Device, Kit, Setup, request, run};

const KEY: &str = "7a1f03-5c9e2d-b84460-e3f9a7/1c8d2f-989680";
/// What no encoding of the key can hide but one that hides everything: its letters and digits.
const PARTS: [&str; 4] = ["7a1f03", "5c9e2d", "b84460", "e3f9a7"];

/// Whether the key, or enough of it to matter, stands in a text.
fn tells(text: &str) -> bool {
    let base64 = openssl::base64::encode_block(KEY.as_bytes());
    PARTS.iter().filter(|part| text.contains(**part)).count() > 1
        || text.contains(&base64[..base64.len() - 4])
}

fn silent(place: &str, text: &str) {
    assert!(!tells(text), "the key stands in {place}: {text}");
}

/// Every file below a folder as text, by its path.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

/// A talkative station, with everything that could repeat what it heard.
fn station() -> Kit {
    Kit::with(|setup: &mut Setup| {
        setup.env("PEP_LOG_LEVEL", "trace").env("PEP_LOG_FORMAT", "json").env("RUST_LOG", "trace");
    })
}

/// Rows of the ledger in which the key stands, as `table.column`.
fn places(ledger: &Path) -> Vec<String> {
    let connection = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let mut tables = connection.prepare(names).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut places = Vec::new();
    for table in tables.map(Result::unwrap) {
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (place, column) in columns.iter().enumerate() {
                let text = match row.get::<_, Value>(place).unwrap() {
                    Value::Text(text) => text,
                    Value::Blob(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    _ => continue,
                };
                places.extend(text.matches(KEY).map(|_| format!("{table}.{column}")));
                assert!(text.contains(KEY) || !tells(&text), "{table}.{column}: {text}");
            }
        }
    }
    places
}

#[test]
fn the_key_is_found_nowhere_else() {
    let mut kit = station();
    let journalctl = format!("echo {KEY}; echo talk >&2");
    // Attempts that fail in every way carry it as well.
    let refusing = sealed(&kit, "1", &["-i", "127.0.0.1"], &journalctl);
    assert_eq!(refusing.code, 1, "{}", refusing.stderr);
    let unreached = sealed(&kit, "65000", &["-i", "127.0.0.1"], &journalctl);
    assert_eq!(unreached.code, 4, "{}", unreached.stderr);
    let broken = Device::faulty("status=21");
    let refused = sealed(&kit, &broken.port(), &["-i", "127.0.0.1"], &journalctl);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let device = Device::start();
    let done = sealed(&kit, &device.port(), &["-i", "127.0.0.1"], &journalctl);
    done.worked();
    // A request that is malformed, and one that comes too late.
    let path = format!("{}&verificationKey={KEY}", Kit::query("GW-1", &device.port()));
    let late = kit.get(&path);
    assert_eq!(late.status, 409);
    let malformed = kit.get(&format!("{path}&verificationKey={KEY}"));
    assert_eq!(malformed.status, 400);
    let elsewhere = kit.get(&format!("/v3/nowhere?verificationKey={KEY}"));
    let posted = request(kit.address(), &format!("POST {path} HTTP/1.1\r\nContent-Length: 0\r\n"));
    for (name, answer) in
        [("409", &late), ("400", &malformed), ("404", &elsewhere), ("405", &posted)]
    {
        silent(name, answer.text());
    }

    // What `pep` says and leaves behind, with DEBUG=*.
    for (name, done) in
        [("refused", &refusing), ("unreached", &unreached), ("device", &refused), ("done", &done)]
    {
        silent(&format!("{name}, stdout"), &done.stdout);
        silent(&format!("{name}, stderr"), &done.stderr);
        for (path, text) in files(done.folder.path()) {
            // The stand-in itself is where it comes from.
            assert!(path.ends_with("bin/journalctl") || !tells(&text), "{path}");
        }
    }
    let device_holds: String = device.items().names().join(" ");
    silent("the device", &device_holds);

    // What the station answers to everybody, and to operators.
    for path in [
        "/v3/enrollment-ids",
        "/v3/identity-record?serialNumber=GW-1",
        "/v3/enrollment-id?serialNumber=GW-1",
        "/v3/export?format=csv",
        "/v3/export?format=enrollment",
        "/v3/export?format=jsonl",
        "/v3/units",
        "/v3/unit?serialNumber=GW-1",
        "/metrics",
        "/healthz",
        "/readyz",
        "/openapi.json",
    ] {
        let answer = kit.get_as_operator(path);
        assert!(answer.status == 200 || path == "/readyz", "{path}: {}", answer.status);
        silent(path, answer.text());
    }
    assert!(kit.get_as_operator("/v3/unit?serialNumber=GW-1").text().contains("hasSealingKey"));
    for arguments in [
        &["show", "GW-1"][..],
        &["show", "GW-1", "--json"],
        &["list"],
        &["list-enrollment-ids", "--all", "-e", "csv"],
        &["export", "--format", "jsonl"],
        &["get-identity", "-s", "GW-1"],
    ] {
        let token = kit.token_file();
        let told = kit.pep_with(arguments, |command, _| {
            command.env("PEP_OPERATOR_TOKEN_FILE", token).env("DEBUG", "*");
        });
        told.worked();
        silent(&format!("{arguments:?}, stdout"), &told.stdout);
        silent(&format!("{arguments:?}, stderr"), &told.stderr);
        for (path, text) in files(told.folder.path()) {
            silent(&path, &text);
        }
    }

    // It leaves by its own route, and the trace of that says nothing either.
    let told = kit.pep_with(&["get-verification-key", "-s", "GW-1"], |command, _| {
        command.env("DEBUG", "*");
    });
    assert_eq!(told.worked(), format!("{KEY}\n"));
    silent("the trace of get-verification-key", &told.stderr);

    // A copy of the ledger holds it; what is said of the copy does not.
    let copy = kit.folder().join("copy.sqlite");
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml"));
    let copied = run(command, |command, _| {
        command.arg("backup").arg(&copy);
    });
    silent("backup", &format!("{}{}", copied.worked(), copied.stderr));
    assert_eq!(places(&copy).len(), 1);

    // The station's own files: once in the ledger, never in the journal or the log.
    assert_eq!(kit.stop(), 0);
    assert_eq!(places(&kit.folder().join("store/ledger.sqlite")), places(&copy));
    let journal = files(&kit.folder().join("store/journal"));
    assert!(journal.iter().any(|(_, text)| text.contains("GW-1")), "the journal has the unit");
    for (path, text) in journal {
        silent(&path, &text);
    }
    let log = kit.log();
    assert!(log.contains("\"level\":\"TRACE\""), "the station was talkative");
    silent("the log", &log);
}
