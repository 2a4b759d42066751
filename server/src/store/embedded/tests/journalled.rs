//! The ledger and its journal: restored backups, commits that never came, damaged files.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::*;
use crate::journal::JournalFault;
use crate::ra::{Denial, Record, Space};
use crate::store::contract::{
    at, claiming, new, provisioned, registered, reserved, sign_unit, unit,
};
use crate::store::{Change, Filter, Store, StoreError};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    fn settings(&self) -> JournalSettings {
        JournalSettings {
            folder: self.folder.path().join("journal"),
            station: "one".to_owned(),
            rotate_at: 20_000,
        }
    }

    fn open(&self) -> (EmbeddedStore, Reconciled) {
        EmbeddedStore::with_journal(&self.ledger(), &self.settings()).unwrap()
    }

    /// The ledger as a backup made now would have it.
    fn backup(&self) -> PathBuf {
        let to = self.folder.path().join("backup.sqlite");
        backup(&self.ledger(), &to, jiff::Timestamp::now(), |_, _| {}).unwrap();
        to
    }

    fn restore(&self, backup: PathBuf) {
        for name in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        std::fs::rename(backup, self.ledger()).unwrap();
    }
}

fn with_claims(number: u64) -> Change {
    let record = provisioned(&format!("GW-{number}"), number, number as i64);
    let names =
        record.executions[0].certificate.as_ref().unwrap().claims(&record.executions[0].planned);
    claiming(record, None, &names.each_ref().map(String::as_str))
}

#[tokio::test]
async fn an_old_backup_is_brought_up_to_date() {
    let place = Place::new();
    let (store, found) = place.open();
    assert_eq!(found, Reconciled::default());
    for number in 0..10 {
        store.write(with_claims(number)).await.unwrap();
    }
    let old = place.backup();
    for number in 10..30 {
        store.write(with_claims(number)).await.unwrap();
    }
    // A unit the backup knows goes on.
    let kept = store.read(&unit("GW-3")).await.unwrap().unwrap();
    let mut record = Record::clone(&kept.record);
    record.facts.category = "later".to_owned();
    let change = Change { record: Arc::new(record.clone()), seen: Some(1), claims: vec![] };
    store.write(change).await.unwrap();
    drop(store);

    place.restore(old);
    let (store, found) = place.open();
    assert_eq!((found.restored, found.faults), (21, vec![]));
    assert_eq!(store.count(Filter { provisioned: true, ..Filter::default() }).await, Ok(30));
    let again = store.read(&unit("GW-3")).await.unwrap().unwrap();
    assert_eq!((again.version, &again.record.facts.category), (2, &"later".to_owned()));
    assert_eq!(again.record.sealing_key, record.sealing_key, "the ledger's own key stays");
    // No serial number can be had twice, and no key.
    assert_eq!(store.write(new(reserved("GW-25", 99))).await, Err(StoreError::Stale));
    let copy = reserved("GW-100", 100);
    let key = format!("key:{}", 25);
    let taken = store.write(claiming(copy, None, &[&key])).await;
    assert!(matches!(taken, Err(StoreError::ClaimTaken { .. })), "{taken:?}");
    drop(store);
    assert_eq!(place.open().1.read, 0, "nothing is left to read");
}

/// Without any ledger, everything comes back but the sealing keys, which no journal holds.
#[tokio::test]
async fn a_lost_ledger_is_made_again() {
    let place = Place::new();
    let (store, _) = place.open();
    for number in 0..5 {
        store.write(with_claims(number)).await.unwrap();
    }
    drop(store);
    std::fs::remove_file(place.ledger()).unwrap();
    let (store, found) = place.open();
    assert_eq!((found.read, found.restored), (5, 5));
    let kept = store.read(&unit("GW-4")).await.unwrap().unwrap();
    assert!(kept.record.deployed && kept.record.sealing_key.is_none());
}

/// The power went between journal and commit: the event comes back, and makes nothing unsafe.
#[tokio::test]
async fn what_was_journalled_and_not_committed_comes_back() {
    let place = Place::new();
    let (store, _) = place.open();
    store.write(with_claims(1)).await.unwrap();
    let before = place.backup();
    store.write(new(reserved("GW-2", 2))).await.unwrap();
    drop(store);
    place.restore(before);
    let (store, found) = place.open();
    assert_eq!((found.read, found.restored), (1, 1));
    assert_eq!(store.open_units().await, Ok(vec![unit("GW-2")]), "recovery will close it");
}

#[tokio::test]
async fn a_damaged_journal_is_reported_and_the_rest_comes_back() {
    let place = Place::new();
    let (store, _) = place.open();
    for number in 0..3 {
        store.write(with_claims(number)).await.unwrap();
    }
    drop(store);
    std::fs::remove_file(place.ledger()).unwrap();
    let file = std::fs::read_dir(place.settings().folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    bytes[line + 60] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    let (store, found) = place.open();
    assert_eq!(found.restored, 2);
    let [JournalFault::Damaged { at, .. }] = found.faults[..] else { panic!("{found:?}") };
    assert_eq!(at, line as u64 + 1);
    assert_eq!(store.read(&unit("GW-1")).await, Ok(None));
}

/// A journal that cannot be written acknowledges nothing, and the ledger has nothing it has not.
#[tokio::test]
async fn without_its_journal_nothing_is_written() {
    let place = Place::new();
    let (store, _) = place.open();
    store.write(with_claims(0)).await.unwrap();
    // The next file cannot be made: a folder is in its place.
    std::fs::create_dir(place.settings().folder.join("one-000002.journal")).unwrap();
    let mut number = 1;
    let refused = loop {
        match store.write(with_claims(number)).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert_eq!(store.count(Filter::default()).await, Ok(number));
    std::fs::remove_dir(place.settings().folder.join("one-000002.journal")).unwrap();
    store.write(with_claims(number)).await.unwrap();
    drop(store);
    assert_eq!(place.open().1, Reconciled::default());
}

#[tokio::test]
async fn a_backup_is_whole_private_and_overwrites_nothing() {
    let place = Place::new();
    let (store, _) = place.open();
    for number in 0..200 {
        store.write(with_claims(number)).await.unwrap();
    }
    let copy = place.backup();
    let ledger = EmbeddedStore::open(&copy).unwrap();
    assert_eq!(ledger.count(Filter::default()).await, Ok(200));
    drop(ledger);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = backup(&place.ledger(), &copy, jiff::Timestamp::now(), |_, _| {}).unwrap_err();
    assert!(again.to_string().contains("exists already; backups overwrite nothing"), "{again}");
}

/// Units of every space and denials are in the journal as much as gateways are.
#[tokio::test]
async fn units_that_registered_and_denials_are_brought_back() {
    let place = Place::new();
    let (store, _) = place.open();
    store.write(new(provisioned("same", 1, 1))).await.unwrap();
    let old = place.backup();
    let mut unit_of = registered("same", 2, 2);
    store.write(claiming(unit_of.clone(), None, &["key:2"])).await.unwrap();
    unit_of.deny(Denial::new(at(9), "anna", "stolen").unwrap());
    let change = Change { record: Arc::new(unit_of.clone()), seen: Some(1), claims: vec![] };
    store.write(change).await.unwrap();
    drop(store);

    place.restore(old);
    let (store, found) = place.open();
    assert_eq!((found.read, found.restored), (2, 2));
    let kept = store.read(&sign_unit("same")).await.unwrap().unwrap();
    assert_eq!((&*kept.record, kept.version), (&unit_of, 2));
    let denied = Filter { space: Space::Sign, denied: true, ..Filter::default() };
    assert_eq!(store.count(denied).await, Ok(1));
    assert_eq!(store.count(Filter::default()).await, Ok(1), "the gateway of that number");
    let taken = store.write(claiming(reserved("GW-9", 9), None, &["key:2"])).await;
    assert!(matches!(taken, Err(StoreError::ClaimTaken { .. })), "{taken:?}");
}
