//! A signer whose key was read from a file.

use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::Private;
use sha2::{Digest, Sha256};

use super::{Signer, SignerError};

/// Holds a P-256 private key in memory. No `Debug`: OpenSSL clears the key when it is freed.
pub struct FileSigner {
    key: EcKey<Private>,
}

impl FileSigner {
    /// Takes a P-256 key that was already checked.
    pub fn new(key: EcKey<Private>) -> Self {
        Self { key }
    }
}

impl Signer for FileSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let refuse = |stack: ErrorStack| SignerError(stack.to_string());
        let signature = EcdsaSig::sign(&Sha256::digest(message), &self.key).map_err(refuse)?;
        signature.to_der().map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::EcGroup;
    use openssl::nid::Nid;

    #[test]
    fn keeps_the_contract() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let public = EcKey::from_public_key(&group, key.public_key()).unwrap();
        super::super::contract::holds(&FileSigner::new(key), &public);
    }
}
