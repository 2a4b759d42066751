//! One frame: token, length, payload, SHA-256 (injection 3).
//!
//! Both directions, read incrementally at any split of the bytes. What the payload means is not
//! this room's business.

mod altered;
mod reply_reader;
mod request_reader;

pub use altered::Change;
pub use reply_reader::{FrameFault, ReplyFrame, ReplyReader};
pub use request_reader::{Place, REQUEST_MEMORY, RequestFrame, RequestReader};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The eight bytes every frame begins with: `mbedprov` (injection 3.1).
pub const TOKEN: [u8; 8] = *b"mbedprov";

/// Size of the SHA-256 at the end of a frame, in bytes.
pub const HASH: usize = 32;

/// What a frame adds to its payload, in bytes, in a request.
pub const OVERHEAD: usize = TOKEN.len() + 4 + HASH;

/// The largest reply payload a client sends, in bytes: 2560 with CSRs, 512 without (injection 9).
pub const REPLY_PAYLOAD: usize = 2560;

/// The frame of one bundle, whole, to be written at once (injection 11.4 rule 1).
///
/// `payload` is at most `u32::MAX` bytes; callers bound it far lower. The buffer is wiped when
/// dropped, since most bundles carry a private key.
pub fn request(payload: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(payload.len() + OVERHEAD));
    frame.extend_from_slice(&TOKEN);
    frame.extend_from_slice(&length(payload));
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&Sha256::digest(payload));
    frame
}

/// The frame of a reply that has a payload: transport status 0 (injection 3.2).
pub fn reply(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + OVERHEAD + 4);
    frame.extend_from_slice(&TOKEN);
    frame.extend_from_slice(&0u32.to_le_bytes());
    frame.extend_from_slice(&length(payload));
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&Sha256::digest(payload));
    frame
}

/// The frame of a reply that is a transport status alone: 12 bytes (injection 3.2).
pub fn reply_status(status: u32) -> Vec<u8> {
    let mut frame = Vec::with_capacity(TOKEN.len() + 4);
    frame.extend_from_slice(&TOKEN);
    frame.extend_from_slice(&status.to_le_bytes());
    frame
}

fn length(payload: &[u8]) -> [u8; 4] {
    u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes()
}

fn hash_matches(payload: &[u8], hash: &[u8]) -> bool {
    Sha256::digest(payload).as_slice() == hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_token_length_payload_hash() {
        let frame = request(b"abc");

        assert_eq!(&frame[..12], b"mbedprov\x03\0\0\0");
        assert_eq!(&frame[12..15], b"abc");
        assert_eq!(frame[15..19], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(frame.len(), 3 + OVERHEAD);
    }

    #[test]
    fn a_status_reply_is_twelve_bytes() {
        assert_eq!(reply_status(9), b"mbedprov\x09\0\0\0");
    }
}
