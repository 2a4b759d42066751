//! The legal moves of a record, and the illegal ones.

use super::*;
use crate::ra::{Ask, Fields, Planned, Reason, Rules, SerialNumber, admit};

pub(in crate::ra) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(in crate::ra) fn admitted(second: i64) -> Admitted {
    let ask = Ask {
        unit: UnitId::pep(SerialNumber::parse("GW-1").unwrap()),
        facts: Facts {
            api_address: "a".into(),
            gateway_services_address: "g".into(),
            hardware_version: format!("h{second}"),
            radio_config: "00".into(),
            led_config: "01".into(),
            category: "production".into(),
            extra: Fields::default(),
        },
        sealing_key: None,
        caller: "127.0.0.1".into(),
        address: "127.0.0.1:7777".into(),
    };
    let rules = Rules { categories: vec!["production".into()], ..Rules::default() };
    admit(ask, &rules, at(second)).unwrap_or_else(|refusal| panic!("{refusal}"))
}

pub(in crate::ra) fn execution(n: u8, station: &str, second: i64) -> Execution {
    let planned = Planned {
        issuer: "CN=CA".into(),
        issuer_hash: "00".into(),
        issuer_key: None,
        certificate_serial: format!("{n:02x}"),
        subject: "CN=GW-1".into(),
        not_before: at(0),
        not_after: at(1_000_000),
        profile: "pep".into(),
    };
    let id = ExecutionId::from_bytes([n; 16]);
    let (caller, address) = ("c".into(), "a".into());
    Execution::reserved(id, station.into(), caller, address, planned, at(second), at(second + 60))
}

pub(in crate::ra) fn certificate(n: u8) -> CertificateFacts {
    CertificateFacts {
        der: format!("{n}"),
        public_key_hash: format!("key{n}"),
        enrollment_id: EnrollmentIdentity::of(&[n]),
        superseded: false,
        revoke: None,
    }
}

pub(in crate::ra) fn id(n: u8) -> ExecutionId {
    ExecutionId::from_bytes([n; 16])
}

pub(in crate::ra) fn reserved(n: u8) -> Record {
    let admitted = admitted(0);
    let mut record = Record::new(RecordId::new(at(0), [0; 8]), &admitted, true);
    record.reserve(&admitted, true, execution(n, "one", 0)).unwrap();
    record
}

#[test]
fn the_story_ends_with_a_provisioned_unit() {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), false, at(1)).unwrap();
    record.send(&id(1), at(2)).unwrap();
    record.conclude(&id(1), Ending::Confirmed { warnings: vec![] }, at(3)).unwrap();

    assert!(record.deployed);
    assert_eq!(record.created_at, Some(at(3)));
    assert_eq!(record.enrollment_id, Some(EnrollmentIdentity::of(&[1])));
    assert!(!record.is_open());
    let taken = record.reserve(&admitted(4), true, execution(2, "two", 4));
    assert!(matches!(taken, Err(NotFree::Taken { .. })));
}

#[test]
fn an_open_execution_keeps_others_out_until_its_deadline_and_a_minute() {
    let mut record = reserved(1);
    let busy = record.reserve(&admitted(119), true, execution(2, "two", 119));
    assert!(matches!(busy, Err(NotFree::Busy { .. })));

    record.reserve(&admitted(121), true, execution(2, "two", 121)).unwrap();
    assert_eq!(record.executions[0].state, State::Failed);
    assert_eq!(record.facts.hardware_version, "h121");
    // The one that was closed cannot go on.
    let late = record.issue(&id(1), certificate(1), true, at(122)).unwrap_err();
    assert_eq!(late.found, "closed as failed");
}

#[test]
fn recovery_closes_only_its_own_and_never_forgets_what_left() {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    assert_eq!(record.recover("two", at(5)), 0);
    assert_eq!(record.recover("one", at(5)), 1);
    assert_eq!(record.executions[0].state, State::Sent, "it may be on the device");

    record.reserve(&admitted(6), true, execution(2, "one", 6)).unwrap();
    record.issue(&id(2), certificate(2), false, at(7)).unwrap();
    assert_eq!(record.recover("one", at(8)), 1);
    assert_eq!(record.executions[1].state, State::Failed, "it never left");
}

#[test]
fn confirming_supersedes_every_earlier_certificate_but_the_same_one() {
    let mut record = reserved(1);
    for (n, key) in [(1, 1), (2, 2), (3, 2)] {
        if n > 1 {
            let second = i64::from(n) * 10;
            record.reserve(&admitted(second), true, execution(n, "one", second)).unwrap();
        }
        record.issue(&id(n), certificate(key), true, at(50)).unwrap();
        let ending = match n {
            3 => Ending::Confirmed { warnings: vec!["w".into()] },
            _ => Ending::Unanswered(Reason::text("closed")),
        };
        record.conclude(&id(n), ending, at(51)).unwrap();
    }
    let superseded: Vec<bool> =
        record.executions.iter().map(|e| e.certificate.as_ref().unwrap().superseded).collect();
    assert_eq!(superseded, [true, false, false]);
    assert!(record.execution_for("key1").is_none());
    assert!(record.execution_for("key2").is_some());
}

#[test]
fn a_certificate_given_once_more_brings_its_own_plan() {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    record.conclude(&id(1), Ending::Unanswered(Reason::text("closed")), at(2)).unwrap();
    record.reserve(&admitted(3), true, execution(2, "one", 3)).unwrap();
    record.issue(&id(2), certificate(1), true, at(4)).unwrap();
    let serials: Vec<_> =
        record.executions.iter().map(|e| e.planned.certificate_serial.as_str()).collect();
    assert_eq!(serials, ["01", "01"], "the device gets the first one's serial");
}

#[test]
fn no_step_can_be_skipped_or_taken_twice() {
    let mut record = reserved(1);
    let confirm = || Ending::Confirmed { warnings: vec![] };
    assert!(record.send(&id(1), at(1)).is_err());
    assert!(record.conclude(&id(1), confirm(), at(1)).is_err());
    assert!(record.conclude(&id(1), Ending::Unanswered(Reason::text("x")), at(1)).is_err());
    assert!(record.issue(&id(9), certificate(1), true, at(1)).is_err());
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    assert!(record.issue(&id(1), certificate(2), true, at(1)).is_err());
    record.conclude(&id(1), confirm(), at(2)).unwrap();
    assert!(record.conclude(&id(1), confirm(), at(2)).is_err());
}

#[test]
fn keeps_every_certificate_that_left_and_fifty_others() {
    let mut record = reserved(1);
    for n in 1..=120u8 {
        if n > 1 {
            record.reserve(&admitted(i64::from(n)), true, execution(n, "one", n.into())).unwrap();
        }
        if n % 10 == 0 {
            record.issue(&id(n), certificate(n), true, at(1)).unwrap();
            record.conclude(&id(n), Ending::Unanswered(Reason::text("x")), at(1)).unwrap();
        } else {
            record.conclude(&id(n), Ending::Failed(Reason::text("x")), at(1)).unwrap();
        }
    }
    record.reserve(&admitted(200), true, execution(200, "one", 200)).unwrap();
    let left = record.executions.iter().filter(|e| e.certificate_left()).count();
    assert_eq!(left, 12);
    assert_eq!(record.executions.len(), 12 + 50);
    assert_eq!(record.dropped_executions, 121 - 62);
}

#[test]
fn a_record_survives_its_own_format() {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}
