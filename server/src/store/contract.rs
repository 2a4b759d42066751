//! The promises of [`Store`] as tests, run against every store. Each test gets a fresh store; the
//! numbers are those of the trait's documentation.

mod doubts;
mod filters;
mod made;
mod spaces;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Change, Filter, Operation, Order, PageQuery, Store, StoreError};
use crate::ra::{CertificateFacts, Ending, EnrollmentIdentity, Reason, ReleaseReason, Standing};
pub(crate) use doubts::*;
pub(crate) use filters::{blanks_are_nowhere, units_are_found_by_what_they_are};
pub(crate) use made::*;
pub(crate) use spaces::spaces_are_apart;

/// Hands the names of all promises, behind whatever stands in front of them, to a macro that makes
/// tests of them: no store can forget one.
macro_rules! every_promise {
    ($tests:ident $($before:tt)*) => {
        $tests! {
            $($before)*
            what_is_written_is_read,
            one_of_many_claimers_wins,
            one_of_many_writers_wins_each_round,
            a_claim_is_held_by_one_unit,
            one_of_many_units_gets_a_claim,
            a_claim_that_was_never_taken_is_free,
            pages_are_stable,
            pages_are_stable_under_inserts,
            open_units_are_found,
            units_are_found_by_where_they_stand,
            a_doubt_stays_until_it_is_confirmed_away,
            units_are_found_by_their_labels,
            units_are_found_by_what_they_are,
            blanks_are_nowhere,
            spaces_are_apart,
            the_newest_moment_is_kept,
            acts_and_probes_are_written,
        }
    };
}
pub(crate) use every_promise;

/// A store to be held against the contract.
pub(crate) type Fresh = Arc<dyn Store>;

/// Promise 1, as far as a running process can show it: what was written is read back whole.
pub(crate) async fn what_is_written_is_read(store: Fresh) {
    assert_eq!(store.read(&unit("GW-1")).await.unwrap(), None);
    for serial in ["GW-1", "Ünit 7/Ω", "$ne", "'; DROP TABLE units; --", "a%41b"] {
        let record = reserved(serial, serial.len() as u64);
        assert_eq!(store.write(new(record.clone())).await, Ok(1));
        let kept = store.read(&unit(serial)).await.unwrap().unwrap();
        assert_eq!((&*kept.record, kept.version), (&record, 1));
    }
}

/// Promise 2: 64 claimers of one serial number, one winner.
pub(crate) async fn one_of_many_claimers_wins(store: Fresh) {
    let claimers = (0..64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.write(new(reserved("GW-1", n))).await })
    });
    let mut won = 0;
    for claimer in claimers.collect::<Vec<_>>() {
        match claimer.await.unwrap() {
            Ok(version) => won += version,
            Err(error) => assert_eq!(error, StoreError::Stale),
        }
    }
    assert_eq!(won, 1);
}

/// Promise 2: rounds of compare-and-set, one winner each.
pub(crate) async fn one_of_many_writers_wins_each_round(store: Fresh) {
    store.write(new(reserved("GW-1", 1))).await.unwrap();
    for round in 1..=20 {
        let writers = (0..16).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let kept = store.read(&unit("GW-1")).await.unwrap().unwrap();
                let mut record = Arc::unwrap_or_clone(kept.record);
                record.dropped_executions = round * 100 + n;
                let change = Change { record: Arc::new(record), seen: Some(round), claims: vec![] };
                store.write(change).await
            })
        });
        let mut winners = 0;
        for writer in writers.collect::<Vec<_>>() {
            winners += u64::from(writer.await.unwrap() == Ok(round + 1));
        }
        assert_eq!(winners, 1, "round {round}");
    }
}

/// Promise 3: claims.
pub(crate) async fn a_claim_is_held_by_one_unit(store: Fresh) {
    let first = reserved("GW-1", 1);
    store.write(claiming(first.clone(), None, &["key:a", "cert:x:1"])).await.unwrap();

    let second = reserved("GW-2", 2);
    let refused = store.write(claiming(second.clone(), None, &["key:b", "key:a"])).await;
    let taken = StoreError::ClaimTaken { name: "key:a".into(), by: unit("GW-1") };
    assert_eq!(refused, Err(taken));
    assert_eq!(store.read(&unit("GW-2")).await.unwrap(), None, "nothing was written");

    store.write(claiming(second, None, &["key:b"])).await.unwrap();
    // The holder may take its own claim again.
    store.write(claiming(first.clone(), Some(1), &["key:a"])).await.unwrap();
    // A stale write takes nothing.
    let stale = store.write(claiming(first, Some(1), &["key:c"])).await;
    assert_eq!(stale, Err(StoreError::Stale));
    store.write(claiming(reserved("GW-3", 3), None, &["key:c"])).await.unwrap();
}

/// Promise 3: 64 units that want one key at once, one gets it, and nothing is left of the others.
pub(crate) async fn one_of_many_units_gets_a_claim(store: Fresh) {
    let units = (0..64).map(|n| {
        let store = store.clone();
        let record = reserved(&format!("GW-{n}"), n);
        tokio::spawn(async move {
            let own = format!("cert:x:{n}");
            store.write(claiming(record, None, &[&own, "key:a"])).await
        })
    });
    let (mut winner, mut holders) = (None, Vec::new());
    for (n, one) in units.collect::<Vec<_>>().into_iter().enumerate() {
        match one.await.unwrap() {
            Ok(_) => assert_eq!(winner.replace(unit(&format!("GW-{n}"))), None),
            Err(StoreError::ClaimTaken { name, by }) => {
                assert_eq!(name, "key:a");
                holders.push(by);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let winner = winner.unwrap();
    assert!(holders.iter().all(|holder| *holder == winner), "{holders:?}");
    assert_eq!(store.count(Filter::default()).await, Ok(1));
    // What the others had claimed on the way is free again.
    let last = reserved("GW-last", 99);
    let names: Vec<_> = (0..64).map(|n| format!("cert:x:{n}")).collect();
    let mut free: Vec<_> = names.iter().map(String::as_str).collect();
    free.retain(|name| format!("GW-{}", &name[7..]) != winner.serial_number.as_str());
    assert_eq!(store.write(claiming(last, None, &free)).await, Ok(1));
}

/// Promise 3: the claim of a write that lost its race, or that gave up and was overtaken, is free.
pub(crate) async fn a_claim_that_was_never_taken_is_free(store: Fresh) {
    let first = reserved("GW-1", 1);
    store.write(new(first.clone())).await.unwrap();
    store.write(claiming(first.clone(), Some(1), &[])).await.unwrap();
    for seen in [None, Some(1), Some(7)] {
        let lost = store.write(claiming(first.clone(), seen, &["key:a"])).await;
        assert_eq!(lost, Err(StoreError::Stale));
    }
    let second = reserved("GW-2", 2);
    store.write(claiming(second, None, &["key:a"])).await.unwrap();
    let late = store.write(claiming(first, Some(2), &["key:a"])).await;
    assert_eq!(late, Err(StoreError::ClaimTaken { name: "key:a".into(), by: unit("GW-2") }));
    let kept = store.read(&unit("GW-1")).await.unwrap().unwrap();
    assert_eq!(kept.version, 2, "nothing was written");
}

/// Promise 4: pages in both directions, filters, and inserts while paging.
pub(crate) async fn pages_are_stable(store: Fresh) {
    for n in 0..25 {
        let serial = format!("GW-{n}");
        let record =
            if n % 5 == 0 { reserved(&serial, n) } else { provisioned(&serial, n, n as i64) };
        store.write(new(record)).await.unwrap();
    }
    let filter = Filter { provisioned: true, ..Filter::default() };
    assert_eq!(store.count(filter.clone()).await, Ok(20));
    assert_eq!(store.count(Filter::default()).await, Ok(25));

    for order in [Order::Ascending, Order::Descending] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let query = PageQuery { filter: filter.clone(), after, order, limit: 7 };
            let page = store.page(query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            seen.extend(page.iter().map(|r| r.unit.serial_number.to_string()));
            // Newcomers, one behind every page that has been read and, where pages descend, all
            // before them: ids grow.
            if order == Order::Descending {
                for n in (0..5).map(|n| 1000 + 10 * seen.len() as u64 + n) {
                    store.write(new(provisioned(&format!("new-{n}"), n, 1))).await.unwrap();
                }
            }
        }
        let mut expected: Vec<_> =
            (0..25).filter(|n| n % 5 != 0).map(|n| format!("GW-{n}")).collect();
        if order == Order::Descending {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
    let filter = Filter { since: Some(at(6)), until: Some(at(9)), ..filter };
    assert_eq!(store.count(filter.clone()).await, Ok(3));
    let none = Filter { category: Some("development".into()), ..filter.clone() };
    assert_eq!(store.count(none).await, Ok(0));
    let some = Filter { hardware_version: Some("rev-a".into()), first_to_claim: true, ..filter };
    assert_eq!(store.count(some).await, Ok(3));
}

/// Promise 4: pages read while 200 units are inserted beside them show every unit that was there,
/// once, in order.
pub(crate) async fn pages_are_stable_under_inserts(store: Fresh) {
    for n in 0..60 {
        store.write(new(reserved(&format!("GW-{n}"), 10 * n))).await.unwrap();
    }
    let inserting = (0..200).map(|n| {
        let store = store.clone();
        // Some before, between and behind those that are there.
        let record = reserved(&format!("new-{n}"), 5 * n + 1 + u64::from(n % 2 == 1));
        tokio::spawn(async move { store.write(new(record)).await })
    });
    let inserting: Vec<_> = inserting.collect();
    for order in [Order::Ascending, Order::Descending] {
        let (mut after, mut ids, mut old) = (None, Vec::new(), Vec::new());
        loop {
            let query = PageQuery { filter: Filter::default(), after, order, limit: 9 };
            let page = store.page(query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            ids.extend(page.iter().map(|record| record.id.clone()));
            let serials = page.iter().map(|record| record.unit.serial_number.to_string());
            old.extend(serials.filter(|serial| serial.starts_with("GW-")));
        }
        let mut expected: Vec<_> = (0..60).map(|n| format!("GW-{n}")).collect();
        if order == Order::Descending {
            expected.reverse();
            ids.reverse();
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{order:?}");
        assert_eq!(old, expected);
    }
    for insert in inserting {
        assert_eq!(insert.await.unwrap(), Ok(1));
    }
    assert_eq!(store.count(Filter::default()).await, Ok(260));
}

/// Promise 5: between `stop` and `go` nothing is written, every write says so within `limit`, and
/// afterwards the store goes on by itself.
pub(crate) async fn a_store_that_stands_still_says_so(
    store: Fresh,
    limit: Duration,
    stop: impl AsyncFnOnce(),
    go: impl AsyncFnOnce(),
) {
    let mut record = reserved("GW-1", 1);
    store.write(new(record.clone())).await.unwrap();
    stop().await;
    record.dropped_executions = 1;
    let change = claiming(record.clone(), Some(1), &[]);
    let claimers = (0..8).map(|n| {
        let (store, change) = (store.clone(), change.clone());
        tokio::spawn(async move {
            let begun = Instant::now();
            let refused = match n {
                0 => store.write(change).await,
                1 => store.probe().await.map(|()| 0),
                n => store.write(new(reserved(&format!("still-{n}"), 100 + n))).await,
            };
            (refused, begun.elapsed())
        })
    });
    for claimer in claimers.collect::<Vec<_>>() {
        let (refused, took) = claimer.await.unwrap();
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(took < limit + Duration::from_secs(1), "{took:?}");
    }
    go().await;
    let begun = Instant::now();
    while store.probe().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not go on by itself");
    }
    let kept = store.read(&record.unit).await.unwrap().unwrap();
    // A write without an answer may have come true; if it has not, it can be made now.
    match kept.version {
        1 => assert_eq!(store.write(change).await, Ok(2)),
        2 => assert_eq!(*kept.record, record),
        version => panic!("version {version}"),
    }
    assert_eq!(*store.read(&record.unit).await.unwrap().unwrap().record, record);
}

/// Open units are found until they are concluded.
pub(crate) async fn open_units_are_found(store: Fresh) {
    let mut record = reserved("GW-1", 1);
    store.write(new(record.clone())).await.unwrap();
    store.write(new(provisioned("GW-2", 2, 1))).await.unwrap();
    assert_eq!(store.open_units().await, Ok(vec![unit("GW-1")]));

    let id = record.executions[0].id.clone();
    record.conclude(&id, Ending::Failed(Reason::text("x")), at(1)).unwrap();
    store.write(Change { record: Arc::new(record), seen: Some(1), claims: vec![] }).await.unwrap();
    assert_eq!(store.open_units().await, Ok(vec![]));
}

/// Promise 7: the newest moment only grows, until an operator accepts the clock.
pub(crate) async fn the_newest_moment_is_kept(store: Fresh) {
    assert_eq!(store.newest().await, Ok(None));
    store.write(new(provisioned("GW-1", 1, 100))).await.unwrap();
    assert_eq!(store.newest().await, Ok(Some(at(100))));
    store.write(new(provisioned("GW-2", 2, 50))).await.unwrap();
    assert_eq!(store.newest().await, Ok(Some(at(100))), "an older record changes nothing");
    // Nor does one that is not written.
    let stale = provisioned("GW-1", 1, 900);
    assert_eq!(store.write(new(stale)).await, Err(StoreError::Stale));
    assert_eq!(store.newest().await, Ok(Some(at(100))));

    let operation = Operation {
        at: at(10),
        operator: "console".into(),
        act: "accept-clock".into(),
        request_id: "-".into(),
    };
    store.accept_clock(operation).await.unwrap();
    assert_eq!(store.newest().await, Ok(Some(at(10))));
    store.write(new(provisioned("GW-3", 3, 20))).await.unwrap();
    assert_eq!(store.newest().await, Ok(Some(at(20))));
}

/// Operators' acts and probes are written.
pub(crate) async fn acts_and_probes_are_written(store: Fresh) {
    let operation = Operation {
        at: at(0),
        operator: "line".into(),
        act: "export".into(),
        request_id: "r".into(),
    };
    store.note(operation).await.unwrap();
    store.probe().await.unwrap();
    store.probe().await.unwrap();
}
