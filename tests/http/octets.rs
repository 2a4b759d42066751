//! Fields that hold bytes: whatever way a caller writes them, readers of identity.json find numbers.

use serde_json::{Value, json};

use crate::kit::{Device, Kit};

#[test]
fn hardware_addresses_are_arrays_of_numbers() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let mac = json!([0, 165, 9, 106, 110, 148]);
    for (serial, said) in [
        (
            "GW-1",
            "ethernetMAC=0&ethernetMAC=165&OU=x&ethernetMAC=9&ethernetMAC=106&ethernetMAC=110\
             &ethernetMAC=148",
        ),
        ("GW-2", "OU=x&ethernetMAC=00:a5:09:6a:6e:94"),
        ("GW-3", "OU=x&ethernetMAC=00-A5-09-6A-6E-94"),
        ("GW-4", "OU=x&ethernetMAC=00a5096a6e94"),
        ("GW-5", "OU=x&ethernetMAC=0,165,9,106,110,148"),
        (
            "GW-6",
            "OU=x&ethernetMAC[]=0&ethernetMAC%5B%5D=165&ethernetMAC[]=9&ethernetMAC[]=106\
             &ethernetMAC[]=110&ethernetMAC[]=148",
        ),
    ] {
        let rest = "sixBMAC=00:a5:09:00:01:6a:6e:94&hash=&acme=00:a5:09:6a:6e:94";
        let path = format!("{}&{said}&{rest}", Kit::query(serial, &device.port()));
        let document = kit.get(&path).document();
        assert_eq!(document["ethernetMAC"], mac, "{said}");
        assert_eq!(document["sixBMAC"], json!([0, 165, 9, 0, 1, 106, 110, 148]));
        assert_eq!(document["hash"], json!([]));
        assert_eq!(document["OU"], "x");
        let again = kit.get(&format!("/v3/identity-record?serialNumber={serial}")).document();
        assert_eq!(again, document);
    }
    let rows = kit.get("/v3/enrollment-ids").document();
    for row in rows["results"].as_array().unwrap() {
        // Fields of other names stay the text they are.
        assert_eq!((&row["ethernetMAC"], &row["acme"]), (&mac, &json!("00:a5:09:6a:6e:94")));
    }
    let lines = kit.get_as_operator("/v3/export?format=jsonl");
    let first: Value = serde_json::from_str(lines.text().lines().next().unwrap()).unwrap();
    assert_eq!(first["ethernetMAC"], mac);
    let shown = kit.pep_as_operator(["show", "GW-1"]);
    assert!(shown.worked().contains("00:a5:09:6a:6e:94"), "{}", shown.stdout);
}

/// The command line's `--field`, once with the whole address or once a byte.
#[test]
fn the_command_line_brings_them_either_way() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let port = device.port();
    let mut options = vec!["get-one-identity", "-s", "GW-1", "-i", "127.0.0.1", "-p", &port];
    for byte in ["ethernetMAC=0", "ethernetMAC=165", "ethernetMAC=9", "ethernetMAC=106"] {
        options.extend(["--field", byte]);
    }
    options.extend(["--field", "ethernetMAC=110", "--field", "ethernetMAC=148"]);
    let done = kit.pep_with(&options, |_, _| {});
    let document: Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(document["ethernetMAC"], json!([0, 165, 9, 106, 110, 148]));
}

/// What is no such address is refused, by its name, before anything is made.
#[test]
fn bad_forms_name_the_field() {
    let kit = Kit::start();
    let device = Device::start();
    for (said, problem) in [
        ("ethernetMAC=0&ethernetMAC=165", "`ethernetMAC` has 2 bytes, and takes 6 bytes"),
        ("ethernetMAC=00:a5:09:6a:6e", "`ethernetMAC` has 5 bytes"),
        ("ethernetMAC=00:a5:09:6a:6e:9", "`ethernetMAC` is `00:a5:09:6a:6e:9`; give its bytes"),
        ("ethernetMAC=00a5096a6e9", "an odd number of hexadecimal digits"),
        ("ethernetMAC=0,256,9,106,110,148", "`256`, which is not a number from 0 to 255"),
        ("ethernetMAC=0,-1,9,106,110,148", "`-1`, which is not"),
        ("ethernetMAC=0,1.5,9,106,110,148", "`1.5`, which is not"),
        ("ethernetMAC=", "`ethernetMAC` has 0 bytes"),
        ("ethernetMAC=eth0", "`ethernetMAC` is `eth0`"),
        ("sixBMAC=00:a5:09:6a:6e:94:01", "`sixBMAC` has 7 bytes, and takes 8 bytes (or 6)"),
        ("hash=xyz", "`hash` is `xyz`"),
        ("hash=1&hash=1000", "`1000`, which is not"),
        ("OU=1&OU=2", "`OU` is given twice"),
    ] {
        let path = format!("{}&{said}", Kit::query("GW-1", &device.port()));
        let answer = kit.get(&path).problem(400, "bad-request");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(problem), "{said}: {detail}");
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
    assert!(device.items().is_empty());
}

/// Two units with one address are both done, and both say so.
#[test]
fn two_units_with_one_address_are_remarked() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for (serial, mac) in
        [("GW-1", "00:11:22:33:44:55"), ("GW-2", "0,17,34,51,68,85"), ("GW-3", "00:11:22:33:44:56")]
    {
        let path = format!("{}&ethernetMAC={mac}", Kit::query(serial, &device.port()));
        kit.get(&path).document();
    }
    let said = "another unit has the same Ethernet address";
    let told = |line: &str| {
        [said, "unit.serial=GW-2", "GW-1", "00:11:22:33:44:55"].iter().all(|it| line.contains(it))
    };
    crate::kit::eventually("it is logged", || kit.log().lines().any(told));
    assert_eq!(kit.log().matches(said).count(), 1);
    for (serial, others) in [("GW-1", json!(["GW-2"])), ("GW-2", json!(["GW-1"]))] {
        let unit = kit.get_as_operator(&format!("/v3/unit?serialNumber={serial}")).document();
        assert_eq!(unit["sameEthernetMAC"], others);
    }
    let unit = kit.get_as_operator("/v3/unit?serialNumber=GW-3").document();
    assert_eq!(unit.get("sameEthernetMAC"), None);
    let shown = kit.pep_as_operator(["show", "GW-2"]);
    assert!(shown.worked().contains("same address      unit GW-1"), "{}", shown.stdout);
}
