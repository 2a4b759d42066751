//! The request's body, bounded in type, size and time: steps 1 and 2 of the validation order
//! (sign 3).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest};

use crate::front::body::Body;
use crate::front::problem::Problem;
use crate::station::{Error, TooLarge};

/// `application/json` and `application/*+json`; parameters do not count.
pub(super) fn is_labelled_json(request: &HttpRequest) -> bool {
    let given = request.content_type().trim().to_ascii_lowercase();
    let structured = given.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"));
    given == "application/json" || structured
}

/// What a body of another type is answered.
pub(super) fn not_labelled() -> Problem {
    let error = Error::BadRequest {
        problem: "the body is not labelled as JSON".to_owned(),
        hint: "send it with Content-Type: application/json".to_owned(),
    };
    Problem::from(error).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// Reads the body. A sender that is too slow is sent away; nobody else waits for it.
pub(super) async fn read(
    incoming: &Body,
    limit: usize,
    patience: Duration,
) -> Result<Vec<u8>, Problem> {
    let reading = async {
        let mut body = Vec::new();
        while let Some(piece) = incoming.next().await {
            let piece = piece.map_err(|error| Error::BadRequest {
                problem: format!("the body broke off: {error}"),
                hint: "send the request again".to_owned(),
            })?;
            if body.len() + piece.len() > limit {
                return Err(Problem::from(Error::TooLarge(TooLarge::Body { largest: limit })));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    };
    match tokio::time::timeout(patience, reading).await {
        Ok(read) => read,
        Err(_) => {
            let error = Error::BadRequest {
                problem: format!("the body did not come within {} s", patience.as_secs()),
                hint: "check the network and send the request again".to_owned(),
            };
            Err(Problem::from(error).with_status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}
