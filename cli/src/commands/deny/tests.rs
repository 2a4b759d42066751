//! The deny list against prepared answers.

use super::*;
use crate::canned::{Canned, answer, raw};

const RECORD: &str = r#"{"serialNumber":"GW 1","state":"denied","executions":[]}"#;

#[tokio::test]
async fn units_are_put_on_the_list_and_taken_off() {
    let prepared = || answer(200, "application/json", RECORD);
    let station = Canned::answering([prepared(), prepared()]);
    let bench = station.bench();
    let (unit, of) = (Unit::named("GW 1"), OfSpace { space: super::super::unit::Space::Sign });
    let act = Act::Add(Add { unit, of, reason: "stolen".to_owned() });
    let done = run(&Options { act }, &bench).await.unwrap();
    assert_eq!(done.stdout, "'GW 1' is denied\n");
    let act = Act::Remove(Remove { unit: Unit::named("GW 1"), of: OfSpace::default() });
    let done = run(&Options { act }, &bench).await.unwrap();
    assert_eq!(done.stdout, "'GW 1' may come in again\n");
    let asked = "/v3/denied?serialNumber=GW%201";
    let heads = station.heads();
    assert!(heads[0].starts_with(&format!("POST {asked}&reason=stolen&space=sign HTTP/1.1\r\n")));
    assert!(heads[1].starts_with(&format!("DELETE {asked} HTTP/1.1\r\n")), "{}", heads[1]);
}

#[tokio::test]
async fn a_lost_answer_says_where_to_look() {
    let station = Canned::answering([raw("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")]);
    let bench = station.bench();
    let act = Act::Remove(Remove { unit: Unit::named("GW 1"), of: OfSpace::default() });
    let failure = run(&Options { act }, &bench).await.unwrap_err();
    assert_eq!(failure.hint(), Some("`pep denied` tells what came of it"));
}
