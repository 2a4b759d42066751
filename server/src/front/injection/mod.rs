//! `GET /v3/identity`: gateways that run the Factory Configurator Client.
//!
//! The route, the address rules, the queue, and the [`Delivery`](crate::station::Delivery) that
//! speaks the injection protocol. Nothing here decides about a unit; that is `ra`'s.

mod address;
mod ask;
mod bundles;
mod delivery;
mod failures;
mod preview;
mod progress;
mod queue;
mod verification;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use fcc::session::Patience;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::Instrument;

use self::address::Reach;
use self::delivery::Injection;
use self::progress::Progress;
use self::queue::{Queue, Turn};
use super::problem::{Problem, ProblemDetails};
use super::query::Query;
use super::request::RequestId;
use crate::ca::end_of_validity;
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
            queue: Queue::new(settings.at_once, settings.queued),
            patience: Patience { quiet: settings.quiet, give_up: settings.give_up },
        }
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
        request: &Asked,
        progress: Progress,
    ) -> Result<Arc<Record>, Error> {
        let Prepared { ask, account, address, turn } =
            match self.prepare(station, request, &progress).await {
                Ok(prepared) => prepared,
                Err(error) => {
                    // The station counts from here on; what never came to it is counted as well.
                    metrics::counter!("pep_identities_total", "outcome" => error.code())
                        .increment(1);
                    return Err(error);
                }
            };
        let delivery = Injection::new(
            address,
            self.product_of(&ask),
            self.patience,
            self.reach.connect_timeout(),
            station.now(),
            turn,
            progress,
        )
        .bound_to(account);
        station.provide(ask, delivery).await
    }

    /// Everything before the story.
    async fn prepare(
        &self,
        station: &Station,
        request: &Asked,
        progress: &Progress,
    ) -> Result<Prepared, Error> {
        let asked = ask::read(Query::parse(&request.query)?)?;
        self.check_dates(station.now())?;
        let address = self.reach.find(&asked.target, request.caller).await?;
        let (ask, account) = asked.into_ask(request.caller, address);
        progress.waiting();
        let turn = self.queue.turn(address).await?;
        Ok(Prepared { ask, account, address, turn })
    }
}

/// A request whose turn it is.
struct Prepared {
    ask: Ask,
    account: Option<String>,
    address: SocketAddr,
    turn: Turn,
}

/// A request, detached from its connection.
struct Asked {
    query: String,
    caller: std::net::IpAddr,
}

/// The routes of this front end.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(super::only_get("/identity", get_identity));
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
    params(ask::IdentityQuery),
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
    let asked = Asked { query: request.query_string().to_owned(), caller: caller.ip() };
    if wants_events(&request) {
        // Form errors are answered as errors; only then does the stream begin.
        ask::read(Query::parse(&asked.query)?)?;
        let (progress, steps) = mpsc::unbounded_channel();
        let story = async move {
            let told = desk.provide(&station, &asked, Progress::told_to(progress)).await;
            match told {
                Ok(record) => progress::identity(&IdentityDocument::of(&record)),
                Err(error) => progress::problem(&Problem::from(error).details(&id.0)),
            }
        };
        // The stream is polled when this handler, and with it the request's span, has ended.
        return Ok(progress::stream(story.in_current_span(), steps));
    }
    let record = desk.provide(&station, &asked, Progress::silent()).await?;
    Ok(HttpResponse::Ok().json(IdentityDocument::of(&record)))
}

fn wants_events(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}
