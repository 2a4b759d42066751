//! The real `fcc-device` over real TCP, driven by the real station's side.

#![expect(
    clippy::unwrap_used,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

mod kit;

use fcc::bundle::{Bundle, Chain};
use fcc::frame::{self, FrameFault};
use fcc::names;
use fcc::reply::Reply;
use fcc::session::{Broken, Patience, Session, TcpLink, Why, Written, WrongReply};
use kit::{Ca, Draft, p256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Nothing here takes longer, even on a busy machine.
const LONG: Duration = Duration::from_secs(30);

const SHORT: Patience =
    Patience { quiet: Duration::from_millis(200), give_up: Duration::from_millis(1500) };

/// A running `fcc-device`, switched off when dropped.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fcc-device"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn address(&mut self) -> SocketAddr {
        let line = timeout(LONG, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        line.strip_prefix("Client IP Address and Port :  ").unwrap().parse().unwrap()
    }

    async fn ended(mut self) -> ExitStatus {
        timeout(LONG, self.child.wait()).await.unwrap().unwrap()
    }
}

async fn session(address: SocketAddr, patience: Patience) -> Session<TcpLink> {
    Session::new(TcpLink::connect(address).await.unwrap(), patience)
}

async fn inject(address: SocketAddr, bundle: &Bundle) -> Result<Reply, Broken> {
    let patience = Patience { give_up: LONG, ..Patience::default() };
    session(address, patience).await.exchange(bundle).await
}

fn by_tool() -> Bundle {
    let key = p256();
    kit::identity(&key, Ca::p256().issue(&key, &Draft::default()))
}

/// What `dump` prints, as names and bytes.
async fn dump(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let output = Command::new(env!("CARGO_BIN_EXE_fcc-device"))
        .args(["dump", "--store", store.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once("  ").unwrap();
            let bytes = (0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            (name.to_owned(), bytes)
        })
        .collect()
}

#[tokio::test]
async fn what_is_injected_is_stored_and_the_program_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&["--store", folder.path().to_str().unwrap()]);
    let address = program.address().await;
    let bundle = by_tool();

    let reply = inject(address, &bundle).await.unwrap();
    assert!(reply.succeeded(), "{reply:?}");
    assert_eq!(reply.warnings, [""; 0]);
    assert_eq!(program.ended().await.code(), Some(0));

    let stored = dump(folder.path()).await;
    assert_eq!(stored[names::BOOTSTRAP_PRIVATE_KEY], *bundle.keys[0].der);
    assert_eq!(stored[names::BOOTSTRAP_CERTIFICATE], bundle.certificates[0].der);
    assert_eq!(stored[names::ENDPOINT_NAME], kit::ENDPOINT.as_bytes());
    assert_eq!(stored[names::MEMORY_TOTAL_KB], 1_048_576u32.to_le_bytes());
    assert_eq!(stored["@server-ca"].len(), 33);
    assert!(!stored.contains_key(names::CURRENT_TIME));
}

#[tokio::test]
async fn a_key_made_on_the_device_gets_its_certificate_in_a_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&["--store", folder.path().to_str().unwrap()]);
    let mut session = session(program.address().await, Patience::default()).await;
    let ca = Ca::p256();

    let reply = session.exchange(&kit::csr_request("CN=a\\,b")).await.unwrap();
    let mut bundle = kit::identity_for(&reply.csrs[0].der, &ca);
    let leaf = bundle.certificates.remove(0).der;
    bundle.chains.push(Chain {
        name: names::BOOTSTRAP_CERTIFICATE.into(),
        key_name: Some(names::BOOTSTRAP_PRIVATE_KEY.into()),
        certificates: vec![leaf.clone(), ca.der.clone()],
    });
    let reply = session.exchange(&bundle).await.unwrap();
    assert!(reply.succeeded(), "{reply:?}");
    assert_eq!(program.ended().await.code(), Some(0));

    let stored = dump(folder.path()).await;
    assert_eq!(stored[names::BOOTSTRAP_CERTIFICATE], leaf);
    assert_eq!(stored["mbed.BootstrapDeviceCert#1"], ca.der);
}

#[tokio::test]
async fn kept_gateways_take_one_injection_after_the_other() {
    let mut program = Program::start(&["--keep"]);
    let address = program.address().await;
    for _ in 0..3 {
        assert!(inject(address, &by_tool()).await.unwrap().succeeded());
    }

    let mut program = Program::start(&["--keep", "--no-erase"]);
    let address = program.address().await;
    let bundle = by_tool();
    assert!(inject(address, &bundle).await.unwrap().succeeded());
    let again = inject(address, &bundle).await.unwrap();
    assert_eq!(again.return_status, 17);
    assert_eq!(again.said(), "Data already exists:mbed.BootstrapDevicePrivateKey");
}

#[tokio::test]
async fn each_of_several_gateways_has_its_line_and_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let mut program = Program::start(&["--count", "3", "--store", store]);
    let mut bundles = Vec::new();
    for _ in 0..3 {
        let address = program.address().await;
        let bundle = by_tool();
        assert!(inject(address, &bundle).await.unwrap().succeeded());
        bundles.push(bundle);
    }
    assert_eq!(program.ended().await.code(), Some(0));
    for (number, bundle) in (1..).zip(bundles) {
        let stored = dump(&folder.path().join(number.to_string())).await;
        assert_eq!(stored[names::BOOTSTRAP_PRIVATE_KEY], *bundle.keys[0].der);
    }
}

/// The identity is on the disk when the reply comes: a killed gateway has it when it starts
/// again, and so has one that was killed before its reply.
#[tokio::test]
async fn what_was_stored_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    for fault in [&[][..], &["--fault", "dies-after-store"]] {
        let mut program = Program::start(&[&["--keep", "--store", store], fault].concat());
        let outcome = inject(program.address().await, &by_tool()).await;
        assert_eq!(outcome.is_ok(), fault.is_empty());
        program.child.kill().await.unwrap();

        let mut program = Program::start(&["--no-erase", "--store", store]);
        let verify = Bundle { verify: true, ..Bundle::default() };
        let reply = inject(program.address().await, &verify).await.unwrap();
        assert!(reply.succeeded(), "{reply:?}");
        assert_eq!(reply.warnings, [""; 0]);
    }
}

/// injection 11.2: a frame that has arrived whole is processed, even if the station is gone.
#[tokio::test]
async fn a_station_that_leaves_after_the_last_byte_has_injected() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&["--store", folder.path().to_str().unwrap()]);
    let mut stream = TcpStream::connect(program.address().await).await.unwrap();
    let bundle = by_tool();
    stream.write_all(&frame::request(&bundle.encode())).await.unwrap();
    drop(stream);

    let ended = program.ended().await;
    assert!(ended.code() == Some(0) || ended.code() == Some(1), "{ended:?}");
    let stored = dump(folder.path()).await;
    assert_eq!(stored[names::BOOTSTRAP_CERTIFICATE], bundle.certificates[0].der);
}

/// injection 2.2 and 11.2.
#[tokio::test]
async fn probes_are_harmless_and_broken_frames_end_the_program() {
    let good = frame::request(&by_tool().encode());
    let mut wrong_hash = good.to_vec();
    *wrong_hash.last_mut().unwrap() ^= 1;
    for (bytes, status) in [
        (wrong_hash, Some(1)),
        (b"mbedprov\0\0\0\0".to_vec(), Some(1)),
        (good[..100].to_vec(), Some(1)),
        (good.to_vec(), Some(0)),
    ] {
        let mut program = Program::start(&[]);
        let address = program.address().await;
        for probe in [&b""[..], b"mbedpro", b"GET / HTTP/1.1\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(probe).await.unwrap();
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer.is_empty(), status == Some(1));
        assert_eq!(program.ended().await.code(), status);
    }
}

/// A by-device session that ends in a broken frame takes the client with it (injection 11.3).
#[tokio::test]
async fn a_broken_frame_in_a_session_aborts() {
    let mut program = Program::start(&[]);
    let mut session = session(program.address().await, Patience::default()).await;
    session.exchange(&kit::csr_request("CN=x")).await.unwrap();
    let mut link = session.into_link();
    link.write_all(b"mbedprov\x05\0\0\0ab").await.unwrap();
    drop(link);
    assert_eq!(program.ended().await.code(), Some(134));
}

async fn with_fault(fault: &str) -> (Program, Result<Reply, Broken>) {
    let mut program = Program::start(&["--fault", fault]);
    let address = program.address().await;
    let outcome = session(address, SHORT).await.exchange(&by_tool()).await;
    (program, outcome)
}

fn broken(why: Why) -> Result<Reply, Broken> {
    Err(Broken { written: Written::Whole, why })
}

#[tokio::test]
async fn faults_look_as_they_are_described() {
    for (fault, why) in [
        ("silence", Why::Silent(SHORT.give_up)),
        ("busy", Why::Silent(SHORT.give_up)),
        ("slow=5000", Why::Silent(SHORT.give_up)),
        ("hangup-frame=1", Why::Closed),
        ("hangup-byte=100", Why::Closed),
        ("dies-after-store", Why::Closed),
        ("wrong-hash", Why::WrongReply(FrameFault::WrongHash.into())),
        ("garbage", Why::WrongReply(WrongReply::Foreign)),
    ] {
        let (_program, outcome) = with_fault(fault).await;
        assert_eq!(outcome, broken(why), "{fault}");
    }
    for number in [0, 38, 4_294_967_296, u64::MAX] {
        let (program, outcome) = with_fault(&format!("status={number}")).await;
        assert_eq!(outcome.unwrap().return_status, number);
        assert_eq!(program.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_slow_gateway_is_late_and_right() {
    let mut program = Program::start(&["--fault", "slow=300"]);
    let address = program.address().await;
    let before = Instant::now();
    assert!(inject(address, &by_tool()).await.unwrap().succeeded());
    assert!(before.elapsed() >= Duration::from_millis(300));
}

/// Faults that happen once leave a gateway that can be tried again.
#[tokio::test]
async fn the_second_try_succeeds() {
    for fault in ["hangup-frame=1", "hangup-byte=100", "dies-after-store"] {
        let mut program = Program::start(&["--keep", "--fault", fault]);
        let address = program.address().await;
        let bundle = by_tool();
        assert_eq!(inject(address, &bundle).await, broken(Why::Closed), "{fault}");
        assert!(inject(address, &bundle).await.unwrap().succeeded(), "{fault}");
    }
    let mut program = Program::start(&["--fault", "hangup-frame=2"]);
    let address = program.address().await;
    let mut first = session(address, Patience::default()).await;
    let csr = first.exchange(&kit::csr_request("CN=x")).await.unwrap().csrs.remove(0).der;
    let identity = kit::identity_for(&csr, &Ca::p256());
    assert_eq!(first.exchange(&identity).await, broken(Why::Closed));
    // The client goes on, with the key of the attempt before.
    let reply = inject(address, &kit::csr_request("CN=x")).await.unwrap();
    assert_eq!(reply.return_status, 17);
    assert!(inject(address, &identity).await.unwrap().succeeded());
}

#[tokio::test]
async fn wrong_usage_is_said_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (arguments, status, said) in [
        (vec!["--fault", "explodes"], 2, "\"explodes\" is not a fault"),
        (vec!["--listen", "nowhere"], 2, "--listen"),
        (vec!["--listen", taken.as_str()], 1, "cannot listen on"),
        (vec!["--store", file.to_str().unwrap()], 1, "cannot use the folder"),
        (vec!["dump", "--store", missing.to_str().unwrap()], 1, "there is no gateway's store"),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_fcc-device")).args(&arguments).output();
        let output = timeout(LONG, run).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

/// The lost wake-up of injection 2.1 cannot be had here; that the first connection is served
/// while a second one waits in the queue can.
#[tokio::test]
async fn a_second_connection_does_not_disturb_the_first() {
    let mut program = Program::start(&["--fault", "slow=600"]);
    let address = program.address().await;
    let patience = Patience { quiet: Duration::from_millis(100), give_up: LONG };
    let reply = session(address, patience).await.exchange(&by_tool()).await;
    assert!(reply.unwrap().succeeded());
}
