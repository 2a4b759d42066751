//! `GET /v3/identity`: gateways that run the Factory Configurator Client.
//!
//! The route, the address rules, the queue, and the [`Delivery`](crate::station::Delivery) that
//! speaks the injection protocol. Nothing here decides about a unit; that is `ra`'s.

mod address;
mod ask;
mod bundles;
mod delivery;
mod failures;
mod place;
mod preview;
mod progress;
mod queue;
mod relay;
mod verification;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use fcc::session::Patience;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::Instrument;

use self::address::Reach;
use self::delivery::Injection;
use self::place::Place;
use self::progress::Progress;
use self::queue::{Queue, Turn};
use self::relay::RelayLink;
use super::body::Body;
use super::problem::{Problem, ProblemDetails};
use super::request::RequestId;
use crate::ca::end_of_validity;
use crate::config::SerialLine;
use crate::config::product::Product;
use crate::export::IdentityDocument;
use crate::ra::{Ask, Record};
use crate::station::{Error, Station};

pub use self::preview::{Preview, PreviewError};

/// Everything this front end needs beside the station.
pub struct Desk {
    product: Arc<Product>,
    /// What development units get, where there is such a mode.
    developer: Option<Arc<Product>>,
    reach: Reach,
    lines: Vec<Arc<SerialLine>>,
    /// Callers' lines so far.
    relayed: Arc<AtomicU64>,
    queue: Queue,
    patience: Patience,
}

impl Desk {
    /// A desk for one product under `[injection]`'s settings.
    pub fn new(
        product: Product,
        developer: Option<Product>,
        settings: &crate::config::Injection,
    ) -> Self {
        Self {
            product: Arc::new(product),
            developer: developer.map(Arc::new),
            reach: Reach::new(settings),
            lines: settings.lines.iter().cloned().map(Arc::new).collect(),
            relayed: Arc::default(),
            queue: Queue::new(settings.at_once, settings.queued),
            patience: Patience { quiet: settings.quiet, give_up: settings.give_up },
        }
    }

    /// Goes on with the queue of the desk whose place it takes: one injection at an address at a
    /// time, whichever of them began it.
    pub fn take_over(&mut self, other: &Self) {
        self.queue = other.queue.clone();
        self.relayed = other.relayed.clone();
        self.reach.keep_off(other.reach.own_ports().to_vec());
    }

    /// Requests that wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// The station listens at these ports: no injection goes to itself.
    pub(in crate::front) fn keep_off(&mut self, own_ports: Vec<u16>) {
        self.reach.keep_off(own_ports);
    }

    /// What the unit is given beside its identity.
    fn product_of(&self, ask: &Ask) -> Arc<Product> {
        let developer = self.developer.as_ref().filter(|_| ask.facts.is_developer());
        developer.unwrap_or(&self.product).clone()
    }

    /// What every unit is given must still be good: a device refuses an expired update
    /// certificate (injection protocol, section 10, step 15), and a refused bundle costs a restart
    /// on the line.
    fn check_dates(&self, now: Timestamp) -> Result<(), Error> {
        let end = self.product.update.as_deref().and_then(end_of_validity);
        match end {
            Some(end) if end < now => Err(Error::Stopped(format!(
                "the update certificate in fcu.yml expired on {end}; devices refuse it"
            ))),
            _ => Ok(()),
        }
    }

    /// Reads the request, finds the gateway, waits for a turn, and gives the unit its identity.
    async fn provide(
        &self,
        station: &Station,
        request: Asked,
        progress: Progress,
    ) -> Result<Arc<Record>, Error> {
        let Prepared { ask, account, place, turn } =
            match self.prepare(station, &request, &progress).await {
                Ok(prepared) => prepared,
                Err(error) => {
                    // The station counts from here on; what never came to it is counted as well.
                    metrics::counter!("pep_identities_total", "outcome" => error.code())
                        .increment(1);
                    return Err(error);
                }
            };
        let delivery = Injection::new(
            place,
            self.product_of(&ask),
            self.patience,
            self.reach.connect_timeout(),
            station.now(),
            turn,
            progress,
        )
        .bound_to(account)
        .over(request.relay);
        station.provide(ask, delivery).await
    }

    /// Everything before the story.
    async fn prepare(
        &self,
        station: &Station,
        request: &Asked,
        progress: &Progress,
    ) -> Result<Prepared, Error> {
        let asked = ask::read(&request.query)?;
        self.check_dates(station.now())?;
        let place = self.find(&asked, request).await?;
        let (ask, account) = asked.into_ask(request.caller, &place);
        progress.waiting();
        let turn = self.queue.turn(&place).await?;
        Ok(Prepared { ask, account, place, turn })
    }

    /// Where the gateway is.
    async fn find(&self, asked: &ask::Read, request: &Asked) -> Result<Place, Error> {
        if request.relay.is_some() {
            let number = self.relayed.fetch_add(1, Ordering::Relaxed) + 1;
            return Ok(Place::Relay { caller: request.caller, number });
        }
        let Some(name) = &asked.line else {
            let address = self.reach.find(&asked.target, request.caller).await?;
            return Ok(Place::Port(address));
        };
        let line = self.lines.iter().find(|line| line.name == *name);
        line.cloned().map(Place::Line).ok_or_else(|| {
            let names: Vec<_> = self.lines.iter().map(|line| line.name.as_str()).collect();
            Error::BadRequest {
                problem: "the station has no line of that name".to_owned(),
                hint: if names.is_empty() {
                    "name one in [[injection.line]] of station.toml, or give the gateway's \
                     address and port"
                        .to_owned()
                } else {
                    format!("its lines are {}", names.join(", "))
                },
            }
        })
    }
}

/// A request whose turn it is.
struct Prepared {
    ask: Ask,
    account: Option<String>,
    place: Place,
    turn: Turn,
}

/// A request, detached from its connection.
struct Asked {
    query: String,
    caller: IpAddr,
    /// The way to a line of the caller's.
    relay: Option<RelayLink>,
}

/// The routes of this front end.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(super::only_get("/identity", get_identity))
        .service(super::only_get("/identity-line", get_identity_line));
}

/// Give one unit its identity.
///
/// Answers when the device has confirmed, so a `200` means the unit can leave the bench. After any
/// other answer the same call may be made again: it never signs twice for a unit that succeeded.
/// With `Accept: text/event-stream` the answer is a stream: `step` events (`waiting`, `signing`,
/// `injecting`), then one `identity` or `problem` event.
#[utoipa::path(
    get,
    path = "/v3/identity",
    tag = "identity",
    params(ask::PlaceQuery, ask::IdentityQuery),
    responses(
        (status = 200, description = "The device holds its identity", body = IdentityDocument,
         content_type = "application/json"),
        (status = 400, description = "The request is malformed", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 403, description = "Not admitted, or an address the station may not connect to",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The serial number already has an identity, or is busy",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 502, description = "The device did not take it", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, or the station cannot issue now",
         body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get_identity(
    request: HttpRequest,
    id: RequestId,
    station: web::Data<Station>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let caller =
        request.peer_addr().ok_or_else(|| Error::Internal("no peer address".to_owned()))?;
    let query = request.query_string().to_owned();
    let asked = Asked { query, caller: caller.ip(), relay: None };
    if wants_events(&request) {
        // Form errors are answered as errors; only then does the stream begin.
        ask::read(&asked.query)?;
        let (progress, steps) = mpsc::unbounded_channel();
        let story = async move {
            let told = desk.provide(&station, asked, Progress::told_to(progress)).await;
            match told {
                Ok(record) => progress::identity(&IdentityDocument::of(&record)),
                Err(error) => progress::problem(&Problem::from(error).details(&id.0)),
            }
        };
        // The stream is polled when this handler, and with it the request's span, has ended.
        return Ok(progress::stream(story.in_current_span(), steps));
    }
    let record = desk.provide(&station, asked, Progress::silent()).await?;
    Ok(HttpResponse::Ok().json(IdentityDocument::of(&record)))
}

/// Give one unit its identity over a serial line of the caller's.
///
/// A WebSocket (RFC 6455). Binary messages, either way, are the line's bytes as they are. Text
/// messages come from the station: `{"step": ...}` (`waiting`, `signing`, `injecting`), then one
/// `{"identity": ...}` or `{"problem": ...}`. The private key of the CA stays where it is.
#[utoipa::path(
    get,
    path = "/v3/identity-line",
    tag = "identity",
    params(ask::IdentityQuery),
    responses(
        (status = 101, description = "The WebSocket stands"),
        (status = 400, description = "The request is malformed, or no WebSocket's",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "A web page asks", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn get_identity_line(
    request: HttpRequest,
    body: Body,
    id: RequestId,
    station: web::Data<Station>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let caller =
        request.peer_addr().ok_or_else(|| Error::Internal("no peer address".to_owned()))?;
    // A browser lets any page open a WebSocket here, and says which; a page must not get a key.
    if request.headers().contains_key(header::ORIGIN) {
        let refused = "a web page asks for an identity; only `pep` may carry one".to_owned();
        return Err(Error::AddressRefused(refused).into());
    }
    let query = request.query_string().to_owned();
    let read = ask::read(&query)?;
    if read.line.is_some() || !read.target.is_usual() {
        return Err(Error::BadRequest {
            problem: "a line of the caller's has no name and no address".to_owned(),
            hint: "leave `line`, `ip` and `port` out".to_owned(),
        }
        .into());
    }
    let body = body.take(&request).await.map_err(|error| Error::Internal(error.to_string()))?;
    let (response, websocket, messages) =
        actix_ws::handle(&request, body).map_err(|error| Error::BadRequest {
            problem: format!("this is not a request for a WebSocket: {error}"),
            hint: "use `pep inject-serial`, or GET /v3/identity for a gateway on the network"
                .to_owned(),
        })?;
    let (relay, line) = relay::pair();
    let (progress, steps) = mpsc::unbounded_channel();
    let story = async move {
        let asked = Asked { query, caller: caller.ip(), relay: Some(relay) };
        match desk.provide(&station, asked, Progress::told_to(progress)).await {
            Ok(record) => serde_json::json!({ "identity": IdentityDocument::of(&record) }),
            Err(error) => {
                serde_json::json!({ "problem": Problem::from(error).details(&id.0) })
            }
        }
    };
    let messages = messages.max_frame_size(relay::LARGEST).aggregate_continuations();
    let messages = messages.max_continuation_size(relay::LARGEST);
    let carrying = relay::carry(websocket, messages, line, steps, story);
    actix_web::rt::spawn(carrying.in_current_span());
    Ok(response)
}

fn wants_events(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}
