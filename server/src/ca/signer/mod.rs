//! The CA key in use. A signer gets bytes and returns a DER signature, the same cut that PKCS#11
//! needs; nobody else sees the key.

mod file;

pub use file::FileSigner;

/// Why a signature could not be made. Never quotes key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signer did not sign: {0}")]
pub struct SignerError(pub String);

/// How a certificate is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ecdsa-with-SHA256, on whatever curve the key is.
    EcdsaSha256,
    /// sha256WithRSAEncryption.
    RsaSha256,
}

/// ecdsa-with-SHA256 without parameters (RFC 5758 3.2).
const ECDSA_SHA256: [u8; 12] =
    [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// sha256WithRSAEncryption with its NULL (RFC 4055 5).
const RSA_SHA256: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];

impl SignatureAlgorithm {
    /// The whole AlgorithmIdentifier, DER.
    pub(super) fn der(self) -> &'static [u8] {
        match self {
            Self::EcdsaSha256 => &ECDSA_SHA256,
            Self::RsaSha256 => &RSA_SHA256,
        }
    }
}

/// Signs with the CA's key.
///
/// Promises of every implementation, held by `contract` in the tests: the signature is made by
/// the algorithm named, over exactly the bytes given, in the form certificates hold it (of ECDSA
/// in DER, RFC 3279 2.2.3), and verifies under the CA's public key.
pub trait Signer: Send + Sync {
    /// The algorithm, the same for the signer's whole life.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Signs `message` (not its digest).
    ///
    /// # Errors
    /// [`SignerError`] when the key is not to be had now.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

#[cfg(test)]
pub(crate) mod contract {
    use openssl::hash::MessageDigest;
    use openssl::pkey::{Id, PKey, Public};
    use openssl::sign::Verifier;

    use super::{SignatureAlgorithm, Signer};

    /// What every signer must do.
    pub(crate) fn holds(signer: &dyn Signer, public: &PKey<Public>) {
        let is_rsa = signer.algorithm() == SignatureAlgorithm::RsaSha256;
        assert_eq!(is_rsa, public.id() == Id::RSA);
        for message in [&b""[..], b"abc", &[0xff; 5000]] {
            let signature = signer.sign(message).unwrap();
            let verifies = |message: &[u8]| {
                let mut verifier = Verifier::new(MessageDigest::sha256(), public).unwrap();
                verifier.verify_oneshot(&signature, message).unwrap_or(false)
            };
            assert!(verifies(message));
            assert!(!verifies(b"another"));
        }
    }
}
