//! `pep inject-serial`: a gateway at the end of a serial line of this machine gets its identity.
//!
//! The station runs the injection; this command carries bytes between line and station. The CA's key,
//! the checks and the record are where they always are.

use std::path::PathBuf;

use clap::Args;
use fcc::line::{self, BAUD, LineFault, SerialLink};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout_at;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Bench, Document, Done, get_one_identity};
use crate::client::relay::{Relay, broken};
use crate::client::{Ask, JSON, not_a_station};
use crate::failure::{Failure, Kind, one_line};
use crate::problem;
use crate::progress::Progress;

/// Bytes for the line that wait for it: a whole session is smaller (injection 9).
const WAITING: usize = 256 * 1024;

/// The options of `inject-serial`.
#[derive(Args)]
#[group(skip)]
#[command(
    mut_arg("ip", |ip| ip.hide(true)),
    mut_arg("port", |port| port.hide(true)),
    long_about = "Ask the station to make one identity, and to inject it into the client (FCC) of a \
        gateway whose serial console is plugged into this machine. The station runs the injection; \
        this command carries the bytes. Everything else is as with `pep get-one-identity`.\n\n\
        Close every terminal program on the line first: it is opened for this command alone. Text \
        that the board prints before and behind the frames is passed over.",
    after_long_help = "\
Examples:
  pep inject-serial --line /dev/ttyUSB0 -s GW-0001
  pep inject-serial --line /dev/ttyS1 --baud 921600 -s GW-0001 -c production"
)]
pub struct Options {
    /// The serial line
    #[arg(long, value_name = "FILE")]
    pub line: PathBuf,

    /// Its bits a second; always 8 data bits, no parity, one stop bit, no flow control
    #[arg(long, value_name = "BAUD", default_value_t = BAUD, value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    pub baud: u32,

    /// The unit, as for `get-one-identity`.
    #[command(flatten)]
    pub unit: get_one_identity::Options,
}

/// Get one identity into the gateway at the line, write its document and print it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    if options.unit.ip.is_some() || options.unit.port.is_some() {
        return Err(Failure::new(
            Kind::Usage,
            "the gateway is at the line: it has no address here",
        )
        .with_hint("leave -i and -p out, or use `pep get-one-identity`"));
    }
    // Before the station hears anything: a line that cannot be had costs no attempt.
    let line = line::open(&options.line, options.baud).map_err(|fault| refused(&fault))?;
    get_one_identity::obtain(&options.unit, bench, async |query, progress| {
        let ask = Ask { route: "identity-line", query, accept: JSON };
        let deadline = bench.client.deadline();
        let relay = bench.client.relay(&ask, deadline).await?;
        let shown = options.line.display().to_string();
        match timeout_at(deadline, carry(line, relay, &shown, progress, bench)).await {
            Ok(ended) => ended,
            Err(_) => Err(bench.client.too_late()),
        }
    })
    .await
}

fn refused(fault: &LineFault) -> Failure {
    let hint = match fault {
        LineFault::Missing(_) => {
            "check the cable, and what `ls /dev/tty*` shows when it is plugged in"
        }
        LineFault::Busy(_) => "close the terminal program, or whatever else has it, and repeat",
        LineFault::Refused(_) => {
            "add this user to the group that owns it, often dialout, and log in anew"
        }
        LineFault::Other { .. } => "check the name of the line",
    };
    Failure::new(Kind::Local, fault.to_string()).with_hint(hint)
}

/// Carries bytes both ways until the station says how it ended.
async fn carry(
    line: SerialLink,
    mut relay: Relay,
    shown: &str,
    progress: &Progress,
    bench: &Bench,
) -> Result<Document, Failure> {
    let (mut from_line, mut to_line) = tokio::io::split(line);
    let mut room = vec![0_u8; 4096];
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        tokio::select! {
            message = relay.next() => match message {
                Some(Ok(Message::Binary(bytes))) if waiting.len() + bytes.len() <= WAITING => {
                    waiting.extend_from_slice(&bytes);
                }
                Some(Ok(Message::Binary(_))) => return Err(not_a_station()),
                Some(Ok(Message::Text(text))) => {
                    bench.client.trace().detail(|| "a word of the station".to_owned());
                    if let Some(ended) = word(&text, progress)? {
                        return Ok(ended);
                    }
                }
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => {
                    return Err(Failure::new(
                        Kind::Unanswered,
                        "the station's answer ended without saying how it went",
                    ));
                }
                Some(Err(error)) => return Err(broken(&error)),
            },
            read = from_line.read(&mut room) => match read {
                Ok(count) if count > 0 => {
                    let bytes = room.get(..count).unwrap_or_default().to_vec();
                    relay.send(Message::binary(bytes)).await.map_err(|error| broken(&error))?;
                }
                Ok(_) => return Err(vanished(relay, shown, "it ended").await),
                Err(error) => return Err(vanished(relay, shown, &error.to_string()).await),
            },
            written = to_line.write(&waiting), if !waiting.is_empty() => match written {
                Ok(count) => drop(waiting.drain(..count)),
                Err(error) => return Err(vanished(relay, shown, &error.to_string()).await),
            },
        }
    }
}

/// One word of the station: a step, or the end.
fn word(text: &str, progress: &Progress) -> Result<Option<Document>, Failure> {
    let said: Value = serde_json::from_str(text).map_err(|_| not_a_station())?;
    if let Some(step) = said.get("step").and_then(Value::as_str) {
        progress.step(step);
    }
    if let Some(problem) = said.get("problem") {
        return Err(problem::read_document(problem, None));
    }
    said.get("identity").map(|it| Document::read(it.to_string().into_bytes())).transpose()
}

/// The line is gone: the station is told, and ends its attempt.
async fn vanished(mut relay: Relay, shown: &str, why: &str) -> Failure {
    let reason = one_line(why).chars().filter(char::is_ascii).take(100).collect::<String>();
    let frame = CloseFrame { code: CloseCode::Error, reason: reason.into() };
    // It notices by itself when this does not arrive.
    let _ = relay.close(Some(frame)).await;
    Failure::new(Kind::DeviceFailed, format!("the line {shown} is gone: {why}"))
        .with_hint("plug it in, restart the client on the gateway, and repeat the command")
}
