//! `POST /sign`: devices of Foundries.io factories register themselves.
//!
//! The route as the real client expects it (sign 3): what it sends is read here, its request is
//! checked for form, its answer is made. Whether a unit may have a certificate is `ra`'s, what it
//! looks like is `ca`'s.

mod answer;
mod body;
mod cloud;
mod described;
mod members;
mod overrides;
mod registration;
mod request;
mod sota;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::cloud::Cloud;
pub(super) use self::described::{Registered, Request};
pub use self::overrides::Allowed;

use self::members::Members;
use self::registration::Registration;
use super::body::Body;
use super::problem::{Problem, ProblemDetails};
use super::request::RequestId;
use crate::ca::{KeyKind, Root};
use crate::station::{Error, Station};

/// What this route answers to.
const ALLOW: &str = "OPTIONS, POST";
/// The path, the same on every port.
pub(super) const PATH: &str = "/sign";

/// Everything this front end needs beside the station.
pub struct Registrar {
    factories: Vec<Factory>,
    body_limit: usize,
    body_timeout: Duration,
    waiting: Arc<Semaphore>,
    at_once: usize,
}

/// How much of a device's time and bytes is taken.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body, in bytes.
    pub body: usize,
    /// How long a body may take to come.
    pub body_timeout: Duration,
    /// Devices that wait for a cloud's answer at one time.
    pub at_once: usize,
}

/// One factory: what its devices may ask for, and what they are told.
pub struct Factory {
    /// Its name, the OU of its devices' requests.
    pub name: String,
    /// The root devices are to trust.
    pub root: Root,
    /// The issuing CA and what stands above it in its file, DER, issuer first.
    pub chain: Vec<Vec<u8>>,
    /// The device gateway's URL, without a slash at its end.
    pub gateway: String,
    /// The ostree server's URL, without a slash at its end.
    pub ostree: String,
    /// The kinds of device keys that are taken.
    pub keys: Vec<KeyKind>,
    /// Types of subject attributes that are taken beside CN, OU and businessCategory.
    pub attributes: Vec<String>,
    /// What a device may say about its own sota.toml.
    pub overrides: Allowed,
    /// Hardware ids whose UUID is fixed, so that they may come again with another key.
    pub fixed_uuid: Vec<String>,
    /// The cloud that is told first; none: fully detached.
    pub cloud: Option<Arc<Cloud>>,
}

impl Registrar {
    /// A registrar for these factories.
    pub fn new(factories: Vec<Factory>, bounds: Bounds) -> Self {
        Self {
            factories,
            body_limit: bounds.body,
            body_timeout: bounds.body_timeout,
            waiting: Arc::new(Semaphore::new(bounds.at_once)),
            at_once: bounds.at_once,
        }
    }

    /// The whole of one registration: the body read, checked, registered, answered.
    async fn register(
        &self,
        request: &HttpRequest,
        body: &Body,
        station: &Station,
    ) -> Result<HttpResponse, Problem> {
        let heard = self.hear(request, body).await;
        let (factory, members, heard) = match heard {
            Ok(heard) => heard,
            Err(problem) => {
                // The station counts from here on; what never came to it is counted as well.
                let outcome = problem.code();
                metrics::counter!("pep_identities_total", "outcome" => outcome).increment(1);
                return Err(problem);
            }
        };
        let place = self.place(factory)?;
        let registration = Registration::new(&heard, &members, factory, place);
        let record = match station.provide(heard.ask, registration).await {
            Ok(record) => record,
            Err(error) => return Err(in_its_words(error)),
        };
        let certificate = answer::certificate_of(&record)
            .ok_or_else(|| Error::Internal("a registered unit has no certificate".to_owned()))?;
        let body = answer::body(factory, &certificate, &heard.sota);
        Ok(HttpResponse::Created().content_type("application/json").body(body))
    }

    /// Steps 1 to 11 of the validation order (sign 3).
    async fn hear(
        &self,
        request: &HttpRequest,
        body: &Body,
    ) -> Result<(&Factory, Members, request::Heard), Problem> {
        if !body::is_labelled_json(request) {
            return Err(body::not_labelled());
        }
        let bytes = body::read(body, self.body_limit, self.body_timeout).await?;
        let members = Members::read(&bytes)?;
        let caller =
            request.peer_addr().ok_or_else(|| Error::Internal("no peer address".to_owned()))?;
        let (factory, heard) = request::hear(&self.factories, &members, caller.ip())?;
        Ok((factory, members, heard))
    }

    /// A place among those that wait for a cloud; none is needed where no cloud is told.
    fn place(&self, factory: &Factory) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if factory.cloud.is_none() {
            return Ok(None);
        }
        let place = self.waiting.clone().try_acquire_owned();
        place.map(Some).map_err(|_| Error::Busy { running: self.at_once, queued: 0 })
    }
}

/// What the cloud refuses it refuses in its own words: its 4xx are passed on as such (sign 3).
fn in_its_words(error: Error) -> Problem {
    let status = match &error {
        Error::RegistryFailed { reason, .. } => reason.number,
        _ => None,
    };
    let status = status.and_then(|number| u16::try_from(number).ok());
    let status = status.and_then(|number| StatusCode::from_u16(number).ok());
    let problem = Problem::from(error);
    match status.filter(StatusCode::is_client_error) {
        Some(status) => problem.with_status(status),
        None => problem,
    }
}

/// The route. Without factories there is none.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::to(sign)));
}

/// Register a device of a Foundries.io factory.
///
/// Answers as the public reference server does (docs/protocols/sign.md). The same request again gets
/// the same certificate. OPTIONS answers 200, every other method 405.
#[utoipa::path(
    post,
    path = "/sign",
    tag = "identity",
    request_body(content = Request, content_type = "application/json"),
    responses(
        (status = 201, description = "The device is registered", body = Registered,
         content_type = "application/json"),
        (status = 400, description = "The request breaks a rule; the detail says which",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "Not of a category that is made here, or on the deny list",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "This station has no factory", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 408, description = "The body did not come in time", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 409, description = "The UUID has another key, the key another UUID, or the \
         platform knows the device", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 415, description = "The body is not labelled as JSON", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 502, description = "The platform did not take the device", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "Busy, or the station cannot issue now",
         body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(super) async fn sign(
    request: HttpRequest,
    id: RequestId,
    body: Body,
    station: web::Data<Station>,
    registrar: web::Data<Option<Registrar>>,
) -> HttpResponse {
    let answered = match (registrar.as_ref(), request.method()) {
        (None, _) => Err(super::nothing_at(PATH).into()),
        (Some(registrar), &Method::POST) => registrar.register(&request, &body, &station).await,
        (Some(_), &Method::OPTIONS) => {
            Ok(HttpResponse::Ok().insert_header((header::ALLOW, ALLOW)).finish())
        }
        // The client's HEAD among them: anything below 500 tells it that somebody is here.
        (Some(_), _) => Err(Problem::method_not_allowed(ALLOW)),
    };
    let mut response = answered.unwrap_or_else(|problem| {
        if let Some(cause) = problem.cause() {
            tracing::error!(request.id = id.0, %cause, "a request failed");
        }
        problem.answer(&request, &id.0)
    });
    // The reference's every answer ends its connection.
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    response
}
