//! The database is away, or there and silent, while units are being done. Callers hear of it within
//! the time the configuration gives, and the station goes on by itself when it is back.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use openssl::base64::encode_block;

use crate::kit::{
    Database, Gateway, Kit, Ledger, PATIENCE, Setup, enrollment_id, eventually, pass, run,
};

/// `[store] timeout` of the stations here.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a busy machine may add to it. The driver's own patience is thirty seconds.
const SLACK: Duration = Duration::from_secs(7);
const LINES: usize = 3;
const ROUNDS: usize = 3;
/// Asked for only while the database is away.
const NEXT: &str = "GW-next";

fn station_on(ledger: &Ledger, address: &str) -> Kit {
    Kit::with(|setup| {
        setup.mongodb(ledger, address).env("PEP_STORE_TIMEOUT", &TIMEOUT.as_secs().to_string());
    })
}

/// What the lines have done so far.
#[derive(Default)]
struct Tally {
    /// Serial numbers that were answered with an identity, and the certificate on the gateway.
    confirmed: Mutex<Vec<(String, Vec<u8>)>>,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Tally {
    fn confirmed(&self) -> usize {
        self.confirmed.lock().unwrap().len()
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

/// Says that it is over when it goes, also when an assertion fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A line that does one unit after the other, each until it is done: a unit that was refused is
/// asked for again, with its client restarted, as the operator would.
fn work(kit: &Kit, tally: &Tally, line: usize) {
    let _ending = Ending(&tally.over);
    let gateway = Gateway::quiet();
    for number in 0.. {
        let serial = format!("GW-{line}-{number}");
        gateway.replace();
        let until = Instant::now() + 2 * PATIENCE;
        loop {
            let answer = kit.get(&Kit::query(&serial, &gateway.port()));
            match answer.status {
                200 => break,
                503 => {
                    answer.problem(503, "store-unavailable");
                    tally.refused.fetch_add(1, Ordering::SeqCst);
                }
                // That it was confirmed came true after its caller had been told to wait.
                409 if answer.json()["code"] == "serial-taken" => break,
                // Its last attempt cannot be looked at yet, or the client holds its session.
                409 | 502 => {}
                status => panic!("{serial}: {status} {}", answer.text()),
            }
            assert!(Instant::now() < until, "{serial} is never done");
            gateway.restart();
            pass(Duration::from_millis(20));
        }
        let certificate = gateway.certificate().unwrap();
        tally.confirmed.lock().unwrap().push((serial, certificate));
        if tally.over.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// Lets the lines work; takes the database away and brings it back, three times; then holds the
/// ledger against the gateways.
fn under_load<T>(kit: &Kit, mut server: T, away: impl Fn(T) -> T, back: impl Fn(T) -> T) {
    let tally = Tally::default();
    // It goes on for as long as the lines and the checks need it.
    let _server = thread::scope(|scope| {
        let ending = Ending(&tally.over);
        for line in 0..LINES {
            let tally = &tally;
            scope.spawn(move || work(kit, tally, line));
        }
        for _ in 0..ROUNDS {
            more(&tally, "units are done", || tally.confirmed(), 8);
            server = away(server);
            assert_told_in_time(kit);
            more(&tally, "lines are refused", || tally.refused(), 1);
            kit.get("/healthz").document();
            server = back(server);
            eventually("it goes on by itself", || kit.get("/readyz").status == 200);
        }
        more(&tally, "units are done", || tally.confirmed(), 8);
        drop(ending);
        server
    });
    let mut confirmed = tally.confirmed.into_inner().unwrap();
    // Who was refused is served now. A database that stood still may have made the reservation
    // when it woke up; it stands in nobody's way.
    let gateway = Gateway::quiet();
    kit.get(&Kit::query(NEXT, &gateway.port())).document();
    confirmed.push((NEXT.to_owned(), gateway.certificate().unwrap()));
    let records = kit.ledger().records();
    assert_eq!(records.len(), confirmed.len(), "every unit that was begun is done");
    for (serial, certificate) in &confirmed {
        let record = records.iter().find(|record| record["serialNumber"] == serial.as_str());
        let record = record.unwrap_or_else(|| panic!("{serial} is lost"));
        assert_eq!(record["deployed"], true, "{record}");
        assert_eq!(record["enrollmentId"], enrollment_id(certificate).as_str(), "{record}");
        let executions = record["executions"].as_array().unwrap();
        assert!(executions.iter().all(|e| e["ended"].is_string()), "still open: {record}");
        let live: Vec<_> = executions
            .iter()
            .filter(|e| e["certificate"].is_object() && e["state"] != "failed")
            .filter(|e| e["certificate"]["superseded"] != true)
            .collect();
        let [live] = live[..] else { panic!("{} live identities: {record}", live.len()) };
        assert_eq!(live["certificate"]["der"], encode_block(certificate).as_str());
    }
    assert_eq!(kit.get("/v3/enrollment-ids").json()["provisioned_count"], confirmed.len());
}

fn more(tally: &Tally, what: &str, count: impl Fn() -> usize, by: usize) {
    let before = count();
    eventually(what, || count() >= before + by || tally.over.load(Ordering::SeqCst));
    assert!(!tally.over.load(Ordering::SeqCst), "a line gave up");
}

/// A new caller, a reader of records and the readiness are all told within the configured time.
fn assert_told_in_time(kit: &Kit) {
    let gateway = Gateway::quiet();
    let paths =
        [Kit::query(NEXT, &gateway.port()), "/v3/enrollment-ids".to_owned(), "/readyz".to_owned()];
    thread::scope(|scope| {
        for path in &paths {
            scope.spawn(move || {
                let begun = Instant::now();
                kit.get(path).problem(503, "store-unavailable");
                assert!(begun.elapsed() < TIMEOUT + SLACK, "{path}: {:?}", begun.elapsed());
            });
        }
    });
    assert_eq!(gateway.certificate(), None, "no device is touched that cannot be written down");
}

/// Killed and started again with the files it left.
#[test]
fn killed_and_started_again_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Database::ferretdb(folder.path()) else { return };
    let address = server.address().to_owned();
    let kit = station_on(&Ledger::new_database(&address), &address);
    under_load(
        &kit,
        Some(server),
        |server| {
            drop(server.map(Database::kill));
            None
        },
        |_| Database::ferretdb_at(folder.path(), &address),
    );
}

/// It stands still in the middle: the system accepts for it, and nobody answers.
#[test]
fn frozen_under_load() {
    let Some(server) = Database::mongo_java_server() else { return };
    let address = server.address().to_owned();
    let kit = station_on(&Ledger::new_database(&address), &address);
    let freeze = |server: Database| {
        server.stop();
        server
    };
    let thaw = |server: Database| {
        server.go();
        server
    };
    under_load(&kit, server, freeze, thaw);
}

/// At start, a database that is away, or accepts and never says a word, is refused in time.
#[test]
fn silent_at_the_start() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_nobody, port) = crate::kit::Peer::nobody();
    for address in [mute.local_addr().unwrap().to_string(), format!("127.0.0.1:{port}")] {
        let mut setup = Setup::new();
        setup
            .mongodb(&Ledger::new_database(&address), &address)
            .env("PEP_STORE_TIMEOUT", &TIMEOUT.as_secs().to_string());
        let begun = Instant::now();
        let refused = run(setup.server(&[]), |_, _| {});
        assert!(begun.elapsed() < TIMEOUT + SLACK, "{:?}", begun.elapsed());
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains("the database does not answer"), "{}", refused.stderr);
        assert!(refused.stderr.contains("[store] uri"), "{}", refused.stderr);
    }
}
