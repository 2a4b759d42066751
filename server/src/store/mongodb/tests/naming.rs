//! One running station a name.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};

use super::super::ledger::Ledger;
use super::super::station_name::StationName;
use super::server::Place;
use crate::store::contract::{new, reserved};
use crate::store::{Store, StoreError};

/// Short enough to wait for a dead holder: it asks for twice this and two beats.
const SHORT: Duration = Duration::from_secs(2);

/// Promise 6.
pub(super) async fn a_name_is_held_by_one_station_that_runs(place: Place) {
    let (first, second) = (place.open_within(SHORT), place.open_within(SHORT));
    first.claim_name("line-1").await.unwrap();
    second.claim_name("line-2").await.unwrap();
    let refused = second.claim_name("line-1").await;
    let Err(StoreError::NameTaken { name, by }) = refused else { panic!("{refused:?}") };
    assert_eq!(name, "line-1");
    assert!(by.contains(&std::process::id().to_string()), "{by}");

    let begun = Instant::now();
    first.release_name().await.unwrap();
    first.release_name().await.unwrap();
    second.claim_name("line-1").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a name given back");
    place.leave().await;
}

/// A holder that is gone without a word has its name taken over: at once where it can be seen to
/// have ended, else when it has stood still for as long as it asked for.
pub(super) async fn the_name_of_a_station_that_died_is_free(place: Place) {
    let stations = place.raw().await.collection::<Document>("station_names");
    let gone = place.open_within(SHORT);
    gone.claim_name("line-1").await.unwrap();
    drop(gone);
    // Another machine's process, for all this one can tell.
    let elsewhere = doc! { "$set": { "place": "another machine" } };
    stations.update_one(doc! { "_id": "line-1" }, elsewhere).await.unwrap();
    let begun = Instant::now();
    let next = place.open_within(SHORT);
    next.claim_name("line-1").await.unwrap();
    assert!(begun.elapsed() >= 2 * SHORT, "{:?}", begun.elapsed());
    drop(next);

    // A process of this machine whose number is another's now.
    let ended = doc! { "$set": { "began": 1_i64 } };
    stations.update_one(doc! { "_id": "line-1" }, ended).await.unwrap();
    let begun = Instant::now();
    place.open_within(SHORT).claim_name("line-1").await.unwrap();
    assert!(begun.elapsed() < SHORT);
    place.leave().await;
}

/// Of many that take a dead station's name over at the same moment, one gets it.
pub(super) async fn one_of_many_gets_a_dead_stations_name(place: Place) {
    let ledger = Ledger { database: place.raw().await, newest: Arc::default() };
    let stations = ledger.collection("station_names");
    for round in 0..10 {
        let name = format!("line-{round}");
        let dead = doc! { "_id": &name, "run": "x", "beat": 0_i64, "silence": 1_i64 };
        stations.insert_one(dead).await.unwrap();
        let mut wanting = Vec::new();
        for n in 0..16 {
            let one = StationName::new(ledger.clone(), name.clone(), n.to_string(), SHORT);
            let held = one.attempt().await.unwrap().unwrap();
            wanting.push((one, held));
        }
        let taking = wanting.into_iter().map(|(one, held)| {
            tokio::spawn(async move { u64::from(one.take_over(held).await.unwrap()) })
        });
        let mut got = 0;
        for one in taking.collect::<Vec<_>>() {
            got += one.await.unwrap();
        }
        assert_eq!(got, 1);
    }
    place.leave().await;
}

/// A station that stood still for so long that its name was taken writes nothing, until the other
/// one has stopped.
pub(super) async fn a_station_whose_name_was_taken_writes_nothing(place: Place) {
    let stations = place.raw().await.collection::<Document>("station_names");
    let store = place.open_within(SHORT);
    store.claim_name("line-1").await.unwrap();
    let other = doc! { "_id": "line-1", "run": "x", "beat": 7_i64, "silence": 2_i64 };
    stations.replace_one(doc! { "_id": "line-1" }, other).await.unwrap();
    let begun = Instant::now();
    let refused = loop {
        match store.probe().await {
            Ok(()) => assert!(begun.elapsed() < Duration::from_secs(5)),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(matches!(refused, StoreError::NameTaken { .. }), "{refused}");
    let write = store.write(new(reserved("GW-1", 1))).await;
    assert!(matches!(write, Err(StoreError::NameTaken { .. })), "{write:?}");
    // Nobody renews the other's name: after its two seconds of silence this one has it again.
    let begun = Instant::now();
    while store.probe().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.write(new(reserved("GW-1", 1))).await, Ok(1));
    place.leave().await;
}
