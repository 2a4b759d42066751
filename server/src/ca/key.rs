//! Keys of devices: made here for `by_tool`, or only their public half.
//!
//! The station makes P-256 keys only. Public keys that arrive in a request may be of other kinds,
//! where the protocol and the station's settings take them.

use std::fmt;

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use sha2::{Digest, Sha256};
use x509_parser::oid_registry;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

/// SubjectPublicKeyInfo of a P-256 key up to its 65-byte point (RFC 5480 2).
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same of a P-384 key, up to its 97-byte point.
const P384_HEAD: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// Lengths of RSA keys that are taken, in bits: shorter ones are weak, longer ones only slow.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;
/// The smallest public exponent of RSA (NIST SP 800-56B 6.2).
const LEAST_EXPONENT: u32 = 65_537;

/// What a public key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 (secp256r1).
    P256,
    /// ECDSA on P-384 (secp384r1).
    P384,
    /// RSA of 2048 to 4096 bits.
    Rsa,
}

impl KeyKind {
    /// The word of settings and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Rsa => "rsa",
        }
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an uncompressed point of P-256.
    #[error("the public key is not a point of P-256 in uncompressed form")]
    NotP256,
    /// A key of a kind that is not taken, or too weak for its kind.
    #[error("the public key is {got}; taken are {}", words(.taken))]
    NotTaken {
        /// What it is, in words.
        got: String,
        /// What would be taken.
        taken: Vec<KeyKind>,
    },
    /// OpenSSL could not make or write a key.
    #[error("OpenSSL could not make a key: {0}")]
    OpenSsl(String),
}

impl From<ErrorStack> for KeyError {
    fn from(stack: ErrorStack) -> Self {
        Self::OpenSsl(stack.to_string())
    }
}

fn words(kinds: &[KeyKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// A public key, checked: a point on its curve, or an RSA key of fair size.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// SubjectPublicKeyInfo, DER, in its one canonical form.
    spki: Vec<u8>,
    /// Where the key itself begins in it: the content of the BIT STRING.
    bits_at: usize,
    kind: KeyKind,
}

impl PublicKey {
    /// Checks an uncompressed point of P-256.
    ///
    /// # Errors
    /// [`KeyError::NotP256`].
    pub fn from_point(point: &[u8]) -> Result<Self, KeyError> {
        on_curve(point, 65, Nid::X9_62_PRIME256V1)?;
        Ok(Self::joined(&P256_HEAD, point, KeyKind::P256))
    }

    /// Reads the key of a request, if it is of one of the kinds `taken`.
    ///
    /// # Errors
    /// [`KeyError::NotP256`] or [`KeyError::NotTaken`].
    pub(super) fn read(
        spki: &SubjectPublicKeyInfo<'_>,
        taken: &[KeyKind],
    ) -> Result<Self, KeyError> {
        let refused = |got: &str| match taken {
            [KeyKind::P256] => KeyError::NotP256,
            _ => KeyError::NotTaken { got: got.to_owned(), taken: taken.to_vec() },
        };
        let algorithm = &spki.algorithm.algorithm;
        let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let bits = &spki.subject_public_key.data;
        let is_ec = *algorithm == oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY;
        if is_ec && curve == Some(oid_registry::OID_EC_P256) && taken.contains(&KeyKind::P256) {
            return Self::from_point(bits);
        }
        if is_ec && curve == Some(oid_registry::OID_NIST_EC_P384) && taken.contains(&KeyKind::P384)
        {
            on_curve(bits, 97, Nid::SECP384R1).map_err(|_| refused("not a point of P-384"))?;
            return Ok(Self::joined(&P384_HEAD, bits, KeyKind::P384));
        }
        if *algorithm == oid_registry::OID_PKCS1_RSAENCRYPTION && taken.contains(&KeyKind::Rsa) {
            return Self::rsa(spki).map_err(|got| refused(&got));
        }
        Err(refused(&format!("of another kind ({algorithm})")))
    }

    /// An RSA key in the form OpenSSL writes, which is the one form there is in DER. The error
    /// says what is wrong.
    fn rsa(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, String> {
        let unreadable = || "an RSA key that cannot be read".to_owned();
        let key = PKey::public_key_from_der(spki.raw).map_err(|_| unreadable())?;
        let rsa = key.rsa().map_err(|_| unreadable())?;
        let canonical = key.public_key_to_der().map_err(|_| unreadable())?;
        if key.id() != Id::RSA || canonical != spki.raw {
            return Err("an RSA key that is not in DER".to_owned());
        }
        if !RSA_BITS.contains(&key.bits()) {
            return Err(format!("RSA of {} bits", key.bits()));
        }
        let least = openssl::bn::BigNum::from_u32(LEAST_EXPONENT).map_err(|_| unreadable())?;
        if !rsa.e().is_bit_set(0) || *rsa.e() < *least {
            return Err("RSA with a weak exponent".to_owned());
        }
        let bits_at = canonical.len() - spki.subject_public_key.data.len();
        Ok(Self { spki: canonical, bits_at, kind: KeyKind::Rsa })
    }

    fn joined(head: &[u8], bits: &[u8], kind: KeyKind) -> Self {
        Self { spki: [head, bits].concat(), bits_at: head.len(), kind }
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key itself, the content of the BIT STRING: of an EC key its point, 04, X, Y.
    pub fn bits(&self) -> &[u8] {
        self.spki.get(self.bits_at..).unwrap_or_default()
    }

    /// SubjectPublicKeyInfo, DER; 91 bytes of a P-256 key.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hexadecimal digits: names the key in
    /// claims.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.spki))
    }

    /// Key identifier: the leftmost 160 bits of the SHA-256 of the key (RFC 7093 2, method 1).
    pub fn identifier(&self) -> [u8; 20] {
        let mut identifier = [0; 20];
        for (to, from) in identifier.iter_mut().zip(Sha256::digest(self.bits())) {
            *to = from;
        }
        identifier
    }
}

/// Checks an uncompressed point. Both curves have cofactor 1, so being on the curve is enough.
fn on_curve(point: &[u8], length: usize, curve: Nid) -> Result<(), KeyError> {
    if point.len() != length || point.first() != Some(&4) {
        return Err(KeyError::NotP256);
    }
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    EcPoint::from_bytes(&group, point, &mut context).map_err(|_| KeyError::NotP256)?;
    Ok(())
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
        let public = PublicKey::joined(&P256_HEAD, &point, KeyKind::P256);
        Ok(Self { private, public })
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

    #[test]
    fn a_made_key_is_what_openssl_says_it_is() {
        let key = DeviceKey::generate().unwrap();
        let der = key.to_sec1().unwrap();
        assert_eq!(der.len(), 121);
        let read = PKey::private_key_from_der(&der).unwrap();
        assert_eq!(read.public_key_to_der().unwrap(), key.public().spki());
        assert_eq!(PublicKey::from_point(key.public().bits()).as_ref(), Ok(key.public()));
    }

    #[test]
    fn refuses_points_off_the_curve() {
        let mut point = DeviceKey::generate().unwrap().public().bits().to_vec();
        point[64] ^= 1;
        assert_eq!(PublicKey::from_point(&point), Err(KeyError::NotP256));
        assert_eq!(PublicKey::from_point(&point[..33]), Err(KeyError::NotP256));
        assert_eq!(PublicKey::from_point(&[0; 65]), Err(KeyError::NotP256));
    }
}
