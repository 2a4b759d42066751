//! How the station is, and how it describes itself.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::provision_all;
use crate::kit::{Kit, Peer, binary, run, skip};

#[test]
fn alive_and_ready() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-7");
    });
    for (path, condition) in [("/healthz", "alive"), ("/readyz", "ready")] {
        let answer = kit.get(path);
        let document = answer.document();
        assert_eq!(document["condition"], condition);
        assert_eq!(document["station"], "line-7");
        assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // HEAD says the same without a body.
    let head = crate::kit::request(kit.address(), "HEAD /readyz HTTP/1.1\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// What happened is counted by its word.
#[test]
fn the_numbers_count() {
    let kit = Kit::start();
    provision_all(&kit, ["GW-1", "GW-2"]);
    let (_nobody, port) = Peer::nobody();
    kit.get(&Kit::query("GW-3", &port)).problem(502, "device-failed");
    kit.get(&Kit::query("GW-1", &port)).problem(409, "serial-taken");

    let answer = kit.get_as_operator("/metrics");
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let numbers = answer.text();
    for line in [
        "pep_identities_total{outcome=\"confirmed\"} 2",
        "pep_identities_total{outcome=\"device-failed\"} 1",
        "pep_identities_total{outcome=\"serial-taken\"} 1",
        "pep_stories_in_flight 0",
        "pep_step_seconds_count{step=\"hand_over\"} 2",
        "pep_step_seconds_count{step=\"open\"} 3",
    ] {
        assert!(numbers.lines().any(|found| found == line), "{line}: {numbers}");
    }
    for name in ["pep_store_commit_seconds_count", "pep_store_writes_total"] {
        assert!(numbers.contains(name), "{name}: {numbers}");
    }
    // No unit is named in them.
    assert!(!numbers.contains("GW-"), "{numbers}");
}

/// Every answer names its request, and the log knows those that were refused.
#[test]
fn a_request_is_found_in_the_log() {
    let kit = Kit::start();
    for path in ["/metrics", "/v3/identity", "/nowhere", "/v3/enrollment-id?serialNumber=x"] {
        let answer = kit.get(path);
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        if answer.header("content-type") == Some("application/problem+json") {
            assert_eq!(answer.json()["requestId"], id.as_str());
        }
        crate::kit::eventually("it is logged", || kit.log().contains(&id));
    }
}

/// `pep` shows the number of a request whose injection failed. The log knows it, with the unit and
/// the reason, also for a caller that watches.
#[test]
fn a_failure_is_found_in_the_log_by_its_request() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    for accept in ["application/json", "text/event-stream"] {
        let path = Kit::query("GW-1", &port);
        let line = format!("GET {path} HTTP/1.1\r\nAccept: {accept}\r\n");
        let answer = crate::kit::request(kit.address(), &line);
        let id = answer.header("x-request-id").unwrap().to_owned();
        let told = |line: &str| {
            let all = [id.as_str(), "unit.serial=GW-1", "no connection to the injection client"];
            all.iter().all(|words| line.contains(*words))
        };
        crate::kit::eventually("it is logged", || kit.log().lines().any(told));
    }
}

/// The description that clients are made from is the one that is kept with the documents.
#[test]
fn the_interface_is_described_as_documented() {
    let kit = Kit::start();
    let served = kit.get("/openapi.json").document();
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/v3/identity",
        "/v3/identity-record",
        "/v3/enrollment-id",
        "/v3/enrollment-ids",
        "/v3/verification-key",
        "/v3/export",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(served["paths"][path]["get"].is_object(), "{path}");
    }
    let mut command = Command::new(binary("pep-server"));
    command.arg("openapi");
    let printed = run(command, |_, _| {});
    let printed: Value = serde_json::from_str(printed.worked()).unwrap();
    assert_eq!(printed, served);

    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let Ok(kept) = std::fs::read_to_string(kept) else {
        return skip("docs/openapi.json is not there to be compared with");
    };
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(kept == served, "write it again: pep-server openapi > docs/openapi.json");
}

/// The page works on a line without internet, and tells nobody outside of it.
#[test]
fn the_page_needs_no_other_host() {
    let kit = Kit::start();
    let redirect = kit.get("/docs");
    assert!((300..400).contains(&redirect.status));
    assert_eq!(redirect.header("location"), Some("/docs/"));

    let page = kit.get("/docs/");
    assert_eq!(page.status, 200);
    let html = page.text().to_owned();
    let mut assets = 0;
    for attribute in ["src=\"", "href=\""] {
        for reference in html.split(attribute).skip(1) {
            let reference = reference.split('"').next().unwrap();
            assert!(!reference.contains("//"), "{reference}");
            let path = format!("/docs/{}", reference.trim_start_matches("./"));
            let asset = kit.get(&path);
            assert_eq!(asset.status, 200, "{path}");
            assert!(!asset.body.is_empty(), "{path}");
            assets += 1;
            if path.ends_with(".css") {
                let css = String::from_utf8_lossy(&asset.body).into_owned();
                assert!(!css.contains("@import"), "{path}");
                let inline = |url: &&str| url.starts_with("data:") || url.starts_with("\"data:");
                let outside: Vec<_> = css.split("url(").skip(1).filter(|u| !inline(u)).collect();
                assert!(outside.is_empty(), "{path}: {:.80}", outside[0]);
            }
        }
    }
    assert!(assets >= 6, "{html}");
    let start = kit.get("/docs/swagger-initializer.js");
    assert!(start.text().contains("\"/openapi.json\""), "{}", start.text());
    assert!(!start.text().contains("://"), "{}", start.text());
    // Otherwise the page would show the description to validator.swagger.io.
    assert!(start.text().contains("\"validatorUrl\": \"none\""), "{}", start.text());
}
