//! A draft made whole for somebody to look at, without the CA's key.

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;

use super::{Certificate, Draft};
use crate::ca::{FileSigner, KeyError, PublicKey, Signer, der};

impl Draft {
    /// The certificate as it would be for `key`, but signed by a key that is made for it and thrown
    /// away: what the CA's own key signs is written down first, and this is not.
    ///
    /// # Errors
    /// [`KeyError::OpenSsl`].
    pub fn sample(&self, key: &PublicKey) -> Result<Certificate, KeyError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let signer = FileSigner::new(PKey::from_ec_key(EcKey::generate(&group)?)?);
        let signer = signer.ok_or(KeyError::NotP256)?;
        let to_be_signed = self.to_be_signed(key);
        let refuse = |error: crate::ca::SignerError| KeyError::OpenSsl(error.0);
        let mut bits = vec![0];
        bits.extend(signer.sign(&to_be_signed).map_err(refuse)?);
        let signature = der::wrapped(der::BIT_STRING, &bits);
        let parts: [&[u8]; 3] = [&to_be_signed, signer.algorithm().der(), &signature];
        let der = der::all(der::SEQUENCE, &parts);
        Ok(Certificate { der, public_key_hash: key.hash() })
    }
}
