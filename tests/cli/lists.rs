//! `pep list-enrollment-ids`: the old files and columns, page by page or all at once.

use serde_json::Value;

use super::provision;
use crate::kit::{Device, Kit};

const COLUMNS: &str = "enrollmentID,serialNumber,gatewayServicesAddress,apiAddress,hardwareVersion,\
                       radioConfig,ledConfig,category,deployed,createdAt";

fn serials(text: &str) -> Vec<String> {
    let page: Value = serde_json::from_str(text).unwrap();
    let rows = page["results"].as_array().unwrap();
    rows.iter().map(|row| row["serialNumber"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_page_in_the_old_files() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for serial in ["GW-1", "GW-2", "GW-3"] {
        provision(&kit, &device, serial, &["-w", "rev \"c\""]);
    }
    // By default: newest first, the old file names.
    let done = kit.pep(["list-enrollment-ids"]);
    assert_eq!(done.worked(), "enrollment_ids_list.json: 3 units\n");
    assert_eq!(done.files(), ["enrollment_ids_list.json"]);
    assert_eq!(serials(&done.file("enrollment_ids_list.json")), ["GW-3", "GW-2", "GW-1"]);

    let done = kit.pep(["list-enrollment-ids", "-l", "2", "-o", "ASC", "-e", "csv", "-f", "a b"]);
    assert_eq!(
        done.worked(),
        "a b.json: 2 units of 3 provisioned\na b.csv: 2 units of 3 provisioned\n"
    );
    assert_eq!(done.files(), ["a b.csv", "a b.json"]);
    assert_eq!(serials(&done.file("a b.json")), ["GW-1", "GW-2"]);
    let page: Value = serde_json::from_str(&done.file("a b.json")).unwrap();
    let document = kit.get("/v3/identity-record?serialNumber=GW-1").document();
    let csv = done.file("a b.csv");
    let mut lines = csv.lines();
    assert_eq!(lines.next().unwrap().replace('"', ""), COLUMNS);
    let text = |member: &str| document[member].as_str().unwrap().replace('"', "\"\"");
    let expected = format!(
        "\"{}\",\"GW-1\",\"{}\",\"{}\",\"rev \"\"c\"\"\",\"00\",\"01\",\"production\",true,{}",
        text("enrollmentID"),
        text("gatewayServicesAddress"),
        text("apiAddress"),
        document["createdAt"]
    );
    assert_eq!(lines.next().unwrap(), expected);
    assert_eq!(lines.count(), 1);

    // The next page, as the old scripts ask for it.
    let last = page["results"][1]["_id"].as_str().unwrap();
    let done = kit.pep(["list-enrollment-ids", "-l", "2", "-o", "asc", "-t", last]);
    assert_eq!(serials(&done.file("enrollment_ids_list.json")), ["GW-3"]);
}

/// `--all` goes on to the end and gives one document.
#[test]
fn all_of_them() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let all: Vec<_> = (0..7).map(|number| format!("GW-{number}")).collect();
    for serial in &all {
        provision(&kit, &device, serial, &[]);
    }
    for (order, pages) in [("ASC", "3"), ("DESC", "7"), ("ASC", "1000")] {
        let arguments =
            ["list-enrollment-ids", "--all", "-l", pages, "-o", order, "-e", "csv", "-f", "all"];
        let done = kit.pep_with(&arguments, |_, _| {});
        done.worked();
        let mut expected = all.clone();
        if order == "DESC" {
            expected.reverse();
        }
        assert_eq!(serials(&done.file("all.json")), expected);
        let page: Value = serde_json::from_str(&done.file("all.json")).unwrap();
        assert_eq!(page["total_count"], 7);
        assert_eq!(page["order"], order);
        assert_eq!(done.file("all.csv").lines().count(), 8);
    }
    let done = kit.pep(["list-enrollment-ids", "--all", "--json"]);
    let report: Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(report["rows"], 7);
}

/// No units, no trouble; and a failure leaves old files as they were.
#[test]
fn an_empty_list_and_a_failed_one() {
    let kit = Kit::start();
    for arguments in [&["list-enrollment-ids", "-e", "csv"][..], &["list-enrollment-ids", "--all"]]
    {
        let done = kit.pep_with(arguments, |_, _| {});
        done.worked();
        assert!(serials(&done.file("enrollment_ids_list.json")).is_empty());
    }
    let arguments =
        ["--server", "http://127.0.0.1:1", "list-enrollment-ids", "-e", "csv", "-f", "units"];
    let done = kit.pep_with(&arguments, |_, folder| {
        std::fs::write(folder.join("units.json"), "old").unwrap();
    });
    done.failed_with(3);
    assert_eq!(done.files(), ["units.json"]);
    assert_eq!(done.file("units.json"), "old");
}
