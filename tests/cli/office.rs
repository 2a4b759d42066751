//! What the office asks for: columns, revocation, and exports that hold what they should.

use serde_json::Value;

use super::provision;
use crate::kit::{Device, Done, Kit};

fn export(kit: &Kit, options: &[&str]) -> Done {
    let token = kit.token_file();
    kit.pep_with(&[&["export"], options].concat(), |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", token);
    })
}

fn rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let words = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = words(reader.headers().unwrap());
    (header, reader.records().map(|row| words(&row.unwrap())).collect())
}

fn serials(done: &Done, column: usize) -> Vec<String> {
    rows(done.worked()).1.into_iter().map(|row| row[column].clone()).collect()
}

/// A serial as `openssl x509 -serial` prints it.
fn openssl_serial(certificate: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let mut command = std::process::Command::new("openssl");
    command.args(["x509", "-inform", "DER", "-noout", "-serial", "-in"]).arg(file.path());
    let printed = crate::kit::run(command, |_, _| {});
    printed.worked().trim().strip_prefix("serial=").unwrap().to_owned()
}

#[test]
fn columns_of_ones_own() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-7");
    });
    let device = Device::with(&["--keep"]);
    let said = ["--field", "ethernetMAC=00:a5:09:6a:6e:94", "--field", "acme=7", "--field", "x=-1"];
    provision(&kit, &device, "GW-1", &said);
    let serial = openssl_serial(device.items().bytes("mbed.BootstrapDeviceCert"));
    let record = kit.record("GW-1");
    let until = record["executions"][0]["planned"]["notAfter"].as_str().unwrap().to_owned();
    provision(&kit, &device, "GW-2", &[]);

    let asked = "serialNumber,certificateSerial,notAfter,station,ethernetMAC,acme,field.x,attempts,\
                 confirmedAt,createdAt,account";
    let done = export(&kit, &["--columns", asked]);
    let (header, all) = rows(done.worked());
    assert_eq!(header.join(","), asked);
    let [first, second] = &all[..] else { panic!("{all:?}") };
    assert_eq!(first[..2], ["GW-1".to_owned(), serial.clone()]);
    assert_eq!(first[2], until.replace('Z', ".000Z"));
    assert_eq!(first[3..8], ["line-7", "00:a5:09:6a:6e:94", "7", "'-1", "1"].map(str::to_owned));
    assert_eq!((second[4].as_str(), second[5].as_str()), ("", ""));
    let document = kit.get("/v3/identity-record?serialNumber=GW-1").document();
    assert_eq!(first[9], document["createdAt"].to_string(), "as ever");
    assert!(first[8].ends_with('Z') && first[8].len() == 24, "{}", first[8]);
    assert_eq!(first[10], "");
    // One form for all.
    let done = export(&kit, &["--columns", "createdAt,confirmedAt", "--time", "ms"]);
    let (_, all) = rows(done.worked());
    assert_eq!(all[0][0], document["createdAt"].to_string());
    assert!(all[0][1].parse::<i64>().is_ok(), "{all:?}");
    let done = export(&kit, &["--time", "rfc3339"]);
    assert!(rows(done.worked()).1[0][9].ends_with('Z'), "{}", done.stdout);
    // The ten columns are what they were, whichever way they are asked for.
    let ten = export(&kit, &[]);
    let (names, _) = rows(ten.worked());
    assert_eq!(export(&kit, &["--columns", &names.join(","), "--time", "ms"]).stdout, ten.stdout);

    let help = export(&kit, &["--columns", "help"]);
    for name in ["certificateSerial", "notAfter", "deniedReason", "field.NAME"] {
        assert!(help.worked().contains(name), "{name}: {}", help.stdout);
    }
    for (options, code, error, hint) in [
        (
            &["--columns", "serialnumber"][..],
            1,
            "there is no column `serialnumber`",
            "did you mean serialNumber?",
        ),
        (&["--columns", "serialNumber,acne"], 1, "no column `acne`", "did you mean acme?"),
        (&["--columns", "id,,station"], 1, "a column has no name", "commas"),
        (&["--columns", "id,id"], 1, "asked for twice", "commas"),
        (&["--columns", "id", "--format", "jsonl"], 2, "--columns goes with csv", ""),
        (&["--time", "ms", "--format", "enrollment"], 2, "--time goes with csv", ""),
        (&["--protocol", "sign", "--format", "jsonl"], 2, "exported as csv alone", ""),
        (
            &["-c", "producton"],
            1,
            "no unit has the category `producton`",
            "did you mean production?",
        ),
        (&["--since", "2027-02-01", "--until", "2027-01-01"], 1, "is not after", "before"),
    ] {
        let done = export(&kit, options);
        let (said, advice) = done.failed_with(code);
        assert!(said.contains(error) && advice.contains(hint), "{options:?}: {}", done.stderr);
    }
}

/// A category that nobody may ask for any more, and that units have, is no mistake.
#[test]
fn a_category_of_the_ledger() {
    let mut kit = Kit::start();
    let device = Device::with(&["--keep"]);
    provision(&kit, &device, "GW-1", &["-c", "development"]);
    kit.stop();
    kit.set_env("PEP_ADMISSION_CATEGORIES", "production");
    kit.start_again();
    assert_eq!(serials(&export(&kit, &["-c", "development"]), 1), ["GW-1"]);
    export(&kit, &["-c", "developer"]).failed_with(1);
    kit.get_as_operator("/v3/export?format=csv&colour=red").problem(400, "bad-request");
    kit.get_as_operator("/v3/units?stat=sent").problem(400, "bad-request");
}

/// Neither a selftest nor a denied unit is ever enrolled; of the inventory a denied one is part.
#[test]
fn what_does_not_count_as_production() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for serial in ["GW-1", "GW-2", "GW-3"] {
        provision(&kit, &device, serial, &[]);
    }
    kit.pep(["selftest", "--category", "production"]).worked();
    kit.pep_as_operator(["deny", "add", "GW-2", "--reason", "stolen"]).worked();
    let upload = || serials(&export(&kit, &["--format", "enrollment"]), 2);
    let listed = || {
        let done = kit.pep(["list-enrollment-ids", "--all", "-o", "ASC", "-e", "csv", "-f", "l"]);
        assert!(done.worked().contains(" of 4 provisioned"), "{}", done.stdout);
        rows(&done.file("l.csv")).1.into_iter().map(|row| row[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(upload(), ["GW-1", "GW-3"]);
    assert_eq!(listed(), ["GW-1", "GW-3"]);
    let columns = export(&kit, &["--columns", "serialNumber,deniedReason,deniedBy"]);
    let (_, inventory) = rows(columns.worked());
    assert_eq!(inventory[1], ["GW-2", "stolen", "operator"]);
    assert_eq!(serials(&export(&kit, &[]), 1), ["GW-1", "GW-2", "GW-3"]);
    let lines = export(&kit, &["--format", "jsonl"]);
    assert_eq!(lines.worked().lines().count(), 3, "{}", lines.stdout);
    assert!(kit.pep_as_operator(["list"]).worked().contains("SELFTEST-"));
    kit.pep_as_operator(["deny", "remove", "GW-2"]).worked();
    assert_eq!(upload(), ["GW-1", "GW-2", "GW-3"]);
    let listed = kit.pep(["list-enrollment-ids", "--all", "-o", "ASC", "-e", "csv", "-f", "l"]);
    assert_eq!(rows(&listed.file("l.csv")).1.len(), 3);
}

#[test]
fn certificates_that_are_to_be_revoked() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let nothing = export(&kit, &["--superseded"]);
    assert_eq!(
        (nothing.worked().lines().count(), nothing.stderr.as_str()),
        (1, "0 certificates\n")
    );
    for serial in ["GW-1", "GW-2"] {
        provision(&kit, &device, serial, &[]);
    }
    let held = || device.items().bytes("mbed.BootstrapDeviceCert").to_vec();
    let second = held();
    kit.pep_as_operator(["release", "GW-2", "--reason", "new board, ticket 7"]).worked();
    provision(&kit, &device, "GW-2", &[]);

    let done = export(&kit, &["--superseded"]);
    let (header, all) = rows(done.worked());
    let [row] = &all[..] else { panic!("{all:?}") };
    let cell = |name: &str| &row[header.iter().position(|it| it == name).unwrap()];
    let record = kit.get_as_operator("/v3/unit?serialNumber=GW-2").document();
    let certificate = &record["executions"][0]["certificate"];
    assert_eq!(*cell("certificateSerial"), openssl_serial(&second));
    assert_eq!(*cell("issuer"), certificate["issuer"]);
    assert_eq!(*cell("subject"), certificate["subject"]);
    assert_eq!(cell("serialNumber"), "GW-2");
    assert_eq!((cell("why").as_str(), cell("state").as_str()), ("released", "confirmed"));
    assert_eq!(
        (cell("releasedBy").as_str(), cell("reason").as_str()),
        ("operator", "new board, ticket 7")
    );
    assert!(record["releases"][0]["at"].as_str().unwrap().starts_with(&cell("since")[..19]));
    assert_eq!(done.stderr, "1 certificate\n");

    let lines = export(&kit, &["--superseded", "--format", "jsonl"]);
    let line: Value = serde_json::from_str(lines.worked()).unwrap();
    assert_eq!(line["certificateSerial"], cell("certificateSerial").as_str());
    assert_eq!((&line["releasedBy"], &line["why"]), (&"operator".into(), &"released".into()));
    assert_eq!(
        export(&kit, &["--superseded", "--since", "2999-01-01"]).worked().lines().count(),
        1
    );
    assert_eq!(
        export(&kit, &["--superseded", "--until", "2020-01-01"]).worked().lines().count(),
        1
    );
    export(&kit, &["--superseded", "--format", "enrollment"]).failed_with(2);
    // The same serial wherever a person reads it.
    let shown = kit.pep_as_operator(["show", "GW-2"]);
    assert!(shown.worked().contains(&openssl_serial(&second)), "{}", shown.stdout);
    let released = kit.pep_as_operator(["release", "GW-1", "--reason", "scrap"]);
    let serial = kit.record("GW-1")["executions"][0]["planned"]["certificateSerial"].clone();
    let serial = serial.as_str().unwrap().to_uppercase();
    assert!(released.stderr.contains(&serial), "{}", released.stderr);
}

/// An export is not lost by a slip of the keyboard; the old commands write as they always did.
#[test]
fn files_that_are_there_already() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for serial in ["GW-1", "GW-2", "GW-3"] {
        provision(&kit, &device, serial, &[]);
    }
    let token = kit.token_file();
    let over = |options: &[&str], there: &str| {
        kit.pep_with(&[&["export"], options].concat(), |command, folder| {
            command.env("PEP_OPERATOR_TOKEN_FILE", &token);
            std::fs::write(folder.join(there), "mine").unwrap();
        })
    };
    let done = over(&["-f", "units.csv"], "units.csv");
    let (error, hint) = done.failed_with(1);
    assert_eq!(error, "units.csv is there already");
    assert!(hint.contains("--force"), "{hint}");
    assert_eq!(done.file("units.csv"), "mine");
    assert!(over(&["-f", "units.csv", "--force"], "units.csv").file("units.csv").contains("GW-1"));
    let parts = ["--format", "enrollment", "--max-bytes", "350", "-f", "upload.csv"];
    let done = over(&parts, "upload-2.csv");
    assert_eq!(done.failed_with(1).0, "upload-2.csv is there already");
    assert_eq!(
        (done.files(), done.file("upload-2.csv")),
        (vec!["upload-2.csv".into()], "mine".into())
    );
    over(&[&parts[..], &["--force"]].concat(), "upload-2.csv").worked();

    let done = kit.pep_with(&["list-enrollment-ids"], |_, folder| {
        std::fs::write(folder.join("enrollment_ids_list.json"), "old").unwrap();
    });
    done.worked();
    assert!(done.file("enrollment_ids_list.json").contains("GW-1"));
}

/// A word about two units that say they have one network address, whatever way it is written.
#[test]
fn two_units_with_one_address() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    provision(&kit, &device, "GW-1", &["--field", "ethernetMAC=00:11:22:AA:44:55"]);
    provision(&kit, &device, "GW-2", &["--field", "ethernetMAC=00:11:22:AA:44:56"]);
    let remark = "another unit has the same Ethernet address";
    assert!(!kit.log().contains(remark), "{}", kit.log());
    provision(&kit, &device, "GW-3", &["--field", "ethernetMAC=00-11-22-aa-44-55"]);
    assert!(kit.log().contains(remark), "{}", kit.log());
    let noted = kit.operations();
    let act = "`GW-3` has the Ethernet address 00:11:22:aa:44:55 of `GW-1`";
    assert!(noted.contains(&("station".to_owned(), act.to_owned())), "{noted:?}");
}
