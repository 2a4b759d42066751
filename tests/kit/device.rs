//! Simulated gateways: the real `fcc-device`.

use std::collections::BTreeMap;
use std::process::Command;

use tempfile::TempDir;

use super::program::{Running, binary, eventually, run};
use super::setup::only;

/// What the client prints before its address.
const ADDRESS: &str = "Client IP Address and Port :  127.0.0.1:";

/// What it prints before the path of its line.
const LINE: &str = "Client serial line :  ";

/// A simulated gateway, waiting for its identity.
pub struct Device {
    running: Running,
    /// Port, or path of the line.
    place: String,
    store: TempDir,
}

impl Device {
    /// A well-behaved one that ends with its session, as the reference client does.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// One that does something wrong.
    pub fn faulty(fault: &str) -> Self {
        Self::with(&["--fault", fault])
    }

    /// One with these options.
    pub fn with(options: &[&str]) -> Self {
        Self::at(&["--listen", "127.0.0.1:0"], ADDRESS, options)
    }

    /// One at the end of a serial line, with these options.
    pub fn on_a_line(options: &[&str]) -> Self {
        Self::at(&["--serial"], LINE, options)
    }

    fn at(place: &[&str], said: &str, options: &[&str]) -> Self {
        let store = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary("fcc-device"));
        only(&mut command, &[]);
        command.arg("--store").arg(store.path()).args(options).args(place);
        let running = Running::start(command);
        let line = running.line_with(said);
        let place = line.strip_prefix(said).unwrap().to_owned();
        Self { running, place, store }
    }

    pub fn port(&self) -> String {
        self.place.clone()
    }

    /// Where the other end of its line is.
    pub fn line(&self) -> &str {
        &self.place
    }

    /// Waits for its end and gives the exit status.
    pub fn exit_status(&self) -> i32 {
        eventually("the device ends", || self.running.code().is_some());
        self.running.code().unwrap()
    }

    /// What it holds now.
    pub fn items(&self) -> Items {
        let mut command = Command::new(binary("fcc-device"));
        command.arg("dump").arg("--store").arg(self.store.path());
        let dump = run(command, |_, _| {});
        let items = dump.worked().lines().map(|line| {
            let (name, hex) = line.split_once("  ").unwrap();
            (name.to_owned(), unhex(hex))
        });
        Items(items.collect())
    }
}

/// What a gateway stored, by name.
pub struct Items(BTreeMap<String, Vec<u8>>);

impl Items {
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    pub fn holds(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&self, name: &str) -> &[u8] {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} among {:?}", self.names()))
    }

    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap()
    }

    /// An integer as the device keeps it: least significant byte first.
    pub fn number(&self, name: &str) -> u64 {
        self.bytes(name).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
