//! The one reader of PEM (RFC 7468): every file of certificates or keys that the station reads goes
//! through here, whoever asks for it.
//!
//! What is read is parsed and encoded anew; the text of a file is never given to anybody. Not for:
//! whether a certificate is good for anything (`ca`, `config`).

mod blocks;
mod certificates;
mod error;
mod key;

use std::path::Path;

use zeroize::Zeroizing;

pub use certificates::{beside_a_key, certificates, der_or_pem, encode};
pub use error::PemError;
pub use key::key;

/// Largest file read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// What some editors put at the beginning of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The certificates of a PEM file in their order, DER each; one that stands there twice, once.
///
/// # Errors
/// [`PemError`].
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, PemError> {
    certificates(&read(path)?)
}

/// A file's bytes, bounded, and wiped when they are no longer needed.
///
/// # Errors
/// [`PemError::Unreadable`].
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let unreadable = |error: std::io::Error| PemError::Unreadable(error.to_string());
    let about = std::fs::metadata(path).map_err(unreadable)?;
    // Reading a pipe might never end.
    if !about.is_file() {
        return Err(PemError::Unreadable("it is not a file".to_owned()));
    }
    let size = about.len();
    if size > LARGEST {
        return Err(PemError::Unreadable(format!("it has {size} bytes")));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(unreadable)
}

/// A text without the byte order mark at its beginning.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
