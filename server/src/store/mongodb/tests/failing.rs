//! Databases that are away, stand still, are killed, or are not what they should be.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use tokio::net::TcpListener;

use super::super::{ConnectError, MongoDbSettings, MongoDbStore};
use super::relay::Wire;
use super::server::{Place, Server};
use crate::store::contract::{self, new, provisioned, reserved, unit};
use crate::store::{Filter, Kept, Order, PageQuery, Store, StoreError};

const SHORT: Duration = Duration::from_secs(1);

async fn opened(settings: MongoDbSettings) -> Result<MongoDbStore, ConnectError> {
    tokio::task::spawn_blocking(|| MongoDbStore::open(settings)).await.unwrap()
}

/// Promise 5, on a server that is stopped: the system accepts for it, and it never answers.
async fn stands_still(server: Option<Server>) {
    let Some(server) = server else { return };
    let store = Arc::new(server.place().open_within(SHORT));
    let (stop, go) = (async || server.stop(), async || server.go());
    contract::a_store_that_stands_still_says_so(store, SHORT, stop, go).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongo_java_server_that_stands_still() {
    stands_still(Server::mongo_java_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ferretdb_that_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    stands_still(Server::ferretdb(folder.path())).await;
}

/// Promise 5, with the fault between the two.
pub(super) async fn a_wire_that_goes_dead(place: Place) {
    for wire in [Wire::Mute, Wire::Cut] {
        let place = Place { database: format!("{}_{wire:?}", place.database), ..place.clone() };
        let Some((relay, relayed)) = place.relayed().await else { return };
        let store = Arc::new(relayed.open_within(SHORT));
        let (stop, go) = (async || relay.turn(wire), async || relay.turn(Wire::Whole));
        contract::a_store_that_stands_still_says_so(store, SHORT, stop, go).await;
        place.leave().await;
    }
}

/// A write that came true and whose answer was lost: the record read back says so.
pub(super) async fn a_write_whose_answer_is_lost(place: Place) {
    let Some((relay, relayed)) = place.relayed().await else { return };
    let store = relayed.open_within(SHORT);
    // The first write of a second raises the newest moment as well; this one shall be alone.
    store.write(new(reserved("GW-0", 0))).await.unwrap();
    let record = reserved("GW-1", 1);
    relay.turn(Wire::Mute);
    let unanswered = store.write(new(record.clone())).await;
    assert!(matches!(unanswered, Err(StoreError::Unavailable(_))), "{unanswered:?}");
    relay.turn(Wire::Cut);
    relay.turn(Wire::Whole);
    let begun = Instant::now();
    let kept = loop {
        match store.read(&record.unit).await {
            Ok(kept) => break kept,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
        }
    };
    assert_eq!(kept, Some(Kept { record: Arc::new(record.clone()), version: 1 }));
    assert_eq!(store.write(new(record)).await, Err(StoreError::Stale));
    place.leave().await;
}

/// Promises 1 and 5: a database that is killed under load and started again, three times. Whatever
/// was acknowledged is there, and the station goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_ferretdb_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Server::ferretdb(folder.path()) else { return };
    let place = server.place();
    let store = Arc::new(place.open_within(SHORT));
    let end = Instant::now() + Duration::from_secs(6);
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), 0);
            let mut n = 0;
            while Instant::now() < end {
                n += 1;
                let serial = format!("GW-{writer}-{n}");
                let record = provisioned(&serial, 10_000 * writer + n, 1);
                match store.write(new(record.clone())).await {
                    Ok(1) => acknowledged.push(record),
                    Err(StoreError::Unavailable(_)) => refused += 1,
                    other => panic!("{other:?}"),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (acknowledged, refused)
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let address = server.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server = Server::ferretdb_at(folder.path(), &address).unwrap();
    }
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for writer in writers {
        let (records, failed) = writer.await.unwrap();
        acknowledged.extend(records);
        refused += failed;
    }
    assert!(refused > 0, "it was never away");
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    // By itself, and every unit as it was acknowledged.
    assert_eq!(store.probe().await, Ok(()));
    let query = PageQuery {
        filter: Filter::default(),
        after: None,
        order: Order::Ascending,
        limit: u32::MAX,
    };
    let found = place.open().page(query).await.unwrap();
    let found: HashMap<_, _> = found.into_iter().map(|found| (found.id.clone(), found)).collect();
    assert!(found.len() <= acknowledged.len() + refused);
    for record in acknowledged {
        assert_eq!(found.get(&record.id), Some(&record));
    }
}

/// A station that starts after its database was killed finds records and claims.
#[tokio::test(flavor = "multi_thread")]
async fn a_ferretdb_opened_again_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::ferretdb(folder.path()) else { return };
    let place = server.place();
    let store = place.open();
    let record = reserved("GW-1", 1);
    store.write(contract::claiming(record.clone(), None, &["key:a"])).await.unwrap();
    let address = server.kill();
    let _server = Server::ferretdb_at(folder.path(), &address).unwrap();
    let store = place.open();
    assert_eq!(store.read(&unit("GW-1")).await.unwrap().unwrap().record, Arc::new(record.clone()));
    let refused = store.write(contract::claiming(reserved("GW-2", 2), None, &["key:a"])).await;
    assert!(matches!(refused, Err(StoreError::ClaimTaken { .. })), "{refused:?}");
}

/// At start a database that is away, or accepts and says nothing, is refused within the limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_refused_at_start() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    for address in [mute.local_addr().unwrap(), nobody] {
        let place = Place::at(&address.to_string());
        let begun = Instant::now();
        let refused = opened(place.settings(SHORT)).await.err();
        assert!(matches!(refused, Some(ConnectError::Silent(_))), "{refused:?}");
        assert!(begun.elapsed() < 2 * SHORT, "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_refused_at_start() {
    for uri in ["mongodb://", "mongodb://h:70000", "mongodb://h/?tls=perhaps", "nothing"] {
        let settings = MongoDbSettings { uri: uri.to_owned(), ..Place::at("h").settings(SHORT) };
        let refused = opened(settings).await.err();
        assert!(matches!(refused, Some(ConnectError::Address(_))), "{uri}: {refused:?}");
    }
    let settings = MongoDbSettings {
        tls_ca_file: Some(Path::new("/nowhere.pem").to_owned()),
        ..Place::at("127.0.0.1:1").settings(SHORT)
    };
    let refused = opened(settings).await.err();
    assert!(matches!(refused, Some(ConnectError::Address(_))), "{refused:?}");
}

/// The unique index is made where it is missing, and a database that cannot have it is refused.
pub(super) async fn indexes_are_made_and_checked(place: Place) {
    let units = place.raw().await.collection::<Document>("edge_identities");
    drop(place.open());
    drop(place.open());
    let mut names = units.list_index_names().await.unwrap();
    names.sort();
    assert_eq!(
        names,
        [
            "_ethernetMAC_1",
            "_id_",
            "_open_1",
            "_standing_1__id_1",
            "deployed_1__id_1",
            "serialNumber_1"
        ]
    );

    let others = place.raw().await.collection::<Document>("identities");
    let mut names = others.list_index_names().await.unwrap();
    names.sort();
    let of_a_space = ["_record_1", "_standing_1__record_1", "deployed_1__record_1"];
    let mut wanted = of_a_space.map(|rest| format!("_space_1_{rest}")).to_vec();
    wanted.extend(["_id_".to_owned(), "_open_1".to_owned()]);
    wanted.sort();
    assert_eq!(names, wanted);

    units.drop_index("serialNumber_1").await.unwrap();
    for id in [1, 2] {
        units.insert_one(doc! { "_id": id, "serialNumber": "twice" }).await.unwrap();
    }
    let refused = opened(place.settings(SHORT)).await.err();
    assert!(matches!(refused, Some(ConnectError::Index { .. })), "{refused:?}");
    units.delete_one(doc! { "_id": 1 }).await.unwrap();

    let loose = IndexModel::builder().keys(doc! { "serialNumber": 1 }).build();
    units.create_index(loose).await.unwrap();
    let refused = opened(place.settings(SHORT)).await.err();
    assert!(matches!(refused, Some(ConnectError::Index { .. })), "{refused:?}");
    place.leave().await;
}
