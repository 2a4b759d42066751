//! The station's side of one message, as a state machine: bytes and expired timers in, bytes and
//! wishes out (injection 2.1, 11.4).
//!
//! It opens no socket and reads no clock; [`crate::session`] does. It does not judge a reply's
//! return status: that is the caller's.

use crate::bundle::Bundle;
use crate::frame::{self, Change, FrameFault, ReplyFrame, ReplyReader};
use crate::reply::{Reply, ReplyFault};
use crate::status;
use std::time::Duration;
use zeroize::Zeroizing;

/// Default bound of a bundle's payload, in bytes (injection 11.4 rule 1).
pub const PAYLOAD: usize = 64 << 10;

/// What a message on a serial line begins with. The line feed ends a stray beginning of a token
/// (injection 3.3). The zeros end the length of a frame that was cut off within it, which could
/// announce more than anybody will send.
const LEAD: &[u8] = b"\0\0\0\0\n";

/// No bound above this one is accepted, in bytes.
pub const PAYLOAD_CEILING: usize = 16 << 20;

/// How much of a frame went out before the exchange broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Not a byte: the device knows nothing of this message.
    Nothing,
    /// Some of it. The device cannot have processed it, but part of it may still be under way.
    Part,
    /// All of it: the device processes it even if the station is gone (injection 11.2).
    Whole,
}

/// What a peer sent that is no reply to this message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongReply {
    /// No readable frame.
    #[error(transparent)]
    Frame(#[from] FrameFault),
    /// A frame whose payload is no reply.
    #[error(transparent)]
    Payload(#[from] ReplyFault),
    /// Text without a frame, then the end of the connection.
    #[error("something other than a factory client answers there")]
    Foreign,
    /// A reply to somebody else's message.
    #[error("the reply belongs to the session {0:?}")]
    OtherSession(String),
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The device closed or reset the connection.
    #[error("the device closed the connection without an answer")]
    Closed,
    /// Nothing came in time.
    #[error("the device gave no answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// Bytes came over a serial line, and no reply among them.
    #[error("the device gave no readable answer within {} s: {came} bytes came over the line; {change}", .within.as_secs_f32())]
    Altered {
        /// How long was waited.
        within: Duration,
        /// How many bytes came.
        came: usize,
        /// What the line has done to them.
        change: Change,
    },
    /// A transport status other than 0. With 9 the outcome is unknown (injection 4).
    #[error("the device answered with transport status {0}: {said}", said = status::transport(*.0))]
    Transport(u32),
    /// The bytes that came are no reply to this message.
    #[error("{0}")]
    WrongReply(#[from] WrongReply),
    /// The bundle exceeds the station's own bound; nothing was sent.
    #[error("the message is {bytes} bytes long, the limit is {limit}")]
    TooLong {
        /// Size of the payload, in bytes.
        bytes: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// The link failed.
    #[error("the connection to the device failed: {text}")]
    Io {
        /// Its kind.
        kind: std::io::ErrorKind,
        /// Its text.
        text: String,
    },
    /// An earlier exchange on this session broke: what comes now could belong to that one.
    #[error("an earlier message on this connection failed, a new connection is needed")]
    Spent,
}

/// The station's side of one message.
pub struct Injector {
    /// What is to be written, filler behind it included.
    frame: Zeroizing<Vec<u8>>,
    /// Length of the message itself.
    whole: usize,
    sent: usize,
    sid: Option<String>,
    reader: ReplyReader,
    nudged: bool,
    line: Option<Line>,
}

/// What a message over a serial line has come to (injection 12).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It waits. Whether it may be sent again, should the device not have read it: nothing of an
    /// earlier message may be forgotten by then.
    Waiting { again: bool },
    /// The device was silent, so what an earlier message may lack was sent.
    Filled { again: bool },
    /// The device had not read it, and ends; once it is quiet, it may listen again.
    Unread,
}

impl Injector {
    /// Prepares `bundle`, whose payload may have at most `limit` bytes (never more than
    /// [`PAYLOAD_CEILING`]).
    ///
    /// # Errors
    /// [`Why::TooLong`].
    pub fn new(bundle: &Bundle, limit: usize) -> Result<Self, Why> {
        let payload = bundle.encode();
        let limit = limit.min(PAYLOAD_CEILING);
        if payload.len() > limit {
            return Err(Why::TooLong { bytes: payload.len(), limit });
        }
        let frame = frame::request(&payload);
        Ok(Self {
            whole: frame.len(),
            frame,
            sent: 0,
            sid: bundle.sid.clone(),
            reader: ReplyReader::default(),
            nudged: false,
            line: None,
        })
    }

    /// The same over a serial line, where the message begins with [`LEAD`], and may be sent again
    /// if it is the `first` one of its session (injection 12).
    ///
    /// # Errors
    /// [`Why::TooLong`].
    pub fn on_a_line(bundle: &Bundle, limit: usize, first: bool) -> Result<Self, Why> {
        let mut injector = Self::new(bundle, limit)?;
        let mut frame = Zeroizing::new(Vec::with_capacity(injector.whole + LEAD.len()));
        frame.extend_from_slice(LEAD);
        frame.extend_from_slice(&injector.frame);
        injector.whole = frame.len();
        injector.frame = frame;
        injector.reader = ReplyReader::on_a_line();
        injector.line = Some(Line::Waiting { again: first });
        Ok(injector)
    }

    /// What is still to be written; empty when the frame is out.
    pub fn unsent(&self) -> &[u8] {
        self.frame.get(self.sent..).unwrap_or_default()
    }

    /// `count` more bytes went out.
    pub fn wrote(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count).min(self.frame.len());
    }

    /// How much went out so far.
    pub fn written(&self) -> Written {
        match self.sent {
            0 => Written::Nothing,
            sent if sent < self.whole => Written::Part,
            _ => Written::Whole,
        }
    }

    /// `bytes` came in. The reply when it is complete, `None` while more is needed.
    ///
    /// # Errors
    /// [`Why::Transport`] or [`Why::WrongReply`].
    pub fn heard(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Why> {
        let mut frame = self.reader.read(bytes).map_err(WrongReply::Frame)?;
        while let Some(found) = frame {
            if let Some(reply) = self.judge(found)? {
                return Ok(Some(reply));
            }
            frame = self.reader.read(&[]).map_err(WrongReply::Frame)?;
        }
        Ok(None)
    }

    /// On a line what is no reply to this message belongs to an earlier one, and is passed over.
    fn judge(&mut self, frame: ReplyFrame) -> Result<Option<Reply>, Why> {
        let payload = match frame {
            ReplyFrame::Payload(payload) => payload,
            ReplyFrame::Status(status) => {
                let (Some(Line::Waiting { again: true } | Line::Filled { again: true }), true) =
                    (self.line, status::is_unread(status))
                else {
                    return Err(Why::Transport(status));
                };
                self.line = Some(Line::Unread);
                return Ok(None);
            }
        };
        let reply = Reply::decode(&payload).map_err(WrongReply::Payload);
        match reply.map_err(Why::from).and_then(|reply| self.ours(reply)) {
            Ok(reply) => Ok(Some(reply)),
            Err(_) if self.line.is_some() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// A reply without a SID is one to a message the device could not read that far
    /// (injection 8), so it can be ours; a success without it cannot.
    fn ours(&self, reply: Reply) -> Result<Reply, Why> {
        match (&reply.sid, &self.sid) {
            (Some(theirs), ours) if Some(theirs) != ours.as_ref() => {
                Err(WrongReply::OtherSession(theirs.clone()).into())
            }
            (None, Some(_)) if reply.succeeded() => {
                Err(WrongReply::Payload(ReplyFault::Missing("SID")).into())
            }
            _ => Ok(reply),
        }
    }

    /// The connection ended.
    pub fn closed(&self) -> Why {
        if self.line.is_none() && self.reader.heard_text() && !self.reader.inside_frame() {
            WrongReply::Foreign.into()
        } else {
            Why::Closed
        }
    }

    /// The whole time expired.
    pub fn late(&self, within: Duration) -> Why {
        match self.reader.altered() {
            Some((came, change)) => Why::Altered { within, came, change },
            None => Why::Silent(within),
        }
    }

    /// The quiet time expired. `true` once: a second connection should now be opened and held for
    /// a moment, since a client sometimes sleeps through the first (injection 2.1).
    pub fn quiet(&mut self) -> bool {
        !std::mem::replace(&mut self.nudged, true)
    }

    /// The quiet time expired on a line. The reply, if one was hidden behind something else.
    ///
    /// A device that says nothing may wait for the rest of an earlier message that was cut off: so
    /// many bytes are sent as one may lack (injection 12). To a device that listens they are
    /// nothing. One that had not read the message and has ended since is sent it once more.
    ///
    /// # Errors
    /// As [`Injector::heard`].
    pub fn stirred(&mut self) -> Result<Option<Reply>, Why> {
        while let Some(found) = self.reader.stirred().map_err(WrongReply::Frame)? {
            if let Some(reply) = self.judge(found)? {
                return Ok(Some(reply));
            }
        }
        match self.line {
            Some(Line::Waiting { again }) if self.unsent().is_empty() => {
                let filled = self.frame.len() + PAYLOAD + frame::OVERHEAD;
                let mut frame = Zeroizing::new(Vec::with_capacity(filled));
                frame.extend_from_slice(&self.frame);
                frame.resize(filled, b'\n');
                self.frame = frame;
                self.line = Some(Line::Filled { again });
            }
            Some(Line::Unread) => {
                self.frame.truncate(self.whole);
                self.sent = 0;
                self.line = Some(Line::Waiting { again: false });
            }
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
