//! Errors on the HTTP wire: problem details (RFC 9457) with the stable word, a hint and the
//! request id. The one place where a word becomes a status.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::wording::takes_document;
use crate::station::{Error, TooLarge};

/// Seconds a caller should wait before it asks a full station again.
const RETRY_AFTER: &str = "5";

/// What went wrong, for a program and for a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProblemDetails {
    /// `urn:pep:` and the word.
    #[schema(example = "urn:pep:serial-taken")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Conflict")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// What happened, in a sentence.
    detail: String,
    /// The stable word; see docs/errors.md.
    #[schema(example = "serial-taken")]
    code: &'static str,
    /// What to do about it.
    hint: String,
    /// Names this request in the station's log.
    request_id: String,
}

/// An error on its way to the wire.
#[derive(Debug)]
pub(super) struct Problem {
    error: Error,
    /// The old server's own words, for callers that get plain text.
    plain: Option<String>,
    /// What the route allows, where another method was used.
    allow: Option<&'static str>,
    /// In the place of the status its word has.
    status: Option<StatusCode>,
}

impl Problem {
    /// Answers in the old server's own words where the caller gets plain text.
    pub(super) fn or_plain(mut self, text: &str) -> Self {
        self.plain = Some(text.to_owned());
        self
    }

    /// The route exists, but not for this method (RFC 9110 15.5.6).
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = format!("this route answers {allow} only");
        let hint = "see /docs/ for what the station answers".to_owned();
        let error = Error::BadRequest { problem, hint };
        Self { allow: Some(allow), ..Self::from(error) }
    }

    /// Another status than the one its word has.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The stable word.
    pub(super) fn code(&self) -> &'static str {
        self.error.code()
    }

    /// The whole answer.
    pub(super) fn answer(&self, request: &HttpRequest, request_id: &str) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        match self.error {
            Error::Unauthorized | Error::WrongToken => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"operators\""));
            }
            Error::Busy { .. } => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
            }
            // What was refused for its size is not waited for.
            Error::TooLarge(TooLarge::Body { .. }) => {
                response.force_close();
            }
            _ => {}
        }
        if let Some(allow) = self.allow {
            response.insert_header((header::ALLOW, allow));
        }
        if takes_document(request) {
            response
                .content_type("application/problem+json")
                .body(serde_json::to_string(&self.details(request_id)).unwrap_or_default())
        } else {
            response.content_type("text/plain; charset=utf-8").body(self.plain_text())
        }
    }

    /// A line for a person. It never reads as JSON: it begins with a word of a sentence, or with
    /// a quoted name.
    fn plain_text(&self) -> String {
        let sentence = || format!("{}; {}", self.detail(), self.error.hint());
        self.plain.clone().unwrap_or_else(sentence)
    }

    pub(super) fn details(&self, request_id: &str) -> ProblemDetails {
        let status = self.status_code();
        let code = self.error.code();
        ProblemDetails {
            r#type: format!("urn:pep:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail(),
            code,
            hint: self.error.hint(),
            request_id: request_id.to_owned(),
        }
    }

    /// The cause, where it goes to the log only.
    pub(super) fn cause(&self) -> Option<&Error> {
        matches!(
            self.error,
            Error::Internal(_) | Error::StoreUnavailable(_) | Error::SignerUnavailable(_)
        )
        .then_some(&self.error)
    }

    fn detail(&self) -> String {
        match (self.cause(), self.error.code()) {
            (None, _) => self.error.to_string(),
            (Some(_), "stopped") => "the ledger's disk is full".to_owned(),
            (Some(_), "store-unavailable") => "the ledger cannot be used now".to_owned(),
            (Some(_), "signer-unavailable") => "the station cannot sign now".to_owned(),
            (Some(_), _) => "the station failed".to_owned(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, plain: None, allow: None, status: None }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        if self.allow.is_some() {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        if let Some(status) = self.status {
            return status;
        }
        match &self.error {
            Error::TooLarge(TooLarge::Query { .. }) => return StatusCode::URI_TOO_LONG,
            Error::TooLarge(TooLarge::Head { .. }) => {
                return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            }
            Error::TooLarge(TooLarge::Body { .. }) => return StatusCode::PAYLOAD_TOO_LARGE,
            _ => {}
        }
        match self.error.code() {
            "bad-request" => StatusCode::BAD_REQUEST,
            "unauthorized" => StatusCode::UNAUTHORIZED,
            "not-admitted" | "address-refused" => StatusCode::FORBIDDEN,
            "serial-taken" | "serial-busy" | "key-taken" | "supply-refused" | "address-busy"
            | "not-provisioned" => StatusCode::CONFLICT,
            "device-failed" | "registry-failed" => StatusCode::BAD_GATEWAY,
            "not-found" => StatusCode::NOT_FOUND,
            "busy" | "stopped" | "signer-unavailable" | "store-unavailable" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `request` replaces this with the whole answer, which needs the request.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
