//! Serial numbers as they come from labels, keyboards and mischief.

use serde_json::Value;

use crate::kit::{Device, Kit};

/// Through the shell's arguments, HTTP, the certificate, the device and the exports: byte for byte.
#[test]
fn odd_serial_numbers_arrive_as_they_are() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let serials = [
        "GW 1",
        "GW%41",
        "x%",
        "a#b",
        "a+b",
        "a,b",
        "a\\b",
        "a\"b",
        "it's",
        "a/b/../c",
        "Größe-7/Ω",
        "日本語",
        "\u{1f600}",
        "$ne",
        "{\"$ne\":null}",
        "; rm -rf /",
        "$(reboot)`id`",
        "' OR 1=1 --",
        "-s",
        "--help",
        "=1+1",
        "undefined",
        "?a=b",
        "<script>",
        &"x".repeat(64),
        &"é".repeat(32),
    ];
    for serial in serials {
        let done = kit.pep(["get-one-identity", "-s", serial, "-p", &device.port()]);
        let document: Value = serde_json::from_str(done.worked()).unwrap();
        assert_eq!(document["serialNumber"], serial);
        let items = device.items();
        assert_eq!(items.text("mbed.EndpointName"), serial);
        assert_eq!(items.text("mbed.SerialNumber"), serial);
        assert_eq!(kit.states(serial), ["confirmed"], "{serial}");
        let id = kit.pep(["get-enrollment-id", "-s", serial]);
        assert_eq!(id.worked().trim(), document["enrollmentID"].as_str().unwrap());
    }

    // In every export, too.
    let token = kit.token_file();
    let export = |format: &str| {
        let done = kit.pep_with(&["export", "--format", format], |command, _| {
            command.env("PEP_OPERATOR_TOKEN_FILE", &token);
        });
        done.worked().to_owned()
    };
    let lines = export("jsonl");
    let told: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = told.iter().map(|row| row["serialNumber"].as_str().unwrap()).collect();
    assert_eq!(told, serials);
    for (format, column) in [("csv", 1), ("enrollment", 2)] {
        let text = export(format);
        let mut rows = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
        let cells: Vec<String> =
            rows.records().map(|row| row.unwrap()[column].to_owned()).collect();
        let shown = |serial: &&str| {
            // What a spreadsheet would run.
            let runs = format == "csv" && serial.starts_with(['=', '-']);
            if runs { format!("'{serial}") } else { (*serial).to_owned() }
        };
        assert_eq!(cells, serials.iter().map(shown).collect::<Vec<_>>(), "{format}");
    }
}

/// What could never work in the field is refused at the bench, with the reason.
#[test]
fn serial_numbers_that_are_refused() {
    let kit = Kit::start();
    let device = Device::start();
    for (serial, said) in [
        (
            "x".repeat(65),
            "has 65 bytes; it becomes the device's endpoint name, which holds at most",
        ),
        ("é".repeat(33), "has 66 bytes"),
        ("a&b".to_owned(), "holds `&`; a device with that endpoint name can never register"),
        (" GW".to_owned(), "begins or ends with a blank"),
        ("GW ".to_owned(), "begins or ends with a blank"),
        ("GW\t1".to_owned(), "the invisible character U+0009 at byte 2"),
        ("G\u{202e}W".to_owned(), "the invisible character U+202E at byte 1"),
        ("GW\u{200b}".to_owned(), "the invisible character U+200B at byte 2"),
        ("a\u{308}".to_owned(), "normalisation form C"),
        ("x".repeat(256), "has 256 bytes, the longest allowed has 255"),
    ] {
        let done = kit.pep(["get-one-identity", "-s", &serial, "-p", &device.port()]);
        let (error, _) = done.failed_with(1);
        assert!(error.contains(said), "{serial:?}: {error}");
        assert!(!error.contains('\u{202e}'));
        assert_eq!(kit.states(&serial), [""; 0]);
    }
    assert!(device.items().is_empty());
}
