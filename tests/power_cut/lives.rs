//! Power cuts in the rest of a station's life: in its first start, in the start after a cut, while
//! it stops, and among many callers. What was acknowledged before is kept, and it starts again.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::mpsc::channel;

use super::{Disk, Random, Unflushed, ask, given, on_a_disk, seed};
use crate::kit::{Gateway, Kit, Running, Setup, enrollment_id, eventually};

/// Callers at once.
const CROWD: usize = 12;

/// Starts a station that is to be cut on the way; whether it was. One that was not is killed.
fn is_cut_starting(command: Command) -> bool {
    let station = Running::start(command);
    let listens = || station.written().contains("listening on");
    eventually("the station listens or ends", || station.code().is_some() || listens());
    let code = station.code();
    assert!([None, Some(-1)].contains(&code), "{}", station.written());
    code.is_some()
}

/// Starts on the disk as it is, and finds everything in order.
fn start(kit: &mut Kit, told: &str) {
    kit.start_again();
    assert!(!kit.log().contains("the journal is damaged"), "{told}: {}", kit.log());
}

fn provision(kit: &Kit, serial: &str) -> Gateway {
    let gateway = Gateway::quiet();
    let answer = kit.get(&Kit::query(serial, &gateway.port()));
    assert_eq!(answer.status, 200, "{serial}: {}", answer.text());
    gateway
}

fn assert_kept(kit: &Kit, serial: &str, gateway: &Gateway, told: &str) {
    let held = enrollment_id(&gateway.certificate().unwrap());
    assert_eq!(kit.unit(serial)["enrollmentId"], held.as_str(), "{told}: {serial} is lost");
}

/// The power goes there, or the program alone does; then the station starts, does a unit, and the
/// power goes once more.
#[test]
fn at_every_flush_of_the_first_start() {
    let seed = seed("the first start");
    for (order, power_goes) in [("before", true), ("after", true), ("after", false)] {
        let mut tried = 0;
        for number in 1.. {
            let told = format!("{order} {number}");
            assert!(number < 200, "cuts without end");
            let mut setup = Setup::new();
            let mut disk = on_a_disk(&mut setup);
            std::fs::write(disk.order(), &told).unwrap();
            if !is_cut_starting(setup.server(&[])) {
                break;
            }
            std::fs::remove_file(disk.order()).unwrap();
            match order {
                _ if !power_goes => {}
                "before" => drop(disk.cut(Unflushed::Torn(seed + number))),
                _ => drop(disk.cut(Unflushed::Lost)),
            }
            let mut kit = Kit::of(setup);
            let gateway = provision(&kit, "GW-1");
            kit.kill();
            disk.cut(Unflushed::Lost);
            start(&mut kit, &told);
            assert_kept(&kit, "GW-1", &gateway, &told);
            tried = number;
        }
        assert!(tried >= 8, "only {tried} cuts {order} a flush");
    }
}

/// What the first cut left open is closed by a start that is cut as well.
#[test]
fn at_every_flush_of_the_start_after_a_cut() {
    let seed = seed("the start after a cut");
    let mut random = Random::of(seed);
    for order in ["before", "after"] {
        let mut tried = 0;
        for number in 1.. {
            let told = format!("{order} {number}");
            assert!(number < 200, "cuts without end");
            let mut disk = None;
            let mut kit = Kit::with(|setup| disk = Some(on_a_disk(setup)));
            let mut disk: Disk = disk.unwrap();
            let done = provision(&kit, "GW-1");
            // The second unit's certificate is written down and on its way.
            std::fs::write(disk.order(), "after 4").unwrap();
            let gateway = Gateway::quiet();
            assert_eq!(ask(kit.address(), "GW-2", &gateway.port()), "", "{told}: not cut");
            kit.kill();
            disk.cut(random.unflushed());

            std::fs::write(disk.order(), &told).unwrap();
            let mut command = kit.server();
            command.arg("--config").arg(kit.folder().join("station.toml"));
            if !is_cut_starting(command) {
                break;
            }
            std::fs::remove_file(disk.order()).unwrap();
            disk.cut(if order == "before" { random.unflushed() } else { Unflushed::Lost });
            start(&mut kit, &told);
            assert_kept(&kit, "GW-1", &done, &told);
            let record = kit.unit("GW-2");
            let executions = record["executions"].as_array().unwrap();
            assert!(executions.iter().all(|one| one["ended"].is_string()), "{told}: {record}");
            gateway.restart();
            assert_eq!(kit.get(&Kit::query("GW-2", &gateway.port())).status, 200, "{told}");
            assert_kept(&kit, "GW-2", &gateway, &told);
            tried = number;
        }
        assert!(tried >= 8, "only {tried} cuts {order} a flush");
    }
}

/// At the end the log is folded into the ledger's file.
#[test]
fn at_every_flush_of_a_stop() {
    let seed = seed("a stop");
    for order in ["before", "after"] {
        let mut tried = 0;
        for number in 1.. {
            let told = format!("{order} {number}");
            assert!(number < 200, "cuts without end");
            let mut disk = None;
            let mut kit = Kit::with(|setup| disk = Some(on_a_disk(setup)));
            let mut disk: Disk = disk.unwrap();
            let units = ["GW-1", "GW-2", "GW-3"].map(|serial| (serial, provision(&kit, serial)));
            std::fs::write(disk.order(), &told).unwrap();
            let was_cut = kit.stop() != 0;
            std::fs::remove_file(disk.order()).unwrap();
            let torn = Unflushed::Torn(seed + number);
            disk.cut(if order == "before" { torn } else { Unflushed::Lost });
            start(&mut kit, &told);
            for (serial, gateway) in &units {
                assert_kept(&kit, serial, gateway, &told);
            }
            if !was_cut {
                break;
            }
            tried = number;
        }
        assert!(tried >= 2, "only {tried} cuts {order} a flush");
    }
}

/// Many at once, so that commits and journal lines are groups, and small journal files, so that new
/// ones begin. Whoever had an answer has a record, and so has whatever a gateway holds.
#[test]
fn among_many_callers() {
    let mut random = Random::of(seed("many callers"));
    let mut disk = None;
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_JOURNAL_ROTATE_AT", "1");
        disk = Some(on_a_disk(setup));
    });
    let mut disk: Disk = disk.unwrap();
    let rounds = given("PEP_TEST_ROUNDS").unwrap_or(12).min(60);
    let mut kept = BTreeMap::new();
    for round in 0..rounds {
        let answers = random.below(CROWD as u64 * 2);
        let gateways: Vec<_> = (0..CROWD * 2).map(|_| Gateway::quiet()).collect();
        let (tell, told) = channel();
        let station = kit.address();
        for (number, gateway) in gateways.iter().enumerate() {
            let (tell, port) = (tell.clone(), gateway.port());
            std::thread::spawn(move || {
                let answer = ask(station, &format!("GW-{round}-{number}"), &port);
                // Nobody listens any more once the power is off.
                let _ = tell.send((number, answer));
            });
        }
        let mut answered = Vec::new();
        for _ in 0..answers {
            answered.push(told.recv().unwrap());
        }
        kit.kill();
        // What has come through by now was sent before the cut.
        drop(tell);
        answered.extend(told);
        let unflushed = random.unflushed();
        disk.cut(unflushed);
        let said = format!("round {round}, {unflushed:?}");
        start(&mut kit, &said);
        for (number, answer) in &answered {
            let gateway = &gateways[*number];
            if answer.starts_with("HTTP/1.1 200 ") {
                let held = enrollment_id(&gateway.certificate().unwrap());
                kept.insert(format!("GW-{round}-{number}"), held);
            }
        }
        for (number, gateway) in gateways.iter().enumerate() {
            let Some(held) = gateway.certificate() else { continue };
            let serial = format!("GW-{round}-{number}");
            let record = kit.unit(&serial);
            let executions = record["executions"].as_array().cloned().unwrap_or_default();
            let der = openssl::base64::encode_block(&held);
            let known = executions.iter().any(|one| one["certificate"]["der"] == der.as_str());
            assert!(known, "{said}: {serial} holds a certificate without a record: {record}");
        }
        // Those of the rounds before as well.
        for (serial, held) in &kept {
            assert_eq!(kit.unit(serial)["enrollmentId"], held.as_str(), "{said}: {serial} is lost");
        }
    }
    let files = std::fs::read_dir(kit.folder().join("store/journal")).unwrap().count();
    println!("many callers: {} kept, {files} journal files", kept.len());
    assert!(kept.len() > rounds as usize, "hardly anything was acknowledged");
    assert!(rounds < 12 || files > 1, "no second journal file began");
}

/// The name of a journal file that begins while the station runs is on the disk before what is in it
/// is acknowledged.
#[test]
fn in_a_new_journal_file() {
    let mut disk = None;
    let mut kit = Kit::with(|setup| {
        setup.env("PEP_JOURNAL_ROTATE_AT", "1");
        disk = Some(on_a_disk(setup));
    });
    let mut disk: Disk = disk.unwrap();
    let journals = |kit: &Kit| {
        let entries = std::fs::read_dir(kit.folder().join("store/journal")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "journal")).count()
    };
    let mut units = Vec::new();
    while journals(&kit) == 1 {
        let serial = format!("GW-{}", units.len());
        assert!(units.len() < 1000, "no second journal file begins");
        units.push((provision(&kit, &serial).certificate().unwrap(), serial));
    }
    kit.kill();
    disk.cut(Unflushed::Lost);
    assert_eq!(journals(&kit), 2, "the new file is lost");
    start(&mut kit, "a new journal file");
    for (held, serial) in &units {
        assert_eq!(kit.unit(serial)["enrollmentId"], enrollment_id(held).as_str(), "{serial}");
    }
}
