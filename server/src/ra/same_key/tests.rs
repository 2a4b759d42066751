//! Who may come again under `same-key`, and what becomes of the certificates.

use super::*;
use crate::ra::{
    Ask, CertificateFacts, Denial, Ending, EnrollmentIdentity, Facts, NotFree, Planned, Reason,
    RecordId, Rules, SerialNumber, UnitId, admit,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn ask() -> Ask {
    Ask {
        unit: UnitId::sign(SerialNumber::parse("f12d").unwrap()),
        facts: Facts { category: "production".into(), ..Facts::default() },
        sealing_key: None,
        caller: "127.0.0.1".into(),
        address: String::new(),
    }
}

fn admitted(key: u8, may_change: bool) -> Admitted {
    let rules = Rules { categories: vec!["production".into()], ..Rules::default() };
    let admitted = admit(ask(), &rules, at(0)).unwrap_or_else(|refusal| panic!("{refusal}"));
    admitted.with_key(format!("key{key}"), may_change)
}

fn execution(n: u8, issuer: &str) -> Execution {
    let planned = Planned {
        issuer: issuer.into(),
        issuer_hash: issuer.into(),
        issuer_key: None,
        certificate_serial: format!("{n:02x}"),
        subject: "CN=f12d".into(),
        not_before: at(0),
        not_after: at(1_000_000),
        profile: "sign".into(),
    };
    let (caller, address) = ("c".into(), "a".into());
    Execution::reserved(id(n), "one".into(), caller, address, planned, at(n.into()), at(60))
}

fn id(n: u8) -> ExecutionId {
    ExecutionId::from_bytes([n; 16])
}

fn certificate(key: u8, der: u8) -> CertificateFacts {
    CertificateFacts {
        der: format!("der{der}"),
        public_key_hash: format!("key{key}"),
        enrollment_id: EnrollmentIdentity::of(&[der]),
        superseded: false,
        revoke: None,
    }
}

/// A unit registered with key 1.
fn registered() -> Record {
    let mut record = Record::new(RecordId::new(at(0), [0; 8]), &admitted(1, false), false);
    assert!(!record.was_certified());
    record.reserve(&admitted(1, false), false, execution(1, "ca")).unwrap();
    record.issue(&id(1), certificate(1, 1), true, at(1)).unwrap();
    record
}

#[test]
fn what_was_sent_is_what_the_unit_has() {
    let record = registered();
    assert!(record.deployed && !record.is_open() && record.was_certified());
    assert_eq!(record.created_at, Some(at(1)));
    assert_eq!(record.live_execution().unwrap().id, id(1));
    assert!(record.has_given("key1") && !record.has_given("key2"));
}

#[test]
fn another_key_is_refused_and_the_same_one_gets_the_same_certificate() {
    let mut record = registered();
    let refused = record.clone().reserve(&admitted(2, false), false, execution(2, "ca"));
    assert!(matches!(refused, Err(NotFree::OtherKey { since, .. }) if since.starts_with("2027")));
    let refused = record.clone().reserve(&admitted(1, false), false, execution(2, "other ca"));
    assert!(matches!(refused, Err(NotFree::OtherKey { .. })));

    record.reserve(&admitted(1, false), false, execution(2, "ca")).unwrap();
    assert_eq!(record.execution_for("key1").unwrap().certificate.as_ref().unwrap().der, "der1");
    record.issue(&id(2), certificate(1, 1), true, at(2)).unwrap();
    assert_eq!(record.created_at, Some(at(1)), "it was provisioned then and not now");
    assert!(record.executions.iter().all(|e| !e.certificate.as_ref().unwrap().superseded));
    assert_eq!(record.executions[1].planned.certificate_serial, "01");
}

#[test]
fn where_it_may_change_the_old_certificate_is_superseded() {
    let mut record = registered();
    record.reserve(&admitted(2, true), false, execution(2, "ca")).unwrap();
    assert!(record.deployed, "nothing has changed yet");
    record.issue(&id(2), certificate(2, 2), false, at(2)).unwrap();
    assert!(record.is_open());
    record.send(&id(2), at(3)).unwrap();
    assert!(!record.is_open());
    assert!(record.executions[0].certificate.as_ref().unwrap().superseded);
    assert_eq!(record.live_execution().unwrap().id, id(2));
    assert_eq!(record.created_at, Some(at(3)));
    assert!(!record.has_given("key1"));
}

#[test]
fn a_certificate_that_never_left_keeps_nobody_out() {
    let mut record = Record::new(RecordId::new(at(0), [0; 8]), &admitted(1, false), false);
    record.reserve(&admitted(1, false), false, execution(1, "ca")).unwrap();
    record.issue(&id(1), certificate(1, 1), false, at(1)).unwrap();
    assert!(!record.deployed);
    let unanswered = Ending::Failed(Reason::text("no answer"));
    record.conclude(&id(1), unanswered, at(2)).unwrap();
    assert!(!record.deployed && record.was_certified() && !record.has_given("key1"));

    record.reserve(&admitted(2, false), false, execution(2, "ca")).unwrap();
    assert!(record.may_be_known_outside(&id(2)));
    record.issue(&id(2), certificate(2, 2), true, at(3)).unwrap();
    assert!(record.executions[0].certificate.as_ref().unwrap().superseded);
    assert_eq!(record.live_execution().unwrap().id, id(2));

    let refused = Reason { text: "HTTP 401".into(), number: Some(401) };
    let mut other = Record::new(RecordId::new(at(0), [0; 8]), &admitted(1, false), false);
    other.reserve(&admitted(1, false), false, execution(1, "ca")).unwrap();
    other.issue(&id(1), certificate(1, 1), false, at(1)).unwrap();
    other.conclude(&id(1), Ending::Failed(refused), at(2)).unwrap();
    assert!(!other.may_be_known_outside(&id(9)));
}

#[test]
fn a_station_that_stopped_before_the_answer_leaves_a_unit_that_can_be_done() {
    let mut record = Record::new(RecordId::new(at(0), [0; 8]), &admitted(1, false), false);
    record.reserve(&admitted(1, false), false, execution(1, "ca")).unwrap();
    record.issue(&id(1), certificate(1, 1), false, at(1)).unwrap();
    assert_eq!(record.recover("one", at(5)), 1);
    assert!(!record.deployed && record.may_be_known_outside(&id(2)));
    let mut sent = registered();
    assert_eq!(sent.recover("one", at(5)), 0, "it had ended");
}

#[test]
fn a_device_that_never_stops_asking_does_not_fill_the_record() {
    let mut record = registered();
    for n in 2..=200 {
        record.reserve(&admitted(1, false), false, execution(n, "ca")).unwrap();
        record.issue(&id(n), certificate(1, 1), true, at(n.into())).unwrap();
    }
    assert_eq!(record.executions.len(), 51, "the first and fifty others");
    assert_eq!(record.executions[0].id, id(1));
    assert_eq!(record.dropped_executions, 149);
}

#[test]
fn a_denied_unit_is_refused_until_the_denial_is_lifted() {
    let mut record = registered();
    for (reason, fits) in
        [("stolen", true), ("  ", false), ("a\nb", false), (&"x".repeat(501), false)]
    {
        assert_eq!(Denial::new(at(9), "anna", reason).is_ok(), fits);
    }
    record.deny(Denial::new(at(9), "anna", " stolen ").unwrap());
    let refused = record.clone().reserve(&admitted(1, true), false, execution(2, "ca"));
    assert!(matches!(refused, Err(NotFree::Denied { reason, .. }) if reason == "stolen"));
    assert!(record.lift_denial() && !record.lift_denial());
    record.reserve(&admitted(1, false), false, execution(2, "ca")).unwrap();
}

/// What a unit registered with key 1, from 0 to 1,000,000, has when it comes at a moment.
fn known(record: &Record, now: i64, within: i64, until: i64, is_ours: bool) -> Option<String> {
    let within = SignedDuration::from_secs(within);
    let renewing = Renewing { now: at(now), within, until: at(until) };
    match record.known("key1", &renewing, |_| is_ours) {
        Known::Nothing => panic!("the unit has a certificate"),
        Known::Good(facts) => {
            assert_eq!(facts.der, "der1");
            None
        }
        Known::Worn(renewal) => {
            assert_eq!(renewal.certificate_serial, "01");
            Some(renewal.reason)
        }
    }
}

#[test]
fn a_certificate_is_given_once_more_only_while_it_is_worth_something() {
    let record = registered();
    let later = 9_000_000;
    for (now, within, until, is_ours, words) in [
        (10, 0, later, true, None),
        (999_999, 0, later, true, None),
        (1_000_000, 0, later, true, Some("it ended on 2027-01-26")),
        (2_000_000, 0, later, true, Some("it ended on")),
        (999_000, 1000, later, true, Some("it ends on 2027-01-26")),
        (998_999, 1000, later, true, None),
        (10, later, later, true, Some("it ends on")),
        // Not renewed for nothing: its CA ends with it, or certificates are short.
        (999_000, 1000, 1_000_000, true, None),
        (10, later, 1_000_010, true, None),
        (100_000, later, 1_100_000, true, Some("it ends on")),
        (1_000_001, 0, 1_000_000, true, Some("it ended on")),
        (10, 0, later, false, Some("no longer in use")),
    ] {
        let reason = known(&record, now, within, until, is_ours);
        match (words, &reason) {
            (None, None) => {}
            (Some(words), Some(reason)) => assert!(reason.contains(words), "{reason}"),
            _ => panic!("{now} {within} {until} {is_ours}: {reason:?}"),
        }
    }
    let renewing = Renewing { now: at(10), within: SignedDuration::ZERO, until: at(later) };
    assert_eq!(record.known("key2", &renewing, |_| true), Known::Nothing);
}

#[test]
fn a_renewal_supersedes_and_is_noted() {
    let mut record = registered();
    record.reserve(&admitted(1, false), false, execution(2, "ca")).unwrap();
    record.issue(&id(2), certificate(1, 2), true, at(5)).unwrap();
    let renewal = Renewal { certificate_serial: "01".into(), reason: "it ended".into() };
    record.note_renewal(&id(2), Some(renewal.clone()));
    assert_eq!(record.executions[1].renews, Some(renewal));
    assert!(record.executions[0].certificate.as_ref().unwrap().superseded);
    assert_eq!(record.execution_for("key1").unwrap().certificate.as_ref().unwrap().der, "der2");
    let kept = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&kept).unwrap(), record);
}

#[test]
fn with_its_key_a_unit_may_come_again_to_its_factory_whatever_became_of_the_ca() {
    let of_factory = |factory: &str| {
        let mut ask = ask();
        ask.facts.extra.add("factory", factory).unwrap();
        let rules = Rules { categories: vec!["production".into()], ..Rules::default() };
        let admitted = admit(ask, &rules, at(0)).unwrap_or_else(|refusal| panic!("{refusal}"));
        admitted.with_key("key1".into(), false)
    };
    let mut record = Record::new(RecordId::new(at(0), [0; 8]), &of_factory("acme"), false);
    record.reserve(&of_factory("acme"), false, execution(1, "ca")).unwrap();
    record.issue(&id(1), certificate(1, 1), true, at(1)).unwrap();
    let refused = record.clone().reserve(&of_factory("other"), false, execution(2, "ca"));
    assert!(matches!(refused, Err(NotFree::OtherKey { .. })));
    record.reserve(&of_factory("acme"), false, execution(2, "the next ca")).unwrap();
}
