//! Every write fails once, in every way, on every store; whatever left the station is written down,
//! and the unit can be finished.

use super::*;
use crate::ra::Execution;

/// The n-th write fails, counted from 1, until no n-th comes any more.
async fn at_every_write(open: impl Fn() -> Arc<dyn Store>) {
    let lost = || StoreError::Unavailable("lost".to_owned());
    let ways = [
        ("it was made", lost(), true, 0),
        ("it was made, and cannot be looked at", lost(), true, 1),
        ("it was not made", lost(), false, 0),
        ("there was no room", StoreError::Full("full".to_owned()), false, 0),
    ];
    for (way, error, silently_done, unreadable) in ways {
        for write in 1.. {
            let store = Arc::new(Failing {
                inner: open(),
                writes: AtomicUsize::new(0),
                fail_from: AtomicUsize::new(write),
                silently_done,
                error: error.clone(),
                unreadable: AtomicUsize::new(unreadable),
                notes: Notes::default(),
            });
            let bench = Bench::with(usize::MAX, false, |parts| parts.store = store.clone());
            let told = Told::to_confirm();
            let first = bench.provide(&told).await;
            if store.writes.load(Ordering::SeqCst) < write {
                assert!(first.is_ok() && write > 3, "write {write} did not come");
                break;
            }
            assert_written_down(&bench, &told).await;
            if let Err(error) = first {
                assert!(["store-unavailable", "stopped"].contains(&error.code()), "{error}");
                bench.provide(&told).await.unwrap();
            }
            assert_written_down(&bench, &told).await;
            let record = bench.record("GW-1").await.unwrap();
            let what = format!("write {write}, {way}: {record:?}");
            assert!(record.deployed && !record.is_open(), "{what}");
            let live = |execution: &&Execution| {
                execution.certificate_left()
                    && execution.certificate.as_ref().is_some_and(|it| !it.superseded)
            };
            assert_eq!(record.executions.iter().filter(live).count(), 1, "{what}");
            let provisioned = Filter { provisioned: true, ..Filter::default() };
            assert_eq!(bench.station.count(provisioned).await.unwrap(), 1, "{what}");
        }
    }
}

/// Every certificate that was handed over has an execution that says so.
async fn assert_written_down(bench: &Bench, told: &Told) {
    let handed = told.handed.lock().unwrap().clone();
    let record = bench.record("GW-1").await;
    for certificate in handed {
        let record = record.as_ref().unwrap();
        let der = openssl::base64::encode_block(&certificate);
        let known = record
            .executions
            .iter()
            .find(|execution| execution.certificate.as_ref().is_some_and(|it| it.der == der));
        assert!(known.is_some_and(Execution::certificate_left), "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_write_of_an_embedded_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicUsize::new(0);
    at_every_write(|| {
        let name = format!("{}.sqlite", number.fetch_add(1, Ordering::SeqCst));
        Arc::new(EmbeddedStore::open(&folder.path().join(name)).unwrap())
    })
    .await;
}

#[cfg(feature = "mongodb")]
#[tokio::test(flavor = "multi_thread")]
async fn at_every_write_on_a_mongodb() {
    use crate::store::MongoDbPlace;
    if MongoDbPlace::mongo_java_server().is_none() {
        return;
    }
    at_every_write(|| Arc::new(MongoDbPlace::mongo_java_server().unwrap().open())).await;
}
