//! The private key out of a PEM text. Certificates and parameters beside it are passed over: the
//! station gives nothing of a key's file to anybody.

use openssl::pkey::{PKey, Private};

use super::PemError;
use super::blocks::{Block, blocks};

/// The one private key of a PEM text. A password is never asked for.
///
/// # Errors
/// [`PemError`]: none, more than one, encrypted, in a form of somebody's own, damaged.
pub fn key(text: &[u8]) -> Result<PKey<Private>, PemError> {
    let all = blocks(text)?;
    let mut keys = all.iter().filter(|block| block.is_private());
    let Some(block) = keys.next() else {
        return Err(PemError::NoKey(match all.first() {
            Some(other) => format!(", but a `{}` (line {})", other.label, other.line),
            None => String::new(),
        }));
    };
    let is_the_same = |other: &Block| match (&block.content, &other.content) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    if let Some(other) = keys.find(|other| !is_the_same(other)) {
        return Err(PemError::TwoKeys { first: block.line, second: other.line });
    }
    parsed(block)
}

fn parsed(block: &Block) -> Result<PKey<Private>, PemError> {
    let (line, label) = (block.line, || block.label.clone());
    if block.is_encrypted || label().contains("ENCRYPTED") {
        return Err(PemError::Encrypted { line, label: label() });
    }
    if label() == "OPENSSH PRIVATE KEY" {
        return Err(PemError::OpenSsh { line });
    }
    let no_key = |error: &PemError| PemError::NoKey(format!(": it {error}"));
    let content = block.content.as_ref().map_err(no_key)?;
    let unparsed = || no_key(&PemError::Unparsed { line, label: label() });
    let length = length(content).ok_or_else(unparsed)?;
    if let Some(bytes) = content.len().checked_sub(length).filter(|bytes| *bytes > 0) {
        return Err(PemError::Behind { line, label: label(), bytes });
    }
    PKey::private_key_from_der(content).map_err(|_| unparsed())
}

/// How many bytes the outermost element has, its head included.
fn length(der: &[u8]) -> Option<usize> {
    match *der.get(1)? {
        short @ ..0x80 => Some(2 + usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            let digits = der.get(2..2 + bytes).filter(|_| (1..=4).contains(&bytes))?;
            let length = digits.iter().fold(0, |sum, digit| sum * 256 + usize::from(*digit));
            Some(2 + bytes + length)
        }
    }
}
