//! The journal beside a database: restored dumps, stations that wait for each other, writes that
//! lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::super::{ConnectError, MongoDbStore};
use super::server::Place;
use crate::ra::Record;
use crate::store::contract::{claiming, new, provisioned, reserved, unit};
use crate::store::{Change, Filter, JournalSettings, Reconciled, Store, StoreError};

const WITHIN: Duration = Duration::from_secs(20);

fn settings(folder: &Path, station: &str) -> JournalSettings {
    let folder = folder.join(station);
    JournalSettings { folder, station: station.to_owned(), rotate_at: 20_000 }
}

/// Opens a station's ledger; the one that was open before may need a moment to be gone.
async fn open(place: &Place, folder: &Path, station: &str) -> (MongoDbStore, Reconciled) {
    for _ in 0..200 {
        match MongoDbStore::with_journal(place.settings(WITHIN), &settings(folder, station)) {
            Err(ConnectError::JournalInUse { .. }) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the journal stays in use");
}

/// Stops a station as an orderly stop does.
async fn stop(store: MongoDbStore) {
    store.release_name().await.unwrap();
}

fn with_claims(number: u64) -> Change {
    let record = provisioned(&format!("GW-{number}"), number, number as i64);
    let execution = &record.executions[0];
    let names = execution.certificate.as_ref().unwrap().claims(&execution.planned);
    claiming(record, None, &names.each_ref().map(String::as_str))
}

fn all() -> Filter {
    Filter { provisioned: true, ..Filter::default() }
}

type Dump = Vec<(String, Vec<Document>)>;

/// Every document, as a dump has them.
async fn dump(database: &Database) -> Dump {
    let mut dump = Vec::new();
    for name in database.list_collection_names().await.unwrap() {
        let found = database.collection(&name).find(doc! {}).await.unwrap();
        dump.push((name, found.try_collect().await.unwrap()));
    }
    dump
}

async fn restore(database: &Database, dump: &Dump) {
    for name in database.list_collection_names().await.unwrap() {
        database.collection::<Document>(&name).delete_many(doc! {}).await.unwrap();
    }
    for (name, documents) in dump {
        if !documents.is_empty() {
            database.collection::<Document>(name).insert_many(documents).await.unwrap();
        }
    }
}

pub(super) async fn an_old_dump_is_brought_up_to_date(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let raw = place.raw().await;
    let (store, found) = open(&place, folder.path(), "one").await;
    assert_eq!(found, Reconciled::default());
    for number in 0..5 {
        store.write(with_claims(number)).await.unwrap();
    }
    stop(store).await;
    let old = dump(&raw).await;

    let (store, found) = open(&place, folder.path(), "one").await;
    assert_eq!(found.read, 0, "nothing is left to read after a clean stop");
    for number in 5..15 {
        store.write(with_claims(number)).await.unwrap();
    }
    // A unit the dump knows goes on.
    let kept = store.read(&unit("GW-3")).await.unwrap().unwrap();
    let mut record = Record::clone(&kept.record);
    record.facts.category = "later".to_owned();
    let change = Change { record: Arc::new(record.clone()), seen: Some(1), claims: vec![] };
    store.write(change).await.unwrap();
    stop(store).await;

    restore(&raw, &old).await;
    let (store, found) = open(&place, folder.path(), "one").await;
    assert_eq!((found.restored, found.faults), (11, vec![]));
    assert_eq!(store.count(all()).await, Ok(15));
    let again = store.read(&unit("GW-3")).await.unwrap().unwrap();
    assert_eq!((again.version, &again.record.facts.category), (2, &"later".to_owned()));
    assert_eq!(again.record.sealing_key, record.sealing_key, "the database's own key stays");
    // No serial number can be had twice, and no key.
    assert_eq!(store.write(new(reserved("GW-12", 99))).await, Err(StoreError::Stale));
    let taken = store.write(claiming(reserved("GW-100", 100), None, &["key:13"])).await;
    assert!(matches!(taken, Err(StoreError::ClaimTaken { .. })), "{taken:?}");
    // What was brought back goes on like any other, and its origin is forgotten.
    let change = Change { record: Arc::new(record), seen: Some(2), claims: vec![] };
    assert_eq!(store.write(change).await, Ok(3));
    let marked = doc! { "serialNumber": "GW-3", "_replayed": { "$exists": true } };
    let units = raw.collection::<Document>("edge_identities");
    assert_eq!(units.count_documents(marked).await.unwrap(), 0);
    stop(store).await;
    assert_eq!(open(&place, folder.path(), "one").await.1.read, 0);
    place.leave().await;
}

/// Killed between the journal and the database: the event comes back, and a later one of the same
/// version is not undone by it.
pub(super) async fn what_was_on_its_way_comes_back(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let raw = place.raw().await;
    let (store, _) = open(&place, folder.path(), "one").await;
    store.write(with_claims(1)).await.unwrap();
    stop(store).await;
    let before = dump(&raw).await;
    let (store, _) = open(&place, folder.path(), "one").await;
    store.write(new(reserved("GW-2", 2))).await.unwrap();
    drop(store);
    restore(&raw, &before).await;
    let (store, found) = open(&place, folder.path(), "one").await;
    assert_eq!((found.read, found.restored), (1, 1));
    assert_eq!(store.open_units().await, Ok(vec![unit("GW-2")]), "recovery will close it");
    place.leave().await;
}

/// Of two stations that wrote one version of a unit the loser's event stays out, also where the
/// loser's journal is read first.
pub(super) async fn a_write_that_lost_stays_out(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let raw = place.raw().await;
    let (loser, _) = open(&place, folder.path(), "loser").await;
    let (winner, _) = open(&place, folder.path(), "winner").await;
    stop(loser).await;
    stop(winner).await;
    let empty = dump(&raw).await;
    let (loser, _) = open(&place, folder.path(), "loser").await;
    let (winner, _) = open(&place, folder.path(), "winner").await;
    let mut record = reserved("GW-1", 1);
    record.facts.category = "winner".to_owned();
    assert_eq!(winner.write(new(record)).await, Ok(1));
    assert_eq!(loser.write(new(reserved("GW-1", 2))).await, Err(StoreError::Stale));
    winner.write(claiming(reserved("GW-2", 3), None, &["key:a"])).await.unwrap();
    let taken = loser.write(claiming(reserved("GW-3", 4), None, &["key:a"])).await;
    assert!(matches!(taken, Err(StoreError::ClaimTaken { .. })), "{taken:?}");
    stop(loser).await;
    stop(winner).await;

    restore(&raw, &empty).await;
    let (loser, found) = open(&place, folder.path(), "loser").await;
    assert_eq!((found.read, found.restored), (2, 0));
    let (_winner, found) = open(&place, folder.path(), "winner").await;
    assert_eq!((found.read, found.restored), (2, 2));
    let kept = loser.read(&unit("GW-1")).await.unwrap().unwrap();
    assert_eq!(kept.record.facts.category, "winner");
    assert_eq!(loser.read(&unit("GW-3")).await, Ok(None));
    place.leave().await;
}

/// A restore needs the journals of all stations: the first one up waits for the others.
pub(super) async fn a_restored_database_waits_for_all_journals(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let raw = place.raw().await;
    let (one, _) = open(&place, folder.path(), "one").await;
    let (two, _) = open(&place, folder.path(), "two").await;
    assert_eq!((one.awaited(), two.awaited()), (vec![], vec![]));
    stop(one).await;
    stop(two).await;
    let old = dump(&raw).await;
    let (one, _) = open(&place, folder.path(), "one").await;
    let (two, _) = open(&place, folder.path(), "two").await;
    one.write(with_claims(1)).await.unwrap();
    two.write(with_claims(2)).await.unwrap();
    stop(one).await;
    stop(two).await;

    restore(&raw, &old).await;
    let (one, found) = open(&place, folder.path(), "one").await;
    assert_eq!((found.restored, one.awaited()), (1, vec!["two".to_owned()]));
    let (two, found) = open(&place, folder.path(), "two").await;
    assert_eq!(found.restored, 1);
    for (name, store) in [("one", &one), ("two", &two)] {
        for _ in 0..200 {
            if store.awaited().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(store.awaited().is_empty(), "{name} waits for ever: {:?}", store.awaited());
    }
    assert_eq!(one.count(all()).await, Ok(2));
    place.leave().await;
}

/// A dump restored under a running station: it writes nothing more until it has compared.
pub(super) async fn a_database_that_goes_back_under_a_station(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let raw = place.raw().await;
    let (store, _) = open(&place, folder.path(), "one").await;
    let old = dump(&raw).await;
    store.write(with_claims(1)).await.unwrap();
    let seen = doc! { "_id": "one", "sequence": { "$gt": 0_i64 } };
    let journals = raw.collection::<Document>("journals");
    for _ in 0..200 {
        if journals.count_documents(seen.clone()).await.unwrap() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    restore(&raw, &old).await;
    let mut refused = Ok(());
    for _ in 0..200 {
        refused = store.probe().await;
        if refused.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let Err(StoreError::Unavailable(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("restart the station"), "{text}");
    let write = store.write(with_claims(2)).await;
    assert!(matches!(write, Err(StoreError::Unavailable(_))), "{write:?}");
    drop(store);
    let (store, found) = open(&place, folder.path(), "one").await;
    assert_eq!((found.restored, store.write(with_claims(2)).await), (1, Ok(1)));
    place.leave().await;
}

/// One process writes a journal; and where it cannot be written, nothing else is.
pub(super) async fn without_its_journal_nothing_is_written(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&place, folder.path(), "one").await;
    let second =
        MongoDbStore::with_journal(place.settings(WITHIN), &settings(folder.path(), "one"));
    assert!(matches!(second, Err(ConnectError::JournalInUse { .. })));
    drop(store);
    let blocked = settings(folder.path(), "two");
    std::fs::write(&blocked.folder, "a file").unwrap();
    let opened = MongoDbStore::with_journal(place.settings(WITHIN), &blocked);
    let Err(ConnectError::Journal(text)) = opened else { panic!("it opened") };
    assert!(text.contains("two"), "{text}");
    place.leave().await;
}
