//! What a simulated gateway does wrong when asked to.
//!
//! Every fault is one that a bench has seen or a station must survive; how each looks on the wire
//! is said here, and nowhere else.

use crate::frame;
use crate::reply::Reply;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A fault. Its text form is that of `fcc-device --fault`; [`Fault::HELP`] explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `hangup-frame=N`
    HangupFrame(u64),
    /// `hangup-byte=N`
    HangupByte(u64),
    /// `silence`
    Silence,
    /// `wrong-hash`
    WrongHash,
    /// `slow=MS`
    Slow(Duration),
    /// `garbage`
    Garbage,
    /// `busy`
    Busy,
    /// `status=N`
    Status(u64),
    /// `dies-after-store`
    DiesAfterStore,
}

/// A fault nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a fault; see fcc-device --help")]
pub struct FaultError(String);

/// What `garbage` answers: no token in it, so a reader looks on until the connection closes.
const GARBAGE: &[u8] = b"\xff\x00garbage\r\n";

impl Fault {
    /// What each fault looks like, for people.
    pub const HELP: &str = "\
Faults. The first three happen once, also over several lives; the others each time.
  hangup-frame=N    closes the connection when the N-th frame has arrived whole; the frame is
                    neither processed nor answered, the client goes on
  hangup-byte=N     the line is cut behind the N-th byte: inside a frame the client ends with
                    status 1; a frame that ends there is processed and not answered
  dies-after-store  processes a message that is not a CSR request, stores its items and dies
                    without an answer
  silence           reads everything, processes nothing, never answers, keeps the connection
  busy              never accepts: the connection stands, nothing is read from it
  slow=MS           every answer comes MS milliseconds late
  wrong-hash        processes, answers with a hash that does not fit
  garbage           processes, answers with bytes that are no frame, closes the connection
  status=N          processes, answers with return status N whatever it was (any 64 bit number);
                    the end of the session is the message's own
";

    /// A good reply's frame, spoilt where this fault spoils replies.
    pub(super) fn spoil(self, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::WrongHash => {
                let mut sent = frame::reply(payload);
                if let Some(last) = sent.last_mut() {
                    *last ^= 1;
                }
                sent
            }
            Self::Garbage => GARBAGE.to_vec(),
            Self::Status(return_status) => {
                let Ok(reply) = Reply::decode(payload) else {
                    return frame::reply(payload);
                };
                let csrs = if return_status == 0 { reply.csrs } else { Vec::new() };
                let message = format!("{}:", super::refusal::GENERAL);
                let reply = Reply { return_status, csrs, message, ..reply };
                frame::reply(&reply.encode())
            }
            _ => frame::reply(payload),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let unknown = || FaultError(text.to_owned());
        let (word, number) = match text.split_once('=') {
            Some((word, number)) => (word, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (word, number) {
            ("hangup-frame", Some(number @ 1..)) => Ok(Self::HangupFrame(number)),
            ("hangup-byte", Some(number @ 1..)) => Ok(Self::HangupByte(number)),
            ("silence", None) => Ok(Self::Silence),
            ("wrong-hash", None) => Ok(Self::WrongHash),
            ("slow", Some(number)) => Ok(Self::Slow(Duration::from_millis(number))),
            ("garbage", None) => Ok(Self::Garbage),
            ("busy", None) => Ok(Self::Busy),
            ("status", Some(number)) => Ok(Self::Status(number)),
            ("dies-after-store", None) => Ok(Self::DiesAfterStore),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HangupFrame(number) => write!(to, "hangup-frame={number}"),
            Self::HangupByte(number) => write!(to, "hangup-byte={number}"),
            Self::Silence => to.write_str("silence"),
            Self::WrongHash => to.write_str("wrong-hash"),
            Self::Slow(late) => write!(to, "slow={}", late.as_millis()),
            Self::Garbage => to.write_str("garbage"),
            Self::Busy => to.write_str("busy"),
            Self::Status(number) => write!(to, "status={number}"),
            Self::DiesAfterStore => to.write_str("dies-after-store"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for text in [
            "hangup-frame=2",
            "hangup-byte=40",
            "silence",
            "wrong-hash",
            "slow=250",
            "garbage",
            "busy",
            "status=4294967296",
            "dies-after-store",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for text in ["", "hangup-frame", "hangup-frame=0", "status=-1", "silence=1", "Busy"] {
            assert_eq!(text.parse::<Fault>(), Err(FaultError(text.to_owned())), "{text}");
        }
    }
}
