//! Operators' tokens: who may export, measure, and change what was done.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::station::Error;

/// The operators this station knows, by the SHA-256 of their tokens.
#[derive(Clone, Default)]
pub struct Operators {
    known: Arc<Vec<(String, [u8; 32])>>,
    open: bool,
}

impl Operators {
    /// Operators by name and token. The tokens themselves are not kept.
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let known = tokens
            .into_iter()
            .map(|(name, token)| (name.to_owned(), Sha256::digest(token).into()))
            .collect();
        Self { known: Arc::new(known), open: false }
    }

    /// From now on nobody needs a token: for a simulated station, which keeps nothing.
    pub fn open_to_everybody(&mut self) {
        self.open = true;
    }

    /// Whose token came with a request. Every known token is compared, in constant time each.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] where none came, [`Error::WrongToken`].
    pub(super) fn of(&self, request: &HttpRequest) -> Result<String, Error> {
        if self.open {
            return Ok("anybody".to_owned());
        }
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()
            })
            .map(|(_, token)| <[u8; 32]>::from(Sha256::digest(token.trim())));
        let Some(given) = given else { return Err(Error::Unauthorized) };
        let mut found = None;
        for (name, known) in self.known.iter() {
            if bool::from(known.ct_eq(&given)) {
                found = Some(name.clone());
            }
        }
        found.ok_or(Error::WrongToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn knows_its_tokens_and_no_others() {
        let operators = Operators::new([("line", "first-token"), ("office", "second-token")]);
        let of = |value: &str| {
            let request = TestRequest::default().insert_header(("authorization", value));
            operators.of(&request.to_http_request())
        };
        assert_eq!(of("Bearer first-token"), Ok("line".to_owned()));
        assert_eq!(of("bearer second-token"), Ok("office".to_owned()));
        assert_eq!(of("Bearer first-toke"), Err(Error::WrongToken));
        for value in ["Bearer ", "Bearer", "Basic first-token", "first-token"] {
            assert_eq!(of(value), Err(Error::Unauthorized), "{value}");
        }
        let none = Operators::default();
        let request = TestRequest::default().insert_header(("authorization", "Bearer "));
        assert_eq!(none.of(&request.to_http_request()), Err(Error::Unauthorized));
    }
}
