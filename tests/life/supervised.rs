//! What systemd hears of the station: a real socket in systemd's place.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use crate::kit::{Kit, PATIENCE, Setup, run};

/// The next message in which a line begins with one of these.
fn heard(socket: &UnixDatagram, beginnings: &[&str]) -> Vec<String> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut room = [0; 4096];
    loop {
        let count =
            socket.recv(&mut room).unwrap_or_else(|error| panic!("{beginnings:?}: {error}"));
        let text = String::from_utf8(room[..count].to_vec()).unwrap();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        if beginnings.iter().all(|it| lines.iter().any(|line| line.starts_with(it))) {
            return lines;
        }
    }
}

fn supervised(address: &str, watchdog: Option<Duration>) -> Kit {
    Kit::with(|setup: &mut Setup| {
        setup.env("NOTIFY_SOCKET", address);
        if let Some(limit) = watchdog {
            setup.env("WATCHDOG_USEC", &limit.as_micros().to_string());
        }
    })
}

#[test]
fn a_whole_life_is_told() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut kit = supervised(path.to_str().unwrap(), Some(Duration::from_millis(600)));
    // More time is asked for while the ledger is opened; readiness is said when it listens.
    heard(&socket, &["EXTEND_TIMEOUT_USEC="]);
    heard(&socket, &["READY=1"]);
    let alive = heard(&socket, &["WATCHDOG=1"]);
    assert!(alive.iter().any(|line| line == "STATUS=ready; 0 running"), "{alive:?}");
    kit.reload();
    let reloading = heard(&socket, &["RELOADING=1"]);
    assert!(reloading.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading:?}");
    heard(&socket, &["READY=1"]);
    heard(&socket, &["WATCHDOG=1"]);
    assert_eq!(kit.stop(), 0);
    heard(&socket, &["STOPPING=1", "STATUS=stopping"]);
    heard(&socket, &["EXTEND_TIMEOUT_USEC="]);
}

/// A station that cannot issue lives: it says why and is not ended for it. One that does not answer
/// says nothing.
#[test]
fn not_ready_is_alive_and_a_standstill_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let kit = Kit::with(|setup| {
        setup.env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "300000");
        // More room than any disk has.
        setup.env("PEP_STORE_MIN_FREE", "16777216");
    });
    let said = heard(&socket, &["WATCHDOG=1"]);
    assert!(said.iter().any(|line| line.starts_with("STATUS=not ready: ")), "{said:?}");

    let signal = |name: &str| {
        let id = kit.process().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    };
    signal("STOP");
    socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut room = [0; 4096];
    // What was sent before it stood still is read first; then there is silence.
    while socket.recv(&mut room).is_ok() {}
    signal("CONT");
    heard(&socket, &["WATCHDOG=1"]);
}

/// Some supervisors listen at a name outside of the file system.
#[test]
fn an_abstract_socket_is_spoken_to() {
    let name = format!("pep-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let _kit = supervised(&format!("@{name}"), None);
    heard(&socket, &["READY=1"]);
}

/// Nobody listens where it was told to speak: it serves all the same.
#[test]
fn a_supervisor_that_is_gone_is_no_reason_to_end() {
    let kit = supervised("/nowhere/notify", Some(Duration::from_secs(1)));
    assert_eq!(kit.get("/readyz").status, 200);
}

/// A configuration that is wrong has an exit code of its own, which the unit does not restart on;
/// a ledger that somebody else has may be free in a moment.
#[test]
fn a_bad_configuration_has_an_exit_code_of_its_own() {
    let mut setup = Setup::new();
    setup.station("[log]", "[nonsense]\nx = 1\n[log]");
    let done = run(setup.server(&[]), |_, _| {});
    assert_eq!(done.code, 78, "{}", done.stderr);
    let done = run(setup.server(&["check"]), |_, _| {});
    assert_eq!(done.code, 78, "{}", done.stderr);

    let mut setup = Setup::new();
    std::fs::write(setup.folder().join("keystore/CA_private.pem"), "nothing").unwrap();
    assert_eq!(run(setup.server(&[]), |_, _| {}).code, 78);
    setup.file("keystore/CA_private.pem", crate::kit::Draft::named("x").self_signed().key_pem());
    assert_eq!(run(setup.server(&[]), |_, _| {}).code, 78);

    let kit = Kit::start();
    let mut second = kit.server();
    second.arg("--config").arg(kit.folder().join("station.toml"));
    let done = run(second, |_, _| {});
    assert_eq!(done.code, 1, "{}", done.stderr);
}
