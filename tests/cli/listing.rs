//! `pep list` and `pep yield`: narrowed, in an order, again and again, counted; and units that
//! never were.

use std::process::Command;

use serde_json::Value;

use super::provision;
use crate::kit::{Device, Kit, Running, binary, only, pass};

fn listed(kit: &Kit, options: &[&str]) -> Vec<String> {
    let token = kit.token_file();
    let done = kit.pep_with(&[&["list"], options].concat(), |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", token);
    });
    let lines = done.worked().lines().skip(1);
    lines.map(|line| line.split("  ").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn units_narrowed_and_in_order() {
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-1");
    });
    let device = Device::with(&["--keep"]);
    for serial in ["GW-10", "GW-9", "AB-1"] {
        provision(&kit, &device, serial, &[]);
    }
    kit.provision("GW-2", &Device::faulty("status=18")).failed_with(4);
    kit.stop();
    kit.set_env("PEP_STATION_NAME", "line-2");
    kit.start_again();
    pass(std::time::Duration::from_millis(20));
    let moment = jiff_now();
    pass(std::time::Duration::from_millis(20));
    provision(&kit, &device, "GW-3", &[]);

    for (options, expected) in [
        (&[][..], &["GW-3", "GW-2", "AB-1", "GW-9", "GW-10"][..]),
        (&["--prefix", "GW-"], &["GW-3", "GW-2", "GW-9", "GW-10"]),
        (&["--prefix", "gw"], &[]),
        (&["--station", "line-2"], &["GW-3"]),
        (&["--station", "line-1", "--state", "confirmed"], &["AB-1", "GW-9", "GW-10"]),
        (&["--station", "nowhere"], &[]),
        (&["--since", &moment], &["GW-3"]),
        (&["--until", &moment, "--prefix", "GW"], &["GW-2", "GW-9", "GW-10"]),
        (&["--since", "2999-01-01"], &[]),
        (&["--sort", "serial"], &["AB-1", "GW-2", "GW-3", "GW-9", "GW-10"]),
        (&["--sort", "-serial", "--limit", "2"], &["GW-10", "GW-9"]),
        (&["--sort", "time", "--limit", "1"], &["GW-10"]),
        (&["--sort", "state", "--limit", "2", "--station", "line-1"], &["AB-1", "GW-9"]),
        (&["--station", "line-1", "--limit", "2", "--all"], &["GW-2", "AB-1", "GW-9", "GW-10"]),
    ] {
        let mut found = listed(&kit, options);
        let mut expected: Vec<_> = expected.iter().map(|it| (*it).to_owned()).collect();
        if !options.contains(&"--sort") {
            // The order of records of two processes within one second is not promised.
            found.sort();
            expected.sort();
        }
        assert_eq!(found, expected, "{options:?}");
    }
    let token = kit.token_file();
    let refused = kit.pep_with(&["list", "--since", "soon"], |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", &token);
    });
    assert!(refused.failed_with(1).0.contains("neither a moment nor a date"), "{}", refused.stderr);
    // A variable that says where to search says nothing of whose units.
    let done = kit.pep_with(&["list"], |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", &token).env("PEP_STATION", "line-2");
    });
    assert_eq!(done.worked().lines().count(), 6, "{}", done.stdout);
}

/// Now, as the system's own program writes it.
fn jiff_now() -> String {
    let mut command = Command::new("date");
    command.args(["-u", "+%FT%T.%3NZ"]);
    crate::kit::run(command, |_, _| {}).worked().trim().to_owned()
}

#[test]
fn a_list_that_is_printed_again_and_again() {
    let kit = Kit::start();
    provision(&kit, &Device::start(), "GW-1", &[]);
    let mut command = Command::new(binary("pep"));
    only(&mut command, &[("PEP_SERVER_URL".to_owned(), kit.url())]);
    command.args(["list", "--watch", "1", "--token-file"]).arg(kit.token_file());
    let watching = Running::start(command);
    crate::kit::eventually("the list is printed again", || {
        watching.printed().matches("GW-1  ").count() >= 2
    });
    assert!(!watching.printed().contains('\u{1b}'), "a pipe gets no controls");
    kit.provision("GW-2", &Device::start()).worked();
    watching.line_with("GW-2  ");
    watching.signal("INT");
    let (_, said) = watching.ended(crate::kit::PATIENCE);
    assert_eq!(said, "", "who ends it knows why");
}

#[test]
fn attempts_counted_by_outcome() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-1");
    });
    let device = Device::with(&["--keep"]);
    for serial in ["GW-1", "GW-2"] {
        provision(&kit, &device, serial, &[]);
    }
    kit.provision("GW-3", &Device::faulty("status=18")).failed_with(4);
    provision(&kit, &device, "GW-3", &[]);
    kit.pep(["selftest"]).worked();
    kit.pep_as_operator(["deny", "add", "GW-9", "--reason", "stolen"]).worked();

    let counted = kit.pep_as_operator(["yield", "--json", "--time-zone", "Asia/Kolkata"]);
    let table: Value = serde_json::from_str(counted.worked()).unwrap();
    let total = &table["total"];
    for (member, count) in [("attempts", 4), ("confirmed", 3), ("units", 3), ("firstPass", 2)] {
        assert_eq!(total[member], count, "{member}: {table}");
    }
    assert_eq!(total["sent"].as_u64().unwrap() + total["failed"].as_u64().unwrap(), 1);
    assert_eq!(total["yield"], 0.6667);
    let key = table["rows"][0]["key"].as_str().unwrap();
    assert!(key.ends_with(":00:00+05:30"), "the hours of that zone: {key}");

    let by = kit.pep_as_operator(["yield", "--by", "station", "--csv"]);
    let lines: Vec<_> = by.worked().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("\"line-1\",4,3,"), "{lines:?}");
    let table = kit.pep_as_operator(["yield", "--by", "day", "--time-zone", "UTC"]);
    assert!(table.worked().contains("66.7 %"), "{}", table.stdout);
    let none = kit.pep_as_operator(["yield", "--json", "--since", "2999-01-01"]);
    let none: Value = serde_json::from_str(none.worked()).unwrap();
    assert_eq!(
        (none["rows"].as_array().unwrap().len(), &none["total"]["attempts"]),
        (0, &0.into())
    );
    for wrong in
        [["--by", "week"], ["--time-zone", "Mars/Base"], ["--since", "soon"], ["-c", "gold"]]
    {
        let done = kit.pep_as_operator(["yield", wrong[0], wrong[1]]);
        assert!([1, 2].contains(&done.code), "{wrong:?}: {}", done.stderr);
    }
    kit.get("/v3/yield").problem(401, "unauthorized");
}

/// A denial that was taken back leaves no unit that never was, also after a restart from the
/// journal alone; and the unit can be made.
#[test]
fn a_denial_taken_back_leaves_nothing() {
    let mut kit = Kit::start();
    kit.pep_as_operator(["deny", "add", "GW-1", "--reason", "stolen"]).worked();
    kit.pep_as_operator(["deny", "add", "GW-2", "--reason", "stolen"]).worked();
    assert_eq!(listed(&kit, &[]).len(), 2);
    kit.pep_as_operator(["deny", "remove", "GW-1"]).worked();
    let nothing = |kit: &Kit| {
        assert_eq!(listed(kit, &[]), ["GW-2"]);
        assert!(listed(kit, &["--state", "reserved"]).is_empty());
        kit.pep_as_operator(["show", "GW-1"]).failed_with(1);
        let released = kit.pep_as_operator(["release", "GW-1", "--reason", "x"]);
        assert!(released.failed_with(1).0.contains("no unit has"), "{}", released.stderr);
        kit.pep_as_operator(["deny", "remove", "GW-1"]).failed_with(1);
        let exported = kit.pep_as_operator(["export", "--format", "jsonl"]);
        assert_eq!(exported.worked(), "");
    };
    nothing(&kit);
    kit.kill();
    for file in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = std::fs::remove_file(kit.folder().join("store").join(file));
    }
    kit.start_again();
    nothing(&kit);
    kit.provision("GW-1", &Device::start()).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    assert_eq!(listed(&kit, &["--state", "confirmed"]), ["GW-1"]);
}
