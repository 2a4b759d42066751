//! The blocks of a PEM text, with the lines they begin in. Around them may stand anything, in any
//! encoding; within them only what belongs there.

use zeroize::Zeroizing;

use super::{MARK, PemError};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// One block. No `Debug`: it may hold a key.
pub(super) struct Block {
    /// What its BEGIN line says it is.
    pub(super) label: String,
    /// The line it begins in, from 1.
    pub(super) line: usize,
    /// What it holds.
    pub(super) content: Result<Zeroizing<Vec<u8>>, PemError>,
    /// Whether head lines say that it is encrypted (RFC 1421 4.6.1.1).
    pub(super) is_encrypted: bool,
}

impl Block {
    /// Whether it is a private key, of whatever kind.
    pub(super) fn is_private(&self) -> bool {
        self.label.contains("PRIVATE")
    }
}

/// Every block of a text, damaged ones included.
///
/// # Errors
/// [`PemError::Utf16`].
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    if is_utf16(text) {
        return Err(PemError::Utf16);
    }
    let mut blocks = Vec::new();
    let mut open: Option<Open> = None;
    for (line, number) in lines(text).zip(1..) {
        let mut rest = trimmed(line);
        // The END of one block and the BEGIN of the next share a line where files were put together
        // that had no newline at their end.
        loop {
            if let Some(label) = label(rest, BEGIN) {
                blocks.extend(open.take().map(Open::unfinished));
                rest = behind(rest, BEGIN, &label);
                open = Some(Open::new(label, number));
            } else if let Some(label) = label(rest, END) {
                let closes = open.as_ref().is_some_and(|it| it.label == label);
                if closes {
                    blocks.extend(open.take().map(Open::finished));
                }
                rest = behind(rest, END, &label);
            } else {
                break;
            }
            if rest.is_empty() {
                break;
            }
        }
        if let Some(open) = &mut open
            && open.line != number
        {
            open.take(rest, number);
        }
    }
    blocks.extend(open.map(Open::unfinished));
    Ok(blocks)
}

/// A private key that a text holds in the middle of a line, where no block begins: its line.
pub(super) fn hidden_key(text: &[u8]) -> Option<(usize, String)> {
    lines(text).zip(1..).find_map(|(line, number)| {
        let starts = line.windows(BEGIN.len()).enumerate().filter(|(_, at)| *at == BEGIN);
        let mut labels = starts.filter_map(|(at, _)| label(line.get(at..)?, BEGIN));
        labels.find(|label| label.contains("PRIVATE KEY")).map(|label| (number, label))
    })
}

/// A block that has begun.
struct Open {
    label: String,
    line: usize,
    letters: Zeroizing<Vec<u8>>,
    last: usize,
    is_encrypted: bool,
    damage: Option<(usize, &'static str)>,
}

impl Open {
    fn new(label: String, line: usize) -> Self {
        let letters = Zeroizing::new(Vec::with_capacity(4096));
        Self { label, line, letters, last: line, is_encrypted: false, damage: None }
    }

    /// Takes one line of content, or of the head (`Proc-Type: 4,ENCRYPTED`).
    fn take(&mut self, line: &[u8], number: usize) {
        if self.letters.is_empty() && line.contains(&b':') {
            let words = line.to_ascii_uppercase();
            self.is_encrypted |= words.starts_with(b"PROC-TYPE:")
                && words.windows(9).any(|word| word == b"ENCRYPTED");
            return;
        }
        // A DEK-Info of several lines, and nothing else, begins with a blank.
        for letter in line.iter().filter(|letter| !letter.is_ascii_whitespace()) {
            let is_letter = letter.is_ascii_alphanumeric() || b"+/=".contains(letter);
            let goes_on = *letter == b'=' || !self.letters.ends_with(b"=");
            if !is_letter || !goes_on {
                let problem = match is_letter {
                    true => "goes on behind the end of the base64",
                    false => "holds a character that is not base64",
                };
                self.damage.get_or_insert((number, problem));
                return;
            }
            self.letters.push(*letter);
            self.last = number;
        }
    }

    fn unfinished(self) -> Block {
        let Self { label, line, is_encrypted, .. } = self;
        let content = Err(PemError::NoEnd { line, label: label.clone() });
        Block { label, line, content, is_encrypted }
    }

    fn finished(self) -> Block {
        let Self { label, line, letters, last, is_encrypted, damage } = self;
        let broken = |(at, problem)| PemError::Damaged { line, label: label.clone(), at, problem };
        let content = match damage {
            Some(damage) => Err(broken(damage)),
            None if letters.is_empty() => Err(broken((line, "has nothing behind it"))),
            None => decoded(&letters).ok_or_else(|| broken((last, "ends in the middle"))),
        };
        Block { label, line, content, is_encrypted }
    }
}

fn decoded(letters: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let padding = letters.iter().filter(|letter| **letter == b'=').count();
    if !letters.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let text = std::str::from_utf8(letters).ok()?;
    openssl::base64::decode_block(text).ok().map(Zeroizing::new)
}

/// Lines of every operating system's kind, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| b"\r\n".contains(byte)) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        let skipped = if behind.starts_with(b"\r\n") { 2 } else { 1 };
        rest = behind.get(skipped..);
        Some(line)
    })
}

/// A line without blanks around it, and without the byte order mark of a file that was put there.
fn trimmed(line: &[u8]) -> &[u8] {
    let mut line = line.trim_ascii();
    // An editor may have put one more before the one that was there.
    while let Some(rest) = line.strip_prefix(MARK) {
        line = rest.trim_ascii();
    }
    line
}

/// The label of a line that begins with this marker.
fn label(line: &[u8], marker: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(marker)?;
    let end = rest.windows(DASHES.len()).position(|at| at == DASHES)?;
    let label = rest.get(..end)?;
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || b" .-#_".contains(byte);
    label.iter().all(is_label).then(|| String::from_utf8_lossy(label).into_owned())
}

fn behind<'a>(line: &'a [u8], marker: &[u8], label: &str) -> &'a [u8] {
    line.get(marker.len() + label.len() + DASHES.len()..).unwrap_or_default().trim_ascii()
}

/// Whether each letter has 16 bits, or 32: a mark says so, or the dashes have zeros between them.
fn is_utf16(text: &[u8]) -> bool {
    let marked = text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff");
    marked || text.windows(6).any(|at| at == b"-\0-\0-\0" || at == b"\0-\0-\0-")
}
