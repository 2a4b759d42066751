//! PEM files of certificates (RFC 7468).

use std::path::Path;

use openssl::x509::X509;

/// Largest CA file read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Why a certificate file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Not there, a folder, no permission, too large.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// No certificate in it.
    #[error("holds no certificate in PEM form")]
    NoCertificate,
}

/// The certificates of a PEM file in their order, DER each.
///
/// # Errors
/// [`PemError`].
pub fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, PemError> {
    let pem = read(path)?;
    let stack = X509::stack_from_pem(&pem).map_err(|_| PemError::NoCertificate)?;
    let ders: Result<Vec<_>, _> = stack.iter().map(|certificate| certificate.to_der()).collect();
    match ders {
        Ok(ders) if !ders.is_empty() => Ok(ders),
        _ => Err(PemError::NoCertificate),
    }
}

/// The text of a PEM file of certificates, without blanks at its end.
///
/// # Errors
/// [`PemError`].
pub fn text(path: &Path) -> Result<String, PemError> {
    let pem = String::from_utf8(read(path)?).map_err(|_| PemError::NoCertificate)?;
    Ok(pem.trim_end().to_owned())
}

/// A file's bytes, bounded.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, PemError> {
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
    std::fs::read(path).map_err(unreadable)
}
