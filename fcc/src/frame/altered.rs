//! What a serial line has done to a reply, read from the bytes that came (injection 12).
//!
//! A terminal's settings change bytes, and another program's output comes between them. Each such
//! change is undone here on trial; when the hash fits afterwards, that was it.

use std::fmt;

use super::{HASH, REPLY_PAYLOAD, TOKEN, hash_matches};

/// Most carriage returns that may have become line feeds in one reply, for all of which both is
/// tried.
const MOST_FLIPPED: usize = 12;
/// Most bytes that are tried to be put back.
const MOST_LOST: usize = 2;
/// Longest frame for which that many are tried, in bytes.
const SHORT: usize = 200;
/// Longest text that is taken for somebody else's, in bytes, and how many ends of lines are tried.
const LONGEST_LINE: usize = 512;
const MOST_LINES: usize = 16;
/// Shortest text that is taken for a line of somebody else's, in bytes.
const SHORTEST_LINE: usize = 4;
/// How much of such a line is shown, in characters.
const SHOWN: usize = 60;

/// What a line has done to the bytes of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// No reply had begun among the bytes.
    NoReply,
    /// Every line feed came with a carriage return before it (ONLCR at the board).
    CarriageReturnsAdded,
    /// Carriage returns came as line feeds (ICRNL at the side of the station), or were left out.
    CarriageReturnsChanged,
    /// The signs that stop and start a line were taken out (XON/XOFF at either side).
    FlowControl,
    /// Every byte came with seven bits.
    SevenBits,
    /// A line of somebody else's stood in the middle.
    LineWithin(String),
    /// Something else.
    Unknown,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReply => f.write_str("none of it is a reply"),
            Self::CarriageReturnsAdded => f.write_str(
                "the reply came with a carriage return before each line feed: the board's line \
                 changes bytes (ONLCR)",
            ),
            Self::CarriageReturnsChanged => f.write_str(
                "carriage returns of the reply came as line feeds, or not at all: the line changes \
                 bytes (ICRNL, IGNCR)",
            ),
            Self::FlowControl => f.write_str(
                "bytes 0x11 and 0x13 are missing from the reply: the line takes them for flow \
                 control (XON/XOFF)",
            ),
            Self::SevenBits => f.write_str(
                "the reply came with seven bits a byte: the line changes bytes (ISTRIP)",
            ),
            Self::LineWithin(text) => {
                write!(f, "another program on the board wrote into the reply: `{text}`")
            }
            Self::Unknown => f.write_str("a reply began, and bytes of it were changed or lost"),
        }
    }
}

/// What was done to the reply in `bytes`, the latest that came.
pub(super) fn change(bytes: &[u8]) -> Change {
    let begun = bytes.windows(TOKEN.len()).enumerate().filter(|(_, it)| *it == TOKEN);
    let frames: Vec<&[u8]> =
        begun.filter_map(|(at, _)| bytes.get(at + TOKEN.len()..)).rev().take(4).collect();
    let mut found = Change::NoReply;
    for frame in frames {
        match frame_change(frame) {
            Change::Unknown => found = Change::Unknown,
            change => return change,
        }
    }
    found
}

/// What stands behind a token: status, length, payload, hash, and what has become of them.
fn frame_change(frame: &[u8]) -> Change {
    if is_whole(&without(frame, |before, byte| before == b'\r' && byte == b'\n')) {
        return Change::CarriageReturnsAdded;
    }
    if carriage_returns_changed(frame) {
        return Change::CarriageReturnsChanged;
    }
    if let Some(text) = line_within(frame) {
        return Change::LineWithin(text);
    }
    if flow_control(frame) {
        return Change::FlowControl;
    }
    // A whole reply has random bytes in its hash, and hardly half of them below 0x80.
    let seven_bits = frame.len() >= 8 + HASH && frame.iter().take(8 + HASH * 2).all(u8::is_ascii);
    if seven_bits { Change::SevenBits } else { Change::Unknown }
}

/// Whether a frame begins here whose hash fits.
fn is_whole(frame: &[u8]) -> bool {
    let Some((declared, rest)) = head(frame) else { return false };
    let Some((payload, behind)) = rest.split_at_checked(declared) else { return false };
    behind.get(..HASH).is_some_and(|hash| hash_matches(payload, hash))
}

/// The length of a frame of a payload, and what stands behind the length.
fn head(frame: &[u8]) -> Option<(usize, &[u8])> {
    let (status, rest) = frame.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let declared = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (*status == [0; 4] && (1..=REPLY_PAYLOAD).contains(&declared)).then_some((declared, rest))
}

/// The bytes without every pair's first that fits.
fn without(bytes: &[u8], drop: impl Fn(u8, u8) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if !rest.peek().is_some_and(|next| drop(byte, *next)) {
            kept.push(byte);
        }
    }
    kept
}

/// Whether some line feeds were carriage returns, or some carriage returns are missing.
fn carriage_returns_changed(frame: &[u8]) -> bool {
    let Some((declared, _)) = head(frame) else { return false };
    let whole = 8 + declared + HASH;
    if let Some(frame) = frame.get(..whole) {
        let places: Vec<usize> =
            frame.iter().enumerate().filter(|(_, it)| **it == b'\n').map(|(at, _)| at).collect();
        if places.len() <= MOST_FLIPPED && !frame.contains(&b'\r') {
            let mut tried = frame.to_vec();
            for which in 1_u32..1 << places.len() {
                for (bit, place) in places.iter().enumerate() {
                    if let Some(byte) = tried.get_mut(*place) {
                        *byte = if which >> bit & 1 == 1 { b'\r' } else { b'\n' };
                    }
                }
                if is_whole(&tried) {
                    return true;
                }
            }
        }
    }
    taken_out(frame, b"\r")
}

/// Whether XON and XOFF were taken out.
fn flow_control(frame: &[u8]) -> bool {
    taken_out(frame, &[0x11, 0x13])
}

/// Whether the frame is whole with a few of these bytes put back, of which none is left in it.
fn taken_out(frame: &[u8], bytes: &[u8]) -> bool {
    let Some((declared, _)) = head(frame) else { return false };
    let whole = 8 + declared + HASH;
    // Two can be anywhere: of a long reply that is too much to try.
    let most = if whole <= SHORT { MOST_LOST } else { 1 };
    (1..=most).any(|missing| {
        // What follows is text of the board.
        let Some(frame) = frame.get(..whole - missing) else { return false };
        let clean = !frame.iter().any(|byte| bytes.contains(byte));
        clean && put_back(&mut frame.to_vec(), 8, missing, bytes)
    })
}

/// Whether the frame is whole with so many more of these bytes anywhere from `from` on.
fn put_back(frame: &mut Vec<u8>, from: usize, missing: usize, bytes: &[u8]) -> bool {
    if missing == 0 {
        return is_whole(frame);
    }
    for place in from..=frame.len() {
        for byte in bytes {
            frame.insert(place, *byte);
            let whole = put_back(frame, place + 1, missing - 1, bytes);
            frame.remove(place);
            if whole {
                return true;
            }
        }
    }
    false
}

/// A line of text that stood in the middle of the frame: without it, the frame is whole.
fn line_within(frame: &[u8]) -> Option<String> {
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | 0x1b);
    let ends = frame.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (end, _) in ends.take(MOST_LINES) {
        let (mut start, mut texts) = (end, Vec::new());
        while let Some(before) = start.checked_sub(1).filter(|it| end - it <= LONGEST_LINE) {
            // A message of several lines is one piece of text as well.
            if !frame.get(before).is_some_and(|byte| is_text(*byte) || *byte == b'\n') {
                break;
            }
            start = before;
            texts.push(start);
        }
        for start in texts {
            if end - start < SHORTEST_LINE {
                continue;
            }
            let (before, rest) = frame.split_at(start);
            let (text, behind) = rest.split_at(end + 1 - start);
            if is_whole(&[before, behind].concat()) {
                return Some(shown(text));
            }
        }
    }
    None
}

fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    /// A reply with every byte in it that lines like to change.
    fn reply() -> Vec<u8> {
        let mut payload: Vec<u8> = (0..90).map(|n: u8| n.wrapping_mul(37) | 0x80).collect();
        payload.splice(20..20, *b"SID\r");
        payload.splice(40..40, *b"\nIs.Successful\n");
        payload.splice(60..60, [0x13]);
        frame::reply(&payload)
    }

    fn heard(bytes: &[u8]) -> Change {
        change(&[b"[    1.234] boot\r\n".as_slice(), bytes, b"board login: "].concat())
    }

    #[test]
    fn each_change_is_told_from_the_others() {
        let reply = reply();
        let mut onlcr = Vec::new();
        for byte in &reply {
            if *byte == b'\n' {
                onlcr.push(b'\r');
            }
            onlcr.push(*byte);
        }
        let icrnl: Vec<u8> =
            reply.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect();
        let xon: Vec<u8> =
            reply.iter().copied().filter(|byte| ![0x11, 0x13].contains(byte)).collect();
        let strip: Vec<u8> = reply.iter().map(|byte| byte & 0x7f).collect();
        let mut within = reply.clone();
        within.splice(70..70, *b"[   12.345678] usb 1-1: new device\r\n");
        let mut lost = reply.clone();
        lost.drain(30..45);
        for (bytes, expected) in [
            (&onlcr, Change::CarriageReturnsAdded),
            (&icrnl, Change::CarriageReturnsChanged),
            (&xon, Change::FlowControl),
            (&strip, Change::SevenBits),
            (&within, Change::LineWithin("[   12.345678] usb 1-1: new device".to_owned())),
            (&lost, Change::Unknown),
        ] {
            assert_eq!(heard(bytes), expected);
            assert!(!expected.to_string().is_empty());
        }
        assert_eq!(change(b"login: \r\nlogin: "), Change::NoReply);
        assert_eq!(change(b""), Change::NoReply);
    }

    #[test]
    fn carriage_returns_that_are_left_out() {
        let reply: Vec<u8> = reply().into_iter().filter(|byte| *byte != b'\r').collect();
        assert_eq!(change(&reply), Change::CarriageReturnsChanged);
    }
}
