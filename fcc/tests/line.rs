//! A session over a serial line: a simulated gateway at a pseudo-terminal whose console text is
//! mixed in (injection 12).

#![cfg(all(unix, feature = "serial"))]
#![expect(
    clippy::unwrap_used,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

mod kit;

use fcc::bundle::Bundle;
use fcc::device::{Build, Device, End, Store, Transport};
use fcc::frame;
use fcc::line::{self, BAUD, LineFault, PseudoTerminal, SerialLink};
use fcc::names;
use fcc::serve::live_on_a_line;
use fcc::session::{Patience, Session};
use kit::{Ca, Draft, p256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

const PATIENCE: Patience =
    Patience { quiet: Duration::from_millis(300), give_up: Duration::from_secs(60) };

/// A gateway at the end of a line: where the line is, and the gateway's lives.
fn gateway(lives: u32) -> (PathBuf, JoinHandle<(Device, Vec<End>)>) {
    let mut line = PseudoTerminal::new().unwrap();
    let path = line.path().to_owned();
    let build = Build { transport: Transport::Serial, ..Build::default() };
    let lives = tokio::spawn(async move {
        let mut device = Device::start(build, Store::in_memory(), None);
        let mut ends = Vec::new();
        for life in 1..=lives {
            let (ended, end) = live_on_a_line(&mut line, device).await.unwrap();
            ends.push(end);
            device = if life < lives { ended.restart() } else { ended };
        }
        line.drained(Duration::from_secs(2)).await.unwrap();
        (device, ends)
    });
    (path, lives)
}

fn session(path: &Path) -> Session<SerialLink> {
    Session::new(line::open(path, BAUD).unwrap(), PATIENCE)
}

fn identity() -> Bundle {
    let key = p256();
    kit::identity(&key, Ca::p256().issue(&key, &Draft::default()))
}

fn holds_certificate(device: &Device) -> bool {
    device.store().listing().iter().any(|(name, _)| name == names::BOOTSTRAP_CERTIFICATE)
}

#[tokio::test]
async fn an_identity_goes_over_a_line() {
    let (path, gateway) = gateway(1);
    let reply = session(&path).exchange(&identity()).await.unwrap();
    assert!(reply.succeeded(), "{reply:?}");
    let (device, ends) = gateway.await.unwrap();
    assert_eq!(ends, [End::Exit(0)]);
    assert!(holds_certificate(&device));
}

#[tokio::test]
async fn a_key_made_on_the_device_stays_there_over_a_line() {
    let (path, _gateway) = gateway(1);
    let mut session = session(&path);
    let asked = kit::csr_request(&format!("CN={}", kit::ENDPOINT));
    let reply = session.exchange(&asked).await.unwrap();
    assert!(reply.succeeded() && reply.csrs.len() == 1, "{reply:?}");
}

/// A station was unplugged in the middle of a frame: the board waits for the rest for ever. The next
/// session brings it back without anybody's help.
#[tokio::test]
async fn a_board_left_in_the_middle_of_a_frame_is_brought_back() {
    let bundle = identity();
    let whole = frame::request(&bundle.encode());
    for cut in [8, 9, 10, 11, 12, 13, whole.len() / 2, whole.len() - 33, whole.len() - 1] {
        let (path, gateway) = gateway(2);
        let mut link = line::open(&path, BAUD).unwrap();
        link.write_all(whole.get(..cut).unwrap()).await.unwrap();
        drop(link);
        let reply = session(&path).exchange(&bundle).await;
        assert!(reply.as_ref().unwrap().succeeded(), "cut at {cut}: {reply:?}");
        let (device, ends) = gateway.await.unwrap();
        assert_eq!(ends, [End::Exit(1), End::Exit(0)], "cut at {cut}");
        assert!(holds_certificate(&device));
    }
}

/// Noise before a frame, also one that begins a token.
#[tokio::test]
async fn noise_hides_no_frame() {
    for noise in ["AT\r\n", "mbedprom", "mbedpro", "\u{0}\u{fffd}"] {
        let (path, gateway) = gateway(1);
        let mut link = line::open(&path, BAUD).unwrap();
        link.write_all(noise.as_bytes()).await.unwrap();
        let reply = Session::new(link, PATIENCE).exchange(&identity()).await.unwrap();
        assert!(reply.succeeded(), "{noise:?}: {reply:?}");
        assert_eq!(gateway.await.unwrap().1, [End::Exit(0)]);
    }
}

#[tokio::test]
async fn a_line_is_opened_once_and_only_if_it_is_one() {
    let (path, _gateway) = gateway(1);
    let _first = line::open(&path, BAUD).unwrap();
    assert_eq!(line::open(&path, BAUD).err(), Some(LineFault::Busy(path)));
    let nowhere = Path::new("/dev/there-is-no-such-line");
    assert_eq!(line::open(nowhere, BAUD).err(), Some(LineFault::Missing(nowhere.into())));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = line::open(&file, BAUD).err().unwrap();
    assert!(refused.to_string().contains("not a serial line"), "{refused}");
}

/// A station that has its reply reads no more, and last words stay in the line.
#[tokio::test]
async fn last_words_are_not_waited_for_for_ever() {
    let mut line = PseudoTerminal::new().unwrap();
    let far = line::open(line.path(), BAUD).unwrap();
    line.write_all(b"Successfully completed factory flow\n").await.unwrap();
    let waiting = line.drained(Duration::from_millis(300));
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    drop(far);
}
