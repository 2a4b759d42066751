//! `pep status`: how the station is, for a person and for scripts.

use serde_json::Value;

use crate::kit::{Device, Kit, Peer, request};

#[test]
fn a_ready_station_says_everything_to_an_operator() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_STATION_NAME", "line-7");
    });
    kit.provision("GW-1", &Device::start()).worked();
    let done = kit.pep_as_operator(["status", "--json"]);
    let status: Value = serde_json::from_str(done.worked()).unwrap();
    assert_eq!(status["ready"], true);
    assert_eq!(status["obstacles"], serde_json::json!([]));
    assert_eq!(status["station"], "line-7");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["inFlight"], 0);
    assert_eq!(status["queued"], 0);
    let ledger = &status["ledger"];
    assert_eq!((&ledger["units"], &ledger["journalFaults"]), (&1.into(), &0.into()));
    let place = kit.folder().join("store/ledger.sqlite");
    assert_eq!(ledger["place"], place.to_str().unwrap());
    let concluded = kit.record("GW-1")["executions"][0]["ended"].as_str().unwrap().to_owned();
    assert_eq!(ledger["newestRecord"].as_str().unwrap()[..19], concluded[..19]);
    assert!(status["disk"]["freeBytes"].as_u64().unwrap() > 0);
    let end =
        openssl::asn1::Asn1Time::days_from_now(0).unwrap().diff(kit.ca().not_after()).unwrap();
    let ca = &status["certificates"][0];
    assert_eq!(ca["of"], "CA");
    assert!((ca["daysLeft"].as_i64().unwrap() - i64::from(end.days)).abs() <= 1, "{ca}");
    assert!(ca["subject"].as_str().unwrap().contains("EXAMPLE"), "{ca}");

    let shown = kit.pep_as_operator(["status"]);
    for words in ["line-7, ready", "1 units", "in flight  0, 0 waiting", "MiB free", "CA", "until"]
    {
        assert!(shown.worked().contains(words), "{words}: {}", shown.stdout);
    }
}

/// Without a token it says what is on everybody's mind, and no more; with a wrong one it refuses.
#[test]
fn who_has_no_token_hears_less() {
    let kit = Kit::start();
    let status = kit.get("/status").document();
    assert_eq!(status["ready"], true);
    for name in ["ledger", "disk", "certificates", "inFlight"] {
        assert!(status.get(name).is_none(), "{name}: {status}");
    }
    let wrong = "GET /status HTTP/1.1\r\nAuthorization: Bearer wrong\r\n";
    request(kit.address(), wrong).problem(401, "unauthorized");
    let shown = kit.pep(["status"]);
    assert!(shown.worked().contains("--token-file"), "{}", shown.stdout);
}

/// Not ready: the status is printed all the same, the exit code is another than that of silence.
#[test]
fn a_station_that_is_not_ready_says_why() {
    let mut kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    kit.stop();
    // More room than any disk has.
    kit.set_env("PEP_STORE_MIN_FREE", "16777216");
    kit.start_again();
    let done = kit.pep_as_operator(["status"]);
    assert_eq!(done.code, 5, "{}", done.stdout);
    assert!(done.stdout.contains("not ready\n"), "{}", done.stdout);
    let (error, _) = done.two_lines();
    assert!(error.contains("MiB left"), "{error}");
    // Everything that is in the way, not the first thing only.
    kit.stop();
    kit.newer_than_now(7200);
    kit.start_again();
    let status = kit.get("/status").document();
    let reasons = status["obstacles"].to_string();
    assert!(reasons.contains("MiB left") && reasons.contains("its clock says"), "{reasons}");

    let (_nobody, port) = Peer::nobody();
    let none = format!("http://127.0.0.1:{port}");
    kit.pep(["--server", &none, "status"]).failed_with(3);
}
