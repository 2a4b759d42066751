//! A signer whose key was read from a file.

use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use sha2::{Digest, Sha256};

use super::{SignatureAlgorithm, Signer, SignerError};

/// Holds a private key in memory. No `Debug`: OpenSSL clears the key when it is freed.
pub struct FileSigner(Key);

enum Key {
    Ec(EcKey<Private>),
    Rsa(PKey<Private>),
}

impl FileSigner {
    /// Takes a key that was already checked; `None` unless it is of EC or RSA.
    pub fn new(key: PKey<Private>) -> Option<Self> {
        match key.id() {
            Id::EC => Some(Self(Key::Ec(key.ec_key().ok()?))),
            Id::RSA => Some(Self(Key::Rsa(key))),
            _ => None,
        }
    }
}

impl Signer for FileSigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0 {
            Key::Ec(_) => SignatureAlgorithm::EcdsaSha256,
            Key::Rsa(_) => SignatureAlgorithm::RsaSha256,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signed = match &self.0 {
            Key::Ec(key) => by_ecdsa(key, message),
            Key::Rsa(key) => by_rsa(key, message),
        };
        signed.map_err(|stack| SignerError(stack.to_string()))
    }
}

fn by_ecdsa(key: &EcKey<Private>, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    EcdsaSig::sign(&Sha256::digest(message), key)?.to_der()
}

fn by_rsa(key: &PKey<Private>, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), key)?;
    signer.sign_oneshot_to_vec(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::test_ca::{ec, rsa};
    use openssl::nid::Nid;

    #[test]
    fn keeps_the_contract() {
        for key in [ec(Nid::X9_62_PRIME256V1), ec(Nid::SECP384R1), rsa()] {
            let public = PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap();
            super::super::contract::holds(&FileSigner::new(key).unwrap(), &public);
        }
        assert!(FileSigner::new(PKey::generate_ed25519().unwrap()).is_none());
    }
}
