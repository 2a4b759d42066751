//! One unit and one cut: what happens, and what must hold afterwards.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use openssl::base64::encode_block;
use serde_json::Value;

use super::cut::{Cut, Store};
use super::wire::Wire;
use super::{Disk, Mode, Unflushed};
use crate::kit::{Database, Draft, Gateway, Kit, Ledger, Setup, enrollment_id};

/// One unit and one cut.
#[derive(Debug)]
pub struct Trial {
    pub store: Store,
    pub mode: Mode,
    pub cut: Cut,
    /// How long after its point.
    pub later: Duration,
    pub unflushed: Unflushed,
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
    pub fn run(&self, server: Option<&Database>) -> bool {
        let Self { store, mode, cut, later, unflushed } = *self;
        let (mut kit, mut disk, wire) = station(store, server, mode);
        let secret = std::fs::read(kit.folder().join("supplied/GW-1/device-key.pem"));
        let secret = secret.unwrap_or_default();
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

        // What was acknowledged is kept, and what was wiped is gone for good.
        kit.kill();
        disk.cut(Unflushed::Lost);
        if matches!(mode, Mode::Supplied) {
            assert!(!kit.folder().join("supplied/GW-1").exists(), "{told}: it is back");
            assert!(!disk.holds(&secret), "{told}: the key can be read from the disk");
        }
        kit.start_again();
        assert!(!kit.log().contains("the journal is damaged"), "{told}: {}", kit.log());
        assert_eq!(kit.unit("GW-1")["enrollmentId"], enrollment_id(&held).as_str(), "{told}: lost");
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
    let (address, port) = (kit.address(), port.to_owned());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let _ = tell.send(!ask(address, "GW-1", &port).is_empty());
    });
    told
}

/// Asks for a unit, whatever becomes of the station meanwhile; gives the whole answer, nothing where
/// none came.
pub fn ask(station: SocketAddr, serial: &str, port: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(station) else { return String::new() };
    let path = Kit::query(serial, port);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    let mut answer = Vec::new();
    // Cut short is as good an end.
    let _ = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_end(&mut answer).map(drop));
    String::from_utf8_lossy(&answer).into_owned()
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
