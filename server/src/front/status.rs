//! `GET /status`: how the station is, whole, for `pep status` and for whoever looks after several.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::condition::Simulated;
use super::operators::Operators;
use super::problem::{Problem, ProblemDetails};
use super::{Desk, TlsSwap};
use crate::station::Station;
use crate::version::{COMMIT, VERSION};

/// What the station was started with and no reload changes.
pub struct About {
    /// When it began to serve.
    pub started: Timestamp,
    /// `embedded`, `mongodb` or `memory`.
    pub ledger: &'static str,
    /// Damages the start met in the journal.
    pub journal_faults: usize,
    /// The TLS identity.
    pub tls: Option<TlsSwap>,
}

/// How the station is. Without an operator's token it ends with `uptimeSeconds`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusDocument {
    /// Whether it could provide an identity now.
    ready: bool,
    /// Everything that is in the way; empty when it is ready.
    obstacles: Vec<Obstacle>,
    /// The station's name.
    station: String,
    /// Its version.
    version: &'static str,
    /// The commit it was built from, where the build knew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    /// Whether it signs with an EXAMPLE CA and forgets everything.
    simulated: bool,
    /// The station's clock (RFC 3339).
    now: String,
    /// When it began to serve (RFC 3339).
    started_at: String,
    /// Seconds since then.
    uptime_seconds: i64,
    /// Identities being given now.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<usize>,
    /// Requests that wait for their turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<usize>,
    /// The ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<LedgerStatus>,
    /// Room on the disk, where the station watches one.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskStatus>,
    /// When what it signs and speaks with ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Vec<CertificateStatus>>,
}

/// Something that keeps the station from issuing.
#[derive(Serialize, ToSchema)]
pub(super) struct Obstacle {
    /// The stable word of the error a request would get.
    code: &'static str,
    /// What it is, in words.
    reason: String,
}

/// The ledger in use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LedgerStatus {
    /// `embedded`, `mongodb` or `memory`.
    kind: &'static str,
    /// Where it is.
    place: String,
    /// Its own id, the same in every copy of it.
    id: String,
    /// Units in it; `null` while it cannot be read.
    units: Option<u64>,
    /// The newest moment in any record (RFC 3339).
    newest_record: Option<String>,
    /// When it was backed up last (RFC 3339); `null` where that is not known.
    last_backup: Option<String>,
    /// Damages the start met in the journal.
    journal_faults: usize,
}

/// Room on the disk of ledger and journal, in bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiskStatus {
    /// What is left.
    free_bytes: u64,
    /// Below this it issues nothing.
    min_free_bytes: u64,
}

/// A certificate the station depends on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateStatus {
    /// What it is for: `CA`, `CA of` a factory, `TLS`.
    of: String,
    /// Its subject; absent for the station's own TLS certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// When it ends (RFC 3339).
    not_after: String,
    /// Whole days until then, negative when it has ended.
    days_left: i64,
}

/// How the station is: ready or not and why, and with an operator's token everything that somebody
/// who looks after it wants to know.
#[utoipa::path(
    get,
    path = "/status",
    tag = "station",
    security((), ("operator" = [])),
    responses(
        (status = 200, description = "How it is, ready or not", body = StatusDocument,
         content_type = "application/json"),
        (status = 401, description = "A token that is nobody's", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn status(
    request: HttpRequest,
    station: web::Data<Station>,
    desk: web::Data<Desk>,
    operators: web::Data<Operators>,
    about: web::Data<About>,
    simulated: web::Data<Simulated>,
) -> Result<HttpResponse, Problem> {
    let knows = match operators.of(&request) {
        Ok(_) => true,
        // Who brings none gets less; who brings a wrong one should hear it.
        Err(error) if request.headers().contains_key(header::AUTHORIZATION) => {
            return Err(error.into());
        }
        Err(_) => false,
    };
    let mut document = brief(&station, &about, simulated.0).await;
    if knows {
        complete(&mut document, &station, &desk, &about).await;
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document))
}

async fn brief(station: &Station, about: &About, simulated: bool) -> StatusDocument {
    let found = station.obstacles().await.into_iter();
    let obstacles: Vec<_> =
        found.map(|error| Obstacle { code: error.code(), reason: error.to_string() }).collect();
    let now = station.now();
    StatusDocument {
        ready: obstacles.is_empty(),
        obstacles,
        station: station.name().to_owned(),
        version: VERSION,
        commit: COMMIT,
        simulated,
        now: shown(now),
        started_at: shown(about.started),
        uptime_seconds: now.duration_since(about.started).as_secs().max(0),
        in_flight: None,
        queued: None,
        ledger: None,
        disk: None,
        certificates: None,
    }
}

async fn complete(document: &mut StatusDocument, station: &Station, desk: &Desk, about: &About) {
    let kept = station.holdings().await.ok();
    let name = station.ledger_name();
    let now = station.now();
    document.in_flight = Some(station.running());
    document.queued = Some(desk.waiting());
    document.ledger = Some(LedgerStatus {
        kind: about.ledger,
        place: name.place,
        id: name.id,
        units: kept.as_ref().map(|kept| kept.units),
        newest_record: kept.and_then(|kept| kept.newest).map(shown),
        last_backup: station.last_backup().map(shown),
        journal_faults: about.journal_faults,
    });
    let room = station.room();
    document.disk =
        room.map(|room| DiskStatus { free_bytes: room.free, min_free_bytes: room.min_free });
    let authorities = station.authorities().into_iter();
    let authorities = authorities.map(|it| (it.of, Some(it.subject), it.not_after));
    let tls = about.tls.as_ref().and_then(TlsSwap::not_after);
    let tls = tls.map(|not_after| ("TLS".to_owned(), None, not_after));
    let ends = authorities.chain(tls).map(|(of, subject, not_after)| CertificateStatus {
        of,
        subject,
        not_after: shown(not_after),
        days_left: not_after.duration_since(now).as_hours().div_euclid(24),
    });
    document.certificates = Some(ends.collect());
}

fn shown(moment: Timestamp) -> String {
    format!("{moment:.0}")
}
