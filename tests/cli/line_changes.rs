//! A serial line that changes bytes is told from one that is silent: what came, and what it looks
//! like.

use std::time::Duration;

use fcc::device::{Act, Build, Device as Client, Store, Transport};
use fcc::line::PseudoTerminal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::inject_serial::{inject, played, station};

/// A client at the far end of a line whose every reply goes through `change`.
async fn serve(mut line: PseudoTerminal, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let build = Build { transport: Transport::Serial, ..Build::default() };
    let mut client = Client::start(build, Store::in_memory(), None);
    let mut room = [0; 4096];
    loop {
        let Ok(count) = line.read(&mut room).await else { return };
        for act in client.heard(&room[..count]) {
            match act {
                Act::Send(bytes) => line.write_all(&change(bytes)).await.unwrap(),
                Act::End(_) => {
                    let _ = line.drained(Duration::from_secs(5)).await;
                    // The line stays: only the client has ended.
                    return std::future::pending().await;
                }
                Act::Close => {}
            }
        }
    }
}

fn said(kit: &crate::kit::Kit, serial: &str, change: fn(Vec<u8>) -> Vec<u8>) -> (String, String) {
    let line = played(move |line| serve(line, change));
    let done = inject(kit, &line, serial);
    let (error, hint) = done.failed_with(4);
    assert_eq!(kit.states(serial), ["sent"], "it may be on the device");
    (error.to_owned(), hint.to_owned())
}

#[test]
fn bytes_that_are_changed_are_told_from_silence() {
    let kit = station(|setup| {
        setup.env("PEP_INJECTION_QUIET", "1").env("PEP_INJECTION_GIVE_UP", "4");
    });
    let returns: fn(Vec<u8>) -> Vec<u8> = |bytes| {
        bytes
            .iter()
            .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
            .collect()
    };
    let kernel: fn(Vec<u8>) -> Vec<u8> = |mut bytes| {
        bytes.splice(30..30, *b"[   12.345678] usb 1-1: new device\r\n");
        bytes
    };
    let seven: fn(Vec<u8>) -> Vec<u8> = |bytes| bytes.iter().map(|byte| byte & 0x7f).collect();
    let lost: fn(Vec<u8>) -> Vec<u8> = |mut bytes| {
        bytes.drain(20..29);
        bytes
    };
    let text: fn(Vec<u8>) -> Vec<u8> = |_| b"board login: ".to_vec();
    for (serial, change, told, fix) in [
        ("GW-1", kernel, "wrote into the reply: `[ 12.345678] usb 1-1: new device`", "dmesg -n 1"),
        ("GW-2", seven, "with seven bits a byte", "cs8 -istrip"),
        ("GW-3", lost, "bytes of it were changed or lost", "cable"),
        ("GW-4", text, "13 bytes came over the line; none of it is a reply", "speed"),
    ] {
        let (error, hint) = said(&kit, serial, change);
        assert!(error.contains(told), "{serial}: {error}");
        assert!(hint.contains(fix), "{serial}: {hint}");
    }
    // Not every reply has a line feed in it; one that has is told.
    let line = played(move |line| serve(line, returns));
    let done = inject(&kit, &line, "GW-5");
    assert!(done.code == 0 || done.stderr.contains("(ONLCR)"), "{}", done.stderr);
    // Silence is still silence.
    let line = played(|line| async move {
        let _line = line;
        std::future::pending().await
    });
    let done = inject(&kit, &line, "GW-6");
    assert!(done.failed_with(4).0.contains("gave no answer within"), "{}", done.stderr);
}
