//! The deny list, for operators: `GET /v3/denied` reads it, `POST` puts a unit on it, `DELETE`
//! takes one off. Every front end honours it, since it is looked at where units are reserved.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::operators::Operators;
use super::problem::Problem;
use super::query::Query;
use super::request::RequestId;
use super::unit_name;
use crate::ra::{Denial, Record, Space};
use crate::station::{Error, Station};

/// Records read at a time.
const PAGE: u32 = 1000;
const ALLOW: &str = "GET, HEAD, POST, DELETE";

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/denied").route(web::to(denied)));
}

/// One line of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    space: &'static str,
    serial_number: &'a str,
    #[serde(flatten)]
    denial: &'a Denial,
}

async fn denied(
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

/// All of it, one JSON object a line.
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
    let serial_number = record.unit.serial_number.as_str();
    let line = Line { space: record.space().as_str(), serial_number, denial };
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

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
    station.deny(&unit, &denial).await?;
    station.note(operator, &format!("deny {unit}: {}", denial.reason), request_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn remove(
    station: &Station,
    mut query: Query,
    operator: &str,
    request_id: &str,
) -> Result<HttpResponse, Problem> {
    let unit = unit_name::take(&mut query)?;
    if !station.lift_denial(&unit).await? {
        let what = format!("{unit} is not on the deny list");
        let hint = "check the serial number and its space".to_owned();
        return Err(Error::NotFound { what, hint }.into());
    }
    station.note(operator, &format!("lift the denial of {unit}"), request_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
