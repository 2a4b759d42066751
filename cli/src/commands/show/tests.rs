//! The record against prepared answers, for people and for programs.

use serde_json::json;

use super::*;
use crate::canned::{Canned, answer};
use crate::colour::Paint;
use crate::failure::Kind;

fn certificate(serial: &str, signed: bool) -> serde_json::Value {
    let mut certificate = json!({
        "issuer": "CN=CA", "serial": serial, "subject": "CN=GW-1", "profile": "pep",
        "notBefore": "2027-01-01T00:00:00Z", "notAfter": "2052-01-01T00:00:00Z",
        "superseded": false, "toBeRevoked": false,
    });
    if signed {
        certificate["der"] = json!("AA==");
        certificate["enrollmentID"] = json!(format!("A-{serial}"));
    }
    certificate
}

fn record() -> serde_json::Value {
    let mut old = certificate("01", true);
    old["toBeRevoked"] = json!(true);
    old["toBeRevokedSince"] = json!("2027-02-01T00:00:00Z");
    json!({
        "_id": "0123456789abcdef01234567", "serialNumber": "GW-1", "state": "failed",
        "deployed": false, "open": false, "firstToClaim": true, "hasSealingKey": true,
        "facts": {"category": "production", "deviceID": "d\u{1b}[2J7"},
        "droppedExecutions": 3,
        "executions": [
            {
                "id": "aa", "state": "confirmed", "open": false, "station": "line-1",
                "caller": "10.0.0.2", "address": "10.0.0.2:7777",
                "steps": [
                    {"state": "reserved", "at": "2027-01-01T08:00:00Z"},
                    {"state": "sent", "at": "2027-01-01T08:00:01Z"},
                    {"state": "confirmed", "at": "2027-01-01T08:00:02Z"},
                ],
                "deadline": "2027-01-01T08:02:00Z", "ended": "2027-01-01T08:00:02Z",
                "certificate": old, "warnings": ["self signed"],
            },
            {
                "id": "bb", "state": "failed", "open": false, "station": "line-2",
                "caller": "10.0.0.2", "address": "10.0.0.2:7777",
                "steps": [{"state": "reserved", "at": "2027-02-02T08:00:00Z"}],
                "deadline": "2027-02-02T08:02:00Z", "ended": "2027-02-02T08:00:02Z",
                "certificate": certificate("02", false), "warnings": [],
                "reason": {"text": "the device answered", "number": 17},
            },
        ],
        "releases": [{
            "at": "2027-02-01T00:00:00Z", "operator": "anna", "reason": "new main board",
            "execution": "aa", "enrollmentID": "A-01", "provisionedAt": "2027-01-01T08:00:02Z",
        }],
    })
}

const TOLD: &str = "\
GW-1  failed
  claim             first to claim
  sealing key       kept
  category          production
  deviceID          d [2J7

3 older failed attempts are no longer listed

confirmed
  reserved          2027-01-01T08:00:00Z
  sent              2027-01-01T08:00:01Z
  confirmed         2027-01-01T08:00:02Z
  ended             2027-01-01T08:00:02Z
  warning           self signed
  station           line-1
  asked by          10.0.0.2
  device at         10.0.0.2:7777
  certificate       01
    issuer          CN=CA
    subject         CN=GW-1
    valid           2027-01-01T00:00:00Z to 2052-01-01T00:00:00Z
    enrollment id   A-01
    to be revoked   released since 2027-02-01T00:00:00Z
  execution         aa

released
  at                2027-02-01T00:00:00Z
  by                anna
  reason            new main board
  it had            A-01
  since             2027-01-01T08:00:02Z

failed
  reserved          2027-02-02T08:00:00Z
  ended             2027-02-02T08:00:02Z
  reason            the device answered (number 17)
  station           line-2
  asked by          10.0.0.2
  device at         10.0.0.2:7777
  certificate       02 (planned, not signed)
    issuer          CN=CA
    subject         CN=GW-1
    valid           2027-01-01T00:00:00Z to 2052-01-01T00:00:00Z
  execution         bb
";

fn options() -> Options {
    Options { unit: Unit::named("GW 1/#7"), of: OfSpace::default() }
}

#[tokio::test]
async fn everything_that_happened_in_its_order() {
    let body = record().to_string();
    let prepared = || answer(200, "application/json", &body);
    let station = Canned::answering([prepared(), prepared(), prepared()]);
    let mut bench = station.bench();
    assert_eq!(run(&options(), &bench).await.unwrap().stdout, TOLD);
    assert!(station.heads()[0].starts_with("GET /v3/unit?serialNumber=GW%201%2F%237 HTTP/1.1\r\n"));

    bench.paint = Paint::Colours;
    let painted = run(&options(), &bench).await.unwrap().stdout;
    assert!(painted.contains("\n\x1b[35mreleased\x1b[0m\n"), "{painted}");
    assert!(!painted.contains("\x1b[2J"), "what came over the wire steers nothing");

    bench.json = true;
    assert_eq!(run(&options(), &bench).await.unwrap().stdout, format!("{body}\n"));
}

#[tokio::test]
async fn an_attempt_that_runs_shows_its_deadline() {
    let mut record = record();
    record["executions"][1]["open"] = json!(true);
    let station = Canned::answering([answer(200, "application/json", record.to_string())]);
    let told = run(&options(), &station.bench()).await.unwrap().stdout;
    assert!(told.contains("\nfailed, still open\n"), "{told}");
    assert!(told.contains("\n  deadline          2027-02-02T08:02:00Z\n"), "{told}");
}

/// A unit of the old server: released here, never given its identity here.
#[tokio::test]
async fn an_adopted_unit_has_a_release_without_an_attempt() {
    let record = json!({
        "serialNumber": "GW-1", "state": "released", "executions": [],
        "releases": [{"at": "2027-02-01T00:00:00Z", "operator": "anna", "reason": "rework"}],
    });
    let station = Canned::answering([answer(200, "application/json", record.to_string())]);
    let told = run(&options(), &station.bench()).await.unwrap().stdout;
    assert!(told.contains("\nreleased\n  at                2027-02-01T00:00:00Z\n"), "{told}");
}

#[tokio::test]
async fn what_is_no_record() {
    let unknown =
        r#"{"title":"Not found","status":404,"code":"not-found","detail":"no such unit"}"#;
    let unauthorized = r#"{"title":"Unauthorized","status":401,"code":"unauthorized"}"#;
    let station = Canned::answering([
        answer(200, "application/json", "{}"),
        answer(200, "application/json", r#"{"serialNumber":"GW-1"}"#),
        answer(404, "application/problem+json", unknown),
        answer(401, "application/problem+json", unauthorized),
    ]);
    let bench = station.bench();
    for kind in [Kind::Unanswered, Kind::Unanswered, Kind::Refused, Kind::Refused] {
        assert_eq!(run(&options(), &bench).await.unwrap_err().kind(), kind);
    }
}
