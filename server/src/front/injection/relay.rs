//! `GET /v3/identity-line`: a gateway at the end of a caller's serial line. The station runs the
//! same session as over TCP; `pep` carries bytes only, over a WebSocket (RFC 6455), so that the CA
//! and the records stay where they are.
//!
//! Binary messages are the line's bytes, in either direction, at any split. Text messages are the
//! station's words: `{"step": ...}`, then one `{"identity": ...}` or `{"problem": ...}`.

use std::io;
use std::time::Duration;

use actix_web::web::Bytes;
use actix_ws::{AggregatedMessage, CloseCode, CloseReason};
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::UnboundedReceiver;

use fcc::session::ConsoleLink;

/// Bytes under way between session and WebSocket.
const ROOM: usize = 64 << 10;
/// Largest message taken from the caller, in bytes: the console text of a board comes in pieces.
pub(super) const LARGEST: usize = 1 << 20;
/// How often the caller is asked whether it still is there.
const PING: Duration = Duration::from_secs(10);

/// The station's end of a caller's line.
pub(super) type RelayLink = ConsoleLink<DuplexStream>;

/// A link, and the end of it that is carried over the WebSocket.
pub(super) fn pair() -> (RelayLink, DuplexStream) {
    let (near, far) = tokio::io::duplex(ROOM);
    (ConsoleLink(near), far)
}

/// Carries bytes while `story` runs, and says how it went. A caller that goes away takes its line
/// with it; the story then ends by itself.
pub(super) async fn carry(
    mut websocket: actix_ws::Session,
    mut messages: impl Stream<Item = Result<AggregatedMessage, actix_ws::ProtocolError>> + Unpin,
    line: DuplexStream,
    mut steps: UnboundedReceiver<&'static str>,
    story: impl Future<Output = Value>,
) {
    let mut line = Some(line);
    let mut story = std::pin::pin!(story);
    let mut ping = tokio::time::interval(PING);
    let mut room = vec![0; 4096];
    loop {
        // Whether the caller hears of it or not, the story goes on to its end.
        tokio::select! {
            biased;
            Some(step) = steps.recv() => {
                let step = serde_json::json!({ "step": step });
                drop(websocket.text(step.to_string()).await);
            }
            message = messages.next(), if line.is_some() => {
                line = heard(message, line, &mut websocket).await;
            }
            read = read(&mut line, &mut room) => match read {
                Ok(count) if count > 0 => {
                    let bytes = room.get(..count).unwrap_or_default();
                    drop(websocket.binary(Bytes::copy_from_slice(bytes)).await);
                }
                // The session is over; what the story still does needs no line.
                _ => line = None,
            },
            end = &mut story => {
                drop(websocket.text(end.to_string()).await);
                let reason = CloseReason { code: CloseCode::Normal, description: None };
                drop(websocket.close(Some(reason)).await);
                return;
            }
            _ = ping.tick() => drop(websocket.ping(b"").await),
        }
    }
}

/// What the session sends; nothing where there is no line any more.
async fn read(line: &mut Option<DuplexStream>, room: &mut [u8]) -> io::Result<usize> {
    match line {
        Some(line) => line.read(room).await,
        None => std::future::pending().await,
    }
}

/// One message of the caller's. The line is gone when the caller is.
async fn heard(
    message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    mut line: Option<DuplexStream>,
    websocket: &mut actix_ws::Session,
) -> Option<DuplexStream> {
    match message {
        Some(Ok(AggregatedMessage::Binary(bytes))) => {
            if let Some(line) = &mut line {
                // A session that is over listens no more; that shows when it is read from.
                drop(line.write_all(&bytes).await);
            }
            line
        }
        Some(Ok(AggregatedMessage::Ping(bytes))) => {
            websocket.pong(&bytes).await.is_ok().then_some(line).flatten()
        }
        Some(Ok(AggregatedMessage::Pong(_) | AggregatedMessage::Text(_))) => line,
        Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => None,
    }
}
