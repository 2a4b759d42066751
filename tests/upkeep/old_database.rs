//! A database of the old system's age: too old for the driver. `check` and the station say so within
//! the time they have, with the version that was found and the one that is wanted, and wait without
//! work.
//!
//! No MongoDB 4.0 can be had from a registry. The server here is a real one, mongo-java-server, behind
//! a wire that changes one number of its greeting: the newest wire version it speaks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::kit::{Database, Kit, Ledger, Setup, run};

/// MongoDB 4.0's (its driver specifications, "Wire Version Features").
const WIRE_VERSION: i32 = 7;
const NAME: &[u8] = b"\x10maxWireVersion\0";

/// A wire to a server that makes it look old; gives its address.
fn older(server: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let (caller, server) = (caller.unwrap(), TcpStream::connect(&server).unwrap());
            let (mut asks, mut asked) = (caller.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || drop(std::io::copy(&mut asks, &mut asked)));
            thread::spawn(move || answers(server, caller));
        }
    });
    address
}

/// Message by message, each of which begins with its length.
fn answers(mut from: TcpStream, mut to: TcpStream) {
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let rest = usize::try_from(u32::from_le_bytes(length)).unwrap() - 4;
        let mut message = vec![0; rest];
        if from.read_exact(&mut message).is_err() {
            return;
        }
        if let Some(at) = message.windows(NAME.len()).position(|part| part == NAME) {
            let at = at + NAME.len();
            message[at..at + 4].copy_from_slice(&WIRE_VERSION.to_le_bytes());
        }
        if to.write_all(&length).and_then(|()| to.write_all(&message)).is_err() {
            return;
        }
    }
}

const SAID: [&str; 4] = [
    "is MongoDB 4.0 (wire version 7), this station needs 4.4 or newer (wire version 9)",
    "[store] uri): the database cannot be used: ",
    "dumped from the old one and restored there",
    "127.0.0.1:",
];

#[test]
fn a_database_that_is_too_old_is_said_to_be() {
    let Some(server) = Database::shared() else { return };
    let address = older(server.address());
    let mut setup = Setup::new();
    setup.mongodb(&Ledger::new_database(server.address()), &address);
    setup.env("PEP_STORE_TIMEOUT", "2");
    for arguments in [&["check"][..], &[], &["accept-clock"]] {
        let refused = run(setup.server(arguments), |_, _| {});
        assert_eq!(refused.code, 1, "{arguments:?}: {}", refused.stdout);
        for words in SAID {
            assert!(refused.stderr.contains(words), "{arguments:?}: {}", refused.stderr);
        }
    }
}

/// A database that refuses at once is asked now and then, not as fast as it can be: the processor's
/// time is measured, not the clock's.
#[test]
fn waiting_for_a_database_is_no_work() {
    let mut setup = Setup::new();
    setup.env("PEP_STORE_KIND", "mongodb").env("PEP_STORE_TIMEOUT", "6");
    setup.env("PEP_STORE_URI", "mongodb://127.0.0.1:1/?directConnection=true");
    let mut command = setup.server(&["check"]);
    command.env("RUST_BACKTRACE", "0");
    let waiting = crate::kit::Running::start(command);
    let mut used = 0;
    while waiting.code().is_none() {
        if let Ok(text) = std::fs::read_to_string(format!("/proc/{}/stat", waiting.id()))
            && let Some((_, fields)) = text.rsplit_once(')')
        {
            // proc(5): user and system time, the 14th and 15th field, in hundredths of a second.
            let fields: Vec<_> = fields.split_whitespace().collect();
            used = [11, 12].map(|at: usize| fields[at].parse::<u64>().unwrap_or(0)).iter().sum();
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(waiting.code(), Some(1));
    assert!(waiting.written().contains("the database does not answer"), "{}", waiting.written());
    assert!(used < 200, "{used} hundredths of a second of work in six of waiting");
}

/// `check` makes nothing in a database: no collection, no index, no probe. And then it names what is
/// there.
#[test]
fn check_makes_nothing_in_a_database() {
    let Some(server) = Database::shared() else { return };
    let database = Ledger::new_database(server.address());
    let mut setup = Setup::new();
    setup.mongodb(&database, server.address());
    let checked = run(setup.server(&["check"]), |_, _| {});
    let said = checked.worked();
    assert!(said.contains("no ledger yet at mongodb://127.0.0.1:"), "{said}");
    assert_eq!(collections(&database), [""; 0]);
    let refused = run(setup.server(&["accept-clock"]), |_, _| {});
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("there is no ledger at mongodb://"), "{}", refused.stderr);
    assert_eq!(collections(&database), [""; 0]);
    assert!(!setup.folder().join("store").exists());

    let mut kit = Kit::of(setup);
    super::provision(&kit, &["GW-1", "GW-2"]);
    let line = kit.log();
    let line = line.lines().find(|line| line.contains("the ledger is open")).unwrap();
    let id = line.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for stopped in [false, true] {
        if stopped {
            kit.stop();
        }
        let checked = super::server(&kit, &["check"]);
        let said = checked.worked();
        assert!(said.contains(&format!("id {id}, 2 units, newest record 20")), "{said}");
        assert_eq!(
            said.contains("a station is running on this ledger (process "),
            !stopped,
            "{said}"
        );
    }
}

fn collections(ledger: &Ledger) -> Vec<String> {
    let Ledger::MongoDb { address, database } = ledger else { panic!() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(format!("mongodb://{address}")).await.unwrap();
        client.database(database).list_collection_names().await.unwrap()
    })
}
