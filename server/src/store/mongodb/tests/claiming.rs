//! Claims a station died with, and claims somebody else is at.

use std::sync::Arc;

use mongodb::bson::{Document, doc};

use super::server::Place;
use crate::ra::{Ending, Reason};
use crate::store::contract::{at, claiming, new, reserved, unit};
use crate::store::{Store, StoreError};

/// Between its claim and its record a station stops for good. As long as its write may still come,
/// the claim counts; once the unit has been recovered, it is free.
pub(super) async fn a_claim_whose_station_died_is_freed_by_recovery(place: Place) {
    let store = place.open();
    let mut first = reserved("GW-1", 1);
    store.write(new(first.clone())).await.unwrap();
    leave_claim(&place, "key:a", "GW-1", first.executions[0].id.as_str(), 1).await;

    let second = reserved("GW-2", 2);
    let refused = store.write(claiming(second.clone(), None, &["key:a"])).await;
    let taken = StoreError::ClaimTaken { name: "key:a".into(), by: unit("GW-1") };
    assert_eq!(refused, Err(taken.clone()));
    assert_eq!(store.read(&unit("GW-2")).await, Ok(None));

    let id = first.executions[0].id.clone();
    first.conclude(&id, Ending::Failed(Reason::text("restarted")), at(1)).unwrap();
    let change = claiming(first.clone(), Some(1), &[]);
    store.write(change).await.unwrap();
    assert_eq!(store.write(claiming(second, None, &["key:a"])).await, Ok(1));

    // The first station was only slow: its write comes late, and changes nothing.
    let late = store.write(claiming(reserved("GW-1", 1), Some(1), &["key:a"])).await;
    assert_eq!(late, Err(StoreError::Stale));
    let anew = store.write(claiming(first, Some(2), &["key:a"])).await;
    assert_eq!(anew, Err(StoreError::ClaimTaken { name: "key:a".into(), by: unit("GW-2") }));
    place.leave().await;
}

/// A unit that asks again with its key has the claim already. An attempt of it that comes to
/// nothing does not make the claim free: the record still shows it.
pub(super) async fn a_shown_claim_stays_whatever_later_attempts_do(place: Place) {
    let store = place.open();
    let first = reserved("GW-1", 1);
    store.write(claiming(first.clone(), None, &["key:a"])).await.unwrap();
    leave_claim(&place, "key:a", "GW-1", "another", 1).await;
    store.write(claiming(first.clone(), Some(1), &[])).await.unwrap();

    let refused = store.write(claiming(reserved("GW-2", 2), None, &["key:a"])).await;
    let taken = StoreError::ClaimTaken { name: "key:a".into(), by: unit("GW-1") };
    assert_eq!(refused, Err(taken));
    assert_eq!(store.write(claiming(first, Some(2), &["key:a", "key:a"])).await, Ok(3));
    place.leave().await;
}

/// Of many units that take a lost claim over at the same moment, one gets it, round after round.
pub(super) async fn one_of_many_takes_a_lost_claim_over(place: Place) {
    let store = Arc::new(place.open());
    let first = reserved("GW-first", 1);
    store.write(new(first.clone())).await.unwrap();
    store.write(claiming(first, Some(1), &[])).await.unwrap();
    for round in 0..10 {
        let key = format!("key:{round}");
        leave_claim(&place, &key, "GW-first", "x", 1).await;
        let units = (0..16).map(|n| {
            let (store, key) = (store.clone(), key.clone());
            let record = reserved(&format!("GW-{round}-{n}"), 100 * round + n + 2);
            tokio::spawn(async move { store.write(claiming(record, None, &[&key])).await })
        });
        let mut got = 0;
        for one in units.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(version) => got += version,
                Err(error) => assert!(matches!(error, StoreError::ClaimTaken { .. }), "{error}"),
            }
        }
        assert_eq!(got, 1, "round {round}");
    }
    place.leave().await;
}

/// A write that was certainly not made leaves no claim behind.
pub(super) async fn a_lost_race_leaves_no_claim(place: Place) {
    let store = place.open();
    store.write(new(reserved("GW-1", 1))).await.unwrap();
    store.write(claiming(reserved("GW-2", 2), None, &["key:a"])).await.unwrap();
    let stale = store.write(claiming(reserved("GW-1", 1), None, &["key:b", "key:c"])).await;
    assert_eq!(stale, Err(StoreError::Stale));
    let taken = store.write(claiming(reserved("GW-3", 3), None, &["key:b", "key:a"])).await;
    assert!(matches!(taken, Err(StoreError::ClaimTaken { .. })), "{taken:?}");
    let claims = place.raw().await.collection::<Document>("identity_claims");
    assert_eq!(claims.distinct("_id", doc! {}).await.unwrap(), ["key:a".into()]);
    place.leave().await;
}

/// Writes a claim as a station leaves it that dies right after.
async fn leave_claim(place: &Place, name: &str, serial: &str, execution: &str, seen: i64) {
    let claims = place.raw().await.collection::<Document>("identity_claims");
    let claim = doc! {
        "_id": name, "space": "pep", "serialNumber": serial, "execution": execution, "seen": seen,
    };
    claims.replace_one(doc! { "_id": name }, claim).upsert(true).await.unwrap();
}
