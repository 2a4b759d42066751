//! How the client says no: number, text, item name (injection 8.1, 8.2).

/// A refusal: what goes into `ReturnStatus` and `InfoMessage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Return status.
    pub status: u64,
    /// Error text, directly followed by the item name where the client knows it.
    pub message: String,
}

/// The text that stands for everything without a better one.
pub const GENERAL: &str = "General error";

impl Refusal {
    /// `status` with `text`, a colon and the bytes of `name`.
    pub fn new(status: u64, text: &str, name: &[u8]) -> Self {
        Self { status, message: format!("{text}:{}", String::from_utf8_lossy(name)) }
    }

    /// `status` with the general text and no name.
    pub fn general(status: u64) -> Self {
        Self::new(status, GENERAL, b"")
    }
}

/// Something cannot be done below the protocol: the key store's general error.
impl From<openssl::error::ErrorStack> for Refusal {
    fn from(_: openssl::error::ErrorStack) -> Self {
        Self::general(15)
    }
}

/// The device's own storage failed.
impl From<std::io::Error> for Refusal {
    fn from(_: std::io::Error) -> Self {
        Self::new(16, "File operation general error", b"")
    }
}
