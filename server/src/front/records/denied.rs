//! The deny list, for operators: `GET /v3/denied` reads it, `POST` puts a unit on it, `DELETE`
//! takes one off. Every front end honours it, since it is looked at where units are reserved.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::unit::document;
use crate::export::UnitDocument;
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::request::RequestId;
use crate::front::unit_name;
use crate::ra::{Denial, Record, Space};
use crate::station::{Error, Station};

/// Records read at a time.
const PAGE: u32 = 1000;
const ALLOW: &str = "GET, HEAD, POST, DELETE";

/// One line of the list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeniedUnit<'a> {
    /// `pep`, or `sign` for devices that register themselves.
    space: &'static str,
    /// The unit's serial number.
    serial_number: &'a str,
    /// Since when, RFC 3339.
    at: String,
    /// Whose token.
    operator: &'a str,
    /// Why, in the operator's words.
    reason: &'a str,
    /// Whether the unit has its identity.
    deployed: bool,
}

/// Which unit.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `unit_name` reads it strictly")]
pub(crate) struct UnitQuery {
    /// The unit's serial number; of a device that registers itself, its UUID.
    #[param(rename = "serialNumber", min_length = 1, max_length = 255)]
    serial_number: String,
    /// `pep` (default), or `sign` for devices that register themselves.
    #[param(pattern = "^(pep|sign)$")]
    space: Option<String>,
}

/// Why.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `add` reads it strictly")]
pub(crate) struct ReasonQuery {
    /// Why it is refused: 1 to 500 bytes on one line, kept in the record and told to who asks.
    #[param(min_length = 1, max_length = 500, example = "stolen from the line")]
    reason: String,
}

pub(super) async fn denied(
    request: HttpRequest,
    id: RequestId,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    let operator = operators.of(&request)?;
    let query = Query::parse(request.query_string())?;
    match *request.method() {
        Method::GET | Method::HEAD => list(&station).await,
        Method::POST => add(&station, query, &operator, &id.0).await,
        Method::DELETE => remove(&station, query, &operator, &id.0).await,
        _ => Err(Problem::method_not_allowed(ALLOW)),
    }
}

/// Every unit on the deny list, one JSON object a line.
#[utoipa::path(
    get,
    path = "/v3/denied",
    tag = "records",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The list", body = DeniedUnit,
         content_type = "application/x-ndjson"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
async fn list(station: &Station) -> Result<HttpResponse, Problem> {
    let mut lines = Vec::new();
    for space in Space::ALL {
        let mut after = None;
        loop {
            let records = station.denied(space, after, PAGE).await?;
            let Some(last) = records.last() else { break };
            after = Some(last.id.clone());
            lines.extend(records.iter().flat_map(line));
        }
    }
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(lines))
}

fn line(record: &Record) -> Vec<u8> {
    let Some(denial) = &record.denial else { return Vec::new() };
    let line = DeniedUnit {
        space: record.space().as_str(),
        serial_number: record.unit.serial_number.as_str(),
        at: denial.at.to_string(),
        operator: &denial.operator,
        reason: &denial.reason,
        deployed: record.deployed,
    };
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Refuse a unit from now on, whether it is known or not.
///
/// What it has it keeps; it is given nothing more, whatever way it comes in.
#[utoipa::path(
    post,
    path = "/v3/denied",
    tag = "records",
    params(UnitQuery, ReasonQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The record, denied", body = UnitDocument,
         content_type = "application/json"),
        (status = 400, description = "No serial number, or no reason", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
async fn add(
    station: &Station,
    mut query: Query,
    operator: &str,
    request_id: &str,
) -> Result<HttpResponse, Problem> {
    let unit = unit_name::take(&mut query)?;
    let reason = query.take("reason").unwrap_or_default();
    let denial = Denial::new(station.now(), operator, &reason).map_err(|error| {
        let hint = "say in a line why the unit is refused, as `reason`".to_owned();
        Error::BadRequest { problem: error.to_string(), hint }
    })?;
    let record = station.deny(&unit, &denial).await?;
    station.note(operator, &format!("deny {unit}: {}", denial.reason), request_id).await?;
    Ok(document(&record))
}

/// Let a unit come in again.
#[utoipa::path(
    delete,
    path = "/v3/denied",
    tag = "records",
    params(UnitQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The record, no longer denied", body = UnitDocument,
         content_type = "application/json"),
        (status = 400, description = "No serial number", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 404, description = "The unit is not on the list", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
async fn remove(
    station: &Station,
    mut query: Query,
    operator: &str,
    request_id: &str,
) -> Result<HttpResponse, Problem> {
    let unit = unit_name::take(&mut query)?;
    let record = station.lift_denial(&unit).await?.ok_or_else(|| Error::NotFound {
        what: format!("{unit} is not on the deny list"),
        hint: "check the serial number and its space".to_owned(),
    })?;
    station.note(operator, &format!("lift the denial of {unit}"), request_id).await?;
    Ok(document(&record))
}
