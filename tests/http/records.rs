//! What is kept, read back: lists by pages, and one unit's document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::provision_all;
use crate::kit::{Device, Kit, Peer};

fn serials(page: &Value) -> Vec<String> {
    let rows = page["results"].as_array().unwrap();
    rows.iter().map(|row| row["serialNumber"].as_str().unwrap().to_owned()).collect()
}

/// A list is read to its end by following `next`; both orders give every unit once.
#[test]
fn pages_are_followed_to_the_end() {
    let kit = Kit::start();
    let all: Vec<_> = (0..7).map(|number| format!("GW-{number}")).collect();
    provision_all(&kit, all.iter().map(String::as_str));
    // A unit without its identity is in no list.
    let (_nobody, port) = Peer::nobody();
    kit.get(&Kit::query("GW-none", &port)).problem(502, "device-failed");

    for order in ["ASC", "desc"] {
        let mut path = format!("/v3/enrollment-ids?limit=3&order={order}");
        let (mut seen, mut sizes, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
        loop {
            let page = kit.get(&path).document();
            assert_eq!(page["_links"]["self"]["href"], path);
            assert_eq!(page["limit"], 3);
            assert_eq!(page["order"], order.to_ascii_uppercase());
            assert_eq!(page["provisioned_count"], 7);
            let rows = page["results"].as_array().unwrap();
            assert_eq!(page["total_count"], rows.len());
            sizes.push(rows.len());
            for row in rows {
                let id = row["_id"].as_str().unwrap();
                assert_eq!(id.len(), 24);
                assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
                assert!(ids.insert(id.to_owned()));
            }
            seen.extend(serials(&page));
            match page["_links"].get("next") {
                Some(next) => {
                    let last = rows.last().unwrap()["_id"].as_str().unwrap();
                    path = next["href"].as_str().unwrap().to_owned();
                    assert!(path.ends_with(&format!("last={last}")), "{path}");
                    assert!(path.contains("limit=3") && path.contains(order), "{path}");
                }
                None => break,
            }
        }
        assert_eq!(sizes, [3, 3, 1, 0], "`next` only from a page that is not empty");
        let mut expected = all.clone();
        if order == "desc" {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

/// Limits as the old server took them: cut where they are too large, 50 where they cannot be read.
#[test]
fn limits_and_orders_that_are_none() {
    let kit = Kit::start();
    provision_all(&kit, ["GW-1", "GW-2"]);
    for (query, limit, order) in [
        ("", 50, "DESC"),
        ("?limit=2", 2, "DESC"),
        ("?limit=1000&order=asc", 1000, "ASC"),
        ("?limit=1001&order=Asc", 1000, "ASC"),
        ("?limit=99999999999999999999", 50, "DESC"),
        ("?limit=0", 50, "DESC"),
        ("?limit=-1", 50, "DESC"),
        ("?limit=abc&order=abc", 50, "DESC"),
        ("?limit=&order=&last=", 50, "DESC"),
    ] {
        let page = kit.get(&format!("/v3/enrollment-ids{query}")).document();
        assert_eq!((&page["limit"], &page["order"]), (&json!(limit), &json!(order)), "{query}");
        assert_eq!(page["total_count"], 2, "{query}");
    }
    for last in ["GW-1", "0123456789abcdef0123456", "0123456789abcdef0123456g", "%27%3B--"] {
        let refused = kit.get(&format!("/v3/enrollment-ids?last={last}"));
        refused.problem(400, "bad-request");
    }
    // An id that is nobody's is a place in the order all the same.
    let page = kit.get("/v3/enrollment-ids?last=000000000000000000000000&order=ASC").document();
    assert_eq!(page["total_count"], 2);
}

/// A row is the unit's document with its `_id` and the caller's own fields; nothing of the attempts.
#[test]
fn a_row_holds_what_the_caller_gave() {
    let kit = Kit::start();
    let device = Device::start();
    let asked = format!(
        "{}&OU=0159&deviceID=d1&hash=%5B1%2C2%5D&acme-line=7&acme_x=a%00b",
        Kit::query("GW-1", &device.port())
    );
    let document = kit.get(&asked).document();
    assert_eq!(document["OU"], "0159");
    assert!(document.get("acme-line").is_none(), "the document has its fixed names");

    let page = kit.get("/v3/enrollment-ids").document();
    let mut row = page["results"][0].as_object().unwrap().clone();
    assert!(row.shift_remove("_id").is_some());
    assert_eq!(row.shift_remove("acme-line"), Some(json!("7")));
    assert_eq!(row.shift_remove("acme_x"), Some(json!("a\u{0}b")));
    assert_eq!(Value::Object(row), document);

    let record = kit.get("/v3/identity-record?serialNumber=GW-1");
    assert_eq!(record.document(), document);
    assert_eq!(record.header("content-type"), Some("application/json"));
}

/// A unit has a document once it has its identity, not before.
#[test]
fn a_document_is_of_a_provisioned_unit() {
    let kit = Kit::start();
    let record = |serial: &str| kit.get(&format!("/v3/identity-record?serialNumber={serial}"));
    record("GW-1").problem(404, "not-found");
    let (_nobody, port) = Peer::nobody();
    kit.get(&Kit::query("GW-1", &port)).problem(502, "device-failed");
    record("GW-1").problem(404, "not-found");
    record("").problem(400, "bad-request");
    provision_all(&kit, ["GW-1"]);
    record("GW-1").document();
}

/// `createdAt` is the moment of provisioning (the old server's defect 4), and what counts is what
/// the last caller said.
#[test]
fn the_moment_and_the_facts_are_those_of_the_success() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    kit.get(&format!("{}&ledConfig=09&OU=old", Kit::query("GW-1", &port)));
    let device = Device::with(&["--keep"]);
    let first = kit.get(&Kit::query("GW-1", &device.port())).document();
    let second = kit.get(&Kit::query("GW-2", &device.port())).document();
    assert_eq!(first["ledConfig"], "01");
    assert!(first.get("OU").is_none());
    assert!(first["createdAt"].as_u64().unwrap() < second["createdAt"].as_u64().unwrap());
}
