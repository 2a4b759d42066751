//! One line: `<sequence> <first of its group> <CRC-32, 8 hexadecimal digits> <JSON>` and LF.
//!
//! The checksum covers everything else. A group is what was written and flushed at once; its first
//! event's sequence number stands in each of its lines, so that a reader who finds a hole knows
//! whether anything was begun behind it.

use super::Event;

/// A whole line, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Number of the event.
    pub(super) sequence: u64,
    /// Number of the first event of its group.
    pub(super) first: u64,
    json: &'a str,
}

/// Appends a line.
pub(super) fn write(out: &mut Vec<u8>, sequence: u64, first: u64, json: &str) {
    let checksum = checksum(sequence, first, json.as_bytes());
    out.extend_from_slice(format!("{sequence} {first} {checksum:08x} ").as_bytes());
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}

/// Reads a line without its LF; `None` for one that is cut short or damaged.
pub(super) fn read(line: &[u8]) -> Option<Line<'_>> {
    let mut parts = std::str::from_utf8(line).ok()?.splitn(4, ' ');
    let sequence = parts.next()?.parse().ok()?;
    let first = parts.next()?.parse().ok()?;
    let sum = parts.next().filter(|digits| digits.len() == 8)?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    let json = parts.next()?;
    (checksum(sequence, first, json.as_bytes()) == sum).then_some(Line { sequence, first, json })
}

impl Line<'_> {
    /// What it says; an error where this version does not know it.
    pub(super) fn event(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_str(self.json)
    }
}

fn checksum(sequence: u64, first: u64, json: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_be_bytes());
    hasher.update(&first.to_be_bytes());
    hasher.update(json);
    hasher.finalize()
}
