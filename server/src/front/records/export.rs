//! `GET /v3/export`: every provisioned unit in one stream, with memory bounded by a page.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use utoipa::IntoParams;

use crate::export::{Cells, CsvRows, EnrollmentRows, JsonLines, RegistrationRows, Rows};
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::request::RequestId;
use crate::ra::{RecordId, Space};
use crate::station::{Error, Station};
use crate::store::{Filter, Order, PageQuery};

/// Records read at a time.
const PAGE: u32 = 1000;

/// The query as documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `read` reads it strictly")]
pub(crate) struct ExportQuery {
    /// `csv` (the ten columns), `enrollment` (the portal's bulk upload, first-to-claim units
    /// only), `jsonl`, or `sign` (devices that registered themselves).
    #[param(example = "csv", pattern = "^(csv|enrollment|jsonl|sign)$")]
    format: String,
    /// Provisioned at or after: RFC 3339 (`2027-01-31T08:00:00Z`) or a date (UTC).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Provisioned before.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Exactly this hardware version.
    #[param(rename = "hardwareVersion")]
    hardware_version: Option<String>,
    /// Exactly this category.
    category: Option<String>,
    /// `keep` leaves cells that a spreadsheet would run as a formula as they are.
    #[param(pattern = "^keep$")]
    formulas: Option<String>,
}

/// Every provisioned unit that fits, oldest first, streamed.
///
/// A stream that breaks off is cut without its end (no final chunk): the caller must treat it as
/// failed. Which operator exported what is recorded.
#[utoipa::path(
    get,
    path = "/v3/export",
    tag = "records",
    params(ExportQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The rows", content(
            (String = "text/csv"),
            (String = "application/x-ndjson"),
        )),
        (status = 400, description = "The request is malformed", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    request: HttpRequest,
    id: RequestId,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    let operator = operators.of(&request)?;
    let (rows, filter) = read(Query::parse(request.query_string())?)?;
    station.note(&operator, &format!("export {}", request.query_string()), &id.0).await?;
    let content_type = rows.content_type();
    let export = Export { station: station.as_ref().clone(), rows, filter, next: Next::Header };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream::try_unfold(export, Export::chunk)))
}

struct Export {
    station: Station,
    rows: Box<dyn Rows>,
    filter: Filter,
    next: Next,
}

enum Next {
    Header,
    After(Option<RecordId>),
}

impl Export {
    /// The next chunk: the header, then a page at a time.
    async fn chunk(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let after = match self.next {
            Next::Header => {
                self.next = Next::After(None);
                return Ok(Some((self.rows.header().into(), self)));
            }
            Next::After(after) => after,
        };
        let (filter, order) = (self.filter.clone(), Order::Ascending);
        let records = self.station.page(PageQuery { filter, after, order, limit: PAGE }).await?;
        let Some(last) = records.last() else { return Ok(None) };
        let chunk: Vec<u8> = records.iter().flat_map(|record| self.rows.row(record)).collect();
        self.next = Next::After(Some(last.id.clone()));
        Ok(Some((chunk.into(), self)))
    }
}

fn read(mut query: Query) -> Result<(Box<dyn Rows>, Filter), Error> {
    let cells = match query.take("formulas").as_deref() {
        None => Cells::Harmless,
        Some("keep") => Cells::AsTheyAre,
        Some(_) => {
            return Err(bad("`formulas` can only be `keep`", "leave it out, or send `keep`"));
        }
    };
    let mut filter = Filter { provisioned: true, ..Filter::default() };
    let rows: Box<dyn Rows> = match query.take("format").as_deref() {
        Some("csv") => Box::new(CsvRows(cells)),
        Some("enrollment") => {
            filter.first_to_claim = true;
            Box::new(EnrollmentRows)
        }
        Some("jsonl") => Box::new(JsonLines),
        Some("sign") => {
            filter.space = Space::Sign;
            Box::new(RegistrationRows)
        }
        _ => {
            return Err(bad(
                "there is no such format",
                "ask for `csv`, `enrollment`, `jsonl` or `sign`",
            ));
        }
    };
    filter.since = moment(query.take("since"))?;
    filter.until = moment(query.take("until"))?;
    filter.hardware_version = query.take("hardwareVersion");
    filter.category = query.take("category");
    if let Some((name, _)) = query.rest().first() {
        let problem = format!("`{}` is not a parameter of an export", name.escape_debug());
        return Err(bad(&problem, "check its spelling; nothing is filtered by it"));
    }
    Ok((rows, filter))
}

/// A moment, or the beginning of a day in UTC.
fn moment(text: Option<String>) -> Result<Option<Timestamp>, Error> {
    let Some(text) = text else { return Ok(None) };
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let day = text.parse::<Date>().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    moment.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        bad(
            &format!("`{shown}` is neither a moment nor a date"),
            "write 2027-01-31T08:00:00Z or 2027-01-31",
        )
    })
}

fn bad(problem: &str, hint: &str) -> Error {
    Error::BadRequest { problem: problem.to_owned(), hint: hint.to_owned() }
}
