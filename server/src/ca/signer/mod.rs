//! The CA key in use. A signer gets bytes and returns a DER signature, the same cut that PKCS#11
//! needs; nobody else sees the key.

mod file;

pub use file::FileSigner;

/// Why a signature could not be made. Never quotes key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signer did not sign: {0}")]
pub struct SignerError(pub String);

/// Signs with the CA's P-256 key.
///
/// Promises of every implementation, held by `contract` in the tests: the signature is
/// ecdsa-with-SHA256 over exactly the bytes given, in DER (RFC 3279 2.2.3), and verifies under
/// the CA's public key.
pub trait Signer: Send + Sync {
    /// Signs `message` (not its digest).
    ///
    /// # Errors
    /// [`SignerError`] when the key is not to be had now.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

#[cfg(test)]
pub(crate) mod contract {
    use openssl::ec::EcKey;
    use openssl::ecdsa::EcdsaSig;
    use openssl::pkey::Public;
    use sha2::{Digest, Sha256};

    use super::Signer;

    /// What every signer must do.
    pub(crate) fn holds(signer: &dyn Signer, public: &EcKey<Public>) {
        for message in [&b""[..], b"abc", &[0xff; 5000]] {
            let signature = EcdsaSig::from_der(&signer.sign(message).unwrap()).unwrap();
            assert!(signature.verify(&Sha256::digest(message), public).unwrap());
            assert!(!signature.verify(&Sha256::digest(b"another"), public).unwrap());
        }
    }
}
