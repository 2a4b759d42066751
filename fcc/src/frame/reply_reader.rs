//! Reads a device's replies at the station, at any split of the bytes.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::altered::{self, Change};
use super::{HASH, REPLY_PAYLOAD, TOKEN, hash_matches};
use crate::status;

/// Text that may stand before a reply's token, in bytes: a board's boot log on a serial line
/// (injection 12), and nothing at all over TCP.
const TEXT: usize = 1 << 20;

/// How much of the text before the token is kept, in bytes, to say what answered instead.
const KEPT: usize = 64;

/// How many of the latest bytes of a line are kept at least.
const LATEST: usize = 8 << 10;

/// What one reply frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyFrame {
    /// Transport status 0: the payload, its hash checked.
    Payload(Vec<u8>),
    /// Any other transport status (injection 4); no payload follows.
    Status(u32),
}

/// Why the bytes that came are not a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The bytes begin like an HTTP answer.
    #[error("an HTTP server answers there, not a factory client")]
    Http,
    /// The bytes begin like an SSH server's greeting.
    #[error("an SSH server answers there, not a factory client")]
    Ssh,
    /// More than a boot log's worth of bytes without a token.
    #[error("no reply in the first {0} bytes it sent")]
    NoToken(usize),
    /// The reply announces an empty payload.
    #[error("the reply announces an empty payload")]
    Empty,
    /// The reply announces more than a client ever sends.
    #[error("the reply announces {declared} bytes, a client sends at most {limit}")]
    TooLong {
        /// The length field, in bytes.
        declared: u32,
        /// The reader's bound, in bytes.
        limit: usize,
    },
    /// A transport status no client sends: a token by chance, or the station's own message come
    /// back from a line that echoes.
    #[error("transport status {0} is not one that a client sends")]
    NoStatus(u32),
    /// The hash at the end does not belong to the payload.
    #[error("the reply's hash is wrong: bytes were damaged or lost on the way")]
    WrongHash,
}

/// An incremental reader of replies: text before the token is skipped, lengths are bounded,
/// hashes are checked.
#[derive(Debug)]
pub struct ReplyReader {
    limit: usize,
    skipped: usize,
    first: Vec<u8>,
    matched: usize,
    buffer: Vec<u8>,
    on_a_line: bool,
    /// Bytes of a line behind the last frame, not yet looked at.
    ahead: VecDeque<u8>,
    /// The latest bytes of a line. Wiped: a line that echoes gives back what was sent.
    latest: Zeroizing<Vec<u8>>,
    /// How many bytes came over the line.
    came: usize,
}

impl Default for ReplyReader {
    fn default() -> Self {
        Self::new(REPLY_PAYLOAD)
    }
}

impl ReplyReader {
    /// A reader that refuses payloads above `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            skipped: 0,
            first: Vec::new(),
            matched: 0,
            buffer: Vec::new(),
            on_a_line: false,
            ahead: VecDeque::new(),
            latest: Zeroizing::new(Vec::new()),
            came: 0,
        }
    }

    /// A reader for a serial line, where frames stand in console text, are damaged by noise and
    /// echoed (injection 12): what begins like a frame and is none is text, and the search goes on
    /// behind its token.
    pub fn on_a_line() -> Self {
        Self { on_a_line: true, ..Self::default() }
    }

    /// Takes `bytes` and returns the frame that ends among them, if one does.
    ///
    /// Bytes behind that frame are dropped: a client speaks only when spoken to, so over TCP there
    /// are none. Those of a serial line are looked at by the next call.
    ///
    /// # Errors
    /// A [`FrameFault`] as soon as the bytes cannot become a reply any more. The reader is of no
    /// further use then.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<ReplyFrame>, FrameFault> {
        self.ahead.extend(bytes);
        if self.on_a_line {
            self.keep(bytes);
        }
        while let Some(byte) = self.ahead.pop_front() {
            if self.matched < TOKEN.len() {
                self.seek(byte)?;
                continue;
            }
            self.buffer.push(byte);
            match self.frame() {
                Ok(None) => {}
                Err(_) if self.on_a_line => self.look_behind_the_token(),
                ended => {
                    if !self.on_a_line {
                        self.ahead.clear();
                    }
                    return ended;
                }
            }
        }
        Ok(None)
    }

    /// Nothing more comes: on a serial line a frame that has begun and not ended was none, and one
    /// may stand behind its token.
    ///
    /// # Errors
    /// As [`ReplyReader::read`].
    pub fn stirred(&mut self) -> Result<Option<ReplyFrame>, FrameFault> {
        while self.on_a_line && self.inside_frame() {
            self.look_behind_the_token();
            if let Some(frame) = self.read(&[])? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.came += bytes.len();
        // Once for all: what grows leaves copies behind that nobody wipes.
        let room = (2 * LATEST).saturating_sub(self.latest.len());
        self.latest.reserve_exact(room);
        for byte in bytes {
            if self.latest.len() == 2 * LATEST {
                self.latest.drain(..LATEST);
            }
            self.latest.push(*byte);
        }
    }

    /// How many bytes came over a line, and what it has done to a reply in them; `None` when none came.
    pub fn altered(&self) -> Option<(usize, Change)> {
        (self.came > 0).then(|| (self.came, altered::change(&self.latest)))
    }

    /// A token that began no frame is text; what stands behind it is looked at again.
    fn look_behind_the_token(&mut self) {
        self.skipped += TOKEN.len();
        self.matched = 0;
        for byte in self.buffer.drain(..).rev() {
            self.ahead.push_front(byte);
        }
    }

    /// Whether anything at all came that is not (yet) part of a frame.
    pub fn heard_text(&self) -> bool {
        self.skipped > 0
    }

    /// Whether a reply has begun and not ended.
    pub fn inside_frame(&self) -> bool {
        self.matched == TOKEN.len()
    }

    /// Unlike the client's own search (injection 3.3) this one never misses a token: only its
    /// first byte is an `m`, so a mismatch can only begin a new token at itself.
    fn seek(&mut self, byte: u8) -> Result<(), FrameFault> {
        if TOKEN.get(self.matched) == Some(&byte) {
            self.matched += 1;
            return Ok(());
        }
        let restart = usize::from(TOKEN.first() == Some(&byte));
        for &lost in TOKEN.iter().take(self.matched) {
            self.skip(lost)?;
        }
        self.matched = restart;
        if restart == 0 { self.skip(byte) } else { Ok(()) }
    }

    fn skip(&mut self, byte: u8) -> Result<(), FrameFault> {
        self.skipped += 1;
        if self.first.len() < KEPT {
            self.first.push(byte);
            match self.first.as_slice() {
                _ if self.on_a_line => {}
                b"HTTP/" => return Err(FrameFault::Http),
                b"SSH-" => return Err(FrameFault::Ssh),
                _ => {}
            }
        }
        if self.skipped > TEXT { Err(FrameFault::NoToken(self.skipped)) } else { Ok(()) }
    }

    /// Everything behind the token is in `buffer`: status, length, payload, hash.
    fn frame(&mut self) -> Result<Option<ReplyFrame>, FrameFault> {
        let Some((status, rest)) = self.buffer.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let status = u32::from_le_bytes(*status);
        if self.on_a_line && !status::is_transport(status) {
            return Err(FrameFault::NoStatus(status));
        }
        if status != 0 {
            self.start_over();
            return Ok(Some(ReplyFrame::Status(status)));
        }
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let declared = u32::from_le_bytes(*length);
        let length = usize::try_from(declared).unwrap_or(usize::MAX);
        if length == 0 {
            return Err(FrameFault::Empty);
        }
        if length > self.limit {
            return Err(FrameFault::TooLong { declared, limit: self.limit });
        }
        if rest.len() < length + HASH {
            return Ok(None);
        }
        let (payload, hash) = rest.split_at(length);
        if !hash_matches(payload, hash) {
            return Err(FrameFault::WrongHash);
        }
        let payload = payload.to_vec();
        self.start_over();
        Ok(Some(ReplyFrame::Payload(payload)))
    }

    fn start_over(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        *self = Self { ahead, on_a_line: self.on_a_line, ..Self::new(self.limit) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> Result<Option<ReplyFrame>, FrameFault> {
        ReplyReader::default().read(bytes)
    }

    proptest! {
        #[test]
        fn any_split_and_any_text_before_gives_the_same_frame(
            text in "[^m]{0,40}",
            payload in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec(1usize..40, 1..20),
        ) {
            let mut bytes = text.into_bytes();
            bytes.extend(frame::reply(&payload));
            let mut reader = ReplyReader::default();
            let mut rest = bytes.as_slice();
            let mut got = None;
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                prop_assert!(got.is_none(), "a frame ended before its last byte");
                got = reader.read(part).unwrap();
                rest = behind;
            }
            prop_assert_eq!(got, Some(ReplyFrame::Payload(payload)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut framed = TOKEN.to_vec();
            framed.extend(&bytes);
            let _ = read_all(&framed);
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn a_prefix_of_the_token_does_not_hide_the_frame_behind_it() {
        for prefix in ["m", "mbedpro", "mm", "mbedprombed"] {
            let mut bytes = prefix.as_bytes().to_vec();
            bytes.extend(frame::reply(b"x"));
            assert_eq!(read_all(&bytes), Ok(Some(ReplyFrame::Payload(b"x".to_vec()))), "{prefix}");
        }
    }

    #[test]
    fn a_status_ends_after_twelve_bytes() {
        assert_eq!(read_all(&frame::reply_status(9)), Ok(Some(ReplyFrame::Status(9))));
        assert_eq!(read_all(&frame::reply_status(9)[..11]), Ok(None));
    }

    #[test]
    fn four_gigabytes_are_refused_at_the_length() {
        let bytes = b"mbedprov\0\0\0\0\xff\xff\xff\xff";
        assert_eq!(
            read_all(bytes),
            Err(FrameFault::TooLong { declared: u32::MAX, limit: REPLY_PAYLOAD })
        );
    }

    #[test]
    fn damage_is_noticed() {
        let mut bytes = frame::reply(b"hello");
        bytes[17] ^= 1;
        assert_eq!(read_all(&bytes), Err(FrameFault::WrongHash));
        assert_eq!(read_all(b"mbedprov\0\0\0\0\0\0\0\0"), Err(FrameFault::Empty));
    }

    #[test]
    fn other_servers_are_recognised() {
        assert_eq!(read_all(b"HTTP/1.1 400 Bad Request\r\n"), Err(FrameFault::Http));
        assert_eq!(read_all(b"SSH-2.0-OpenSSH_9.2\r\n"), Err(FrameFault::Ssh));
    }

    fn all_on_a_line(bytes: &[u8]) -> Vec<ReplyFrame> {
        let mut reader = ReplyReader::on_a_line();
        let mut found: Vec<_> = reader.read(bytes).unwrap().into_iter().collect();
        while let Some(frame) = reader.read(&[]).unwrap() {
            found.push(frame);
        }
        while let Some(frame) = reader.stirred().unwrap() {
            found.push(frame);
        }
        found
    }

    #[test]
    fn on_a_line_what_is_no_frame_is_text() {
        let reply = frame::reply(b"answer");
        let found = [ReplyFrame::Payload(b"answer".to_vec())];
        let echo = frame::request(&[0xbf; 300]);
        let mut damaged = frame::reply(b"other");
        damaged[14] ^= 4;
        let noise: [&[u8]; 7] = [
            b"login: mbedprov is ready\r\n",
            b"mbedprovmbedprov",
            b"HTTP/1.1 200 OK\r\n",
            b"rov\0\0\0\0",
            &echo,
            &damaged,
            b"mbedprov\0\0\0\0\0\x08\0\0 2,048 bytes that never come",
        ];
        for before in noise {
            let mut bytes = before.to_vec();
            bytes.extend(&reply);
            bytes.extend(b"Successfully processed comm message\n");
            assert_eq!(all_on_a_line(&bytes), found, "{}", before.escape_ascii());
        }
    }

    #[test]
    fn on_a_line_every_frame_is_found() {
        let mut bytes = frame::reply(b"one");
        bytes.extend(frame::reply_status(8));
        bytes.extend(b"boot\r\n");
        bytes.extend(frame::reply(b"two"));
        let found = [
            ReplyFrame::Payload(b"one".to_vec()),
            ReplyFrame::Status(8),
            ReplyFrame::Payload(b"two".to_vec()),
        ];
        assert_eq!(all_on_a_line(&bytes), found);
    }

    #[test]
    fn endless_text_is_given_up() {
        assert_eq!(read_all(&vec![b'x'; TEXT + 1]), Err(FrameFault::NoToken(TEXT + 1)));
    }
}
