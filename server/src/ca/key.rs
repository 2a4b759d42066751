//! Keys of devices: made here for `by_tool`, or only their public half.

use std::fmt;

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Private, Public};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// SubjectPublicKeyInfo of a P-256 key up to its 65-byte point (RFC 5480 2).
pub(super) const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an uncompressed point of P-256.
    #[error("the public key is not a point of P-256 in uncompressed form")]
    NotP256,
    /// OpenSSL could not make or write a key.
    #[error("OpenSSL could not make a key: {0}")]
    OpenSsl(String),
}

impl From<ErrorStack> for KeyError {
    fn from(stack: ErrorStack) -> Self {
        Self::OpenSsl(stack.to_string())
    }
}

/// A P-256 public key: a point known to be on the curve, uncompressed, 65 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: [u8; 65],
}

impl PublicKey {
    /// Checks an uncompressed point. P-256 has cofactor 1, so being on the curve is enough.
    ///
    /// # Errors
    /// [`KeyError::NotP256`].
    pub fn from_point(point: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 65] = point.try_into().map_err(|_| KeyError::NotP256)?;
        if bytes.first() != Some(&4) {
            return Err(KeyError::NotP256);
        }
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        EcPoint::from_bytes(&group, point, &mut context).map_err(|_| KeyError::NotP256)?;
        Ok(Self { point: bytes })
    }

    /// The 65 bytes of the point: 04, X, Y.
    pub fn point(&self) -> &[u8; 65] {
        &self.point
    }

    /// SubjectPublicKeyInfo, DER, 91 bytes.
    pub fn spki(&self) -> Vec<u8> {
        [&SPKI_HEAD[..], &self.point].concat()
    }

    /// SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hexadecimal digits: names the key in
    /// claims.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.spki()))
    }

    /// Key identifier: the leftmost 160 bits of the SHA-256 of the point (RFC 7093 2, method 1).
    pub fn identifier(&self) -> [u8; 20] {
        let mut identifier = [0; 20];
        for (to, from) in identifier.iter_mut().zip(Sha256::digest(self.point)) {
            *to = from;
        }
        identifier
    }

    pub(super) fn to_openssl(&self) -> Result<EcKey<Public>, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, &self.point, &mut context)?;
        EcKey::from_public_key(&group, &point)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hash())
    }
}

/// A P-256 key pair made for one device. Lives in memory only: no `Debug`, no `Serialize`;
/// OpenSSL clears its own copy when it is freed.
pub struct DeviceKey {
    private: EcKey<Private>,
    public: PublicKey,
}

impl DeviceKey {
    /// Makes a new pair.
    ///
    /// # Errors
    /// [`KeyError::OpenSsl`] when OpenSSL has no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let private = EcKey::generate(&group)?;
        let mut context = BigNumContext::new()?;
        let point = private.public_key().to_bytes(
            &group,
            PointConversionForm::UNCOMPRESSED,
            &mut context,
        )?;
        let point = point.as_slice().try_into().map_err(|_| KeyError::NotP256)?;
        Ok(Self { private, public: PublicKey { point } })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private key as the device takes it: SEC 1 / RFC 5915 DER with named curve and public
    /// key, 121 bytes (injection protocol, section 6.2).
    ///
    /// # Errors
    /// [`KeyError::OpenSsl`].
    pub fn to_sec1(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(Zeroizing::new(self.private.private_key_to_der()?))
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit =
        |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::pkey::PKey;

    #[test]
    fn a_made_key_is_what_openssl_says_it_is() {
        let key = DeviceKey::generate().unwrap();
        let der = key.to_sec1().unwrap();
        assert_eq!(der.len(), 121);
        let read = PKey::private_key_from_der(&der).unwrap();
        assert_eq!(read.public_key_to_der().unwrap(), key.public().spki());
        assert_eq!(PublicKey::from_point(key.public().point()).as_ref(), Ok(key.public()));
    }

    #[test]
    fn refuses_points_off_the_curve() {
        let mut point = *DeviceKey::generate().unwrap().public().point();
        point[64] ^= 1;
        assert_eq!(PublicKey::from_point(&point), Err(KeyError::NotP256));
        assert_eq!(PublicKey::from_point(&point[..33]), Err(KeyError::NotP256));
        assert_eq!(PublicKey::from_point(&[0; 65]), Err(KeyError::NotP256));
    }
}
