//! Certificates in lines for people, for previews and checks. Decides nothing.

use openssl::x509::X509;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{name, validity};

/// What a certificate says, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// Its subject in words.
    pub subject: String,
    /// Its issuer in words.
    pub issuer: String,
    /// Start and end of its validity, RFC 3339.
    pub validity: (String, String),
    /// Its extensions, as OpenSSL shows them.
    pub extensions: Vec<String>,
    /// Its size in bytes.
    pub bytes: usize,
}

impl Readable {
    /// Reads a certificate in DER; `None` when it is none.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (from, until) = validity::of(&certificate);
        let text = X509::from_der(der).ok()?.to_text().ok()?;
        let text = String::from_utf8_lossy(&text);
        let extensions = text
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "X509v3 extensions:")
            .skip(1)
            .take_while(|line| !line.starts_with("Signature Algorithm"))
            .filter(|line| !line.is_empty());
        Some(Self {
            subject: name::words(certificate.subject()),
            issuer: name::words(certificate.issuer()),
            validity: (validity::shown(from), validity::shown(until)),
            extensions: extensions.map(str::to_owned).collect(),
            bytes: der.len(),
        })
    }

    /// Whether it was made to try things out: its subject says EXAMPLE, as those of `init` do.
    pub fn is_example(&self) -> bool {
        self.subject.contains("EXAMPLE")
    }
}
