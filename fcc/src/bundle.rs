//! What is injected: one bundle, as the station says it (injection 5, 6, 7).
//!
//! Types here are what a station means; [`Bundle::encode`] is the only place that knows how they
//! are written. Whether their content is right is checked by the station before it comes here.

mod encode;

use std::fmt;
use zeroize::Zeroizing;

pub use minicbor::data::Int;

/// The only scheme version on the wire (injection 5.1).
pub const SCHEME: &str = "0.0.1";

/// One message to a device.
///
/// The default carries nothing: no session kept, nothing verified. With a `sid` it is the closing
/// message of a session. No `Debug`: bundles hold private keys and entropy.
#[derive(Clone, Default)]
pub struct Bundle {
    /// Echoed in the reply. Keep it to 16 characters: reply space is scarce (injection 9).
    pub sid: Option<String>,
    /// Whether the session stays open for another message.
    pub keep_alive: bool,
    /// 48 bytes for boards without a random generator.
    pub entropy: Option<Zeroizing<[u8; 48]>>,
    /// 16 bytes.
    pub rot: Option<Zeroizing<[u8; 16]>>,
    /// Stored first, since certificates name them.
    pub keys: Vec<Key>,
    /// In the order given. Device certificate first makes a corrected second bundle possible
    /// (profile and names 0.10).
    pub certificates: Vec<Certificate>,
    /// Instead of a single device certificate.
    pub chains: Vec<Chain>,
    /// Parameters.
    pub params: Vec<Param>,
    /// Keys to be made on the device, at most five. Wants `sid`, `keep_alive`, no `verify`
    /// (injection 7).
    pub csr_requests: Vec<CsrRequest>,
    /// Whether the device checks what it holds at the end of this message.
    pub verify: bool,
    /// Whether the device refuses factory work from now on. Only in a last message.
    pub disable: bool,
}

/// A key on P-256. No `Debug`: it may be private.
#[derive(Clone)]
pub struct Key {
    /// Item name.
    pub name: String,
    /// Private or public.
    pub kind: KeyKind,
    /// DER: SEC 1 or PKCS#8 for a private key (up to 150 bytes), SubjectPublicKeyInfo for a
    /// public one.
    pub der: Zeroizing<Vec<u8>>,
}

/// Which half a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `ECCPrivate`.
    Private,
    /// `ECCPublic`.
    Public,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Item name.
    pub name: String,
    /// The private key it must belong to (`PrKN`): the device refuses a mismatch before storing.
    pub key_name: Option<String>,
    /// DER.
    pub der: Vec<u8>,
}

/// One to five certificates, the device's own first, each signed by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Item name, that of the single certificate it replaces.
    pub name: String,
    /// The private key the first one must belong to (`PrKN`).
    pub key_name: Option<String>,
    /// DER each.
    pub certificates: Vec<Vec<u8>>,
}

/// One parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct Param {
    /// Item name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// What a parameter can hold.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Stored as its UTF-8 bytes.
    Text(String),
    /// Stored as they are.
    Bytes(Vec<u8>),
    /// Stored as 8 bytes, least significant first; three parameters of the device's own as 4.
    Integer(Int),
}

/// A key to be made on the device, and the CSR that it answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsrRequest {
    /// Name for the new private key; must not exist on the device.
    pub key_name: String,
    /// Subject text, escaped as [`crate::subject`] does.
    pub subject: String,
    /// Key usage bits (injection 7); 9 is digital signature and key agreement.
    pub key_usage: Option<u32>,
    /// Extended key usage bits (injection 7); 4 is client authentication.
    pub extended_key_usage: Option<u32>,
}

impl Param {
    /// A parameter `name` with `value`.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// The name alone: a product's own parameters may be secret.
impl fmt::Debug for Param {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Param({})", self.name)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(number.into())
    }
}
