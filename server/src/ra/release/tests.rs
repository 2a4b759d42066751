//! What may be released, what a release leaves, and what the next identity makes of it.

use super::*;
use crate::ra::record::tests::{admitted, at, certificate, execution, id, reserved};
use crate::ra::{Ending, NotFree, Reason, State};

fn reason() -> ReleaseReason {
    ReleaseReason::parse(" gateway came back from the field ").unwrap()
}

fn provisioned() -> Record {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    record.conclude(&id(1), Ending::Confirmed { warnings: vec![] }, at(2)).unwrap();
    record
}

fn again(record: &mut Record, n: u8, second: i64, ending: Ending) {
    record.reserve(&admitted(second), true, execution(n, "two", second)).unwrap();
    record.issue(&id(n), certificate(n), true, at(second)).unwrap();
    record.conclude(&id(n), ending, at(second)).unwrap();
}

#[test]
fn a_released_unit_can_be_done_again_and_nothing_is_forgotten() {
    let mut record = provisioned();
    record.release("anna", reason(), at(100)).unwrap();

    assert!(!record.deployed);
    assert_eq!(record.enrollment_id, None);
    assert_eq!(record.created_at, None);
    assert!(record.live_execution().is_none());
    assert_eq!(record.standing(), Standing::Released);
    let old = record.executions[0].certificate.clone().unwrap();
    assert_eq!(old.revoke, Some(at(100)));
    assert!(!old.superseded, "no later one was confirmed yet");
    assert!(record.execution_for("key1").is_none(), "its key gets a new certificate");
    let expected = Release {
        at: at(100),
        operator: "anna".to_owned(),
        reason: ReleaseReason("gateway came back from the field".to_owned()),
        attempts: 1,
        execution: Some(id(1)),
        enrollment_id: Some(EnrollmentIdentity::of(&[1])),
        provisioned_at: Some(at(2)),
    };
    assert_eq!(record.releases, [expected]);
    assert_eq!(record.newest(), Some(at(100)));

    again(&mut record, 2, 200, Ending::Confirmed { warnings: vec![] });
    assert!(record.deployed);
    assert_eq!(record.enrollment_id, Some(EnrollmentIdentity::of(&[2])));
    assert_eq!(record.created_at, Some(at(200)));
    assert_eq!(record.live_execution().unwrap().id, id(2));
    assert_eq!(record.standing(), Standing::Confirmed);
    let old = record.executions[0].certificate.clone().unwrap();
    assert_eq!((old.superseded, old.revoke), (true, Some(at(100))), "to be revoked since then");
    assert_eq!(record.executions[0].state, State::Confirmed, "history is kept");

    record.release("bert", reason(), at(300)).unwrap();
    let by: Vec<_> = record.releases.iter().map(|r| (r.operator.as_str(), r.attempts)).collect();
    assert_eq!(by, [("anna", 1), ("bert", 2)]);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

#[test]
fn what_happens_after_a_release_is_where_the_unit_stands() {
    let mut record = provisioned();
    record.release("anna", reason(), at(100)).unwrap();
    record.reserve(&admitted(110), true, execution(2, "one", 110)).unwrap();
    assert_eq!(record.standing(), Standing::Reserved);
    record.conclude(&id(2), Ending::Failed(Reason::text("x")), at(111)).unwrap();
    assert_eq!(record.standing(), Standing::Failed);
    again(&mut record, 3, 120, Ending::Unanswered(Reason::text("x")));
    assert_eq!(record.standing(), Standing::Sent);
}

#[test]
fn every_copy_of_the_live_certificate_is_to_be_revoked() {
    let mut record = reserved(1);
    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    record.conclude(&id(1), Ending::Unanswered(Reason::text("closed")), at(2)).unwrap();
    record.reserve(&admitted(3), true, execution(2, "one", 3)).unwrap();
    record.issue(&id(2), certificate(1), true, at(4)).unwrap();
    record.conclude(&id(2), Ending::Confirmed { warnings: vec![] }, at(5)).unwrap();
    record.release("anna", reason(), at(6)).unwrap();
    let revoke: Vec<_> =
        record.executions.iter().map(|e| e.certificate.as_ref().unwrap().revoke).collect();
    assert_eq!(revoke, [Some(at(6)), Some(at(6))]);
}

#[test]
fn only_what_is_provisioned_can_be_released() {
    let mut record = reserved(1);
    let refused = record.release("anna", reason(), at(1)).unwrap_err();
    assert!(matches!(refused, NotReleasable::Busy { .. }), "{refused}");

    record.issue(&id(1), certificate(1), true, at(1)).unwrap();
    record.conclude(&id(1), Ending::Unanswered(Reason::text("x")), at(2)).unwrap();
    let refused = record.release("anna", reason(), at(3)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`GW-1` is not provisioned: the device did not answer an attempt, so the unit is \
         free to be done again"
    );

    record.reserve(&admitted(4), true, execution(2, "one", 4)).unwrap();
    record.conclude(&id(2), Ending::Failed(Reason::text("x")), at(5)).unwrap();
    let before = record.clone();
    let refused = record.release("anna", reason(), at(6)).unwrap_err();
    assert!(matches!(refused, NotReleasable::Unanswered { .. }), "the doubt stays: {refused}");
    assert_eq!(record, before, "a refusal changes nothing");

    let mut record = reserved(1);
    record.conclude(&id(1), Ending::Failed(Reason::text("x")), at(2)).unwrap();
    let refused = record.release("anna", reason(), at(3)).unwrap_err();
    assert_eq!(refused.to_string(), "`GW-1` is not provisioned: its last attempt is `failed`");

    let mut record = provisioned();
    record.release("anna", reason(), at(100)).unwrap();
    let refused = record.release("bert", reason(), at(101)).unwrap_err();
    assert!(matches!(&refused, NotReleasable::Released { operator, .. } if operator == "anna"));
    assert_eq!(record.releases.len(), 1);
}

/// What another tool provisioned has no executions here, and can be done again all the same.
#[test]
fn an_adopted_unit_can_be_released() {
    let admitted = admitted(0);
    let mut record = Record::new(crate::ra::RecordId::new(at(0), [0; 8]), &admitted, true);
    assert_eq!(record.standing(), Standing::Reserved, "claimed and never finished");
    record.deployed = true;
    record.enrollment_id = Some(EnrollmentIdentity::of(b"old"));
    assert_eq!(record.standing(), Standing::Confirmed);
    assert!(matches!(
        record.reserve(&admitted, true, execution(1, "one", 0)),
        Err(NotFree::Taken { .. })
    ));
    record.release("anna", reason(), at(1)).unwrap();
    assert_eq!(record.standing(), Standing::Released);
    assert_eq!(record.releases[0].execution, None);
    assert_eq!(record.releases[0].enrollment_id, Some(EnrollmentIdentity::of(b"old")));
    assert_eq!(record.reserve(&admitted, true, execution(1, "one", 2)), Ok(()));
}

#[test]
fn a_reason_is_a_line_of_words() {
    for (text, wrong) in [
        ("", ReleaseReasonError::Missing),
        (" \u{a0} ", ReleaseReasonError::Missing),
        ("a\nb", ReleaseReasonError::Unprintable),
        ("a\u{1b}[31mb", ReleaseReasonError::Unprintable),
        (&"ä".repeat(501), ReleaseReasonError::TooLong { characters: 501 }),
    ] {
        assert_eq!(ReleaseReason::parse(text), Err(wrong));
    }
    for text in ["x", &"ä".repeat(500)] {
        assert_eq!(ReleaseReason::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn standings_are_read_as_they_are_written() {
    for standing in Standing::ALL {
        assert_eq!(Standing::parse(standing.as_str()), Some(standing));
    }
    assert_eq!(Standing::parse("deployed"), None);
}
