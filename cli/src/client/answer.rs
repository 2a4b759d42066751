//! An answer whose head has come, read piece by piece, in bounds and in time.
//!
//! An answer that breaks off is a failure, never a short answer.

use std::error::Error;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use tokio::time::{Instant, timeout_at};

use super::Wait;
use crate::failure::{Failure, Kind};

/// A station's answer.
pub struct Answer {
    response: Response,
    wait: Wait,
    patience: Duration,
    deadline: Instant,
}

impl Answer {
    pub(super) fn new(
        response: Response,
        wait: Wait,
        patience: Duration,
        deadline: Instant,
    ) -> Self {
        Self { response, wait, patience, deadline }
    }

    /// The media type in lower case, without parameters; empty when none was given.
    pub fn media_type(&self) -> String {
        self.field(&CONTENT_TYPE)
            .and_then(|value| value.split(';').next().map(str::trim).map(str::to_owned))
            .unwrap_or_default()
            .to_ascii_lowercase()
    }

    /// A field of the head, if it is text.
    pub fn field(&self, name: &HeaderName) -> Option<String> {
        let value = self.response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    }

    /// Whether a connection that breaks can be told from the answer's end (RFC 9112 8): only with a
    /// length or in chunks.
    pub fn has_an_end(&self) -> bool {
        let headers = self.response.headers();
        headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
    }

    /// The next piece, or `None` at the end.
    ///
    /// Fails with [`Kind::Unanswered`] when the answer breaks off or the time is over.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        if self.wait == Wait::EachPiece {
            self.deadline = Instant::now() + self.patience;
        }
        match timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(Failure::new(
                Kind::Unanswered,
                format!("the station's answer broke off: {}", cause(&error)),
            )),
            Err(_) => Err(too_late(self.patience)),
        }
    }

    /// The whole body of at most `longest` bytes.
    pub async fn body(&mut self, longest: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            body.extend_from_slice(piece.as_ref());
            if body.len() > longest {
                return Err(super::not_a_station());
            }
        }
        Ok(body)
    }

    /// As much of the body as comes, at most about `longest` bytes.
    pub(super) async fn beginning(&mut self, longest: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < longest {
            match self.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(piece.as_ref()),
                Ok(None) | Err(_) => break,
            }
        }
        body.truncate(longest);
        body
    }
}

/// Nothing came in time.
pub(super) fn too_late(patience: Duration) -> Failure {
    Failure::new(
        Kind::Unanswered,
        format!("no answer from the station within {} s", patience.as_secs()),
    )
    .with_hint("check the station; --timeout SECONDS waits longer")
}

/// The innermost reason of an error, which is the one that says something.
///
/// The outer ones repeat the URL, and the URL can hold the sealing verification key.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost = "the connection failed".to_owned();
    let mut inner = error.source();
    while let Some(source) = inner {
        innermost = source.to_string();
        if let Some(plain) = plain_tls_cause(&innermost) {
            return plain;
        }
        inner = source.source();
    }
    innermost
}

/// OpenSSL's two usual complaints in words; its own text names source files and lines.
fn plain_tls_cause(text: &str) -> Option<String> {
    if text.contains("certificate verify failed") {
        // The reason stands in parentheses at the end, as in `(self-signed certificate)`.
        let reason = text
            .strip_suffix(')')
            .and_then(|text| text.rsplit_once('('))
            .map_or("no reason given", |(_, reason)| reason);
        return Some(format!("its certificate is not trusted: {reason}"));
    }
    let no_tls = text.contains("wrong version number") || text.contains("packet length too long");
    no_tls.then(|| NO_TLS.to_owned())
}

/// Whether a connection ended without an answer, or with one that is no HTTP.
pub(super) fn breaks_off(cause: &str) -> bool {
    ["reset by peer", "closed before", "invalid HTTP", "unexpected end", "Broken pipe"]
        .iter()
        .any(|words| cause.contains(words))
}

/// What is said when the other side does not speak TLS.
pub(super) const NO_TLS: &str = "that port does not speak TLS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_in_words() {
        for (text, plain) in [
            (
                "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
                 failed:../ssl/statem/statem_clnt.c:1889: (self-signed certificate)",
                Some("its certificate is not trusted: self-signed certificate"),
            ),
            (
                "error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/x.c:350:",
                Some(NO_TLS),
            ),
            ("Connection refused (os error 111)", None),
        ] {
            assert_eq!(plain_tls_cause(text).as_deref(), plain);
        }
    }

    #[test]
    fn an_error_without_a_source_shows_no_url() {
        let error = reqwest::Client::new().get("no url").build().unwrap_err();
        assert!(!cause(&error).contains("no url"));
    }
}
