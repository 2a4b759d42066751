//! The export against prepared streams: counted, cut, and never half a file.

use std::fs;
use std::path::Path;

use super::*;
use crate::canned::{Answering, Canned, answer, chunked, raw};

const HEADER: &str = "enrollment_identity,endpoint_name,serial_number,timestamp\n";

fn options(format: Format, file: Option<PathBuf>) -> Options {
    Options {
        format,
        protocol: Protocol::Pep,
        file,
        since: None,
        until: None,
        hardware_version: None,
        category: None,
        keep_formulas: false,
        superseded: false,
        columns: None,
        time: None,
        force: true,
        max_bytes: UPLOAD_LIMIT,
    }
}

async fn export(
    options: &Options,
    answering: Answering,
) -> (Result<Done, Failure>, Vec<u8>, Vec<String>) {
    let station = Canned::answering([answering]);
    let mut stdout = Vec::new();
    let outcome = run(options, &station.bench(), &mut stdout).await;
    (outcome, stdout, station.heads())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// An enrollment export of this many units, in chunks that end anywhere.
fn upload(units: usize, whole: bool) -> (String, Answering) {
    let mut text = HEADER.to_owned();
    for number in 0..units {
        text.push_str(&format!("A-{number:04},GW-{number:04},\"GW, {number:04}\",2027\n"));
    }
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(37).collect();
    let answering = chunked("text/csv; charset=utf-8", &chunks, whole);
    (text, answering)
}

#[tokio::test]
async fn a_stream_goes_to_standard_output_and_is_counted() {
    let csv = "\"enrollmentID\",\"serialNumber\"\n\"A-1\",\"two\nlines\"\n\"A-2\",\"x\"\n";
    let (outcome, stdout, heads) = export(
        &options(Format::Csv, None),
        chunked("text/csv", &[&csv.as_bytes()[..40], &csv.as_bytes()[40..]], true),
    )
    .await;
    assert_eq!(stdout, csv.as_bytes());
    assert_eq!(outcome.unwrap().notes, ["2 units"]);
    assert!(heads[0].starts_with("GET /v3/export?format=csv HTTP/1.1\r\n"));

    let jsonl = "{\"a\":\"\\\"\"}\n{\"b\":1}";
    let (outcome, stdout, _) =
        export(&options(Format::Jsonl, None), answer(200, "application/x-ndjson", jsonl)).await;
    assert_eq!(stdout, jsonl.as_bytes());
    assert_eq!(outcome.unwrap().notes, ["2 units"]);
}

#[tokio::test]
async fn filters_are_passed_on() {
    let options = Options {
        since: Some("2027-01-01".to_owned()),
        until: Some("2027-02-01T00:00:00+01:00".to_owned()),
        hardware_version: Some("rev c".to_owned()),
        category: Some("production".to_owned()),
        keep_formulas: true,
        ..options(Format::Enrollment, None)
    };
    let (outcome, _, heads) = export(&options, answer(200, "text/csv", HEADER)).await;
    assert_eq!(outcome.unwrap().notes, ["0 units"]);
    assert!(
        heads[0].starts_with(
            "GET /v3/export?format=enrollment&since=2027-01-01&until=2027-02-01T00%3A00%3A00%2B01%3A00\
             &hardwareVersion=rev%20c&category=production&formulas=keep HTTP/1.1\r\n"
        ),
        "{}",
        heads[0]
    );
}

#[tokio::test]
async fn what_fits_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload.csv");
    let (text, answering) = upload(5, true);
    let (outcome, stdout, _) =
        export(&options(Format::Enrollment, Some(path.clone())), answering).await;
    let done = outcome.unwrap();
    assert_eq!(done.notes, [format!("5 units in {}", path.display())]);
    assert_eq!(stdout, b"");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn what_does_not_fit_is_cut_between_units() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("upload.csv", "old"), ("upload-9.csv", "other"), ("upload-5.csv", "old")]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (text, answering) = upload(10, true);
    let mut options = options(Format::Enrollment, Some(folder.path().join("upload.csv")));
    // The header and three rows are as long as this, so three do not stay below it.
    let row = "A-0000,GW-0000,\"GW, 0000\",2027\n".len();
    options.max_bytes = (HEADER.len() + 3 * row) as u64;
    let (outcome, _, _) = export(&options, answering).await;
    let done = outcome.unwrap();

    assert_eq!(
        names(folder.path()),
        [
            "upload-1.csv",
            "upload-2.csv",
            "upload-3.csv",
            "upload-4.csv",
            "upload-5.csv",
            "upload-9.csv",
            "upload.csv"
        ]
    );
    let mut together = HEADER.to_owned();
    for number in 1..=5 {
        let part = fs::read(folder.path().join(format!("upload-{number}.csv"))).unwrap();
        assert!((part.len() as u64) < options.max_bytes);
        let part = String::from_utf8(part).unwrap();
        together.push_str(part.strip_prefix(HEADER).unwrap());
    }
    assert_eq!(together, text);
    assert!(done.notes[0].starts_with("10 units in "));
    assert_eq!(
        done.notes[1..],
        [format!(
            "warning: {} is of an earlier export",
            folder.path().join("upload.csv").display()
        )]
    );

    options.max_bytes = HEADER.len() as u64 + 4;
    let (_, answering) = upload(2, true);
    let (outcome, _, _) = export(&options, answering).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Usage);
}

#[tokio::test]
async fn standard_output_is_not_cut_but_warned_about() {
    let (text, answering) = upload(3, true);
    let mut options = options(Format::Enrollment, None);
    options.max_bytes = 100;
    let (outcome, stdout, _) = export(&options, answering).await;
    assert_eq!(stdout, text.as_bytes());
    let notes = outcome.unwrap().notes;
    assert_eq!(notes.len(), 2);
    assert!(notes[1].starts_with("warning: "), "{notes:?}");
}

#[tokio::test]
async fn a_broken_stream_leaves_what_was_there() {
    let silence = std::time::Duration::from_secs(20);
    for answering in [
        upload(5, false).1,
        upload(5, false).1.then_silence(silence),
        raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{HEADER}A-1,b\n")),
        raw(format!("HTTP/1.0 200 OK\r\n\r\n{HEADER}A-1,b\n")),
        chunked("text/csv", &[b"a,\"b\n"], true),
        answer(200, "text/html", "<p>Welcome</p>"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upload.csv");
        fs::write(&path, "old").unwrap();
        let mut options = options(Format::Enrollment, Some(path.clone()));
        options.max_bytes = 150;
        let (outcome, _, _) = export(&options, answering).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind(), Kind::Unanswered, "{failure}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["upload.csv"]);
    }
}

#[tokio::test]
async fn no_token_no_export() {
    let body = r#"{"title":"Unauthorized","status":401,"detail":"a token is needed"}"#;
    let (outcome, _, _) =
        export(&options(Format::Csv, None), answer(401, "application/problem+json", body)).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind(), Kind::Refused);
    assert!(failure.hint().unwrap().contains("--token-file"));
}

#[tokio::test]
async fn output_that_nobody_reads_is_a_failure() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let station = Canned::answering([upload(3, true).1]);
    let options = options(Format::Enrollment, None);
    let outcome = run(&options, &station.bench(), &mut Closed).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Local);
}
