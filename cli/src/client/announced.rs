//! What a station's announcement said of its TLS certificate, held against the one it shows.

use std::sync::atomic::AtomicBool;

use reqwest::tls::TlsInfo;
use reqwest::{Response, Url};
use sha2::{Digest as _, Sha256};

use super::settings::shown;
use crate::failure::{Failure, Kind};

/// The fingerprint that was announced, and whether the station has shown that certificate.
#[derive(Default)]
pub(super) struct Announced {
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case; `None`: nothing to compare.
    pub fingerprint: Option<String>,
    /// Whether it was compared before anything else was said.
    pub seen: AtomicBool,
}

impl Announced {
    /// Fails with [`Kind::Unreached`] when the answer came from somebody else.
    pub fn compare(&self, response: &Response, base: &Url) -> Result<(), Failure> {
        let Some(announced) = &self.fingerprint else { return Ok(()) };
        let certificate =
            response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        if certificate.is_some_and(|der| fingerprint(der) == *announced) {
            return Ok(());
        }
        let base = shown(base);
        Err(Failure::new(
            Kind::Unreached,
            format!("{base} does not have the TLS certificate that was announced for it"),
        )
        .with_hint(
            "the announcement is forged, or the certificate was changed a moment ago: give the \
             station's address with --server, and tell the line engineer",
        ))
    }
}

fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
}
