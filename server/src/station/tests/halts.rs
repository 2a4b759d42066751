//! A disk that fills up, a clock that jumps: no new unit, and no running one stopped.

use std::sync::atomic::AtomicI64;

use super::*;

/// A clock that a test sets, in seconds from the moment it was made.
#[derive(Clone)]
struct Hand {
    start: Timestamp,
    seconds: Arc<AtomicI64>,
}

impl Hand {
    fn new() -> Self {
        Self { start: Timestamp::now(), seconds: Arc::default() }
    }

    fn at(&self, seconds: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(seconds)
    }

    fn set(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hand = self.clone();
        Arc::new(move || hand.at(hand.seconds.load(Ordering::SeqCst)))
    }
}

/// A delivery during which the world changes.
#[derive(Clone)]
struct During<F>(F);

impl<F: FnMut() + Clone + Send + 'static> Delivery for During<F> {
    async fn open(&mut self, _: &Draft, _: &ExecutionId) -> Result<KeySource, Failure> {
        (self.0)();
        Ok(KeySource::Make)
    }

    async fn hand_over(&mut self, _: &Sent) -> Outcome {
        Outcome::Confirmed { warnings: Vec::new() }
    }
}

fn ask(serial: &str) -> Ask {
    crate::store::contract::ask(serial, "production")
}

/// `[store] min_free` above anything a disk has.
fn no_room(folder: &std::path::Path) -> Option<Disk> {
    Some(Disk::new(vec![folder.to_owned()], u64::MAX))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_stops_the_station_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::with(usize::MAX, false, |parts| parts.disk = no_room(folder.path()));
    let told = Told::to_confirm();
    let error = bench.provide(&told).await.unwrap_err();
    assert_eq!(error.code(), "stopped");
    let said = error.to_string();
    assert!(said.starts_with("the station is not issuing now: the ledger's disk has "), "{said}");
    assert!(said.contains("MiB shall stay free"), "{said}");
    assert!(told.calls().is_empty());
    assert!(bench.states().await.is_empty(), "nothing was written");
    assert_eq!(bench.station.try_out().await, Err(error));
    // What is not issuing goes on: an operator may still release.
    let reason = crate::ra::ReleaseReason::parse("rework").unwrap();
    let release = bench.station.release(unit("GW-1"), "anna".into(), reason, "r".into());
    assert_eq!(release.await.unwrap_err().code(), "not-found");

    let bench = Bench::with(usize::MAX, false, |parts| {
        parts.disk = Some(Disk::new(vec![folder.path().to_owned()], 1));
    });
    assert!(bench.provide(&told).await.is_ok(), "a byte is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_by_itself_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later");
    // Where the system says nothing nothing is in the way; where it does there is no room.
    let bench = Bench::with(usize::MAX, false, |parts| parts.disk = no_room(&later));
    bench.provide(&Told::to_confirm()).await.unwrap();
    std::fs::create_dir(&later).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let refused = bench.station.provide(ask("GW-2"), Told::to_confirm()).await;
    assert_eq!(refused.unwrap_err().code(), "stopped");
    std::fs::remove_dir(&later).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    bench.station.provide(ask("GW-2"), Told::to_confirm()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_stops_the_station_until_it_is_right() {
    let hand = Hand::new();
    let bench = Bench::with(usize::MAX, false, |parts| parts.clock = hand.clock());
    bench.provide(&Told::to_confirm()).await.unwrap();

    hand.set(-60);
    bench.station.provide(ask("GW-2"), Told::to_confirm()).await.unwrap();
    hand.set(-61);
    let refused = bench.station.provide(ask("GW-3"), Told::to_confirm()).await.unwrap_err();
    assert_eq!(refused.code(), "stopped");
    let said = refused.to_string();
    for part in [
        format!("its clock says {:.0}", hand.at(-61)),
        format!("the newest record is of {:.0}", hand.at(0)),
        "`pep-server accept-clock`".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(bench.record("GW-3").await.is_none(), "nothing was written");
    assert_eq!(bench.station.look(), Err(refused));

    hand.set(-59);
    bench.station.provide(ask("GW-3"), Told::to_confirm()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_clock_and_disk_fail_runs_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::new();
    let later = folder.path().join("later");
    let bench = Bench::with(usize::MAX, false, |parts| {
        parts.clock = hand.clock();
        parts.disk = no_room(&later);
    });
    let delivery = During(move || {
        hand.set(-3600);
        std::fs::create_dir_all(&later).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
    });
    let record = bench.station.provide(ask("GW-1"), delivery).await.unwrap();
    assert!(record.deployed);
    assert_eq!(bench.station.look().unwrap_err().code(), "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_record_is_remembered_over_a_restart_and_can_be_accepted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let hand = Hand::new();
    let opened = || {
        let store = Arc::new(EmbeddedStore::open(&path).unwrap());
        Bench::with(usize::MAX, false, |parts| {
            parts.store = store;
            parts.clock = hand.clock();
        })
    };
    {
        let bench = opened();
        bench.station.recover().await.unwrap();
        bench.provide(&Told::to_confirm()).await.unwrap();
    }
    hand.set(-7200);
    {
        let bench = opened();
        bench.station.recover().await.unwrap();
        let refused = bench.station.provide(ask("GW-2"), Told::to_confirm()).await;
        assert_eq!(refused.unwrap_err().code(), "stopped");
    }
    let store = EmbeddedStore::open(&path).unwrap();
    let accepted = accept_clock(&store, hand.at(-7200)).await.unwrap().unwrap();
    assert_eq!(accepted.as_millisecond(), hand.at(0).as_millisecond());
    assert_eq!(accept_clock(&store, hand.at(-7200)).await, Ok(None), "nothing left to accept");
    drop(store);

    let bench = opened();
    bench.station.recover().await.unwrap();
    bench.station.provide(ask("GW-2"), Told::to_confirm()).await.unwrap();
    hand.set(-7300);
    let refused = bench.station.provide(ask("GW-3"), Told::to_confirm()).await;
    assert_eq!(refused.unwrap_err().code(), "stopped", "it was lifted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_ca_begins_and_after_it_ends_nothing_is_issued() {
    for days in [-2, 13_000] {
        let hand = Hand::new();
        let bench = Bench::with(usize::MAX, false, |parts| parts.clock = hand.clock());
        hand.set(days * 86_400);
        let refused = bench.provide(&Told::to_confirm()).await.unwrap_err();
        assert_eq!(refused.code(), "stopped");
        assert!(refused.to_string().contains("the CA certificate is valid from"), "{refused}");
        assert_eq!(bench.station.try_out().await, Err(refused));
        assert!(bench.states().await.is_empty());
    }
}
