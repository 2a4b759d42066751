//! `pep inject-serial`: the gateway is at a line of the caller's, the station runs the injection.

use std::fs::OpenOptions;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fcc::device::{Act, Build, Device as Client, Store, Transport};
use fcc::line::PseudoTerminal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::kit::{Device, Done, Kit, Setup, request};

pub fn station(change: impl FnOnce(&mut Setup)) -> Kit {
    Kit::with(|setup| {
        setup.env("PEP_INJECTION_QUIET", "1").env("PEP_INJECTION_GIVE_UP", "8");
        change(setup);
    })
}

pub fn inject(kit: &Kit, line: &str, serial: &str) -> Done {
    kit.pep(["inject-serial", "--line", line, "-s", serial])
}

/// A line played in this process: `play` gets its far end.
pub fn played<F>(play: impl FnOnce(PseudoTerminal) -> F + Send + 'static) -> String
where
    F: Future<Output = ()>,
{
    let (say, said) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let line = PseudoTerminal::new().unwrap();
            say.send(line.path().to_str().unwrap().to_owned()).unwrap();
            play(line).await;
        });
    });
    said.recv().unwrap()
}

#[test]
fn an_identity_goes_over_a_line_of_the_callers() {
    for mode in ["by_tool", "by_device"] {
        let kit = station(|setup| {
            let wanted = format!("generation-mode: {mode}");
            setup.fcu("generation-mode: by_tool", &wanted);
        });
        let device = Device::on_a_line(&[]);
        let done = inject(&kit, device.line(), "GW-1");
        let told: serde_json::Value = serde_json::from_str(done.worked()).unwrap();
        assert_eq!((&told["serialNumber"], &told["deployed"]), (&"GW-1".into(), &true.into()));
        assert!(device.items().holds("mbed.BootstrapDeviceCert"), "{mode}");
        assert_eq!(device.exit_status(), 0);
        assert_eq!(kit.states("GW-1"), ["confirmed"]);
        let address = kit.record("GW-1")["executions"][0]["address"].clone();
        assert_eq!(address, "line 1 of 127.0.0.1");
        // The document is that of the other way.
        let again = kit.pep(["get-identity", "-s", "GW-1"]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(again.worked()).unwrap(), told);
    }
}

/// Nothing is asked of the station for a line that cannot be had.
#[test]
fn lines_that_cannot_be_had_cost_no_attempt() {
    let kit = station(|_| {});
    let device = Device::on_a_line(&["--keep"]);
    let busy = OpenOptions::new().read(true).write(true).open(device.line()).unwrap();
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let done = inject(&kit, device.line(), "GW-1");
    assert!(done.stderr.contains("is in use by another program"), "{}", done.stderr);
    drop(busy);
    let done = inject(&kit, "/dev/there-is-no-such-line", "GW-1");
    assert!(done.stderr.contains("is not there"), "{}", done.stderr);
    let done = inject(&kit, "Cargo.toml", "GW-1");
    assert_ne!(done.code, 0, "{}", done.stderr);
    let done = kit.pep(["inject-serial", "--line", device.line(), "-s", "GW-1", "-p", "7777"]);
    assert!(done.stderr.contains("no address"), "{}", done.stderr);
    assert!(kit.states("GW-1").is_empty());
    inject(&kit, device.line(), "GW-1").worked();
    let done = inject(&kit, device.line(), "GW-1");
    assert!(done.stderr.contains("pep get-identity -s"), "{}", done.stderr);
}

/// The cable is pulled in the middle of the frame with the identity: the unit is in doubt, and
/// finished at the next try.
#[test]
fn a_line_that_is_unplugged_in_the_middle_of_a_frame() {
    let kit = station(|_| {});
    let line = played(|mut line| async move {
        let mut room = [0; 600];
        let mut heard = 0;
        while heard < room.len() {
            heard += line.read(&mut room).await.unwrap();
        }
    });
    let done = inject(&kit, &line, "GW-1");
    assert_ne!(done.code, 0);
    assert!(done.stderr.contains(&format!("the line {line} is gone")), "{}", done.stderr);
    crate::kit::eventually("the attempt has ended", || kit.states("GW-1") == ["sent"]);
    let device = Device::on_a_line(&[]);
    inject(&kit, device.line(), "GW-1").worked();
    assert_eq!(kit.states("GW-1"), ["sent", "confirmed"]);
}

/// A line that gives back whatever is written to it, and one that begins in the middle of a token.
#[test]
fn a_line_that_echoes_and_one_that_begins_anywhere() {
    let kit = station(|_| {});
    for (serial, echoes, before) in
        [("GW-1", true, b"login: ".as_slice()), ("GW-2", false, b"bedprov\x00\x01mbedpr")]
    {
        let line = played(move |mut line| async move {
            line.write_all(before).await.unwrap();
            let build = Build { transport: Transport::Serial, ..Build::default() };
            let mut client = Client::start(build, Store::in_memory(), None);
            let mut room = [0; 4096];
            loop {
                let count = line.read(&mut room).await.unwrap();
                if echoes {
                    line.write_all(&room[..count]).await.unwrap();
                }
                for act in client.heard(&room[..count]) {
                    match act {
                        Act::Send(bytes) => line.write_all(&bytes).await.unwrap(),
                        Act::End(_) => {
                            return line.drained(Duration::from_secs(5)).await.unwrap();
                        }
                        Act::Close => {}
                    }
                }
            }
        });
        inject(&kit, &line, serial).worked();
        assert_eq!(kit.states(serial), ["confirmed"]);
    }
}

/// A web page in a browser on the factory's network is given nothing, nor is who speaks no
/// WebSocket.
#[test]
fn the_route_is_for_pep_alone() {
    let kit = station(|_| {});
    let path = "/v3/identity-line?serialNumber=GW-1";
    kit.get(path).problem(400, "bad-request");
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = format!("GET {path} HTTP/1.1\r\nOrigin: http://evil.example\r\n{upgrade}");
    request(kit.address(), &head).problem(403, "address-refused");
    kit.get(&format!("{path}&ip=127.0.0.1&port=1")).problem(400, "bad-request");
    assert!(kit.states("GW-1").is_empty());
}
