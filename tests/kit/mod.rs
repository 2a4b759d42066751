//! A station in a temporary folder, gateways for it, and everything else a story needs.
//!
//! What a kit starts it also ends, whatever becomes of the test. Every wait has a limit.

mod certificates;
mod device;
mod gateway;
mod http;
pub mod judges;
mod ledger;
mod peer;
mod program;
mod servers;
mod setup;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

pub use certificates::{Authority, Draft, enrollment_id, on_curve, p256, words};
pub use device::{Device, Items};
pub use gateway::Gateway;
pub use http::{Answer, request, send};
pub use ledger::Ledger;
pub use peer::{Peer, drain, read_frame};
pub use program::{Done, PATIENCE, Running, binary, eventually, run, skip};
pub use servers::Database;
pub use setup::{Setup, only};

/// A running station with a folder of its own.
pub struct Kit {
    folder: TempDir,
    environment: Vec<(String, String)>,
    launcher: Vec<String>,
    /// `None` while it is stopped or killed.
    station: Option<Running>,
    address: SocketAddr,
    scheme: &'static str,
    /// What earlier lives of the station wrote.
    earlier: String,
    ledger: Ledger,
}

impl Kit {
    /// A station as `pep-server init` leaves it, impatient with devices.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// The same, after `change` has edited its folder and environment.
    pub fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::new();
        change(&mut setup);
        Self::of(setup)
    }

    /// The station of this folder and environment.
    pub fn of(setup: Setup) -> Self {
        let Setup { folder, environment, launcher, ledger } = setup;
        let file = folder.path().join("store/ledger.sqlite");
        let mut kit = Self {
            folder,
            environment,
            launcher,
            station: None,
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            scheme: "http",
            earlier: String::new(),
            ledger: ledger.unwrap_or(Ledger::Embedded(file)),
        };
        kit.start_again();
        kit
    }

    /// Starts the station that was stopped or killed.
    pub fn start_again(&mut self) {
        assert!(self.station.is_none(), "the station runs");
        let mut command = self.server();
        command.arg("--config").arg(self.folder.path().join("station.toml"));
        let station = Running::start(command);
        let line = station.line_with("listening on ");
        let url = line.split("listening on ").nth(1).unwrap();
        // A blank ends it in a log for people, a quote in one for machines.
        let (scheme, address) = url.split([' ', '"']).next().unwrap().split_once("://").unwrap();
        self.scheme = if scheme == "https" { "https" } else { "http" };
        self.address = address.parse().unwrap();
        self.station = Some(station);
    }

    /// Changes a variable of the station's environment, for its next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// `pep-server` with this station's environment and nothing else of ours.
    pub fn server(&self) -> Command {
        let mut words = self.launcher.iter().map(Into::into).collect::<Vec<PathBuf>>();
        words.push(binary("pep-server"));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        setup::only(&mut command, &self.environment);
        command
    }

    /// Changes the program that starts the station, for its next start; see [`Setup::launched_by`].
    pub fn launched_by(&mut self, program: &[&str]) {
        self.launcher = program.iter().map(|word| (*word).to_owned()).collect();
    }

    /// The station's process id.
    pub fn process(&self) -> u32 {
        self.station.as_ref().unwrap().id()
    }

    /// Power loss for the program: `kill -9`.
    pub fn kill(&mut self) {
        let station = self.station.take().unwrap();
        self.earlier.push_str(&station.kill());
    }

    /// Asks the station to stop and waits until it has, for as long as a story may take.
    pub fn stop(&mut self) -> i32 {
        let station = self.station.take().unwrap();
        station.signal("TERM");
        let (code, log) = station.ended(PATIENCE);
        self.earlier.push_str(&log);
        code
    }

    /// Asks the station to read its configuration again (SIGHUP), waits until it has, and gives what
    /// it said about that.
    pub fn reload(&self) -> String {
        let ended = |log: &str| {
            let ends = ["reload: done", "reload: refused", "reload: a simulated station"];
            ends.iter().map(|end| log.matches(end).count()).sum::<usize>()
        };
        let before = self.log();
        self.station.as_ref().unwrap().signal("HUP");
        eventually("it is read again", || ended(&self.log()) > ended(&before));
        self.log().split_off(before.len())
    }

    /// Asks the station to stop and comes back at once.
    pub fn ask_to_stop(&self) {
        self.station.as_ref().unwrap().signal("TERM");
    }

    /// Waits for a station that was asked to stop.
    pub fn stopped(&mut self) -> i32 {
        let (code, log) = self.station.take().unwrap().ended(PATIENCE);
        self.earlier.push_str(&log);
        code
    }

    /// Everything the station has written to its log, all its lives.
    pub fn log(&self) -> String {
        let now = self.station.as_ref().map(Running::written).unwrap_or_default();
        format!("{}{now}", self.earlier)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The EXAMPLE CA that `init` made, or whatever stands in its place.
    pub fn ca(&self) -> openssl::x509::X509 {
        let pem = std::fs::read(self.folder.path().join("keystore/CA_cert.pem")).unwrap();
        openssl::x509::X509::from_pem(&pem).unwrap()
    }

    /// The token that `init` made.
    pub fn token(&self) -> String {
        let file = std::fs::read_to_string(self.token_file()).unwrap();
        file.trim().split_once(':').unwrap().1.to_owned()
    }

    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("operator.token")
    }

    /// GET, as a gateway's program would.
    pub fn get(&self, path: &str) -> Answer {
        request(self.address, &format!("GET {path} HTTP/1.1\r\n"))
    }

    /// GET as the old command line and curl do it: any answer is taken.
    pub fn get_as_curl(&self, path: &str) -> Answer {
        request(self.address, &format!("GET {path} HTTP/1.1\r\nAccept: */*\r\n"))
    }

    /// GET with the operator's token.
    pub fn get_as_operator(&self, path: &str) -> Answer {
        let token = self.token();
        request(self.address, &format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"))
    }

    /// `pep` in a fresh working folder.
    pub fn pep<const N: usize>(&self, arguments: [&str; N]) -> Done {
        self.pep_with(&arguments, |_, _| {})
    }

    /// `pep` in a fresh working folder that `prepare` may fill; it may change the environment too.
    pub fn pep_with(&self, arguments: &[&str], prepare: impl FnOnce(&mut Command, &Path)) -> Done {
        let mut command = Command::new(binary("pep"));
        setup::only(&mut command, &[("PEP_SERVER_URL".to_owned(), self.url())]);
        command.args(arguments);
        run(command, prepare)
    }

    /// `pep` with the operator's token, in a fresh working folder.
    pub fn pep_as_operator<const N: usize>(&self, arguments: [&str; N]) -> Done {
        let token = self.token_file();
        self.pep_with(&arguments, |command, _| {
            command.env("PEP_OPERATOR_TOKEN_FILE", token);
        })
    }

    /// POST with the operator's token.
    pub fn post_as_operator(&self, path: &str) -> Answer {
        let token = self.token();
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Length: 0\r\nAuthorization: Bearer {token}\r\n"
        );
        request(self.address, &head)
    }

    /// Says that the newest record is this many seconds newer than now, as a clock that has jumped
    /// back finds it. The station must be stopped.
    pub fn newer_than_now(&self, seconds: i64) {
        assert!(self.station.is_none(), "the station runs");
        self.ledger.newer_than_now(seconds);
    }

    /// `pep get-one-identity` for the unit `serial` behind `device`.
    pub fn provision(&self, serial: &str, device: &Device) -> Done {
        self.pep(["get-one-identity", "-s", serial, "-i", "127.0.0.1", "-p", &device.port()])
    }

    /// The same by one GET, without `pep`.
    pub fn provision_by_http(&self, serial: &str, device: &Device) -> Answer {
        self.get(&Self::query(serial, &device.port()))
    }

    /// The query of `/v3/identity` for the unit `serial` at a port of this machine.
    pub fn query(serial: &str, port: &str) -> String {
        format!("/v3/identity?serialNumber={serial}&ip=127.0.0.1&port={port}")
    }

    /// What the station keeps, read beside it.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The states of a unit's executions in their order; none for a unit never heard of.
    pub fn states(&self, serial: &str) -> Vec<String> {
        self.ledger.states(serial)
    }

    /// The record of a unit, as the ledger keeps it.
    pub fn record(&self, serial: &str) -> serde_json::Value {
        self.ledger.record(serial).unwrap_or_else(|| panic!("no record of {serial}"))
    }

    /// The same, or nothing for a unit never heard of.
    pub fn unit(&self, serial: &str) -> serde_json::Value {
        self.ledger.record(serial).unwrap_or_default()
    }

    /// What operators did: name and act.
    pub fn operations(&self) -> Vec<(String, String)> {
        self.ledger.operations()
    }

    /// Waits until the unit's executions have these states.
    pub fn await_states(&self, serial: &str, states: &[&str]) {
        eventually(&format!("{serial} is {states:?}"), || self.states(serial) == states);
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its end is what matters.
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("--- the station's log, newest first\n{}\n---", lines.join("\n"));
        }
    }
}

/// Sleeps in a test: only where the story itself is about time that passes.
pub fn pass(time: Duration) {
    std::thread::sleep(time);
}
