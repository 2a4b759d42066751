//! The power goes at every write and at every frame of an injection, in both key modes: the real
//! process is killed there, started again, and the unit finished. Then the ledger is held against
//! what the gateway really holds: no certificate without a record, no second live identity, no
//! unit that cannot be finished.

mod gateway;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use openssl::base64::encode_block;
use serde_json::Value;

use crate::kit::{Kit, enrollment_id};
use gateway::Gateway;

/// Where the power is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Before the n-th flush of the ledger: what was written is not on disk yet.
    BeforeFlush(usize),
    /// Right behind it.
    AfterFlush(usize),
    /// At the n-th point of the conversation with the gateway.
    AtPoint(usize),
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    ByTool,
    ByDevice,
}

/// What a run did.
struct Outcome {
    was_cut: bool,
}

#[test]
fn at_every_flush_and_every_frame_by_tool() {
    everywhere(Mode::ByTool);
}

#[test]
fn at_every_flush_and_every_frame_by_device() {
    everywhere(Mode::ByDevice);
}

/// Enumerates cuts of one kind until one no longer comes: then all of them have been tried.
fn everywhere(mode: Mode) {
    let kinds: [fn(usize) -> Cut; 3] = [Cut::BeforeFlush, Cut::AfterFlush, Cut::AtPoint];
    for kind in kinds {
        let mut tried = 0;
        for number in 1.. {
            assert!(number < 60, "cuts without end");
            if !run(mode, kind(number), Duration::ZERO).was_cut {
                break;
            }
            tried += 1;
        }
        let least = if kind(1).is_flush() { 3 } else { 4 };
        assert!(tried >= least, "only {tried} cuts of the kind {:?}", kind(1));
        println!("{mode:?}: {tried} cuts of the kind {:?}", kind(1));
    }
}

/// Two hundred at random, each a moment after its point. The seed is printed; `POWER_SEED` repeats
/// a run, `POWER_ROUNDS` changes how many.
#[test]
fn two_hundred_times_at_random() {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = given("POWER_SEED").unwrap_or(clock);
    println!("POWER_SEED={seed}");
    let mut random = Random(seed | 1);
    let rounds = given("POWER_ROUNDS").unwrap_or(200);
    let mut cuts = 0;
    for _ in 0..rounds {
        let mode = if random.below(2) == 0 { Mode::ByTool } else { Mode::ByDevice };
        let number = random.below(9) as usize + 1;
        let cut = match random.below(3) {
            0 => Cut::BeforeFlush(number),
            1 => Cut::AfterFlush(number),
            _ => Cut::AtPoint(number),
        };
        let later = Duration::from_micros(random.below(3000));
        cuts += u64::from(run(mode, cut, later).was_cut);
    }
    println!("{cuts} of {rounds} were cut");
    assert!(cuts > rounds / 3, "the power was hardly ever cut: {cuts} of {rounds}");
}

/// One unit, one cut, and everything that must hold afterwards.
fn run(mode: Mode, cut: Cut, later: Duration) -> Outcome {
    let mut kit = Kit::with(|setup| {
        if matches!(mode, Mode::ByDevice) {
            setup.fcu("generation-mode: by_tool", "generation-mode: by_device");
        }
        let order = setup.folder().join("power-cut");
        setup.env("LD_PRELOAD", cutter().to_str().unwrap());
        setup.env("POWER_CUT", order.to_str().unwrap());
    });
    let (reached, points) = channel();
    let gateway = Gateway::start(reached);
    if let Some(order) = cut.order() {
        std::fs::write(kit.folder().join("power-cut"), order).unwrap();
    }
    let asked = ask_in_background(&kit, &gateway.port());
    let was_cut = drive(&mut kit, cut, later, &points, &asked);
    std::thread::spawn(move || points.into_iter().for_each(drop));
    drop(asked);

    // What the gateway holds now has a record, whatever became of the station.
    if was_cut {
        let _ = std::fs::remove_file(kit.folder().join("power-cut"));
        kit.start_again();
    }
    let told = format!("{mode:?}, {cut:?}, {later:?}");
    let held = gateway.certificate();
    let record = kit.unit("GW-1");
    if let Some(certificate) = &held {
        let known = execution_with(&record, certificate);
        let known = known.unwrap_or_else(|| panic!("{told}: a certificate without a record"));
        assert!(["sent", "confirmed"].contains(&known), "{told}: held, and recorded as {known}");
    }
    for execution in executions(&record) {
        assert!(execution["ended"].is_string(), "{told}: still open after the start");
    }

    // The unit can be finished by asking again, with a client that was restarted.
    let done = record.get("deployed") == Some(&Value::Bool(true));
    if !done {
        gateway.restart();
        let answer = kit.get(&Kit::query("GW-1", &gateway.port()));
        assert_eq!(answer.status, 200, "{told}: {}", answer.text());
    }
    let record = kit.unit("GW-1");
    let held = gateway.certificate().unwrap_or_else(|| panic!("{told}: nothing held"));
    assert_eq!(record["enrollmentId"], enrollment_id(&held).as_str(), "{told}");
    let confirmed = executions(&record).iter().filter(|e| e["state"] == "confirmed").count();
    assert_eq!(confirmed, 1, "{told}: {record}");
    let live = executions(&record).iter().filter(|e| {
        e["certificate"].is_object()
            && e["certificate"]["superseded"] != true
            && e["state"] != "failed"
    });
    assert_eq!(live.count(), 1, "{told}: two live identities: {record}");
    let page = kit.get("/v3/enrollment-ids").json();
    assert_eq!(page["provisioned_count"], 1, "{told}");
    Outcome { was_cut }
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

impl Cut {
    fn is_flush(self) -> bool {
        self.order().is_some()
    }

    fn order(self) -> Option<String> {
        match self {
            Self::BeforeFlush(number) => Some(format!("before {number}")),
            Self::AfterFlush(number) => Some(format!("after {number}")),
            Self::AtPoint(_) => None,
        }
    }
}

/// The stand-in for fdatasync(2), built once.
pub fn cutter() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/power_cut/cut.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power-cut.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source)
            .status();
        assert!(built.unwrap().success(), "cc could not build {source}");
        library
    })
}

/// xorshift64: enough to choose moments, and repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
