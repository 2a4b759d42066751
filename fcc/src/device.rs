//! The device's side: a double of the reference client as a state machine without sockets
//! (injection 1 to 12).
//!
//! It answers byte for byte as the client does, with faults on request. It opens nothing and
//! waits for nothing; [`crate::serve`] does.

mod cbor;
mod certificate;
mod clock;
mod csr;
mod der;
mod fault;
mod intake;
mod items;
mod refusal;
pub mod store;
mod verification;

pub use certificate::unreadable as unreadable_certificate;
pub use fault::{Fault, FaultError};
pub use store::Store;

use crate::frame::{self, Place, REPLY_PAYLOAD, RequestFrame, RequestReader};
use clock::Clock;
use intake::Taken;

/// The most payload of a reply to a message without CSR requests, in bytes (injection 9).
const PLAIN_REPLY: usize = 512;

/// Transport status of a reply that could not be built (injection 4).
const NO_REPLY: u32 = 9;

/// What a device is and how it is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Whether the first good frame of a life erases the store (injection 1).
    pub erases: bool,
    /// Whether it has a random generator. One that has none makes keys once it was given entropy
    /// (injection 6.7).
    pub has_entropy: bool,
    /// TCP or serial line.
    pub transport: Transport,
}

impl Default for Build {
    fn default() -> Self {
        Self { erases: true, has_entropy: true, transport: Transport::Tcp }
    }
}

/// How a device is connected (injection 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// An unreadable frame closes the connection.
    Tcp,
    /// An unreadable frame is answered with its transport status.
    Serial,
}

/// What the device does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Close the connection and accept another.
    Close,
    /// The program ends, closing everything.
    End(End),
}

/// How a client's life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With an exit status: 0 when the last reply went out, whatever it said (injection 2).
    Exit(u8),
    /// By abort signal: an unreadable frame inside a session (injection 11.3).
    Abort,
}

/// One life of a client, from its start to its end.
///
/// No `Debug`: the store holds private keys.
pub struct Device {
    build: Build,
    fault: Option<Fault>,
    store: Store,
    clock: Clock,
    reader: RequestReader,
    erased: bool,
    in_session: bool,
    ended: Option<End>,
    counted: Counted,
}

/// What the faults count, over all lives of one gateway.
#[derive(Clone, Copy, Default)]
struct Counted {
    frames: u64,
    bytes: u64,
    /// A fault that happens once has happened.
    spent: bool,
}

impl Device {
    /// Starts a client on `store`.
    pub fn start(build: Build, store: Store, fault: Option<Fault>) -> Self {
        Self {
            build,
            fault,
            clock: Clock::start(&store),
            store,
            reader: RequestReader::new(),
            erased: false,
            in_session: false,
            ended: None,
            counted: Counted::default(),
        }
    }

    /// A new life on the same store, as after a restart of the client.
    #[must_use]
    pub fn restart(self) -> Self {
        Self { counted: self.counted, ..Self::start(self.build, self.store, self.fault) }
    }

    /// How its life ended, once it has.
    pub fn end(&self) -> Option<End> {
        self.ended
    }

    /// The fault it was started with.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// What is stored now.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// `bytes` came in: what to do, in this order. After [`Act::End`] nothing is looked at, after
    /// [`Act::Close`] nothing more of these bytes.
    pub fn heard(&mut self, bytes: &[u8]) -> Vec<Act> {
        let before = self.counted.bytes;
        self.counted.bytes = before.saturating_add(bytes.len().try_into().unwrap_or(u64::MAX));
        match self.fault {
            Some(Fault::Silence) => Vec::new(),
            Some(Fault::HangupByte(last)) if self.counted.bytes >= last && !self.counted.spent => {
                self.counted.spent = true;
                let kept = usize::try_from(last.saturating_sub(before)).unwrap_or(usize::MAX);
                let mut acts = self.read(bytes.get(..kept).unwrap_or(bytes));
                acts.retain(|act| !matches!(act, Act::Send(_)));
                acts.extend(self.hung_up());
                acts
            }
            _ => self.read(bytes),
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() && self.ended.is_none() && acts.last() != Some(&Act::Close) {
            let (taken, ended) = self.reader.read(rest);
            rest = rest.get(taken..).unwrap_or_default();
            match ended {
                None => {}
                Some(RequestFrame::Payload(payload)) => self.message(&payload, &mut acts),
                Some(RequestFrame::Unreadable(status)) => self.unreadable(status, &mut acts),
            }
        }
        acts
    }

    /// The station closed the connection, or its sending side. Nothing comes of it outside a
    /// frame; the next connection starts at a token again.
    pub fn hung_up(&mut self) -> Vec<Act> {
        let mut acts = Vec::new();
        match self.reader.cut_off() {
            _ if self.ended.is_some() => {}
            None => acts.push(Act::Close),
            Some(status) => self.unreadable(status, &mut acts),
        }
        acts
    }

    /// Whether a frame has begun and not ended.
    pub fn inside_frame(&self) -> bool {
        self.reader.place() != Place::Token
    }

    fn unreadable(&mut self, status: u32, acts: &mut Vec<Act>) {
        match self.build.transport {
            // The connection is dropped before the status would be sent (injection 4).
            Transport::Tcp => acts.push(Act::Close),
            Transport::Serial => acts.push(Act::Send(frame::reply_status(status))),
        }
        self.finish(if self.in_session { End::Abort } else { End::Exit(1) }, acts);
    }

    fn finish(&mut self, end: End, acts: &mut Vec<Act>) {
        self.ended = Some(end);
        acts.push(Act::End(end));
    }

    fn message(&mut self, payload: &[u8], acts: &mut Vec<Act>) {
        self.counted.frames += 1;
        if self.fault == Some(Fault::HangupFrame(self.counted.frames)) {
            return acts.push(Act::Close);
        }
        if self.erase().is_err() {
            acts.push(Act::Close);
            return self.finish(End::Exit(1), acts);
        }
        let taken = intake::take(&mut self.store, &mut self.clock, self.build.has_entropy, payload);
        self.in_session = taken.keep_alive.unwrap_or(self.in_session);
        let holds_identity = !taken.csrs_asked;
        let answer = answer(taken);
        if self.fault == Some(Fault::DiesAfterStore) && holds_identity && !self.counted.spent {
            self.counted.spent = true;
            return self.finish(End::Abort, acts);
        }
        let exit = u8::from(answer.is_none());
        let sent = match answer {
            Some(payload) => match self.fault {
                Some(fault) => fault.spoil(&payload),
                None => frame::reply(&payload),
            },
            None => frame::reply_status(NO_REPLY),
        };
        acts.push(Act::Send(sent));
        if self.fault == Some(Fault::Garbage) {
            acts.push(Act::Close);
        }
        if !self.in_session {
            self.finish(End::Exit(exit), acts);
        }
    }

    /// The first good frame of a life erases, whatever it holds (injection 1).
    fn erase(&mut self) -> std::io::Result<()> {
        if self.build.erases && !self.erased {
            self.store.erase()?;
            self.clock.reset();
        }
        self.erased = true;
        Ok(())
    }
}

/// The payload of the reply, `None` when the client cannot build one: disabled, or no room
/// (injection 4, 9).
fn answer(taken: Taken) -> Option<Vec<u8>> {
    let room = if taken.csrs_asked { REPLY_PAYLOAD } else { PLAIN_REPLY };
    taken.reply.map(|reply| reply.encode()).filter(|payload| payload.len() <= room)
}
