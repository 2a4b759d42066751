//! The journal beside the ledger, through the real programs: an old backup is put back, the ledger
//! is lost, the journal itself is torn, damaged, or lacks its middle.

use std::path::PathBuf;

use crate::kit::{Device, Kit, enrollment_id, run};

const CERTIFICATE: &str = "mbed.BootstrapDeviceCert";

/// A station that has done GW-1, was backed up then while it ran, and has done four more since.
/// Power loss was its end.
struct Line {
    kit: Kit,
    /// GW-1 to GW-5, each with its identity.
    devices: Vec<Device>,
    backup: PathBuf,
}

impl Line {
    fn with_a_backup() -> Self {
        let mut kit = Kit::with(|setup| {
            setup.env("PEP_STATION_NAME", "one");
        });
        let devices: Vec<_> = (0..5).map(|_| Device::with(&["--keep"])).collect();
        kit.provision("GW-1", &devices[0]).worked();
        let backup = kit.folder().join("backup.sqlite");
        let mut command = kit.server();
        command.arg("--config").arg(kit.folder().join("station.toml"));
        command.arg("backup").arg(&backup);
        run(command, |_, _| {}).worked();
        for (number, device) in (2..).zip(&devices[1..]) {
            kit.provision(&format!("GW-{number}"), device).worked();
        }
        kit.kill();
        Self { kit, devices, backup }
    }

    fn store(&self, name: &str) -> PathBuf {
        self.kit.folder().join("store").join(name)
    }

    fn journal(&self) -> PathBuf {
        self.store("journal/one-000001.journal")
    }

    /// Puts the backup in the ledger's place, as docs/operating.md says.
    fn restore(&self) {
        self.lose_the_ledger();
        std::fs::copy(&self.backup, self.store("ledger.sqlite")).unwrap();
    }

    fn lose_the_ledger(&self) {
        for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = std::fs::remove_file(self.store(name));
        }
    }

    /// What the last start found wrong with the journal: the number, and the words of the log.
    fn faults(&self, log_before: usize) -> (f64, Vec<String>) {
        let numbers = self.kit.get_as_operator("/metrics");
        let faults =
            numbers.text().lines().find_map(|line| line.strip_prefix("pep_journal_faults "));
        let log = self.kit.log().split_off(log_before);
        let told = log.lines().filter(|line| line.contains("the journal is damaged: "));
        (faults.unwrap().parse().unwrap(), told.map(str::to_owned).collect())
    }

    /// The unit is done, protected, and what the ledger has is what its gateway holds.
    fn assert_done(&self, number: usize) {
        let serial = format!("GW-{number}");
        assert_eq!(self.kit.states(&serial), ["confirmed"], "{serial}");
        let device = &self.devices[number - 1];
        let held = enrollment_id(device.items().bytes(CERTIFICATE));
        let told = self.kit.get(&format!("/v3/enrollment-id?serialNumber={serial}"));
        assert_eq!(told.text(), held, "{serial}");
        self.kit.provision_by_http(&serial, device).problem(409, "serial-taken");
        assert!(device.items().holds(CERTIFICATE), "{serial}: the finished gateway is untouched");
    }

    fn provisioned(&self) -> serde_json::Value {
        self.kit.get("/v3/enrollment-ids").document()["provisioned_count"].clone()
    }
}

/// The lines of the journal that tell of a unit, as places from and to.
fn lines_of(journal: &[u8], serial: &str) -> Vec<(usize, usize)> {
    let wanted = format!("\"{serial}\"");
    let mut at = 0;
    let mut found = Vec::new();
    for line in journal.split_inclusive(|byte| *byte == b'\n') {
        let has = |words: &str| line.windows(words.len()).any(|some| some == words.as_bytes());
        if has(&wanted) {
            found.push((at, at + line.len()));
        }
        at += line.len();
    }
    assert_eq!(found.len(), 3, "{serial}: reserved, sent, confirmed");
    found
}

/// Where the zeros begin that are room for what comes next.
fn end_of(journal: &[u8]) -> usize {
    journal.iter().rposition(|byte| *byte == b'\n').unwrap() + 1
}

#[test]
fn an_old_backup_is_put_back() {
    let mut line = Line::with_a_backup();
    line.restore();
    let before = line.kit.log().len();
    line.kit.start_again();
    assert_eq!(line.faults(before), (0.0, vec![]));
    let said = "the ledger was behind its journal and is brought up to date";
    assert!(line.kit.log()[before..].contains(said), "{}", line.kit.log());
    (1..=5).for_each(|number| line.assert_done(number));
    assert_eq!(line.provisioned(), 5);
    // And so it stays.
    assert_eq!(line.kit.stop(), 0);
    let before = line.kit.log().len();
    line.kit.start_again();
    assert!(!line.kit.log()[before..].contains(said), "nothing is left to be read");
    assert_eq!(line.provisioned(), 5);
}

/// The tail is torn, as a power cut leaves it, and the ledger is gone: everything that was ever
/// acknowledged comes back, and the journal goes on.
#[test]
fn a_torn_tail_is_no_damage() {
    let mut line = Line::with_a_backup();
    let mut bytes = std::fs::read(line.journal()).unwrap();
    // Half of a line that would have been next, over the zeros.
    let end = end_of(&bytes);
    let (_, stop) = lines_of(&bytes, "GW-5")[2];
    assert_eq!(stop, end, "the last event");
    let torn = format!("{} {} 01234567 {{\"record\":{{\"ver", 16, 16);
    bytes.resize(bytes.len().max(end + torn.len()), 0);
    bytes[end..end + torn.len()].copy_from_slice(torn.as_bytes());
    std::fs::write(line.journal(), &bytes).unwrap();

    line.lose_the_ledger();
    let before = line.kit.log().len();
    line.kit.start_again();
    assert_eq!(line.faults(before), (0.0, vec![]));
    (1..=5).for_each(|number| line.assert_done(number));
    let next = Device::with(&["--keep"]);
    line.kit.provision("GW-6", &next).worked();

    // What was written behind the tear is read again as well.
    line.kit.kill();
    line.lose_the_ledger();
    let before = line.kit.log().len();
    line.kit.start_again();
    assert_eq!(line.faults(before), (0.0, vec![]));
    assert_eq!(line.kit.states("GW-6"), ["confirmed"]);
    assert_eq!(line.provisioned(), 6);
}

/// One bit of the line that says GW-3 is confirmed: reported with its place, and only that is lost.
#[test]
fn a_flipped_bit_is_reported_with_its_place() {
    let mut line = Line::with_a_backup();
    let mut bytes = std::fs::read(line.journal()).unwrap();
    let (from, to) = lines_of(&bytes, "GW-3")[2];
    bytes[(from + to) / 2] ^= 1;
    std::fs::write(line.journal(), &bytes).unwrap();

    line.restore();
    let before = line.kit.log().len();
    line.kit.start_again();
    let (count, told) = line.faults(before);
    assert_eq!(count, 1.0, "{told:?}");
    let place = format!("one-000001.journal, byte {from}: a line is damaged");
    assert!(told[0].contains(&place), "{told:?}");
    [1, 2, 4, 5].into_iter().for_each(|number| line.assert_done(number));
    // That it was on its way is known, and with which certificate; not that it arrived.
    assert_eq!(line.kit.states("GW-3"), ["sent"]);
    let record = line.kit.record("GW-3");
    let held = enrollment_id(line.devices[2].items().bytes(CERTIFICATE));
    assert_eq!(record["executions"][0]["certificate"]["enrollmentId"], held);
    assert_eq!(line.provisioned(), 4);
    line.kit.provision("GW-3", &line.devices[2]).worked();
    assert_eq!(line.kit.states("GW-3"), ["sent", "confirmed"]);
}

/// The middle is gone, all that was said of GW-3: reported with its place; the rest comes back.
#[test]
fn a_missing_middle_is_reported_with_its_place() {
    let mut line = Line::with_a_backup();
    let mut bytes = std::fs::read(line.journal()).unwrap();
    let events = lines_of(&bytes, "GW-3");
    let (from, to) = (events[0].0, events[2].1);
    bytes.drain(from..to);
    std::fs::write(line.journal(), &bytes).unwrap();

    line.restore();
    let before = line.kit.log().len();
    line.kit.start_again();
    let (count, told) = line.faults(before);
    assert_eq!(count, 1.0, "{told:?}");
    let place = format!("one-000001.journal, byte {from}: event 10 stands where 7 should");
    assert!(told[0].contains(&place), "{told:?}");
    [1, 2, 4, 5].into_iter().for_each(|number| line.assert_done(number));
    assert_eq!(line.kit.unit("GW-3"), serde_json::Value::Null);
    assert_eq!(line.provisioned(), 4);
}

/// The same damages beside a ledger that has seen everything: nothing is lost, and nothing needs
/// to be read.
#[test]
fn a_damaged_journal_beside_a_whole_ledger() {
    let mut line = Line::with_a_backup();
    let mut bytes = std::fs::read(line.journal()).unwrap();
    let (from, to) = lines_of(&bytes, "GW-3")[2];
    bytes[(from + to) / 2] ^= 1;
    std::fs::write(line.journal(), &bytes).unwrap();
    line.kit.start_again();
    (1..=5).for_each(|number| line.assert_done(number));
    assert_eq!(line.provisioned(), 5);
}
