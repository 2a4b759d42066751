//! The enrollment identity: what the cloud account needs to claim the unit.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `A-` and the SHA-256 of the device certificate's DER as 32 upper-case hexadecimal pairs with
/// colons between: 97 characters (injection protocol, section 14.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnrollmentIdentity(String);

impl EnrollmentIdentity {
    /// Computes the identity of a device certificate; of a chain, its first certificate.
    pub fn of(certificate_der: &[u8]) -> Self {
        let pairs: Vec<String> =
            Sha256::digest(certificate_der).iter().map(|byte| format!("{byte:02X}")).collect();
        Self(format!("A-{}", pairs.join(":")))
    }

    /// The 97 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnrollmentIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_fingerprint_of_the_empty_string() {
        // SHA-256 of nothing, FIPS 180-4's well-known value.
        let identity = EnrollmentIdentity::of(b"");
        assert_eq!(
            identity.as_str(),
            "A-E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"
        );
        assert_eq!(identity.as_str().len(), 97);
    }
}
