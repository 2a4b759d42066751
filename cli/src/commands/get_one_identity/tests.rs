//! The command against prepared answers, with the file it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;

use super::*;
use crate::canned::{Answering, Canned, answer, chunked, raw};

const DOCUMENT: &str =
    r#"{"serialNumber":"GW-1","deployed":true,"enrollmentID":"A-07:1B","createdAt":1795000000123}"#;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// The options of `pep get-one-identity` with these arguments, its file in `folder`.
fn options(folder: &Path, arguments: &[&str]) -> Options {
    let output = folder.join("identity.json");
    let mut all = vec!["pep", "-o", output.to_str().unwrap()];
    all.extend(arguments);
    Line::try_parse_from(all).unwrap().options
}

struct Outcome {
    outcome: Result<Done, Failure>,
    heads: Vec<String>,
    /// Names and texts of all files in the folder.
    files: Vec<(String, String)>,
}

async fn ask_station(progress: bool, arguments: &[&str], answering: Answering) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let station = Canned::answering([answering]);
    let mut bench = station.bench();
    bench.progress = progress;
    let outcome = run(&options(folder.path(), arguments), &bench).await;
    let files = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    Outcome { outcome, heads: station.heads(), files }
}

fn story(events: &[&str], whole: bool) -> Answering {
    let chunks: Vec<&[u8]> = events.iter().map(|event| event.as_bytes()).collect();
    chunked("text/event-stream", &chunks, whole)
}

const STEPS_SO_FAR: [&str; 4] = [
    ": keep-alive\n\n",
    "event: step\ndata: {\"step\":\"waiting\"}\n\n",
    "event: step\ndata: {\"step\":\"signing\"}\n\nevent: st",
    "ep\ndata: {\"step\":\"injecting\"}\n\n",
];

#[tokio::test]
async fn the_document_is_kept_as_it_came() {
    let spaced = format!("\n {DOCUMENT} \n");
    let done = ask_station(false, &["-s", "GW-1"], answer(200, "application/json", spaced)).await;
    let expected = format!("{DOCUMENT}\n");
    assert_eq!(done.outcome.unwrap(), Done::printed(expected.clone()));
    assert_eq!(done.files, [("identity.json".to_owned(), expected)]);
    assert!(done.heads[0].contains("accept: application/json, application/problem+json\r\n"));
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let station = Canned::answering([answer(200, "application/json", DOCUMENT)]);
    let options = options(folder.path(), &["-s", "GW-1"]);
    run(&options, &station.bench()).await.unwrap();
    let mode = fs::metadata(&options.output).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn only_what_was_given_is_sent() {
    let sent = ask_station(false, &["-s", "GW-1"], answer(200, "application/json", DOCUMENT)).await;
    assert!(sent.heads[0].starts_with(
        "GET /v3/identity?serialNumber=GW-1&verificationKey=verification-key-does-not-exist HTTP/1.1\r\n"
    ));

    let all = [
        "-s",
        "; rm -rf /",
        "-i",
        "10.0.0.7",
        "-p",
        "7777",
        "-a",
        "https://api",
        "-g",
        "https://gw",
        "-w",
        "rev c",
        "-r",
        "02",
        "-l",
        "-1",
        "-c",
        "developer",
        "--field",
        "OU=a=b&c",
        "--field",
        "deviceID=",
        "-e",
        "1h",
    ];
    let sent = ask_station(false, &all, answer(200, "application/json", DOCUMENT)).await;
    assert!(
        sent.heads[0].starts_with(
            "GET /v3/identity?serialNumber=%3B%20rm%20-rf%20%2F&ip=10.0.0.7&port=7777\
             &apiAddress=https%3A%2F%2Fapi&gatewayServicesAddress=https%3A%2F%2Fgw\
             &hardwareVersion=rev%20c&radioConfig=02&ledConfig=-1&category=developer\
             &OU=a%3Db%26c&deviceID=&verificationKey=verification-key-does-not-exist HTTP/1.1\r\n"
        ),
        "{}",
        sent.heads[0]
    );
}

#[tokio::test]
async fn the_story_is_followed_to_its_document() {
    let identity = format!("event: identity\ndata: {DOCUMENT}\n\n");
    for whole in [true, false] {
        let mut events = STEPS_SO_FAR.to_vec();
        events.push(&identity);
        let done = ask_station(true, &["-s", "GW-1"], story(&events, whole)).await;
        assert_eq!(done.outcome.unwrap().stdout, format!("{DOCUMENT}\n"));
        assert_eq!(done.files.len(), 1);
        assert!(done.heads[0].contains("accept: text/event-stream, "));
    }
}

#[tokio::test]
async fn a_station_without_steps_answers_as_ever() {
    let done = ask_station(true, &["-s", "GW-1"], answer(200, "application/json", DOCUMENT)).await;
    assert_eq!(done.outcome.unwrap().stdout, format!("{DOCUMENT}\n"));
}

#[tokio::test]
async fn the_story_is_followed_to_its_problem() {
    let problem = "event: problem\ndata: {\"title\":\"Device failed\",\"status\":502,\
        \"code\":\"device-failed\",\"detail\":\"status 17\",\"hint\":\"restart the client\",\
        \"requestId\":\"r-9\"}\n\n";
    let mut events = STEPS_SO_FAR.to_vec();
    events.push(problem);
    let done = ask_station(true, &["-s", "GW-1"], story(&events, true)).await;
    let failure = done.outcome.unwrap_err();
    assert_eq!(failure.kind(), Kind::DeviceFailed);
    assert_eq!(failure.to_string(), "error: status 17 (request r-9)\nhint: restart the client");
    assert_eq!(done.files, []);
}

#[tokio::test]
async fn without_an_answer_the_hint_says_how_to_find_out() {
    let cut = &DOCUMENT[..20];
    let half = format!("event: identity\ndata: {cut}");
    let mut broken = STEPS_SO_FAR.to_vec();
    broken.push(&half);
    for (progress, answering) in [
        (true, story(&STEPS_SO_FAR, true)),
        (true, story(&STEPS_SO_FAR, false)),
        (true, story(&broken, true)),
        (true, story(&["event: problem\ndata: no\n\n"], true)),
        (true, story(&["event: identity\ndata: [1]\n\n"], true)),
        (true, story(&STEPS_SO_FAR, false).then_silence(Duration::from_secs(20))),
        (false, raw("HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"serialNumber\"")),
        (false, raw("")),
        (false, raw("").then_silence(Duration::from_secs(20))),
        (false, answer(200, "text/html", "<p>Welcome</p>")),
        (false, answer(200, "application/json", "{}")),
        (false, answer(504, "text/html", "<h1>Gateway Timeout</h1>")),
    ] {
        let done = ask_station(progress, &["-s", "GW 1"], answering).await;
        let failure = done.outcome.unwrap_err();
        assert_eq!(failure.kind(), Kind::Unanswered, "{failure}");
        assert_eq!(
            failure.hint(),
            Some("`pep get-identity -s 'GW 1'` tells whether the unit got its identity")
        );
        assert_eq!(done.files, [], "{failure}");
    }
}

#[tokio::test]
async fn what_old_stations_refuse() {
    for (status, body, exit, hint) in [
        (409, r#"{"error":"already dispatched"}"#, 1, "pep get-enrollment-id -s GW-1"),
        (500, "Internal Server Error", 5, "injection client runs at that address and port"),
        (400, "bad", 1, "correct the command"),
    ] {
        let done = ask_station(true, &["-s", "GW-1"], answer(status, "text/plain", body)).await;
        let failure = done.outcome.unwrap_err();
        assert_eq!(failure.kind().exit_code(), exit);
        assert!(failure.to_string().contains(hint), "{failure}");
        assert_eq!(done.files, []);
    }
}

#[tokio::test]
async fn the_stations_own_hint_goes_before_ours() {
    let body = r#"{"title":"T","status":409,"code":"serial-taken","detail":"provisioned yesterday","hint":"pep get-identity -s GW-1"}"#;
    let answering = answer(409, "application/problem+json", body);
    let done = ask_station(false, &["-s", "GW-1"], answering).await;
    assert_eq!(
        done.outcome.unwrap_err().to_string(),
        "error: provisioned yesterday\nhint: pep get-identity -s GW-1"
    );
}

#[tokio::test]
async fn a_unit_that_is_done_is_not_lost() {
    let body = r#"{"title":"Taken","status":409,"code":"serial-taken"}"#;
    let answering = answer(409, "application/problem+json", body);
    let done = ask_station(false, &["-s", "-GW"], answering).await;
    let shown = done.outcome.unwrap_err().to_string();
    assert!(shown.contains("`pep get-identity -s '-GW'` brings"), "{shown}");
}

#[test]
fn the_verification_key_is_sent_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"printf '#!/bin/sh\necho aa-bb/1-2\n' > "$1/journalctl"
        printf '#!/bin/sh\nshift; exec "$@"\n' > "$1/sudo"; chmod 755 "$1"/*"#;
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(written.success());
    let bench = Canned::answering([]).bench();
    let options = options(folder.path(), &["-s", "GW-1", "-k"]);
    let query = query(&options, &bench, Some(folder.path().into())).unwrap();
    assert_eq!(query.encoded(), "serialNumber=GW-1&verificationKey=aa-bb%2F1-2");
    assert_eq!(query.shown(), "serialNumber=GW-1&verificationKey=...");
}

#[tokio::test]
async fn nothing_is_asked_when_the_file_could_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let station = Canned::answering([answer(200, "application/json", DOCUMENT)]);
    for place in ["missing/identity.json", "."] {
        let place = folder.path().join(place);
        let line = ["pep", "-s", "GW-1", "-o", place.to_str().unwrap()];
        let options = Line::try_parse_from(line).unwrap().options;
        let failure = run(&options, &station.bench()).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Local);
    }
    assert_eq!(station.heads(), [""; 0]);
}

#[tokio::test]
async fn another_units_document_is_told() {
    let other = r#"{"serialNumber":"GWA"}"#;
    let done = ask_station(false, &["-s", "GW%41"], answer(200, "application/json", other)).await;
    let done = done.outcome.unwrap();
    assert_eq!(done.stdout, format!("{other}\n"));
    assert!(done.notes[0].contains("GWA, not GW%41"));
}

#[test]
fn a_field_is_cut_at_the_first_equals_sign() {
    assert_eq!(read_field("OU=a=b"), Ok(("OU".to_owned(), "a=b".to_owned())));
    for text in ["OU", "=x", "", "ip=1", "category=x"] {
        assert!(read_field(text).is_err(), "{text}");
    }
}
