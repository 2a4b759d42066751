//! The release against prepared answers.

use super::*;
use crate::canned::{Canned, answer, raw};

fn options() -> Options {
    Options {
        unit: Unit::named("GW 1"),
        of: OfSpace::default(),
        yes: false,
        reason: "new main board".to_owned(),
    }
}

#[tokio::test]
async fn a_release_is_posted_and_says_what_the_unit_had() {
    let body = r#"{"serialNumber":"GW 1","state":"released","executions":[],
        "releases":[{"enrollmentID":"A-01"},{"enrollmentID":"A-02"}]}"#;
    let prepared = || answer(200, "application/json", body);
    let station = Canned::answering([prepared(), prepared()]);
    let mut bench = station.bench();
    let done = run(&options(), &bench).await.unwrap();
    assert_eq!(done.stdout, "'GW 1' is released; it had A-02\n");
    assert!(station.heads()[0].starts_with(
        "POST /v3/release?serialNumber=GW%201&reason=new%20main%20board HTTP/1.1\r\n"
    ));
    bench.json = true;
    assert_eq!(run(&options(), &bench).await.unwrap().stdout, format!("{body}\n"));
}

#[tokio::test]
async fn a_refusal_and_a_lost_answer_say_what_to_do() {
    let refused = r#"{"title":"Conflict","status":409,"code":"not-provisioned",
        "detail":"`GW 1` is not provisioned","hint":"nothing is to be released"}"#;
    let station = Canned::answering([
        answer(409, "application/problem+json", refused),
        raw("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"serialNumber\":"),
    ]);
    let bench = station.bench();
    let failure = run(&options(), &bench).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Refused);
    assert_eq!(failure.hint(), Some("nothing is to be released"));
    let failure = run(&options(), &bench).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unanswered);
    assert_eq!(failure.hint(), Some("`pep show -s 'GW 1'` tells whether the unit was released"));
}
