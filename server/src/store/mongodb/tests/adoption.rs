//! A database the old system wrote, used as it is.

use std::sync::Arc;

use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde_json::json;

use super::server::Place;
use crate::export::{IdentityDocument, ListedDocument};
use crate::ra::{Ending, NotFree, Reason, SealingKey, SerialNumber, Standing, State, UnitId};
use crate::store::contract::{
    admitted, admitted_saying, at, claiming, execution, new, reserved, tried, unit,
};
use crate::store::{Change, Filter, Order, PageQuery, Store, StoreError};

const IDENTITY: &str = "A-8E:C4:A0:37:DB:57:85:C4:0B:34:1F:05:E3:48:19:B3:AC:85:30:A6:D2:E1:EE:C0:F6:C3:D9:D1:25:57:02:D2";

/// A unit as the old server left it, and what it called its index.
fn deployed(serial: impl Into<Bson>) -> Document {
    doc! {
        "_id": ObjectId::new(),
        "serialNumber": serial.into(),
        "OU": "42fa7b480b8ff3b5a4f4a8b5d1e8e1b6",
        "deviceID": "0171",
        "deployed": true,
        "ethernetMAC": [0, 176, 208, 99.0, 194, 38],
        "hardwareVersion": "izuma-edge-gateway",
        "radioConfig": "00",
        "ledConfig": "01",
        "category": "production",
        "cloudAddress": "https://gateways.us-east-1.mbedcloud.com",
        "verificationKey": "verification-key-does-not-exist",
        "apiAddress": "https://api.us-east-1.mbedcloud.com",
        "gatewayServicesAddress": "https://gateways.us-east-1.mbedcloud.com",
        "hash": [1, 2, 3],
        "sixBMAC": [0, 1, 2, 3, 4, 5, 6, 7],
        "enrollmentID": IDENTITY,
        "createdAt": 1_600_000_000_123.0,
    }
}

/// A unit the old server died with: taken, and never given its identity.
fn blocked(serial: &str) -> Document {
    let mut blocked = deployed(serial);
    for absent in ["enrollmentID", "createdAt", "OU"] {
        blocked.remove(absent);
    }
    blocked.insert("deployed", false);
    blocked.insert("__v", 0);
    blocked.insert("note", Bson::Null);
    blocked
}

async fn fill(place: &Place, documents: impl IntoIterator<Item = Document>) {
    let units = place.raw().await.collection::<Document>("edge_identities");
    // As the old server's library asks for it.
    let index = doc! {
        "key": { "serialNumber": 1 }, "name": "serialNumber_1", "unique": true, "background": true,
    };
    let command = doc! { "createIndexes": "edge_identities", "indexes": [index] };
    place.raw().await.run_command(command).await.unwrap();
    for document in documents {
        units.insert_one(document).await.unwrap();
    }
}

async fn raw(place: &Place, serial: &str) -> Document {
    let units = place.raw().await.collection::<Document>("edge_identities");
    units.find_one(doc! { "serialNumber": serial }).await.unwrap().unwrap()
}

fn query(filter: Filter) -> PageQuery {
    PageQuery { filter, after: None, order: Order::Ascending, limit: 1000 }
}

/// What an old unit answers: the old document, field by field.
pub(super) async fn old_units_are_listed_answered_and_protected(place: Place) {
    fill(&place, [deployed("GW-1"), blocked("GW-2")]).await;
    let store = place.open();

    let kept = store.read(&unit("GW-1")).await.unwrap().unwrap();
    let mut record = Arc::unwrap_or_clone(kept.record);
    assert_eq!(kept.version, 0);
    assert_eq!(record.enrollment_id.as_ref().unwrap().as_str(), IDENTITY);
    assert_eq!(record.sealing_key, Some(SealingKey::new("verification-key-does-not-exist".into())));
    assert!(record.first_to_claim);
    let mut answered = serde_json::to_value(IdentityDocument::of(&record)).unwrap();
    let old = serde_json::to_value(deployed("GW-1")).unwrap();
    answered["ethernetMAC"][3] = json!(99.0);
    answered["createdAt"] = json!(1_600_000_000_123.0);
    for (name, value) in old.as_object().unwrap() {
        if !["_id", "verificationKey"].contains(&name.as_str()) {
            assert_eq!(answered[name], *value, "{name}");
        }
    }
    let refused = record.reserve(&admitted("GW-1", "production"), true, execution(1));
    assert!(matches!(refused, Err(NotFree::Taken { .. })));

    let provisioned = Filter { provisioned: true, ..Filter::default() };
    assert_eq!(store.count(provisioned.clone()).await, Ok(1));
    assert_eq!(store.count(Filter::default()).await, Ok(2));
    let since = |second| Some(Timestamp::from_second(second).unwrap());
    for (filter, count) in [
        (Filter { first_to_claim: true, ..Filter::default() }, 1),
        (Filter { standing: Some(Standing::Confirmed), ..Filter::default() }, 1),
        (Filter { standing: Some(Standing::Reserved), ..Filter::default() }, 1),
        (Filter { standing: Some(Standing::Reserved), ..provisioned.clone() }, 0),
        (Filter { standing: Some(Standing::Failed), ..Filter::default() }, 0),
        (Filter { since: since(1_600_000_000), ..provisioned.clone() }, 1),
        (Filter { since: since(1_600_000_001), ..provisioned.clone() }, 0),
        (Filter { until: since(1_600_000_000), ..provisioned.clone() }, 0),
        (Filter { category: Some("production".into()), ..provisioned.clone() }, 1),
    ] {
        assert_eq!(store.page(query(filter)).await.unwrap().len(), count);
    }
    assert_eq!(store.open_units().await, Ok(vec![]));
    // Nothing was written to be read.
    assert!(!raw(&place, "GW-1").await.contains_key("_version"));
    place.leave().await;
}

/// A blocked unit is provisioned: its fields stay, arrays as arrays, and new ones stand beside.
pub(super) async fn a_blocked_unit_is_provisioned(place: Place) {
    fill(&place, [blocked("GW-2")]).await;
    let store = place.open();
    let old = raw(&place, "GW-2").await;

    let kept = store.read(&unit("GW-2")).await.unwrap().unwrap();
    let mut record = Arc::unwrap_or_clone(kept.record);
    assert!(!record.deployed && !record.first_to_claim);
    record.reserve(&admitted("GW-2", "development"), true, execution(1)).unwrap();
    let change = claiming(record.clone(), Some(0), &[]);
    assert_eq!(store.write(change.clone()).await, Ok(1));
    assert_eq!(store.write(change).await, Err(StoreError::Stale), "two saw the old document");
    assert_eq!(store.read(&unit("GW-2")).await.unwrap().unwrap().record, Arc::new(record.clone()));
    assert_eq!(store.open_units().await, Ok(vec![unit("GW-2")]));

    let new = raw(&place, "GW-2").await;
    for same in ["_id", "__v", "note", "ethernetMAC", "hash", "sixBMAC"] {
        assert_eq!(new.get(same), old.get(same), "{same}");
    }
    assert_eq!(new.get_str("category").unwrap(), "development");
    assert_ne!(new.get("deviceID"), old.get("deviceID"), "said anew");
    assert!(!new.get_bool("deployed").unwrap());

    // Tried once more, by a caller who says something of a field that was an array.
    let end = Ending::Failed(Reason::text("x"));
    let id = record.executions[0].id.clone();
    record.conclude(&id, end, at(1)).unwrap();
    let again = admitted_saying("GW-2", "production", &[("hash", "text")]);
    record.reserve(&again, false, execution(2)).unwrap();
    store.write(claiming(record.clone(), Some(1), &["key:a"])).await.unwrap();
    assert_eq!(store.read(&unit("GW-2")).await.unwrap().unwrap().record, Arc::new(record.clone()));
    let last = raw(&place, "GW-2").await;
    assert_eq!(last.get("ethernetMAC"), old.get("ethernetMAC"));
    assert_eq!(last.get_str("hash").unwrap(), "text");
    let listed = serde_json::to_value(ListedDocument::of(&record)).unwrap();
    assert_eq!((&listed["hash"], &listed["sixBMAC"][7]), (&json!("text"), &json!(7)));
    place.leave().await;
}

/// What the old system let through: any serial number, fields missing or of another type. Nothing
/// of it breaks a page.
pub(super) async fn odd_documents_break_no_page(place: Place) {
    let long = "x".repeat(300);
    let odd = ["", " GW-1 ", "a\tb", "undefined", "U\u{308}", "GW&1", long.as_str()];
    let bare = doc! { "_id": ObjectId::new(), "serialNumber": "bare", "deployed": true };
    let strange = doc! {
        "_id": ObjectId::new(), "serialNumber": 4711, "deployed": true, "enrollmentID": 1,
        "createdAt": "yesterday", "category": ["production"], "hardwareVersion": Bson::Null,
    };
    let mut whole = deployed("whole");
    whole.insert("createdAt", 1_600_000_000_123_i64);
    fill(&place, odd.iter().map(|serial| deployed(*serial)).chain([bare, strange, whole])).await;
    let units = place.raw().await.collection::<Document>("edge_identities");
    // Without its place in the order of pages it is left out, here and there.
    units.insert_one(doc! { "_id": 7, "serialNumber": "no-id", "deployed": true }).await.unwrap();
    let store = place.open();

    let provisioned = Filter { provisioned: true, ..Filter::default() };
    assert_eq!(store.count(provisioned.clone()).await, Ok(10));
    for order in [Order::Ascending, Order::Descending] {
        let (mut after, mut serials) = (None, Vec::new());
        loop {
            let page = PageQuery { filter: provisioned.clone(), after, order, limit: 3 };
            let page = store.page(page).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            serials.extend(page.iter().map(|record| record.unit.serial_number.to_string()));
        }
        if order == Order::Descending {
            serials.reverse();
        }
        let expected = ["bare", "4711", "whole"].into_iter().chain(odd);
        assert_eq!(serials, expected.collect::<Vec<_>>());
    }
    for serial in odd {
        let unit = UnitId::pep(SerialNumber::adopted(serial));
        assert_eq!(store.read(&unit).await.unwrap().unwrap().record.unit, unit, "{serial:?}");
    }
    let whole = store.read(&unit("whole")).await.unwrap().unwrap().record;
    assert_eq!(whole.created_at.unwrap().as_millisecond(), 1_600_000_000_123);
    let bare = store.read(&unit("bare")).await.unwrap().unwrap().record;
    assert_eq!((bare.created_at, bare.first_to_claim), (None, false));
    assert_eq!(bare.enrollment_id, None);
    place.leave().await;
}

/// What a newer station wrote is not guessed at, and what it added beside is not lost.
pub(super) async fn newer_documents_are_left_alone(place: Place) {
    let store = place.open();
    store.write(new(reserved("GW-1", 1))).await.unwrap();
    let units = place.raw().await.collection::<Document>("edge_identities");
    let add = doc! { "$set": { "_hint": { "kept": [1, 2] } } };
    units.update_one(doc! {}, add).await.unwrap();
    let written = claiming(reserved("GW-1", 1), Some(1), &[]);
    assert_eq!(store.write(written).await, Ok(2));
    assert_eq!(raw(&place, "GW-1").await.get("_hint"), Some(&doc! { "kept": [1, 2] }.into()));

    units.update_one(doc! {}, doc! { "$set": { "_schema": 2 } }).await.unwrap();
    let read = store.read(&unit("GW-1")).await;
    assert!(matches!(read, Err(StoreError::Unreadable(_))), "{read:?}");
    let page = store.page(query(Filter::default())).await;
    assert!(matches!(page, Err(StoreError::Unreadable(_))), "{page:?}");
    place.leave().await;
}

/// Older stations wrote the state of the last attempt: at the next start a unit is in doubt that
/// may hold the identity of an earlier one.
pub(super) async fn doubts_of_before_are_found(place: Place) {
    let store = place.open();
    let ends = [State::Sent, State::Failed];
    store.write(new(tried("GW-1", &ends))).await.unwrap();
    store.write(new(reserved("GW-2", 2))).await.unwrap();
    let units = place.raw().await.collection::<Document>("edge_identities");
    let before = doc! { "$set": { "_standing": "failed" } };
    units.update_one(doc! { "serialNumber": "GW-1" }, before).await.unwrap();
    drop(store);

    let store = place.open();
    let sent = Filter { standing: Some(Standing::Sent), ..Filter::default() };
    let page = store.page(query(sent)).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].unit, unit("GW-1"));
    // It can be written as before.
    let kept = store.read(&unit("GW-1")).await.unwrap().unwrap();
    let change = Change { record: kept.record, seen: Some(kept.version), claims: vec![] };
    assert_eq!(store.write(change).await, Ok(2));
    place.leave().await;
}
