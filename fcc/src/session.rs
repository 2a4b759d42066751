//! Drives the [`injector`](crate::injector) over a link: TCP, serial line, relay.
//!
//! It keeps time and moves bytes. Connecting, and waiting 0.2 s before that (injection 2.1), are
//! left to whoever opens the link.

mod link;

pub use link::{ConsoleLink, Link, TcpLink};

use crate::bundle::Bundle;
pub use crate::frame::Change;
use crate::injector::{Injector, PAYLOAD};
pub use crate::injector::{Why, Written, WrongReply};
use crate::reply::Reply;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::time::{Instant, sleep_until};

/// How long a session waits for each reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Silence after which the client is nudged with a second connection (injection 2.1).
    pub quiet: Duration,
    /// Time after which the exchange is given up, counted from its start.
    pub give_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(5), give_up: Duration::from_secs(60) }
    }
}

/// An exchange that ended without a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Broken {
    /// How much of the message went out.
    pub written: Written,
    /// What happened.
    pub why: Why,
}

/// A conversation with one device over one link.
pub struct Session<L> {
    link: L,
    patience: Patience,
    limit: usize,
    /// Set while an exchange runs and left set when it breaks or is dropped.
    spent: bool,
    /// Whether nothing was said yet.
    first: bool,
}

impl<L: Link> Session<L> {
    /// A session over `link`.
    pub fn new(link: L, patience: Patience) -> Self {
        Self { link, patience, limit: PAYLOAD, spent: false, first: true }
    }

    /// Allows payloads up to `limit` bytes instead of 64 KiB, for large custom parameters; never
    /// more than [`crate::injector::PAYLOAD_CEILING`].
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Sends `bundle` and waits for its reply. A reply with a return status other than 0 is a
    /// reply: the caller decides.
    ///
    /// # Errors
    /// [`Broken`] says how much went out and why no reply came. The session is spent then, also
    /// when this future is dropped midway: a late reply could be taken for the next message's.
    pub async fn exchange(&mut self, bundle: &Bundle) -> Result<Reply, Broken> {
        if self.spent {
            return Err(Broken { written: Written::Nothing, why: Why::Spent });
        }
        let injector = if self.link.is_line() {
            Injector::on_a_line(bundle, self.limit, self.first)
        } else {
            Injector::new(bundle, self.limit)
        };
        let mut injector = injector.map_err(|why| Broken { written: Written::Nothing, why })?;
        self.spent = true;
        self.first = false;
        match self.run(&mut injector).await {
            Ok(reply) => {
                self.spent = false;
                Ok(reply)
            }
            Err(why) => Err(Broken { written: injector.written(), why }),
        }
    }

    async fn run(&mut self, injector: &mut Injector) -> Result<Reply, Why> {
        let give_up = sleep_until(Instant::now() + self.patience.give_up);
        let quiet = tokio::time::sleep(self.patience.quiet);
        tokio::pin!(give_up, quiet);
        let mut room = vec![0; 4096];
        let mut nudged = false;
        let is_line = self.link.is_line();
        loop {
            tokio::select! {
                biased;
                turn = turn(&mut self.link, injector.unsent(), &mut room) => match turn {
                    Ok(Turn::Wrote(count)) => {
                        injector.wrote(count);
                        // A slow line takes its time to carry a message.
                        if is_line {
                            quiet.as_mut().reset(Instant::now() + self.patience.quiet);
                        }
                    }
                    Ok(Turn::Heard(0)) => return Err(injector.closed()),
                    Ok(Turn::Heard(count)) => {
                        let bytes = room.get(..count).unwrap_or_default();
                        if let Some(reply) = injector.heard(bytes)? {
                            return Ok(reply);
                        }
                        // Only silence is a reason to nudge.
                        quiet.as_mut().reset(Instant::now() + self.patience.quiet);
                    }
                    Err(error) => return Err(lost(injector, &error)),
                },
                () = quiet.as_mut(), if is_line || !nudged => {
                    nudged = true;
                    if is_line {
                        if let Some(reply) = injector.stirred()? {
                            return Ok(reply);
                        }
                        quiet.as_mut().reset(Instant::now() + self.patience.quiet);
                    } else if injector.quiet() {
                        self.link.nudge();
                    }
                }
                () = give_up.as_mut() => return Err(injector.late(self.patience.give_up)),
            }
        }
    }

    /// The link, for whoever closes it in a particular way.
    pub fn into_link(self) -> L {
        self.link
    }
}

enum Turn {
    Wrote(usize),
    Heard(usize),
}

/// One step of the link, reading before writing: a peer that answers early and closes has
/// something to say.
async fn turn<L: Link>(link: &mut L, unsent: &[u8], room: &mut [u8]) -> io::Result<Turn> {
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(room);
        if let Poll::Ready(read) = Pin::new(&mut *link).poll_read(context, &mut buffer) {
            return Poll::Ready(read.map(|()| Turn::Heard(buffer.filled().len())));
        }
        if unsent.is_empty() {
            return flush(link, context);
        }
        Pin::new(&mut *link).poll_write(context, unsent).map(|wrote| match wrote? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => Ok(Turn::Wrote(count)),
        })
    })
    .await
}

/// Links that buffer, such as relays, send only when flushed. Nothing to report when it is done.
fn flush<L: Link>(link: &mut L, context: &mut Context<'_>) -> Poll<io::Result<Turn>> {
    match Pin::new(link).poll_flush(context) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
    }
}

/// Closed and reset are one outcome (injection 11.2).
fn lost(injector: &Injector, error: &io::Error) -> Why {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof, WriteZero};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof | WriteZero => {
            injector.closed()
        }
        kind => Why::Io { kind, text: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
