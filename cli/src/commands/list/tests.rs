//! The list against prepared pages.

use super::*;
use crate::canned::{Canned, answer};
use crate::colour::Paint;
use crate::failure::Kind;

fn options() -> Options {
    Options { state: Some(State::Sent), ..Options::default() }
}

fn page(ids: &[u32]) -> String {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "_id": format!("{id:024x}"), "serialNumber": format!("GW-{id}"), "state": "sent",
                "at": "2027-01-01T08:00:00Z", "station": "line-1", "attempts": 1,
                "reason": {"text": "the device closed\n the connection", "number": 9},
            })
        })
        .collect();
    json!({ "total_count": ids.len(), "limit": 2, "order": "DESC", "results": results }).to_string()
}

#[tokio::test]
async fn a_table_for_people() {
    let station = Canned::answering([answer(200, "application/json", page(&[10, 9]))]);
    let done = run(&options(), &station.bench()).await.unwrap();
    assert_eq!(
        done.stdout,
        "\
SERIAL  STATE  AT                    STATION  REASON
GW-10   sent   2027-01-01T08:00:00Z  line-1   the device closed the connection
GW-9    sent   2027-01-01T08:00:00Z  line-1   the device closed the connection
"
    );
    assert_eq!(done.notes, ["2 units sent"]);
    assert!(
        station.heads()[0].starts_with("GET /v3/units?state=sent&limit=50&order=DESC HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn all_pages_and_every_state() {
    let pages = [page(&[5, 4]), page(&[3]), page(&[])];
    let station = Canned::answering(pages.map(|page| answer(200, "application/json", page)));
    let options = Options { limit: Some(2), all: true, ..Options::default() };
    let mut bench = station.bench();
    bench.json = true;
    let done = run(&options, &bench).await.unwrap();
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    let serials: Vec<_> = document["results"].as_array().unwrap().iter().collect();
    assert_eq!(serials.len(), 3);
    assert_eq!(serials[2]["serialNumber"], "GW-3");
    assert!(done.notes.is_empty());
    let asked: Vec<String> =
        station.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        asked,
        [
            "/v3/units?limit=2&order=DESC",
            "/v3/units?limit=2&order=DESC&last=000000000000000000000004",
            "/v3/units?limit=2&order=DESC&last=000000000000000000000003",
        ]
    );
}

#[tokio::test]
async fn a_page_that_is_full_says_that_there_may_be_more() {
    let station = Canned::answering([
        answer(200, "application/json", page(&[2, 1])),
        answer(200, "application/json", page(&[])),
    ]);
    let bench = station.bench();
    let options = Options { limit: Some(2), ..options() };
    let done = run(&options, &bench).await.unwrap();
    assert_eq!(done.notes, ["2 units sent", "there may be more: --all lists all of them"]);
    let done = run(&options, &bench).await.unwrap();
    assert_eq!((done.stdout.as_str(), done.notes), ("", vec!["0 units sent".to_owned()]));
}

#[tokio::test]
async fn colours_do_not_move_columns() {
    let rows = [page(&[10]), page(&[9])].map(|page| {
        let page: Value = serde_json::from_str(&page).unwrap();
        page["results"][0].as_object().unwrap().clone()
    });
    let painted = table(&rows, Shape::Piped, Paint::Colours);
    let mut plain = painted.clone();
    for sgr in ["\x1b[1m", "\x1b[33m", "\x1b[0m"] {
        assert!(plain.contains(sgr));
        plain = plain.replace(sgr, "");
    }
    assert_eq!(plain, table(&rows, Shape::Piped, Paint::Plain));
}

/// A development unit is told apart, with colours and without.
#[test]
fn development_units_are_told_apart() {
    let row = |developer: bool| {
        let row = serde_json::json!({
            "serialNumber": "DEV-1", "state": "confirmed", "developer": developer,
        });
        row.as_object().unwrap().clone()
    };
    let line = |rows: &[Map<String, Value>], paint| {
        table(rows, Shape::Piped, paint).lines().last().unwrap().trim_end().to_owned()
    };
    assert_eq!(line(&[row(true)], Paint::Plain), "DEV-1   confirmed developer");
    assert_eq!(line(&[row(false)], Paint::Plain), "DEV-1   confirmed");
    assert!(line(&[row(true)], Paint::Colours).contains("\x1b[34mconfirmed developer"));
    assert!(line(&[row(false)], Paint::Colours).contains("\x1b[32mconfirmed"));
}

#[tokio::test]
async fn what_breaks_prints_nothing() {
    let station = Canned::answering([
        answer(200, "application/json", page(&[5, 4])),
        answer(503, "text/plain", "later"),
    ]);
    let options = Options { all: true, ..options() };
    let failure = run(&options, &station.bench()).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unavailable);
}

/// With an order of one's own all pages are read, and the first rows are shown.
#[tokio::test]
async fn sorted_rows_are_those_of_all_pages() {
    let pages = [page(&[5, 40]), page(&[3]), page(&[])];
    let station = Canned::answering(pages.map(|page| answer(200, "application/json", page)));
    let options = Options {
        sort: sorted::read("serial").ok(),
        limit: Some(2),
        prefix: Some("GW-".to_owned()),
        of_station: Some("line 1".to_owned()),
        since: Some("2027-01-31".to_owned()),
        ..Options::default()
    };
    let done = run(&options, &station.bench()).await.unwrap();
    let serials: Vec<_> =
        done.stdout.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(serials, ["GW-3", "GW-5"]);
    assert_eq!(done.notes[1], "there may be more: --all lists all of them");
    let asked = station.heads()[0].clone();
    let query = "/v3/units?prefix=GW-&station=line%201&since=2027-01-31&limit=500&order=DESC";
    assert!(asked.contains(query), "{asked}");
}
