//! The list against prepared pages, with the files it leaves.

use std::fs;

use super::*;
use crate::canned::{Canned, answer, raw};
use crate::failure::Kind;

fn options(folder: &tempfile::TempDir) -> Options {
    Options {
        limit: None,
        order: Order::Desc,
        last: None,
        export: None,
        file: folder.path().join("list").to_str().unwrap().to_owned(),
        all: false,
        keep_formulas: false,
    }
}

fn page(ids: &[u32], count: Option<u64>) -> String {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "_id": format!("{id:024x}"), "serialNumber": format!("=GW \"{id}\""),
                "radioConfig": "00", "deployed": true, "createdAt": 1_795_000_000_000_u64 + u64::from(*id),
                "enrollmentID": "A-07:1B", "note": "extra",
            })
        })
        .collect();
    let mut page = json!({
        "_links": {"self": {"href": "/v3/enrollment-ids?limit=2"}},
        "total_count": ids.len(), "limit": 2, "order": "DESC", "results": results,
    });
    if let Some(count) = count {
        page["provisioned_count"] = json!(count);
    }
    page.to_string()
}

fn read(folder: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

fn names(folder: &tempfile::TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

#[tokio::test]
async fn one_page_as_the_station_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let body = page(&[7, 6], Some(9));
    let station = Canned::answering([answer(200, "application/json", &body)]);
    let done = run(&options(&folder), &station.bench()).await.unwrap();
    assert_eq!(read(&folder, "list.json"), format!("{body}\n"));
    assert_eq!(names(&folder), 1);
    let json = folder.path().join("list.json");
    assert_eq!(done.stdout, format!("{}: 2 units of 9 provisioned\n", json.display()));
    assert!(
        station.heads()[0].starts_with("GET /v3/enrollment-ids?limit=50&order=DESC HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn csv_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let station = Canned::answering([
        answer(200, "application/hal+json", page(&[1], None)),
        answer(200, "application/hal+json", page(&[1], None)),
    ]);
    let mut options = options(&folder);
    options.export = Some(Beside::Csv);
    options.limit = Some(1000);
    options.order = Order::Asc;
    options.last = Some("a b".to_owned());
    let mut bench = station.bench();
    run(&options, &bench).await.unwrap();
    let row = "\"A-07:1B\",\"'=GW \"\"1\"\"\",,,,\"00\",,,true,1795000000001\n";
    assert_eq!(read(&folder, "list.csv"), columns::header() + row);

    options.keep_formulas = true;
    bench.json = true;
    let done = run(&options, &bench).await.unwrap();
    assert_eq!(read(&folder, "list.csv"), columns::header() + &row.replace("'=", "="));
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["rows"], 1);
    assert_eq!(report["last"], "000000000000000000000001");
    assert!(report["files"][1].as_str().unwrap().ends_with("list.csv"));
    assert!(
        station.heads()[0]
            .starts_with("GET /v3/enrollment-ids?limit=1000&order=ASC&last=a%20b HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn all_pages_become_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let pages = [page(&[5, 4], Some(3)), page(&[3], Some(3)), page(&[], Some(3))];
    let station = Canned::answering(pages.map(|page| answer(200, "application/json", page)));
    let mut options = options(&folder);
    options.all = true;
    options.export = Some(Beside::Csv);
    run(&options, &station.bench()).await.unwrap();

    let document: Value = serde_json::from_str(&read(&folder, "list.json")).unwrap();
    let serials: Vec<&str> = document["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["serialNumber"].as_str().unwrap())
        .collect();
    assert_eq!(serials, ["=GW \"5\"", "=GW \"4\"", "=GW \"3\""]);
    assert_eq!(document["results"][0]["note"], "extra");
    assert_eq!(document["total_count"], 3);
    assert_eq!(document["provisioned_count"], 3);
    assert_eq!(document["limit"], 2);
    assert_eq!(document["_links"]["self"]["href"], "/v3/enrollment-ids?limit=2");
    assert_eq!(read(&folder, "list.csv").lines().count(), 4);
    let asked: Vec<String> =
        station.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        asked,
        [
            "/v3/enrollment-ids?limit=500&order=DESC",
            "/v3/enrollment-ids?limit=500&order=DESC&last=000000000000000000000004",
            "/v3/enrollment-ids?limit=500&order=DESC&last=000000000000000000000003",
        ]
    );
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let station = Canned::answering([answer(200, "application/json", page(&[], None))]);
    let mut options = options(&folder);
    options.all = true;
    let done = run(&options, &station.bench()).await.unwrap();
    let document: Value = serde_json::from_str(&read(&folder, "list.json")).unwrap();
    assert_eq!(document["results"], json!([]));
    assert_eq!(document["total_count"], 0);
    assert!(done.stdout.ends_with("list.json: 0 units\n"));
}

#[tokio::test]
async fn what_breaks_leaves_the_old_files() {
    let good = || answer(200, "application/json", page(&[5, 4], None));
    for (second, kind) in [
        (answer(503, "text/plain", "later"), Kind::Unavailable),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"results\":["), Kind::Unanswered),
        (answer(200, "application/json", "{}"), Kind::Unanswered),
        (good(), Kind::Unanswered),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("list.json"), "old").unwrap();
        let station = Canned::answering([good(), second]);
        let mut options = options(&folder);
        options.all = true;
        options.export = Some(Beside::Csv);
        let failure = run(&options, &station.bench()).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
        assert_eq!(read(&folder, "list.json"), "old");
        assert_eq!(names(&folder), 1);
    }
}
