//! The station's side of one message, as a state machine: bytes and expired timers in, bytes and
//! wishes out (injection 2.1, 11.4).
//!
//! It opens no socket and reads no clock; [`crate::session`] does. It does not judge a reply's
//! return status: that is the caller's.

use crate::bundle::Bundle;
use crate::frame::{self, FrameFault, ReplyFrame, ReplyReader};
use crate::reply::{Reply, ReplyFault};
use crate::status;
use std::time::Duration;
use zeroize::Zeroizing;

/// Default bound of a bundle's payload, in bytes (injection 11.4 rule 1).
pub const PAYLOAD: usize = 64 << 10;

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
    frame: Zeroizing<Vec<u8>>,
    sent: usize,
    sid: Option<String>,
    reader: ReplyReader,
    nudged: bool,
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
        Ok(Self {
            frame: frame::request(&payload),
            sent: 0,
            sid: bundle.sid.clone(),
            reader: ReplyReader::default(),
            nudged: false,
        })
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
            sent if sent < self.frame.len() => Written::Part,
            _ => Written::Whole,
        }
    }

    /// `bytes` came in. The reply when it is complete, `None` while more is needed.
    ///
    /// # Errors
    /// [`Why::Transport`] or [`Why::WrongReply`].
    pub fn heard(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Why> {
        match self.reader.read(bytes).map_err(WrongReply::Frame)? {
            None => Ok(None),
            Some(ReplyFrame::Status(status)) => Err(Why::Transport(status)),
            Some(ReplyFrame::Payload(payload)) => {
                let reply = Reply::decode(&payload).map_err(WrongReply::Payload)?;
                self.ours(reply).map(Some)
            }
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
        if self.reader.heard_text() && !self.reader.inside_frame() {
            WrongReply::Foreign.into()
        } else {
            Why::Closed
        }
    }

    /// The quiet time expired. `true` once: a second connection should now be opened and held for
    /// a moment, since a client sometimes sleeps through the first (injection 2.1).
    pub fn quiet(&mut self) -> bool {
        !std::mem::replace(&mut self.nudged, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sid: Option<&str>) -> Injector {
        let bundle = Bundle { sid: sid.map(str::to_owned), ..Bundle::default() };
        Injector::new(&bundle, PAYLOAD).unwrap()
    }

    fn answer(sid: Option<&str>, return_status: u64) -> Vec<u8> {
        let reply = Reply {
            csrs: Vec::new(),
            sid: sid.map(str::to_owned),
            return_status,
            message: "x".into(),
            warnings: Vec::new(),
        };
        frame::reply(&reply.encode())
    }

    #[test]
    fn it_knows_how_much_is_out() {
        let mut injector = asked(Some("s"));
        assert_eq!(injector.written(), Written::Nothing);
        injector.wrote(1);
        assert_eq!(injector.written(), Written::Part);
        injector.wrote(injector.unsent().len());
        assert_eq!(injector.written(), Written::Whole);
        assert!(injector.unsent().is_empty());
    }

    #[test]
    fn a_failure_the_device_reports_is_a_reply() {
        let reply = asked(Some("s")).heard(&answer(Some("s"), 38)).unwrap().unwrap();
        assert_eq!(reply.return_status, 38);
        let early = asked(Some("s")).heard(&answer(None, 20)).unwrap().unwrap();
        assert_eq!(early.return_status, 20);
    }

    #[test]
    fn a_reply_to_somebody_else_is_none() {
        let other = WrongReply::OtherSession("t".into());
        assert_eq!(asked(Some("s")).heard(&answer(Some("t"), 0)), Err(other.clone().into()));
        assert_eq!(asked(None).heard(&answer(Some("t"), 0)), Err(other.into()));
        assert!(asked(Some("s")).heard(&answer(None, 0)).is_err());
    }

    #[test]
    fn the_second_connection_is_asked_for_once() {
        let mut injector = asked(None);
        assert!(injector.quiet());
        assert!(!injector.quiet());
    }

    #[test]
    fn too_much_is_not_sent() {
        let bundle = Bundle {
            params: vec![crate::bundle::Param::new("a.b", vec![0; 70_000])],
            ..Bundle::default()
        };
        assert!(matches!(
            Injector::new(&bundle, PAYLOAD).err(),
            Some(Why::TooLong { limit: PAYLOAD, .. })
        ));
        assert!(Injector::new(&bundle, 1 << 20).is_ok());
    }

    #[test]
    fn an_end_after_other_text_says_so() {
        let mut injector = asked(None);
        assert_eq!(injector.closed(), Why::Closed);
        injector.heard(b"220 ready\r\n").unwrap();
        assert_eq!(injector.closed(), WrongReply::Foreign.into());
    }

    #[test]
    fn sentences_are_for_people() {
        for (why, said) in [
            (Why::Silent(Duration::from_secs(60)), "the device gave no answer within 60 s"),
            (
                Why::WrongReply(FrameFault::Http.into()),
                "an HTTP server answers there, not a factory client",
            ),
            (Why::Closed, "the device closed the connection without an answer"),
        ] {
            assert_eq!(why.to_string(), said);
        }
    }
}
