//! Reads a station's frames at the device, with exactly the reference client's habits
//! (injection 3.3, 4, 9).

use super::{HASH, TOKEN, hash_matches};
use std::fmt;
use zeroize::Zeroizing;

/// The most payload a device can hold, in bytes. The reference client on Linux takes any length
/// and waits; what it cannot allocate is transport status 3 (injection 4, 9).
pub const REQUEST_MEMORY: usize = 64 << 20;

/// What the end of a frame, or of the patience with it, turned out to be.
#[derive(Clone, PartialEq, Eq)]
pub enum RequestFrame {
    /// A payload with the right hash. Most hold a private key.
    Payload(Zeroizing<Vec<u8>>),
    /// The frame cannot be read: the transport status the client sets (injection 4), which only
    /// a serial line gets to see.
    Unreadable(u32),
}

impl fmt::Debug for RequestFrame {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(payload) => write!(to, "Payload({} bytes)", payload.len()),
            Self::Unreadable(status) => write!(to, "Unreadable({status})"),
        }
    }
}

/// Where in a frame the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Looking for a token.
    Token,
    /// In the length.
    Length,
    /// In the payload.
    Payload,
    /// In the hash.
    Hash,
}

/// An incremental reader of requests.
pub struct RequestReader {
    place: Place,
    matched: usize,
    length: usize,
    buffer: Zeroizing<Vec<u8>>,
    hash: Vec<u8>,
}

impl Default for RequestReader {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestReader {
    /// A reader that looks for a token.
    pub fn new() -> Self {
        Self {
            place: Place::Token,
            matched: 0,
            length: 0,
            buffer: Zeroizing::default(),
            hash: Vec::with_capacity(HASH),
        }
    }

    /// Takes bytes from the front of `bytes` until a frame ends; says how many it took.
    ///
    /// After a frame the reader looks for the next token. What is left of `bytes` belongs to the
    /// next call.
    pub fn read(&mut self, bytes: &[u8]) -> (usize, Option<RequestFrame>) {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            let ended = match self.place {
                Place::Token => {
                    rest = behind;
                    self.seek(byte);
                    None
                }
                Place::Length => {
                    rest = behind;
                    self.buffer.push(byte);
                    self.length_read()
                }
                Place::Payload => {
                    let want = self.length.saturating_sub(self.buffer.len()).min(rest.len());
                    let (taken, behind) = rest.split_at(want);
                    rest = behind;
                    self.buffer.extend_from_slice(taken);
                    self.payload_read()
                }
                Place::Hash => {
                    rest = behind;
                    self.hash.push(byte);
                    self.hash_read()
                }
            };
            if ended.is_some() {
                *self = Self::new();
                return (bytes.len() - rest.len(), ended);
            }
        }
        (bytes.len(), None)
    }

    /// Where the reader stands: what a lost connection means depends on it (injection 4).
    pub fn place(&self) -> Place {
        self.place
    }

    /// The transport status of a connection that ends here; `None` before a whole token, where
    /// the client only goes back to accepting (injection 2.2).
    pub fn cut_off(&mut self) -> Option<u32> {
        let status = match self.place {
            Place::Token => None,
            Place::Length => Some(4),
            Place::Payload => Some(5),
            Place::Hash => Some(6),
        };
        *self = Self::new();
        status
    }

    /// A mismatching byte is not looked at again, so a stray beginning of the token hides the
    /// frame behind it (injection 3.3).
    fn seek(&mut self, byte: u8) {
        self.matched = if TOKEN.get(self.matched) == Some(&byte) { self.matched + 1 } else { 0 };
        if self.matched == TOKEN.len() {
            self.place = Place::Length;
        }
    }

    fn length_read(&mut self) -> Option<RequestFrame> {
        let length = <[u8; 4]>::try_from(self.buffer.as_slice()).ok()?;
        self.length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        self.buffer.clear();
        self.place = Place::Payload;
        (self.length == 0).then_some(RequestFrame::Unreadable(4))
    }

    fn payload_read(&mut self) -> Option<RequestFrame> {
        if self.buffer.len() > REQUEST_MEMORY {
            return Some(RequestFrame::Unreadable(3));
        }
        if self.buffer.len() == self.length {
            self.place = Place::Hash;
        }
        None
    }

    fn hash_read(&mut self) -> Option<RequestFrame> {
        if self.hash.len() < HASH {
            return None;
        }
        Some(if hash_matches(&self.buffer, &self.hash) {
            RequestFrame::Payload(std::mem::take(&mut self.buffer))
        } else {
            RequestFrame::Unreadable(8)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use proptest::prelude::*;

    fn frames(bytes: &[u8], cut: usize) -> Vec<RequestFrame> {
        let mut reader = RequestReader::new();
        let mut found = Vec::new();
        for part in bytes.chunks(cut) {
            let mut rest = part;
            while !rest.is_empty() {
                let (taken, ended) = reader.read(rest);
                rest = &rest[taken..];
                found.extend(ended);
            }
        }
        found
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            first in proptest::collection::vec(any::<u8>(), 1..200),
            second in proptest::collection::vec(any::<u8>(), 1..200),
            cut in 1usize..300,
        ) {
            let mut bytes = frame::request(&first).to_vec();
            bytes.extend(frame::request(&second).iter());
            prop_assert_eq!(
                frames(&bytes, cut),
                vec![RequestFrame::Payload(first.into()), RequestFrame::Payload(second.into())]
            );
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let mut framed = TOKEN.to_vec();
            framed.extend(&bytes);
            frames(&framed, 7);
        }
    }

    #[test]
    fn a_stray_beginning_of_the_token_hides_the_frame() {
        let frame = frame::request(b"x");
        for (before, seen) in [("noise ", true), ("m", false), ("mbedpro", false), ("m\n", true)] {
            let mut bytes = before.as_bytes().to_vec();
            bytes.extend(frame.iter());
            assert_eq!(!frames(&bytes, 1).is_empty(), seen, "{before}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_the_clients_number() {
        let mut bytes = frame::request(b"x").to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(frames(&bytes, 3), [RequestFrame::Unreadable(8)]);
        assert_eq!(frames(b"mbedprov\0\0\0\0", 3), [RequestFrame::Unreadable(4)]);
    }

    #[test]
    fn a_cut_off_frame_is_numbered_by_its_place() {
        let bytes = frame::request(b"x");
        for (kept, status) in [(7, None), (9, Some(4)), (12, Some(5)), (13, Some(6)), (44, Some(6))]
        {
            let mut reader = RequestReader::new();
            reader.read(&bytes[..kept]);
            assert_eq!(reader.cut_off(), status, "{kept}");
        }
    }
}
