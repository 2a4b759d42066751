//! The contract, and what only a file can do wrong.

mod journalled;

use std::sync::Arc;

use super::*;
use crate::ra::{Standing, State};
use crate::store::contract;

macro_rules! keeps {
    ($($promise:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let folder = tempfile::tempdir().unwrap();
            let store = EmbeddedStore::open(&folder.path().join("ledger.sqlite")).unwrap();
            contract::$promise(Arc::new(store)).await;
        }
    )*};
}

contract::every_promise!(keeps);

#[tokio::test]
async fn a_ledger_opened_again_holds_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/ledger.sqlite");
    let record = contract::reserved("GW-1", 1);
    {
        let store = EmbeddedStore::open(&path).unwrap();
        store.write(contract::new(record.clone())).await.unwrap();
    }
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(*store.read(&record.unit).await.unwrap().unwrap().record, record);
}

/// A ledger as the first station wrote it.
#[tokio::test]
async fn an_older_ledger_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut sent = contract::reserved("GW-2", 2);
    let id = sent.executions[0].id.clone();
    let failed = crate::ra::Ending::Failed(crate::ra::Reason::text("x"));
    sent.conclude(&id, failed, contract::at(30)).unwrap();
    let connection = Connection::open(&path).unwrap();
    schema::make(&connection).unwrap();
    // Its last attempt failed, and an earlier one may be on the device.
    let mut in_doubt = contract::tried("GW-3", &[State::Sent, State::Failed]);
    in_doubt.id = crate::ra::RecordId::new(contract::at(0), [3; 8]);
    let done = contract::tried("GW-4", &[State::Sent, State::Confirmed, State::Failed]);
    for record in [contract::reserved("GW-1", 1), sent, in_doubt, done] {
        connection
            .execute(
                "INSERT INTO units VALUES ('pep', ?1, ?2, 1, 0, 1, NULL, 1, 'rev-a', 'x', ?3)",
                rusqlite::params![
                    record.unit.serial_number.as_str(),
                    record.id.as_str(),
                    serde_json::to_string(&record).unwrap()
                ],
            )
            .unwrap();
    }
    drop(connection);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.newest().await, Ok(Some(contract::at(30))));
    for (standing, serials) in [
        (Standing::Reserved, &["GW-1"][..]),
        (Standing::Failed, &["GW-2", "GW-4"]),
        (Standing::Sent, &["GW-3"]),
    ] {
        let filter = Filter { standing: Some(standing), ..Filter::default() };
        let order = crate::store::Order::Ascending;
        let page = store.page(PageQuery { filter, after: None, order, limit: 9 }).await.unwrap();
        let found: Vec<_> = page.iter().map(|it| it.unit.serial_number.as_str()).collect();
        assert_eq!(found, serials, "{standing:?}");
    }
    drop(store);
    // Once is enough.
    assert!(EmbeddedStore::open(&path).is_ok());
}

/// Units in doubt, and those with one address, are found without reading all the others.
#[test]
fn pages_use_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(EmbeddedStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let at = |standing| Filter { standing: Some(standing), ..Filter::default() };
    let address = Filter { ethernet_mac: Some(vec![0; 6]), ..Filter::default() };
    for (filter, index) in [
        (at(Standing::Sent), "units_standing"),
        (at(Standing::Confirmed), "units_provisioned"),
        (address, "units_address"),
    ] {
        let (conditions, values) = pages::conditions(&filter);
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT document FROM units WHERE {} AND id > '0' \
             ORDER BY id ASC LIMIT 9",
            conditions.join(" AND ")
        );
        let plan: String = connection
            .query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(3))
            .unwrap();
        assert!(plan.contains(index), "{plan}");
    }
}

#[test]
fn one_station_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let _first = EmbeddedStore::open(&path).unwrap();
    assert!(matches!(EmbeddedStore::open(&path).err(), Some(OpenError::InUse { .. })));
}

#[test]
fn refuses_what_it_did_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(EmbeddedStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(EmbeddedStore::open(&path).err(), Some(OpenError::Newer { found: 99, .. })));

    let foreign = folder.path().join("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(EmbeddedStore::open(&foreign).err(), Some(OpenError::Foreign { .. })));

    let garbage = folder.path().join("garbage.sqlite");
    std::fs::write(&garbage, "x".repeat(5000)).unwrap();
    assert!(matches!(EmbeddedStore::open(&garbage).err(), Some(OpenError::File { .. })));

    let read_only = folder.path().join("read-only.sqlite");
    drop(EmbeddedStore::open(&read_only).unwrap());
    // A write version above 2 makes SQLite open the file read-only (its file format, 1.3.3),
    // which also holds for root.
    let mut bytes = std::fs::read(&read_only).unwrap();
    bytes[18] = 3;
    std::fs::write(&read_only, bytes).unwrap();
    let error = EmbeddedStore::open(&read_only).err().unwrap();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_held_by_somebody_else_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let store = Arc::new(EmbeddedStore::open(&path).unwrap());
    let holder = Connection::open(&path).unwrap();
    let stop = async || holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let go = async || holder.execute_batch("COMMIT").unwrap();
    let limit = open::PATIENCE;
    contract::a_store_that_stands_still_says_so(store, limit, stop, go).await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let open::Opened { connection, locks, path } = open::open(&path).unwrap();
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    // SQLite answers the same SQLITE_FULL at this bound as for a disk without room.
    connection.pragma_update(None, "max_page_count", pages + 30).unwrap();
    let readers = Arc::default();
    let writer = writer::Writer::start(connection, None).unwrap();
    let store =
        EmbeddedStore { path, id: String::new(), journal: None, writer, readers, _locks: locks };
    let mut written = 0;
    let refused = loop {
        match store
            .write(contract::new(contract::reserved(&format!("GW-{written}"), written)))
            .await
        {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    assert!(written > 10);
    assert_eq!(store.count(Filter::default()).await, Ok(written));
}
