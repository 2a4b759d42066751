//! `pep export`: three formats, filters, and files that the cloud takes.

use std::time::Duration;

use serde_json::Value;

use super::provision;
use crate::kit::{Device, Done, Kit, pass};

fn export(kit: &Kit, options: &[&str]) -> Done {
    let token = kit.token_file();
    let mut arguments = vec!["export"];
    arguments.extend(options);
    kit.pep_with(&arguments, |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", token);
    })
}

/// The second column of a CSV, without its header.
fn column(text: &str, number: usize) -> Vec<String> {
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    rows.records().map(|row| row.unwrap()[number].to_owned()).collect()
}

#[test]
fn three_formats() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    provision(&kit, &device, "GW-1", &["--field", "OU=0159", "--field", "acme=7"]);
    provision(&kit, &device, "GW-2", &[]);
    let document = kit.get("/v3/identity-record?serialNumber=GW-1").document();
    let id = document["enrollmentID"].as_str().unwrap();

    let csv = export(&kit, &[]);
    assert_eq!(csv.stderr, "2 units\n");
    let [header, first, _] = &csv.worked().lines().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(
        header.replace('"', ""),
        "enrollmentID,serialNumber,gatewayServicesAddress,apiAddress,hardwareVersion,radioConfig,\
         ledConfig,category,deployed,createdAt"
    );
    assert!(first.starts_with(&format!("\"{id}\",\"GW-1\",\"https://gateways.")), "{first}");
    assert!(first.ends_with(&format!(",true,{}", document["createdAt"])), "{first}");

    let upload = export(&kit, &["--format", "enrollment"]);
    let [header, first, _] = &upload.worked().lines().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(*header, "enrollment_identity,endpoint_name,serial_number,timestamp");
    // The service takes what stands before the first comma, plain (injection 14.2).
    assert!(first.starts_with(&format!("{id},GW-1,GW-1,20")), "{first}");
    assert!(first.ends_with('Z'), "{first}");

    let lines = export(&kit, &["--format", "jsonl"]);
    let first: Value = serde_json::from_str(lines.worked().lines().next().unwrap()).unwrap();
    for (member, value) in document.as_object().unwrap() {
        assert_eq!(first[member], *value, "{member}");
    }
    assert_eq!(first["acme"], "7");
    assert_eq!(first["firstToClaim"], true);
    assert_eq!(first["attempts"], 1);
    assert_eq!(first["_id"].as_str().unwrap().len(), 24);
    assert!(first.get("executions").is_none() && first.get("sealingKey").is_none());

    // To a file: nothing on standard output, and the count where people read it.
    let file = export(&kit, &["-f", "units.csv"]);
    assert_eq!((file.worked(), file.stderr.as_str()), ("", "2 units in units.csv\n"));
    assert_eq!(file.file("units.csv"), csv.stdout);
    let told = export(&kit, &["-f", "units.csv", "--json"]);
    assert_eq!(told.worked(), "{\"files\":[\"units.csv\"],\"rows\":2}\n");
}

#[test]
fn filters() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    provision(&kit, &device, "GW-1", &["-w", "rev-a", "-c", "development"]);
    let first = kit.get("/v3/identity-record?serialNumber=GW-1").document();
    pass(Duration::from_millis(20));
    provision(&kit, &device, "GW-2", &["-w", "rev b"]);
    provision(&kit, &device, "GW-3", &["-w", "rev b", "-c", "developer"]);

    // A moment between the first and the second.
    let moment = first["createdAt"].as_i64().unwrap() + 1;
    let moment = moment_in_words(moment);
    for (options, expected) in [
        (&["-w", "rev b"][..], &["GW-2", "GW-3"][..]),
        (&["--hardware-version", "rev"], &[]),
        (&["-c", "developer"], &["GW-3"]),
        (&["-w", "rev b", "-c", "production"], &["GW-2"]),
        (&["--since", &moment], &["GW-2", "GW-3"]),
        (&["--until", &moment], &["GW-1"]),
        (&["--since", "2020-01-01", "--until", &moment, "-w", "rev-a"], &["GW-1"]),
        (&["--since", "2999-12-31"], &[]),
        (&["--until", "2020-01-01T00:00:00+02:00"], &[]),
    ] {
        let done = export(&kit, options);
        assert_eq!(column(done.worked(), 1), expected, "{options:?}");
    }
    let done = export(&kit, &["--since", "tomorrow"]);
    done.failed_with(1);
}

/// Milliseconds since 1970 as RFC 3339, by the system's own program.
fn moment_in_words(milliseconds: i64) -> String {
    let at = format!("@{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    let mut command = std::process::Command::new("date");
    command.args(["-u", "-d", &at, "+%FT%T.%3NZ"]);
    crate::kit::run(command, |_, _| {}).worked().trim().to_owned()
}

/// Units that belong to an account already are not for the upload.
#[test]
fn only_units_that_can_be_claimed_are_uploaded() {
    let mut kit = Kit::start();
    let device = Device::with(&["--keep"]);
    provision(&kit, &device, "GW-1", &[]);
    kit.stop();
    let path = kit.folder().join("fcu.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("first-to-claim: true", "first-to-claim: false");
    let uri = "bootstrap-server-uri: coaps://b:5684?aid=0123456789abcdef0123456789abcdef";
    std::fs::write(&path, format!("{text}\n{uri}\n")).unwrap();
    kit.start_again();
    provision(&kit, &device, "GW-2", &[]);

    assert_eq!(column(export(&kit, &["--format", "enrollment"]).worked(), 2), ["GW-1"]);
    // The order of two that were made within one second by two processes is not promised.
    let mut all = column(export(&kit, &[]).worked(), 1);
    all.sort();
    assert_eq!(all, ["GW-1", "GW-2"]);
}

/// The cloud takes less than 10 MB at once: every file stays below, has the header, and together
/// they hold each unit once.
#[test]
fn an_upload_in_parts() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let all: Vec<_> = (0..7).map(|number| format!("GW-{number}")).collect();
    for serial in &all {
        provision(&kit, &device, serial, &[]);
    }
    // The header and two rows of about 130 bytes.
    let options = ["--format", "enrollment", "--max-bytes", "350", "-f", "upload.csv"];
    let done = export(&kit, &options);
    let names = ["upload-1.csv", "upload-2.csv", "upload-3.csv", "upload-4.csv"];
    assert_eq!(done.files(), names, "{}", done.stderr);
    assert_eq!(done.stderr, format!("7 units in {}\n", names.join(", ")));
    let mut seen = Vec::new();
    for name in names {
        let text = done.file(name);
        assert!(text.len() < 350, "{name}");
        assert!(text.starts_with("enrollment_identity,"), "{name}");
        seen.extend(column(&text, 2));
    }
    assert_eq!(seen, all);

    // What fits is one file; what no file can hold is said, and nothing is left.
    let done = export(&kit, &["--format", "enrollment", "-f", "upload.csv"]);
    assert_eq!(done.files(), ["upload.csv"]);
    let options = ["--format", "enrollment", "--max-bytes", "100", "-f", "upload.csv"];
    let done = export(&kit, &options);
    let (error, _) = done.failed_with(2);
    assert!(error.contains("has no room for one unit"), "{error}");
    assert!(done.files().is_empty());
}

/// What a spreadsheet would run is shown as text in `csv`, unless it is asked for as it is; the
/// upload and the lines are never changed.
#[test]
fn cells_that_are_formulas() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for (serial, hardware) in [("=cmd|x", "@SUM(1)"), ("+1", "-1"), ("GW-1", "\ta")] {
        provision(&kit, &device, serial, &["-w", hardware]);
    }
    let csv = export(&kit, &[]);
    assert_eq!(column(csv.worked(), 1), ["'=cmd|x", "'+1", "GW-1"]);
    assert_eq!(column(csv.worked(), 4), ["'@SUM(1)", "'-1", "'\ta"]);
    let kept = export(&kit, &["--keep-formulas"]);
    assert_eq!(column(kept.worked(), 1), ["=cmd|x", "+1", "GW-1"]);
    let upload = export(&kit, &["--format", "enrollment"]);
    assert_eq!(column(upload.worked(), 2), ["=cmd|x", "+1", "GW-1"]);

    // The list's own CSV is made by `pep`: the same rule.
    let list = kit.pep(["list-enrollment-ids", "-e", "csv", "-o", "ASC", "-f", "l"]);
    assert_eq!(column(&list.file("l.csv"), 1), ["'=cmd|x", "'+1", "GW-1"]);
    let arguments = ["list-enrollment-ids", "-e", "csv", "-o", "ASC", "-f", "l", "--keep-formulas"];
    let list = kit.pep_with(&arguments, |_, _| {});
    assert_eq!(column(&list.file("l.csv"), 1), ["=cmd|x", "+1", "GW-1"]);
}

#[test]
fn a_station_without_units_and_a_token_that_is_none() {
    let kit = Kit::start();
    let done = export(&kit, &[]);
    assert_eq!(done.worked().lines().count(), 1, "the header");
    assert_eq!(done.stderr, "0 units\n");
    assert_eq!(export(&kit, &["--format", "jsonl"]).worked(), "");

    let refused = kit.pep_with(&["export", "--token-file", "token"], |_, folder| {
        std::fs::write(folder.join("token"), "anna:0123456789abcdef\n").unwrap();
    });
    let (_, hint) = refused.failed_with(1);
    assert!(hint.contains("PEP_OPERATOR_TOKEN_FILE"), "{hint}");
}
