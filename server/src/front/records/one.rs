//! One unit: its enrollment identity, its sealing key, its identity document.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use super::RecordSettings;
use crate::export::IdentityDocument;
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::ra::{Execution, Record, SerialNumber, UnitId};
use crate::station::{Error, Station};

/// The old server's words for a unit it does not know.
const NOT_FOUND: &str = "Not found!";

/// Which unit.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `provisioned` reads it strictly")]
pub(crate) struct SerialQuery {
    /// The unit's serial number.
    #[param(
        rename = "serialNumber",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "GW-0001"
    )]
    serial_number: String,
}

/// The enrollment identity of a provisioned unit.
#[utoipa::path(
    get,
    path = "/v3/enrollment-id",
    tag = "records",
    params(SerialQuery),
    responses(
        (status = 200, description = "97 characters", body = String, content_type = "text/plain"),
        (status = 400, description = "No serial number", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 404, description = "No such unit, or it has none (in plain text `Not found!`)",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn enrollment_id(
    request: HttpRequest,
    station: web::Data<Station>,
) -> Result<HttpResponse, Problem> {
    let record = provisioned(&request, &station).await.map_err(in_old_words)?;
    match &record.enrollment_id {
        Some(identity) => Ok(plain(identity.as_str())),
        None if record.live_execution().is_some_and(Execution::is_developer) => {
            Err(in_old_words(Error::NotFound {
                what: format!(
                    "unit `{}` has a developer identity, which no account can claim",
                    record.unit.serial_number
                ),
                hint: "it belongs to the account in [developer] from the beginning".to_owned(),
            }))
        }
        None => Err(in_old_words(unknown(&record.unit))),
    }
}

/// The sealing verification key a unit brought.
#[utoipa::path(
    get,
    path = "/v3/verification-key",
    tag = "records",
    params(SerialQuery),
    security((), ("operator" = [])),
    responses(
        (status = 200, description = "The key", body = String, content_type = "text/plain"),
        (status = 400, description = "No serial number", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "The station wants an operator's token for this",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "No such unit, or it has none (in plain text `Not found!`)",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn verification_key(
    request: HttpRequest,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
    settings: web::Data<RecordSettings>,
) -> Result<HttpResponse, Problem> {
    if !settings.open_verification_keys {
        operators.of(&request)?;
    }
    let record = provisioned(&request, &station).await.map_err(in_old_words)?;
    match &record.sealing_key {
        Some(key) => Ok(plain(key.reveal())),
        None => Err(in_old_words(Error::NotFound {
            what: format!(
                "unit `{}` brought no sealing verification key",
                record.unit.serial_number
            ),
            hint: "keys are brought with `pep get-one-identity -k`".to_owned(),
        })),
    }
}

/// The recorded identity document of a provisioned unit, for a gateway whose answer was lost.
#[utoipa::path(
    get,
    path = "/v3/identity-record",
    tag = "records",
    params(SerialQuery),
    responses(
        (status = 200, description = "The document `GET /v3/identity` answered",
         body = IdentityDocument, content_type = "application/json"),
        (status = 400, description = "No serial number", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 404, description = "No such unit, or it has no identity yet",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn identity_record(
    request: HttpRequest,
    station: web::Data<Station>,
) -> Result<HttpResponse, Problem> {
    let record = provisioned(&request, &station).await?;
    Ok(HttpResponse::Ok().json(IdentityDocument::of(&record)))
}

async fn provisioned(request: &HttpRequest, station: &Station) -> Result<Arc<Record>, Error> {
    let bad = |problem: String| Error::BadRequest {
        problem,
        hint: "send the unit's serial number as `serialNumber`, once".to_owned(),
    };
    let serial = Query::parse(request.query_string())?
        .take("serialNumber")
        .ok_or_else(|| bad("the serial number is missing".to_owned()))?;
    // The old system took any text for a serial number: what it wrote down is answered all the
    // same, and only where there is nothing the form is to blame.
    let broken = SerialNumber::parse(serial.as_str()).err();
    let unit = UnitId::pep(SerialNumber::adopted(serial));
    let record = station.record(&unit).await?.filter(|record| record.deployed);
    record.ok_or_else(|| broken.map_or_else(|| unknown(&unit), |error| bad(error.to_string())))
}

fn unknown(unit: &UnitId) -> Error {
    Error::NotFound {
        what: format!("no provisioned unit has the serial number `{}`", unit.serial_number),
        hint: "check the serial number; an attempt without an answer may still be running"
            .to_owned(),
    }
}

/// Form errors and unknown units in the old server's own words, for callers that get plain text.
fn in_old_words(error: Error) -> Problem {
    let text = match &error {
        Error::NotFound { .. } => NOT_FOUND.to_owned(),
        Error::BadRequest { problem, .. } => problem.clone(),
        _ => return error.into(),
    };
    Problem::from(error).or_plain(&text)
}

fn plain(text: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text.to_owned())
}
