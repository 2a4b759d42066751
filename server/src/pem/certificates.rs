//! Certificates out of a PEM text, and back into one.

use openssl::x509::X509;

use super::PemError;
use super::blocks::{Block, blocks, hidden_key};

/// What may stand beside certificates without doing harm: it is left out of everything.
const PASSED_OVER: [&str; 8] = [
    "X509 CRL",
    "CERTIFICATE REQUEST",
    "NEW CERTIFICATE REQUEST",
    "PUBLIC KEY",
    "EC PARAMETERS",
    "DH PARAMETERS",
    "X9.42 DH PARAMETERS",
    "DSA PARAMETERS",
];

/// The certificates of a PEM text in their order, DER each; one that stands there twice, once.
///
/// # Errors
/// [`PemError`]: a private key among them, another kind, a damaged block, none at all.
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let all = blocks(text)?;
    let private = all.iter().find(|block| block.is_private());
    let private = private.map(|block| (block.line, block.label.clone()));
    if let Some((line, label)) = private.or_else(|| hidden_key(text)) {
        return Err(PemError::PrivateKey { line, label });
    }
    collected(&all, text)
}

/// The same for a file that only the station reads, and that may hold its own key as well.
///
/// # Errors
/// [`PemError`].
pub fn beside_a_key(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut all = blocks(text)?;
    all.retain(|block| !block.is_private());
    collected(&all, text)
}

/// The certificates in PEM, or the one in DER, that a file holds. DER is not parsed.
///
/// # Errors
/// [`PemError`].
pub fn der_or_pem(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<Vec<Vec<u8>>, PemError>,
) -> Result<Vec<Vec<u8>>, PemError> {
    // Every certificate is a SEQUENCE of more than 127 bytes, and no text begins so.
    if bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|length| *length >= 0x80) {
        return Ok(vec![bytes.to_vec()]);
    }
    read(bytes)
}

/// Certificates as PEM, lines of 64 characters, one behind another (RFC 7468 2).
pub fn encode(ders: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut text = String::new();
    for der in ders {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (place, letter) in openssl::base64::encode_block(der.as_ref()).chars().enumerate() {
            if place > 0 && place % 64 == 0 {
                text.push('\n');
            }
            text.push(letter);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

fn collected(all: &[Block], text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut ders: Vec<Vec<u8>> = Vec::new();
    for block in all {
        let der = match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => parsed(block)?,
            "TRUSTED CERTIFICATE" => return Err(PemError::Trusted { line: block.line }),
            label if PASSED_OVER.contains(&label) => continue,
            label => {
                return Err(PemError::Kind { line: block.line, label: label.to_owned() });
            }
        };
        if !ders.contains(&der) {
            ders.push(der);
        }
    }
    if !ders.is_empty() {
        return Ok(ders);
    }
    Err(PemError::NoCertificate(match all.first() {
        Some(other) => format!(", but a `{}` (line {})", other.label, other.line),
        None if X509::from_der(text).is_ok() => {
            ", but one in DER; `openssl x509 -inform DER -in FILE -out NEW` writes PEM".to_owned()
        }
        None => String::new(),
    }))
}

/// The certificate of a block, encoded anew.
fn parsed(block: &Block) -> Result<Vec<u8>, PemError> {
    let (line, label) = (block.line, || block.label.clone());
    let content = block.content.as_ref().map_err(Clone::clone)?;
    let unparsed = || PemError::Unparsed { line, label: label() };
    let der = X509::from_der(content).and_then(|it| it.to_der()).map_err(|_| unparsed())?;
    match content.strip_prefix(der.as_slice()) {
        Some([]) => Ok(der),
        Some(more) => Err(PemError::Behind { line, label: label(), bytes: more.len() }),
        // It was not in DER: a verifier would parse it otherwise than we did.
        None => Err(unparsed()),
    }
}
