//! Units that an operator looks for: by where they stand, those in doubt, those with one Ethernet address, those whose
//! numbers are not in upper case.

use super::*;
use crate::ra::{Octets, Record, State};

async fn found(store: &Fresh, filter: Filter) -> Vec<String> {
    let (order, limit) = (Order::Ascending, 10);
    let query = PageQuery { filter: filter.clone(), after: None, order, limit };
    let page = store.page(query).await.unwrap();
    assert_eq!(store.count(filter).await, Ok(page.len() as u64));
    page.iter().map(|record| record.unit.serial_number.to_string()).collect()
}

/// A unit whose attempts ended like this, one after the other.
pub(crate) fn tried(serial: &str, ends: &[State]) -> Record {
    let admitted = admitted(serial, "production");
    let mut record = reserved(serial, 10_000);
    for (n, end) in ends.iter().enumerate() {
        let n = 10_000 + n as u64;
        if n > 10_000 {
            record.reserve(&admitted, true, execution(n)).unwrap();
        }
        let id = execution(n).id;
        let reason = || Reason::text("x");
        if *end == State::Failed {
            record.conclude(&id, Ending::Failed(reason()), at(1)).unwrap();
            continue;
        }
        let certificate = CertificateFacts {
            der: format!("{serial}{n}"),
            public_key_hash: format!("{serial}{n}"),
            enrollment_id: EnrollmentIdentity::of(serial.as_bytes()),
            superseded: false,
            revoke: None,
        };
        record.issue(&id, certificate, true, at(1)).unwrap();
        let ending = match end {
            State::Confirmed => Ending::Confirmed { warnings: vec![] },
            _ => Ending::Unanswered(reason()),
        };
        record.conclude(&id, ending, at(1)).unwrap();
        if *end == State::Confirmed && n + 1 < 10_000 + ends.len() as u64 {
            record.release("anna", ReleaseReason::parse("rework").unwrap(), at(2)).unwrap();
        }
    }
    record
}

/// A unit is found among those in doubt as long as any identity may be on the device, whatever
/// became of later attempts.
pub(crate) async fn a_doubt_stays_until_it_is_confirmed_away(store: Fresh) {
    use State::{Confirmed, Failed, Sent};
    for (n, (serial, ends)) in [
        ("SENT", &[Sent][..]),
        ("SENT-FAILED", &[Sent, Failed]),
        ("SENT-FAILED-TWICE", &[Sent, Failed, Failed]),
        ("FAILED-SENT-FAILED", &[Failed, Sent, Failed]),
        ("SENT-CONFIRMED", &[Sent, Confirmed]),
        ("SENT-DONE-FAILED", &[Sent, Confirmed, Failed]),
        ("DONE-SENT-FAILED", &[Confirmed, Sent, Failed]),
        ("FAILED", &[Failed]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut record = tried(serial, ends);
        record.id = crate::ra::RecordId::new(at(0), (n as u64).to_be_bytes());
        store.write(new(record)).await.unwrap();
    }
    let standing = |standing| Filter { standing: Some(standing), ..Filter::default() };
    assert_eq!(
        found(&store, standing(Standing::Sent)).await,
        ["SENT", "SENT-FAILED", "SENT-FAILED-TWICE", "FAILED-SENT-FAILED", "DONE-SENT-FAILED"]
    );
    assert_eq!(found(&store, standing(Standing::Failed)).await, ["SENT-DONE-FAILED", "FAILED"]);
    assert_eq!(found(&store, standing(Standing::Confirmed)).await, ["SENT-CONFIRMED"]);
    // Somebody who is at it does not take the doubt away.
    let kept = store.read(&unit("SENT-FAILED")).await.unwrap().unwrap();
    let mut record = Arc::unwrap_or_clone(kept.record);
    record.reserve(&admitted("SENT-FAILED", "production"), true, execution(20_000)).unwrap();
    store.write(Change { record: Arc::new(record), seen: Some(1), claims: vec![] }).await.unwrap();
    assert!(found(&store, standing(Standing::Sent)).await.contains(&"SENT-FAILED".to_owned()));
    assert_eq!(found(&store, standing(Standing::Reserved)).await, [""; 0]);
}

/// Units are found by the letters of their numbers, and by their Ethernet address.
pub(crate) async fn units_are_found_by_their_labels(store: Fresh) {
    let addressed = |serial: &str, n: u64, address: Option<&str>| {
        let mut record = reserved(serial, n);
        if let Some(address) = address {
            let extra = &mut record.facts.extra;
            extra.add_octets(Octets::EthernetMac, &[address.to_owned()]).unwrap();
        }
        record
    };
    for record in [
        addressed("GW-1", 1, Some("00:a5:09:6a:6e:94")),
        addressed("GW-2a", 2, Some("0,165,9,106,110,148")),
        addressed("GW-Ä", 3, Some("00:a5:09:6a:6e:95")),
        addressed("gw-ä", 4, None),
    ] {
        store.write(new(record)).await.unwrap();
    }
    // As a station before wrote it.
    let mut old = reserved("GW-5", 5);
    old.facts.extra.add("ethernetMAC", "00-A5-09-6A-6E-94").unwrap();
    store.write(new(old)).await.unwrap();

    let lower = Filter { lower_case: true, ..Filter::default() };
    assert_eq!(found(&store, lower).await, ["GW-2a", "gw-ä"]);
    let with =
        |address: [u8; 6]| Filter { ethernet_mac: Some(address.to_vec()), ..Filter::default() };
    let same = found(&store, with([0, 165, 9, 106, 110, 148])).await;
    assert_eq!(same, ["GW-1", "GW-2a", "GW-5"]);
    assert_eq!(found(&store, with([0, 0, 0, 0, 0, 0])).await, [""; 0]);
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
