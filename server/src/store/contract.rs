//! The promises of [`Store`] as tests, run against every store. Each test gets a fresh store; the
//! numbers are those of the trait's documentation.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Change, Claim, Filter, Operation, Order, PageQuery, Store, StoreError};
use crate::ra::{
    Admitted, Ask, CertificateFacts, Ending, EnrollmentIdentity, Execution, ExecutionId, Facts,
    Fields, Planned, Reason, Record, RecordId, ReleaseReason, Rules, SealingKey, SerialNumber,
    Standing, UnitId, admit,
};

/// A store to be held against the contract.
pub(crate) type Fresh = Arc<dyn Store>;

pub(crate) fn unit(serial: &str) -> UnitId {
    UnitId::pep(SerialNumber::parse(serial).unwrap())
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn ask(serial: &str, category: &str) -> Ask {
    let mut extra = Fields::default();
    extra.add("deviceID", "d'\"\\\u{1f600}").unwrap();
    Ask {
        unit: unit(serial),
        facts: Facts {
            api_address: "https://api".into(),
            gateway_services_address: "https://gateways".into(),
            hardware_version: "rev-a".into(),
            radio_config: "00".into(),
            led_config: "01".into(),
            category: category.into(),
            extra,
        },
        sealing_key: Some(SealingKey::new("sealed".into())),
        caller: "127.0.0.1".into(),
        address: "127.0.0.1:7777".into(),
    }
}

pub(crate) fn admitted(serial: &str, category: &str) -> Admitted {
    let rules = Rules { categories: vec![category.to_owned()] };
    admit(ask(serial, category), &rules, at(0)).ok().unwrap()
}

pub(crate) fn execution(n: u64) -> Execution {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    let planned = Planned {
        issuer: "CN=CA".into(),
        issuer_hash: "00".into(),
        certificate_serial: format!("{n:x}"),
        subject: "CN=GW".into(),
        not_before: at(0),
        not_after: at(1_000_000),
        profile: "pep".into(),
    };
    let id = ExecutionId::from_bytes(bytes);
    Execution::reserved(id, "one".into(), "c".into(), "a".into(), planned, at(0), at(60))
}

pub(crate) fn reserved(serial: &str, n: u64) -> Record {
    let admitted = admitted(serial, "production");
    let mut record = Record::new(RecordId::new(at(0), n.to_be_bytes()), &admitted, true);
    record.reserve(&admitted, true, execution(n)).unwrap();
    record
}

fn provisioned(serial: &str, n: u64, second: i64) -> Record {
    let mut record = reserved(serial, n);
    let id = record.executions[0].id.clone();
    let certificate = CertificateFacts {
        der: format!("{n}"),
        public_key_hash: format!("{n}"),
        enrollment_id: EnrollmentIdentity::of(serial.as_bytes()),
        superseded: false,
        revoke: None,
    };
    record.issue(&id, certificate, true, at(second)).unwrap();
    record.conclude(&id, Ending::Confirmed { warnings: vec![] }, at(second)).unwrap();
    record
}

pub(crate) fn new(record: Record) -> Change {
    Change { record: Arc::new(record), seen: None, claims: vec![] }
}

fn claiming(record: Record, seen: Option<u64>, names: &[&str]) -> Change {
    let execution = record.executions[0].id.clone();
    let claim = |name: &&str| Claim { name: (*name).to_owned(), execution: execution.clone() };
    let claims = names.iter().map(claim).collect();
    Change { record: Arc::new(record), seen, claims }
}

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
            // A newcomer behind the end of an ascending page list, before that of a descending.
            let n = 1000 + seen.len() as u64;
            if order == Order::Descending {
                store.write(new(provisioned(&format!("new-{n}"), n, 1))).await.unwrap();
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

/// Units are found by where they stand, and by whether somebody is at them.
pub(crate) async fn units_are_found_by_where_they_stand(store: Fresh) {
    let concluded = |serial: &str, n: u64, ending: Ending| {
        let mut record = reserved(serial, n);
        let id = record.executions[0].id.clone();
        if matches!(ending, Ending::Unanswered(_)) {
            let certificate = CertificateFacts {
                der: format!("{n}"),
                public_key_hash: format!("{n}"),
                enrollment_id: EnrollmentIdentity::of(serial.as_bytes()),
                superseded: false,
                revoke: None,
            };
            record.issue(&id, certificate, true, at(1)).unwrap();
        }
        record.conclude(&id, ending, at(1)).unwrap();
        record
    };
    let mut released = provisioned("GW-R", 5, 1);
    released.release("anna", ReleaseReason::parse("rework").unwrap(), at(2)).unwrap();
    for record in [
        reserved("GW-0", 0),
        concluded("GW-F", 1, Ending::Failed(Reason::text("x"))),
        concluded("GW-S", 2, Ending::Unanswered(Reason::text("x"))),
        provisioned("GW-C", 3, 1),
        provisioned("GW-D", 4, 1),
        released,
    ] {
        store.write(new(record)).await.unwrap();
    }
    let find = async |filter: Filter| {
        let (order, limit) = (Order::Ascending, 10);
        let query = PageQuery { filter: filter.clone(), after: None, order, limit };
        let page = store.page(query).await.unwrap();
        assert_eq!(store.count(filter).await, Ok(page.len() as u64));
        page.iter().map(|r| r.unit.serial_number.to_string()).collect::<Vec<_>>()
    };
    for (standing, serials) in [
        (Standing::Reserved, &["GW-0"][..]),
        (Standing::Issued, &[]),
        (Standing::Sent, &["GW-S"]),
        (Standing::Confirmed, &["GW-C", "GW-D"]),
        (Standing::Failed, &["GW-F"]),
        (Standing::Released, &["GW-R"]),
    ] {
        let filter = Filter { standing: Some(standing), ..Filter::default() };
        assert_eq!(find(filter).await, serials, "{standing:?}");
    }
    assert_eq!(find(Filter { open: true, ..Filter::default() }).await, ["GW-0"]);
    // A unit is found where it stands now, not where it stood.
    let mut record = provisioned("GW-C", 3, 1);
    record.release("anna", ReleaseReason::parse("rework").unwrap(), at(3)).unwrap();
    store.write(Change { record: Arc::new(record), seen: Some(1), claims: vec![] }).await.unwrap();
    let filter = Filter { standing: Some(Standing::Released), ..Filter::default() };
    assert_eq!(find(filter).await, ["GW-C", "GW-R"]);
    let filter = Filter { standing: Some(Standing::Confirmed), ..Filter::default() };
    assert_eq!(find(filter).await, ["GW-D"]);
}

/// Promise 6: the newest moment only grows, until an operator accepts the clock.
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
