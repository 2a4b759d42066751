//! Two stations on one database, asked for the same thousand labels by several lines at once, while
//! one of them loses its power again and again. No label ends with two live identities, none is
//! lost, and the records say which station did what.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use openssl::base64::encode_block;
use serde_json::Value;

use crate::kit::{Database, Gateway, Kit, Ledger, PATIENCE, enrollment_id, pass};

const LABELS: usize = 1000;
/// Three at each station.
const LINES: usize = 6;
/// How often the power of the first station goes.
const KILLS: usize = 12;
/// The whole may take this long on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

/// What all lines see.
struct Floor {
    /// Where the two stations listen. The first one's changes with each of its lives.
    stations: [Mutex<SocketAddr>; 2],
    /// Which of the two the line whose gateway is watched asks now.
    watched_at: AtomicUsize,
    done: AtomicUsize,
    over: AtomicBool,
    until: Instant,
}

/// What one line has at the end: for each label the certificate that its gateway holds, and
/// whether a station has said that this gateway is the unit.
type Held = BTreeMap<String, (Vec<u8>, bool)>;

#[test]
fn race_for_a_thousand_labels_while_one_is_killed() {
    let Some(server) = Database::shared() else { return };
    let ledger = Ledger::new_database(server.address());
    let station = |name: &str| {
        Kit::with(|setup| {
            setup.mongodb(&ledger, server.address()).env("PEP_STATION_NAME", name);
        })
    };
    let (mut first, second) = (station("line-1"), station("line-2"));
    let floor = Floor {
        stations: [Mutex::new(first.address()), Mutex::new(second.address())],
        watched_at: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        until: Instant::now() + LIMIT,
    };
    let (reached, points) = channel();
    let mut watched = Some(Gateway::start(reached));
    let mut kills = 0;
    let held: Vec<Held> = thread::scope(|scope| {
        let floor = &floor;
        let lines: Vec<_> = (0..LINES)
            .map(|line| {
                let gateway = watched.take().unwrap_or_else(Gateway::quiet);
                scope.spawn(move || work(floor, line, &gateway))
            })
            .collect();
        // Not by the clock: so many units apart, in the middle of a conversation with the gateway
        // that is watched, which goes on when the power is gone.
        for (_, noted) in points {
            let done = floor.done.load(Ordering::SeqCst);
            let is_first = floor.watched_at.load(Ordering::SeqCst) == 0;
            if kills < KILLS && is_first && done > kills * LABELS / (KILLS + 2) {
                first.kill();
                drop(noted);
                kills += 1;
                first.start_again();
                *floor.stations[0].lock().unwrap() = first.address();
            }
        }
        lines.into_iter().map(|line| line.join().unwrap_or_default()).collect()
    });
    assert_eq!(kills, KILLS);
    assert!(!floor.over.load(Ordering::SeqCst), "a line gave up");
    check(&ledger.records(), &held);
    for kit in [&first, &second] {
        assert_eq!(kit.get("/v3/enrollment-ids").json()["provisioned_count"], LABELS);
    }
}

/// Says so when a line ends by a failed assertion, so that nobody waits for it.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// One line: for each label a gateway of its own, asked for at one station until the label is done,
/// here or elsewhere. All lines begin with the same label.
fn work(floor: &Floor, line: usize, gateway: &Gateway) -> Held {
    let _alarm = Alarm(&floor.over);
    let mut held = Held::new();
    for label in 0..LABELS {
        let serial = format!("GW-{label:04}");
        gateway.replace();
        let mut at = line % 2;
        let confirmed = loop {
            assert!(Instant::now() < floor.until, "{serial} is never done");
            assert!(!floor.over.load(Ordering::SeqCst), "another line gave up");
            if line == 0 {
                floor.watched_at.store(at, Ordering::SeqCst);
            }
            match ask(floor, at, &serial, gateway) {
                Some((200, _)) => {
                    floor.done.fetch_add(1, Ordering::SeqCst);
                    break true;
                }
                Some((409, body)) if body.contains("serial-taken") => break false,
                // Somebody is at it, or was when its station's power went.
                Some((409, body)) if body.contains("serial-busy") => {
                    pass(Duration::from_millis(3));
                }
                // The gateway still holds the session of a story that was cut off.
                Some((502, _)) => gateway.restart(),
                Some((status, body)) => panic!("{serial}: {status} {body}"),
                // The station is away: its gateway is started anew, and the other one is asked.
                None => {
                    gateway.restart();
                    at = 1 - at;
                }
            }
        };
        if let Some(certificate) = gateway.certificate() {
            held.insert(serial, (certificate, confirmed));
        }
    }
    held
}

/// Asks a station; nothing where it is away, or goes away before it has answered.
fn ask(floor: &Floor, at: usize, serial: &str, gateway: &Gateway) -> Option<(u16, String)> {
    let address = *floor.stations[at].lock().unwrap();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = Kit::query(serial, &gateway.port());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let whole = stream.read_to_end(&mut answer).is_ok() && !answer.is_empty();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    whole.then_some((status, text))
}

/// The records against what the gateways hold.
fn check(records: &[Value], held: &[Held]) {
    assert_eq!(records.len(), LABELS);
    let (mut keys, mut by, mut cut) = (BTreeSet::new(), BTreeMap::new(), 0);
    for record in records {
        let serial = record["serialNumber"].as_str().unwrap();
        assert_eq!(record["deployed"], true, "{serial} is lost: {record}");
        let executions = record["executions"].as_array().unwrap();
        for execution in executions {
            assert!(execution["ended"].is_string(), "{serial}: still open: {record}");
            let station = execution["station"].as_str().unwrap();
            assert!(["line-1", "line-2"].contains(&station), "{station}");
            let reason = execution["reason"]["text"].as_str().unwrap_or_default();
            if reason.starts_with("station restarted") {
                assert_eq!(station, "line-1", "the other one never stopped");
                cut += 1;
            }
            if let Some(key) = execution["certificate"]["publicKeyHash"].as_str() {
                assert!(keys.insert(key.to_owned()), "{serial}: a key twice: {record}");
            }
        }
        let live: Vec<_> = executions.iter().filter(|e| e["state"] == "confirmed").collect();
        let [live] = live[..] else { panic!("{serial}: {} live: {record}", live.len()) };
        *by.entry(live["station"].as_str().unwrap()).or_insert(0) += 1;
        let superseded = |e: &Value| e["certificate"]["superseded"] == true;
        for other in executions.iter().filter(|e| e["state"] == "sent") {
            assert!(superseded(other), "{serial}: two live identities: {record}");
        }
        assert!(!superseded(live), "{serial}: no live identity: {record}");

        // Every certificate on a gateway has a record; one gateway holds the live one.
        let mut holders = 0;
        for (certificate, confirmed) in held.iter().filter_map(|line| line.get(serial)) {
            let der = encode_block(certificate);
            let known = executions.iter().find(|e| e["certificate"]["der"] == der.as_str());
            let known = known.unwrap_or_else(|| panic!("{serial}: held without a record"));
            let is_live = known["id"] == live["id"];
            assert!(is_live || known["state"] == "sent", "{serial}: held as {}", known["state"]);
            assert!(is_live || !confirmed, "{serial}: said to be done, and is not");
            if is_live {
                assert_eq!(record["enrollmentId"], enrollment_id(certificate).as_str());
                holders += 1;
            }
        }
        assert_eq!(holders, 1, "{serial}: held by {holders} gateways");
    }
    println!("{by:?} done by; {cut} attempts cut off and closed");
    assert!(cut >= KILLS / 2, "{cut} attempts were cut off");
    assert!(by.len() == 2 && by.values().all(|done| *done > LABELS / 20), "no race: {by:?}");
}
