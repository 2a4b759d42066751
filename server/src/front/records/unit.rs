//! One unit for an operator: `GET /v3/unit`, all that is kept of it; `POST /v3/release`, which
//! lets it be done again.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use crate::export::UnitDocument;
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::request::RequestId;
use crate::front::unit_name;
use crate::ra::{Record, ReleaseReason};
use crate::station::{Error, Station};

/// Everything kept of one unit: every attempt with its steps, times and certificate, every release.
#[utoipa::path(
    get,
    path = "/v3/unit",
    tag = "records",
    params(
        ("serialNumber" = String, Query, description = "The unit's serial number"),
        ("space" = Option<String>, Query, description = "`pep` (default), or `sign`",
         pattern = "^(pep|sign)$"),
    ),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The record", body = UnitDocument,
         content_type = "application/json"),
        (status = 400, description = "No serial number", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 404, description = "Nobody has asked for this unit yet", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn unit(
    request: HttpRequest,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    operators.of(&request)?;
    let mut query = Query::parse(request.query_string())?;
    let unit = unit_name::take(&mut query)?;
    let record = station.record(&unit).await?.ok_or_else(|| Error::NotFound {
        what: format!("no unit has the serial number `{}`", unit.serial_number),
        hint: "check the serial number".to_owned(),
    })?;
    let others = station.same_address(&record).await?;
    Ok(answered(UnitDocument::of(&record).beside(&others)))
}

/// The query as documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `release` reads it strictly")]
pub(crate) struct ReleaseQuery {
    /// The unit's serial number.
    #[param(rename = "serialNumber")]
    serial_number: String,
    /// `pep` (default), or `sign` for devices that register themselves.
    #[param(pattern = "^(pep|sign)$")]
    space: Option<String>,
    /// Why: 1 to 500 characters on one line, kept in the record.
    #[param(min_length = 1, max_length = 500, example = "came back from the field")]
    reason: String,
}

/// Let a provisioned unit be done again.
///
/// Its certificate is to be revoked from now on, its enrollment identity is no longer answered or
/// exported, and its history is kept. Until the next confirmation it has no identity here, whatever
/// the device still holds.
#[utoipa::path(
    post,
    path = "/v3/release",
    tag = "records",
    params(ReleaseQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The record, released", body = UnitDocument,
         content_type = "application/json"),
        (status = 400, description = "No serial number, or no reason", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 404, description = "Nobody has asked for this unit yet", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 409, description = "The unit is not provisioned, or another attempt is running",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn release(
    request: HttpRequest,
    id: RequestId,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    let operator = operators.of(&request)?;
    let mut query = Query::parse(request.query_string())?;
    let unit = unit_name::take(&mut query)?;
    let reason =
        ReleaseReason::parse(&query.take("reason").unwrap_or_default()).map_err(|error| {
            let hint = "say in a line why the unit is done again, as `reason`".to_owned();
            Error::BadRequest { problem: error.to_string(), hint }
        })?;
    let record = station.release(unit, operator, reason, id.0).await?;
    Ok(document(&record))
}

/// The answer that holds a unit's record.
pub(super) fn document(record: &Record) -> HttpResponse {
    answered(UnitDocument::of(record))
}

fn answered(document: UnitDocument) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document)
}
