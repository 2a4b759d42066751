//! What surrounds every request: its id, its line in the log, its problem in full.
//!
//! The log names path and status, never the query: a query can hold a sealing key.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use tracing::Instrument;

use super::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request in answers and in the log.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

impl FromRequest for RequestId {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().cloned();
        std::future::ready(Ok(id.unwrap_or_else(|| Self(String::new()))))
    }
}

/// The middleware.
pub(super) async fn surround<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let begun = Instant::now();
    let id = uuid::Uuid::new_v4().simple().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    // Of the highest level, so that it is there whatever level the log is set to.
    let span = tracing::error_span!("request", request.id = id);
    let response = next.call(request).instrument(span).await?;
    let answer = response.response().error().and_then(|error| {
        let problem = error.as_error::<Problem>()?;
        if let Some(cause) = problem.cause() {
            tracing::error!(request.id = id, %cause, "a request failed");
        }
        Some(problem.answer(response.request(), &id))
    });
    let mut response = match answer {
        Some(answer) => {
            let (request, _) = response.into_parts();
            ServiceResponse::new(request, answer).map_into_right_body()
        }
        None => response.map_into_left_body(),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    log(&response, &id, begun);
    Ok(response)
}

/// What went well has been logged where it was done; here it is for those who look for it.
fn log<B>(response: &ServiceResponse<B>, id: &str, begun: Instant) {
    let request = response.request();
    let (method, path) = (request.method(), request.path());
    let status = response.status().as_u16();
    let peer = request.peer_addr().map(|peer| peer.ip().to_string());
    let milliseconds = begun.elapsed().as_millis() as u64;
    if response.status().is_success() {
        tracing::debug!(request.id = id, %method, path, status, peer, milliseconds, "answered");
    } else {
        tracing::info!(request.id = id, %method, path, status, peer, milliseconds, "refused");
    }
}
