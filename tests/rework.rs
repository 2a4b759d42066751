//! What happened to a unit, told to an operator; and a unit that is done again.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use crate::kit::{Device, Kit, Peer, enrollment_id, request};

const REASON: &str = "new main board, ticket 4711";

fn release(kit: &Kit, serial: &str) -> crate::kit::Done {
    kit.pep_as_operator(["release", serial, "--reason", REASON])
}

fn held(device: &Device) -> String {
    enrollment_id(device.items().bytes("mbed.BootstrapDeviceCert"))
}

/// The whole of it: released, no longer shown, done again, shown with its new identity; and
/// everything that happened stands in its record.
#[test]
fn a_unit_is_done_again() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-7");
    });
    let device = Device::with(&["--keep"]);
    kit.provision("GW-1", &device).worked();
    kit.provision("GW-2", &Device::start()).worked();
    let old = held(&device);
    kit.provision("GW-1", &device).failed_with(1);

    assert_eq!(release(&kit, "GW-1").worked(), format!("GW-1 is released; it had {old}\n"));
    // Nobody is told the old identity any more.
    for (path, status) in [
        ("/v3/enrollment-id?serialNumber=GW-1", 404),
        ("/v3/identity-record?serialNumber=GW-1", 404),
        ("/v3/enrollment-ids", 200),
        ("/v3/export?format=csv", 200),
        ("/v3/export?format=enrollment", 200),
        ("/v3/export?format=jsonl", 200),
    ] {
        let answer = kit.get_as_operator(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.text().contains(&old), "{path}: {}", answer.text());
    }
    assert_eq!(kit.get("/v3/enrollment-ids").document()["provisioned_count"], 1);
    let listed = kit.pep_as_operator(["list", "--state", "released"]);
    assert!(listed.worked().contains("\nGW-1 "), "{}", listed.stdout);

    let done = kit.provision("GW-1", &device);
    let new = held(&device);
    assert_ne!(new, old);
    let document: Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(document["enrollmentID"], new);
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=GW-1").text(), new);
    let exported = kit.get_as_operator("/v3/export?format=enrollment");
    assert!(exported.text().contains(&new) && !exported.text().contains(&old));

    let record = kit.get_as_operator("/v3/unit?serialNumber=GW-1").document();
    assert_eq!(record["state"], "confirmed");
    assert_eq!(record["enrollmentID"], new);
    let executions = record["executions"].as_array().unwrap();
    assert_eq!(executions.len(), 2);
    for (execution, (identity, revoked)) in executions.iter().zip([(&old, true), (&new, false)]) {
        assert_eq!(execution["state"], "confirmed");
        assert_eq!(execution["station"], "line-7");
        let certificate = &execution["certificate"];
        assert_eq!(certificate["enrollmentID"], **identity);
        assert_eq!(certificate["toBeRevoked"], revoked);
        assert_eq!(certificate["superseded"], revoked);
    }
    let released = &record["releases"][0];
    assert_eq!(released["operator"], "operator");
    assert_eq!(released["reason"], REASON);
    assert_eq!(released["enrollmentID"], old);
    assert_eq!(released["execution"], executions[0]["id"]);
    assert_eq!(executions[0]["certificate"]["toBeRevokedSince"], released["at"]);
    let told = kit.pep_as_operator(["show", "GW-1"]);
    for part in [&old, &new, REASON, "line-7", "to be revoked   superseded since "] {
        assert!(told.worked().contains(part), "{part}: {}", told.stdout);
    }
    let noted = ("operator".to_owned(), format!("release `GW-1`: {REASON}"));
    assert!(kit.operations().contains(&noted), "{:?}", kit.operations());
}

/// Without a reason, without a token, without anything to release.
#[test]
fn a_release_is_refused() {
    let kit = Kit::start();
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    let before = kit.record("GW-1");
    let long = "x".repeat(501);
    for reason in ["", " ", "a\nb", &long] {
        let done = kit.pep_as_operator(["release", "GW-1", "--reason", reason]);
        done.failed_with(2);
    }
    kit.pep_as_operator(["release", "GW-1"]).failed_with(2);
    for query in ["", "&reason=", "&reason=%20", "&reason=a%0ab", &format!("&reason={long}")] {
        let path = format!("/v3/release?serialNumber=GW-1{query}");
        let problem = kit.post_as_operator(&path).problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().contains("reason"), "{problem}");
    }
    kit.post_as_operator("/v3/release?reason=x").problem(400, "bad-request");

    let (error, hint) =
        (kit.pep(["release", "GW-1", "--reason", REASON]), "PEP_OPERATOR_TOKEN_FILE");
    assert!(error.failed_with(1).1.contains(hint), "{}", error.stderr);
    let path = "/v3/release?serialNumber=GW-1&reason=x";
    let head = |line: &str| request(kit.address(), &format!("{line} HTTP/1.1\r\n"));
    head(&format!("POST {path}")).problem(401, "unauthorized");
    let asked = kit.get_as_operator(path);
    asked.problem(405, "bad-request");
    assert_eq!(asked.header("allow"), Some("POST"));
    assert_eq!(kit.record("GW-1"), before, "nothing has changed");

    let (_nobody, port) = Peer::nobody();
    kit.get(&Kit::query("GW-2", &port)).problem(502, "device-failed");
    for (serial, status, code) in [("GW-2", 409, "not-provisioned"), ("GW-3", 404, "not-found")] {
        let path = format!("/v3/release?serialNumber={serial}&reason=x");
        kit.post_as_operator(&path).problem(status, code);
    }
    let done = release(&kit, "GW-2");
    assert!(done.failed_with(1).0.contains("`GW-2` is not provisioned"), "{}", done.stderr);
    release(&kit, "GW-1").worked();
    let done = release(&kit, "GW-1");
    assert!(done.failed_with(1).0.contains("operator released it at "), "{}", done.stderr);
    let book = kit.operations();
    assert_eq!(book.len(), 1, "refused releases are not in it: {book:?}");
}

/// A station that was killed: units in doubt are found, what happened is told, and the unit is
/// finished without anybody's help.
#[test]
fn what_a_killed_station_left_is_told() {
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_GIVE_UP", "60").env("PEP_STATION_NAME", "line-7");
    });
    kit.provision("GW-0", &Device::start()).worked();
    let silent = Peer::silent();
    let mut asked = TcpStream::connect(kit.address()).unwrap();
    let path = Kit::query("GW-1", &silent.port());
    asked.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    kit.await_states("GW-1", &["sent"]);
    let rows = |kit: &Kit, state| {
        let page = kit.get_as_operator(&format!("/v3/units?state={state}")).document();
        let rows = page["results"].as_array().unwrap().clone();
        rows.iter().map(|row| row["serialNumber"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&kit, "open"), ["GW-1"]);
    let busy = kit.post_as_operator("/v3/release?serialNumber=GW-1&reason=x");
    let busy = busy.problem(409, "not-provisioned");
    assert!(busy["detail"].as_str().unwrap().contains("getting its identity"), "{busy}");
    kit.kill();
    kit.start_again();

    assert!(rows(&kit, "open").is_empty());
    assert_eq!(rows(&kit, "sent"), ["GW-1"]);
    assert_eq!(rows(&kit, "confirmed"), ["GW-0"]);
    let listed = kit.pep_as_operator(["list", "--state", "sent"]);
    let row: Vec<_> = listed.worked().lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], row[3]), ("GW-1", "sent", "line-7"));
    let told = kit.pep_as_operator(["show", "-s", "GW-1"]);
    let record = kit.record("GW-1");
    let serial = record["executions"][0]["planned"]["certificateSerial"].as_str().unwrap();
    for part in [
        "station restarted before the device answered; it may hold this identity",
        &serial.to_uppercase(),
        record["executions"][0]["certificate"]["enrollmentId"].as_str().unwrap(),
        &format!("127.0.0.1:{}", silent.port()),
    ] {
        assert!(told.worked().contains(part), "{part}: {}", told.stdout);
    }
    let free = kit.post_as_operator("/v3/release?serialNumber=GW-1&reason=x");
    let free = free.problem(409, "not-provisioned");
    assert!(free["detail"].as_str().unwrap().contains("is free to be done again"), "{free}");
    kit.provision("GW-1", &Device::start()).worked();
    assert_eq!(rows(&kit, "confirmed"), ["GW-1", "GW-0"]);
}

/// Records are for operators, and hold no secret.
#[test]
fn a_record_is_for_operators_and_holds_no_secret() {
    let kit = Kit::start();
    let device = Device::start();
    let query =
        format!("{}&verificationKey=aa-bb%2F1&deviceID=d7", Kit::query("GW-1", &device.port()));
    kit.get(&query).document();
    for path in ["/v3/unit?serialNumber=GW-1", "/unit?serialNumber=GW-1", "/v3/units", "/units"] {
        let refused = kit.get(path);
        refused.problem(401, "unauthorized");
        let answer = kit.get_as_operator(path);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(!answer.text().contains("aa-bb"), "{}", answer.text());
        answer.document();
    }
    let record = kit.get_as_operator("/v3/unit?serialNumber=GW-1").document();
    assert_eq!(record["hasSealingKey"], true);
    assert_eq!(record["facts"]["deviceID"], "d7");
    let shown = kit.pep_as_operator(["show", "GW-1", "--json"]);
    let shown: Value = serde_json::from_str(shown.worked()).unwrap();
    assert_eq!(shown, record);
    assert!(!kit.pep_as_operator(["show", "GW-1"]).worked().contains('\x1b'), "no terminal");
    kit.get_as_operator("/v3/unit?serialNumber=GW-9").problem(404, "not-found");
    kit.get_as_operator("/v3/unit").problem(400, "bad-request");
    kit.get_as_operator("/v3/units?state=done").problem(400, "bad-request");
    kit.get_as_operator("/v3/units?last=x").problem(400, "bad-request");
}

/// Pages of units, both ways, by `_id`.
#[test]
fn units_are_listed_in_pages() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    for n in 0..5 {
        kit.get(&Kit::query(&format!("GW-{n}"), &port)).problem(502, "device-failed");
    }
    let mut path = "/v3/units?state=failed&limit=2&order=asc".to_owned();
    let mut serials = Vec::new();
    loop {
        let page = kit.get_as_operator(&path).document();
        assert_eq!((&page["limit"], &page["order"]), (&Value::from(2), &Value::from("ASC")));
        let rows = page["results"].as_array().unwrap();
        let Some(next) = page["_links"]["next"]["href"].as_str() else { break };
        for row in rows {
            assert_eq!(row["state"], "failed");
            assert!(row["reason"]["text"].as_str().unwrap().contains("no connection"), "{row}");
            serials.push(row["serialNumber"].as_str().unwrap().to_owned());
        }
        path = next.to_owned();
    }
    assert_eq!(serials, ["GW-0", "GW-1", "GW-2", "GW-3", "GW-4"]);
    let all = kit.pep_as_operator(["list", "--all", "--limit", "2", "--json"]);
    let all: Value = serde_json::from_str(all.worked()).unwrap();
    assert_eq!(all["results"].as_array().unwrap().len(), 5);
    assert_eq!(all["results"][0]["serialNumber"], "GW-4", "newest first");
    let some = kit.pep_as_operator(["list", "--limit", "2"]);
    assert_eq!(some.worked().lines().count(), 3);
    assert!(some.stderr.contains("there may be more"), "{}", some.stderr);
}

/// A unit whose identity may be on its device stays among those in doubt, though a later attempt
/// failed, until one is confirmed.
#[test]
fn a_doubt_outlives_a_failed_attempt() {
    let kit = Kit::start();
    let device = Device::with(&["--keep", "--fault", "dies-after-store"]);
    kit.provision("GW-1", &device).failed_with(4);
    let (_nobody, port) = Peer::nobody();
    kit.get(&Kit::query("GW-1", &port)).problem(502, "device-failed");
    assert_eq!(kit.states("GW-1"), ["sent", "failed"]);
    let listed = |state: &str| kit.pep_as_operator(["list", "--state", state]).worked().to_owned();
    assert!(listed("sent").contains("\nGW-1 "), "{}", listed("sent"));
    assert!(!listed("failed").contains("GW-1"), "{}", listed("failed"));
    let shown = kit.pep_as_operator(["show", "GW-1"]);
    assert!(shown.worked().starts_with("GW-1  sent\n"), "{}", shown.stdout);

    kit.provision("GW-1", &Device::start()).worked();
    assert!(!listed("sent").contains("GW-1"));
    assert!(listed("confirmed").contains("\nGW-1 "));
}
