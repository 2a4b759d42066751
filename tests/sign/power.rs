//! The power goes at every flush of a registration, with a platform that is told: the real process
//! is killed there, started again, and the device, which keeps nothing when it fails, comes again
//! with another key. Then the ledger is held against what the device and the platform really have.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::api::{Api, answer};
use super::*;
use crate::power_cut::{Disk, Unflushed, on_a_disk, seed};

/// The certificates the platform holds, by UUID.
type Held = Arc<Mutex<BTreeMap<String, String>>>;

/// A platform as the real one is understood to be: it keeps the first key of a UUID, and answers
/// 409 to every other call until an operator deletes the device.
fn platform() -> (Api, Held) {
    let held = Held::default();
    let keeping = held.clone();
    let api = Api::with(Box::new(move |request| {
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n")?.1).ok()?;
        let pem = body["client.pem"].as_str()?.to_owned();
        let uuid = common_name(&pem);
        let mut held = keeping.lock().unwrap();
        if held.contains_key(&uuid) {
            return Some(answer("409 Conflict", "this device exists"));
        }
        held.insert(uuid, pem);
        Some(answer("201 Created", "{}"))
    }));
    (api, held)
}

fn common_name(pem: &str) -> String {
    let certificate = openssl::x509::X509::from_pem(pem.as_bytes()).unwrap();
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next().unwrap();
    name.data().to_string().unwrap().to_lowercase()
}

/// What a device got: the whole answer, or nothing.
fn registered(kit: &Kit, body: &Value) -> Option<Value> {
    let text = body.to_string();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = Vec::new();
    // Cut short is as good an end.
    let _ = stream.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    let (_, body) = said.split_once("\r\n\r\n")?;
    said.starts_with("HTTP/1.1 201 ").then(|| serde_json::from_str(body).ok())?
}

fn executions(kit: &Kit) -> Vec<Value> {
    kit.unit(&UUID.to_lowercase())["executions"].as_array().cloned().unwrap_or_default()
}

/// The state of the last execution that a certificate belongs to: one that was refused elsewhere is
/// given again as it is.
fn state_of(kit: &Kit, pem: &str) -> Option<String> {
    let der = openssl::x509::X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap();
    let der = openssl::base64::encode_block(&der);
    let executions = executions(kit);
    let found = executions.iter().rfind(|one| one["certificate"]["der"] == der.as_str());
    found.map(|one| one["state"].as_str().unwrap().to_owned())
}

#[test]
fn at_every_flush_of_a_registration() {
    let seed = seed("a registration");
    for order in ["before", "after"] {
        let mut tried = 0;
        for number in 1.. {
            assert!(number < 30, "cuts without end");
            // What a flush under way had on the disk is drawn by lot.
            let torn = Unflushed::Torn(seed + number);
            let unflushed = if order == "before" { torn } else { Unflushed::Lost };
            if !cut_at(&format!("{order} {number}"), unflushed) {
                break;
            }
            tried += 1;
        }
        // Reserved, issued, sent: each once in the journal and once in the ledger.
        assert!(tried >= 6, "only {tried} cuts {order} a flush");
    }
}

/// One device, one cut, and everything that must hold afterwards. Whether the station was cut.
fn cut_at(order: &str, unflushed: Unflushed) -> bool {
    let (api, held) = platform();
    let mut disk: Option<Disk> = None;
    let mut kit = On::Embedded.kit_with(|setup| {
        setup.file("fio.token", "token\n");
        setup.station("\ntls = \"sign/tls-crt\"\n", &api.section(5));
        disk = Some(on_a_disk(setup));
    });
    let mut disk = disk.unwrap();
    std::fs::write(disk.order(), order).unwrap();
    let got = registered(&kit, &honest(UUID, &key()));
    let was_cut = got.is_none();
    std::fs::remove_file(disk.order()).unwrap();
    // Behind the answer it is cut as well: what was acknowledged is kept.
    kit.kill();
    disk.cut(unflushed);
    kit.start_again();
    assert!(!kit.log().contains("the journal is damaged"), "{order}: {}", kit.log());
    // What device or platform hold has a record, and nothing is open any more.
    let known = held.lock().unwrap().values().next().cloned();
    if let Some(pem) = &known {
        let state = state_of(&kit, pem);
        let state = state.unwrap_or_else(|| panic!("{order}: a certificate without a record"));
        assert!(["sent", "failed"].contains(&state.as_str()), "{order}: {state}");
    }
    if let Some(got) = &got {
        assert_eq!(state_of(&kit, got["client.pem"].as_str().unwrap()).as_deref(), Some("sent"));
        return was_cut;
    }
    let ended = executions(&kit).iter().all(|one| one["ended"].is_string());
    assert!(ended, "{order}: still open after the start");

    // The device comes again, with another key since it kept nothing.
    let another = honest(UUID, &key());
    let again = register(&kit, &another);
    let done = match (again.status, again.json()["code"].as_str()) {
        (201, _) => again,
        // It may have left: an operator looks at it once, here and on the platform.
        (409, Some("serial-taken")) => {
            assert_eq!(states(&kit, UUID), ["sent"], "{order}");
            let release = format!("/v3/release?space=sign&serialNumber={UUID}&reason=power+cut");
            kit.post_as_operator(&release).document();
            held.lock().unwrap().clear();
            register(&kit, &another)
        }
        // It never left, and the platform has its key.
        (409, Some("registry-failed")) => {
            let hint = again.json()["hint"].as_str().unwrap().to_owned();
            assert!(hint.contains("may hold an earlier key of this unit"), "{order}: {hint}");
            assert!(known.is_some(), "{order}");
            held.lock().unwrap().clear();
            register(&kit, &another)
        }
        _ => panic!("{order}: {}", again.text()),
    };
    assert_eq!(done.status, 201, "{order}: {}", done.text());
    let got = done.json()["client.pem"].as_str().unwrap().to_owned();
    assert_eq!(held.lock().unwrap().values().collect::<Vec<_>>(), [&got], "{order}");
    assert_eq!(state_of(&kit, &got).as_deref(), Some("sent"), "{order}");
    let executions = executions(&kit);
    let live = executions.iter().filter(|one| {
        let certificate = &one["certificate"];
        certificate.is_object() && one["state"] == "sent" && certificate["revoke"].is_null()
    });
    assert_eq!(live.count(), 1, "{order}: two live certificates: {executions:?}");
    let rows = kit.get_as_operator("/v3/export?format=sign");
    assert_eq!(rows.text().lines().count(), 2, "{order}: one row of a unit");
    was_cut
}
