//! What is signed, and by which key: device keys, CSRs, the profile, the draft, the signature,
//! the CA and its checks.
//!
//! Pure but for `signer/` and the reading of the CA's files. Not for: who may have a certificate
//! (`ra`), what is kept of it (`store`).

mod authority;
mod authority_faults;
mod csr;
mod der;
mod developer;
mod draft;
mod extensions;
mod key;
mod name;
mod profile;
mod proof;
mod readable;
mod root;
mod signer;
mod supplied;
#[cfg(test)]
pub(crate) mod test_ca;
mod validity;

pub use crate::pem::{PemError, read_certificates};
pub use authority::{Authority, AuthorityFiles};
pub use authority_faults::{AuthorityFault, AuthorityWarning};
pub use csr::{
    BUSINESS_CATEGORY, COMMON_NAME, Csr, CsrError, ORGANIZATIONAL_UNIT, SubjectAttribute,
};
pub use developer::DeveloperProfile;
pub use draft::{Certificate, CertificateSerial, Draft, DraftError};
pub use key::{DeviceKey, KeyError, KeyKind, PublicKey};
pub use profile::{Form, Profile, SubjectFields, Validity};
pub use proof::{Flaw, Proof};
pub use readable::Readable;
pub use root::{Root, RootFault};
pub use signer::{FileSigner, SignatureAlgorithm, Signer, SignerError};
pub use supplied::{Supplied, SuppliedError};
pub use validity::end_of as end_of_validity;
