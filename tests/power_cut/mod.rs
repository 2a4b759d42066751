//! The power goes at every write and at every frame of an injection, in every key mode: the real
//! process is killed there, its disk loses what was not flushed, it is started again, and the unit
//! finished. Then the ledger is held against what the gateway really holds: no certificate without
//! a record, no second live identity, no unit that cannot be finished.

mod cut;
mod disk;
mod lives;
mod shim;
mod wire;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use openssl::base64::encode_block;
use serde_json::Value;

use crate::kit::{Database, Draft, Gateway, Kit, Ledger, Setup, enrollment_id};
use cut::{Cut, Store};
pub use disk::{Disk, Unflushed};
use wire::Wire;

/// Runs at once where cuts are drawn by lot.
const LANES: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Mode {
    ByTool,
    ByDevice,
    /// Made elsewhere, and wiped behind the confirmation.
    Supplied,
}

#[test]
fn at_every_flush_and_every_frame_by_tool() {
    everywhere(Store::Embedded, Mode::ByTool);
}

#[test]
fn at_every_flush_and_every_frame_by_device() {
    everywhere(Store::Embedded, Mode::ByDevice);
}

#[test]
fn at_every_flush_and_every_frame_supplied() {
    everywhere(Store::Embedded, Mode::Supplied);
}

#[test]
fn without_a_journal_at_every_flush_and_every_frame() {
    everywhere(Store::Unjournalled, Mode::ByTool);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_by_tool() {
    everywhere(Store::MongoDb, Mode::ByTool);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_by_device() {
    everywhere(Store::MongoDb, Mode::ByDevice);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_supplied() {
    everywhere(Store::MongoDb, Mode::Supplied);
}

#[test]
fn two_hundred_times_at_random() {
    at_random(Store::Embedded);
}

#[test]
fn on_a_mongodb_two_hundred_times_at_random() {
    at_random(Store::MongoDb);
}

/// Enumerates cuts of one kind until one no longer comes: then all of them have been tried. What
/// the disk keeps is drawn by lot where a flush was under way, and nothing elsewhere.
fn everywhere(store: Store, mode: Mode) {
    let Some(server) = server(store) else { return };
    let seed = seed(&format!("{store:?}, {mode:?}"));
    for (kind, least) in store.kinds() {
        let mut tried = 0;
        for number in 1.. {
            assert!(number < 60, "cuts without end");
            let cut = kind(number);
            let trial =
                Trial { store, mode, cut, later: Duration::ZERO, unflushed: cut.unflushed(seed) };
            if !trial.run(server) {
                break;
            }
            tried += 1;
        }
        assert!(tried >= *least, "only {tried} cuts of the kind {:?}", kind(1));
        println!("{store:?}, {mode:?}: {tried} cuts of the kind {:?}", kind(1));
    }
}

/// Two hundred at random; those in the conversation a moment after their point. `PEP_TEST_ROUNDS`
/// changes how many.
fn at_random(store: Store) {
    let Some(server) = server(store) else { return };
    let mut random = Random::of(seed(&format!("{store:?}")));
    let rounds = given("PEP_TEST_ROUNDS").unwrap_or(200);
    let kinds = store.kinds();
    let drawn: Vec<_> = (0..rounds)
        .map(|_| {
            let modes = [Mode::ByTool, Mode::ByDevice, Mode::Supplied];
            let mode = modes[random.below(3) as usize];
            let (kind, least) = kinds[random.below(kinds.len() as u64) as usize];
            let cut = kind(random.below(least as u64 + 3) as usize + 1);
            let later = Duration::from_micros(random.below(3000));
            Trial { store, mode, cut, later, unflushed: random.unflushed() }
        })
        .collect();
    // Side by side, for most of a run is waiting.
    let (next, cuts) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(trial) = drawn.get(next.fetch_add(1, Ordering::SeqCst)) {
                    cuts.fetch_add(u64::from(trial.run(server)), Ordering::SeqCst);
                }
            });
        }
    });
    let cuts = cuts.into_inner();
    println!("{store:?}: {cuts} of {rounds} were cut");
    assert!(cuts > rounds / 3, "the power was hardly ever cut: {cuts} of {rounds}");
}

/// Where the lot begins; printed. `PEP_TEST_SEED` repeats a run.
pub fn seed(of: &str) -> u64 {
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = given("PEP_TEST_SEED").unwrap_or(clock);
    println!("{of}: PEP_TEST_SEED={seed}");
    seed
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The database's server, which goes on whatever happens to a station; `None` where it cannot be
/// had. The embedded ledger needs none.
fn server(store: Store) -> Option<Option<&'static Database>> {
    match store {
        Store::Embedded | Store::Unjournalled => Some(None),
        Store::MongoDb => Database::shared().map(Some),
    }
}

/// One unit and one cut.
#[derive(Debug)]
struct Trial {
    store: Store,
    mode: Mode,
    cut: Cut,
    /// How long after its point.
    later: Duration,
    unflushed: Unflushed,
}

/// A station of its own for each run, and its disk.
fn station(store: Store, server: Option<&Database>, mode: Mode) -> (Kit, Disk, Option<Wire>) {
    let wire = server.map(|server| Wire::to(server.address()));
    let mut disk = None;
    let kit = Kit::with(|setup| {
        if matches!(mode, Mode::ByDevice) {
            setup.fcu("generation-mode: by_tool", "generation-mode: by_device");
        }
        if let (Some(server), Some(wire)) = (server, &wire) {
            setup.mongodb(&Ledger::new_database(server.address()), &wire.address());
        }
        if store == Store::Unjournalled {
            setup.env("PEP_JOURNAL_ENABLED", "false");
        }
        if matches!(mode, Mode::Supplied) {
            supply(setup);
        }
        disk = Some(on_a_disk(setup));
    });
    (kit, disk.unwrap(), wire)
}

/// Has the station write to a disk whose power can be cut.
pub fn on_a_disk(setup: &mut Setup) -> Disk {
    let disk = Disk::of(setup.folder());
    for (name, value) in disk.environment() {
        setup.env(name, &value);
    }
    disk
}

impl Trial {
    /// What happens, and everything that must hold afterwards. Whether the cut came.
    fn run(&self, server: Option<&Database>) -> bool {
        let Self { store, mode, cut, later, unflushed } = *self;
        let (mut kit, mut disk, wire) = station(store, server, mode);
        let (reached, points) = channel();
        let gateway = Gateway::start(reached);
        cut.order(&kit, &disk, wire.as_ref());
        let asked = ask_in_background(&kit, &gateway.port());
        let mut was_cut = drive(&mut kit, cut, later, &points, &asked);
        std::thread::spawn(move || points.into_iter().for_each(drop));
        drop(asked);
        cut.call_off(&disk);
        let told = format!("{self:?}");
        if let Some(wire) = wire
            && wire.struck()
        {
            assert_ne!(was_cut, cut.is_survived(), "{told}");
            was_cut = true;
        }

        // What the gateway holds now has a record, whatever became of the station.
        let held = gateway.certificate();
        if was_cut && !cut.is_survived() {
            disk.cut(unflushed);
            if let Some(certificate) = &held
                && store != Store::Unjournalled
            {
                assert!(is_journalled(&kit, certificate), "{told}: not in the journal");
            }
            kit.start_again();
            assert!(!kit.log().contains("the journal is damaged"), "{told}: {}", kit.log());
        }
        let record = kit.unit("GW-1");
        if let Some(certificate) = &held {
            let known = execution_with(&record, certificate);
            let known = known.unwrap_or_else(|| panic!("{told}: a certificate without a record"));
            assert!(
                ["sent", "confirmed"].contains(&known),
                "{told}: held, and recorded as {known}"
            );
        }
        if !cut.is_survived() {
            assert_closed(&record, &told);
        }

        // The unit can be finished by asking again, with a client that was restarted.
        let done = record.get("deployed") == Some(&Value::Bool(true));
        if !done {
            gateway.restart();
            let answer = kit.get(&Kit::query("GW-1", &gateway.port()));
            assert_eq!(answer.status, 200, "{told}: {}", answer.text());
        }
        let record = kit.unit("GW-1");
        assert_closed(&record, &told);
        let held = gateway.certificate().unwrap_or_else(|| panic!("{told}: nothing held"));
        assert_eq!(record["enrollmentId"], enrollment_id(&held).as_str(), "{told}");
        let confirmed = executions(&record).iter().filter(|e| e["state"] == "confirmed").count();
        assert_eq!(confirmed, 1, "{told}: {record}");
        let live = executions(&record).iter().filter(|e| {
            e["certificate"].is_object()
                && e["certificate"]["superseded"] != true
                && e["state"] != "failed"
        });
        // What was made elsewhere is given again as it is.
        let live: BTreeSet<_> = live.map(|e| e["certificate"]["der"].to_string()).collect();
        assert_eq!(live.len(), 1, "{told}: two live identities: {record}");
        if matches!(mode, Mode::Supplied) {
            assert!(!kit.folder().join("supplied/GW-1").exists(), "{told}: not wiped");
        }
        let page = kit.get("/v3/enrollment-ids").json();
        assert_eq!(page["provisioned_count"], 1, "{told}");
        was_cut
    }
}

/// Whether a certificate stands in the journal, on the disk.
fn is_journalled(kit: &Kit, certificate: &[u8]) -> bool {
    let der = encode_block(certificate);
    let files = std::fs::read_dir(kit.folder().join("store/journal"));
    files.is_ok_and(|mut files| {
        files.any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            String::from_utf8_lossy(&bytes).contains(&der)
        })
    })
}

/// Nothing is left open: what the last stop left so is closed before the station serves.
fn assert_closed(record: &Value, told: &str) {
    for execution in executions(record) {
        assert!(execution["ended"].is_string(), "{told}: still open: {record}");
    }
}

/// A folder for the unit, to be wiped.
fn supply(setup: &mut Setup) {
    let ca = Draft::named("Maker CA").self_signed();
    let unit = Draft { is_ca: false, ..Draft::named("GW-1") }.signed_by(&ca);
    setup.file("keystore/CA_cert.pem", ca.pem());
    setup.file("keystore/CA_private.pem", ca.key_pem());
    setup.fcu("generation-mode: by_tool", "generation-mode: externally_supplied");
    std::fs::create_dir_all(setup.folder().join("supplied/GW-1")).unwrap();
    setup.file("supplied/GW-1/device-key.pem", unit.key_pem());
    setup.file("supplied/GW-1/device-certificate.pem", unit.pem());
    setup.env("PEP_SUPPLIED_FOLDER", "supplied").env("PEP_SUPPLIED_WIPE", "true");
}

/// Lets the conversation go on, point by point, until the cut or the end. Whether it was cut.
fn drive(
    kit: &mut Kit,
    cut: Cut,
    later: Duration,
    points: &Receiver<(usize, std::sync::mpsc::Sender<()>)>,
    asked: &Receiver<bool>,
) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "the story did not end");
        if let Ok((number, noted)) = points.recv_timeout(Duration::from_millis(1)) {
            if let Cut::AtPoint(wanted) = cut
                && number == wanted
            {
                std::thread::sleep(later);
                kit.kill();
                drop(noted);
                // The device goes on with what it has; what it does then must be over.
                settle(points);
                return true;
            }
            drop(noted);
        }
        if let Ok(answered) = asked.try_recv() {
            settle(points);
            if !answered {
                kit.kill();
            }
            return !answered;
        }
    }
}

/// Waits until the gateway reaches no more points.
fn settle(points: &Receiver<(usize, std::sync::mpsc::Sender<()>)>) {
    while let Ok((_, noted)) = points.recv_timeout(Duration::from_millis(30)) {
        drop(noted);
    }
}

/// Asks, and says when the end of the connection has come, and whether an answer did.
fn ask_in_background(kit: &Kit, port: &str) -> Receiver<bool> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(kit.address()).unwrap();
    let path = Kit::query("GW-1", port);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        // Cut short is as good an end.
        let _ = stream.read_to_end(&mut answer);
        let _ = tell.send(!answer.is_empty());
    });
    told
}

fn executions(record: &Value) -> &[Value] {
    record["executions"].as_array().map_or(&[], Vec::as_slice)
}

/// The state of the execution that a certificate belongs to.
fn execution_with<'a>(record: &'a Value, certificate: &[u8]) -> Option<&'a str> {
    let der = encode_block(certificate);
    let found = executions(record).iter().find(|e| e["certificate"]["der"] == der.as_str());
    found.and_then(|execution| execution["state"].as_str())
}

/// xorshift64: enough to choose moments, and repeatable.
pub struct Random(u64);

impl Random {
    /// Seeds that are near to each other begin far apart.
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed >> 29) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn unflushed(&mut self) -> Unflushed {
        match self.below(4) {
            0 => Unflushed::Lost,
            1 => Unflushed::Kept,
            _ => Unflushed::Torn(self.below(u64::MAX)),
        }
    }
}
