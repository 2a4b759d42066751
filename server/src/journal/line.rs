//! One line: `<sequence> <CRC-32 of sequence and JSON, 8 hexadecimal digits> <JSON>` and LF.

use super::Event;

/// Why a line is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineFault {
    /// Cut short or damaged.
    Damaged,
    /// Whole, and of a format this version does not know.
    Unknown(String),
}

/// Appends a line.
pub(super) fn write(out: &mut Vec<u8>, sequence: u64, json: &str) {
    let checksum = checksum(sequence, json.as_bytes());
    out.extend_from_slice(format!("{sequence} {checksum:08x} ").as_bytes());
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}

/// Reads a line without its LF.
pub(super) fn read(line: &[u8]) -> Result<(u64, Event), LineFault> {
    let text = std::str::from_utf8(line).map_err(|_| LineFault::Damaged)?;
    let mut parts = text.splitn(3, ' ');
    let sequence = parts.next().and_then(|digits| digits.parse().ok());
    let sum = parts.next().filter(|digits| digits.len() == 8);
    let sum = sum.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let (Some(sequence), Some(sum), Some(json)) = (sequence, sum, parts.next()) else {
        return Err(LineFault::Damaged);
    };
    if checksum(sequence, json.as_bytes()) != sum {
        return Err(LineFault::Damaged);
    }
    let event = serde_json::from_str(json).map_err(|e| LineFault::Unknown(e.to_string()))?;
    Ok((sequence, event))
}

fn checksum(sequence: u64, json: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_be_bytes());
    hasher.update(json);
    hasher.finalize()
}
