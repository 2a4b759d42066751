//! How the station is: alive, ready, its numbers.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use utoipa::ToSchema;

use super::operators::Operators;
use super::problem::{Problem, ProblemDetails};
use crate::station::Station;

/// What `/healthz` and `/readyz` answer when all is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Condition {
    /// `alive` or `ready`.
    condition: &'static str,
    /// The station's name.
    station: String,
    /// Its version.
    version: &'static str,
    /// `true` for a station that signs with an EXAMPLE CA and forgets everything; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    simulated: bool,
}

/// Whether the station is simulated.
#[derive(Clone, Copy)]
pub(super) struct Simulated(pub(super) bool);

impl Condition {
    fn answer(condition: &'static str, station: &Station, simulated: Simulated) -> HttpResponse {
        let station = station.name().to_owned();
        let version = env!("CARGO_PKG_VERSION");
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(Self {
            condition,
            station,
            version,
            simulated: simulated.0,
        })
    }
}

/// The routes, without the v3 prefix.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(super::only_read("/healthz", healthz))
        .service(super::only_read("/readyz", readyz))
        .service(super::only_read("/status", super::status::status))
        .service(super::only_read("/metrics", numbers));
}

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "station",
    responses((status = 200, description = "Alive", body = Condition,
               content_type = "application/json"))
)]
pub(super) async fn healthz(
    station: web::Data<Station>,
    simulated: web::Data<Simulated>,
) -> HttpResponse {
    Condition::answer("alive", &station, **simulated)
}

/// The station could provide an identity now: disk and clock are in order, the ledger was written,
/// the signer has signed.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "station",
    responses(
        (status = 200, description = "Ready", body = Condition, content_type = "application/json"),
        (status = 503, description = "Not ready; the text says why", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(
    station: web::Data<Station>,
    simulated: web::Data<Simulated>,
) -> Result<HttpResponse, Problem> {
    station.try_out().await?;
    Ok(Condition::answer("ready", &station, **simulated))
}

/// Counters, gauges and histograms in the Prometheus text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "station",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The numbers", body = String, content_type = "text/plain"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn numbers(
    request: HttpRequest,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
    recorder: web::Data<PrometheusHandle>,
) -> Result<HttpResponse, Problem> {
    operators.of(&request)?;
    // Disk and clock are looked at when somebody wants to know; what is in the way is a number.
    let _ = station.look();
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(recorder.render()))
}
