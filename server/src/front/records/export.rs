//! `GET /v3/export`: every provisioned unit in one stream, with memory bounded by a page.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use utoipa::IntoParams;

use super::between::{Between, bad, nothing_else};
use super::known;
use crate::export::{
    Cells, ColumnDescription, ColumnRows, Columns, CsvRows, EnrollmentRows, JsonLines, Moments,
    RegistrationRows, Rows, SupersededLines, SupersededRows, Within,
};
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::request::RequestId;
use crate::front::unit_name;
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
    /// `csv` (the ten columns, or `columns`), `enrollment` (the portal's bulk upload, first-to-claim
    /// units that are not denied), `jsonl`, `sign` (devices that registered themselves),
    /// `superseded` and `superseded-jsonl` (certificates that are to be revoked).
    #[param(
        example = "csv",
        pattern = "^(csv|enrollment|jsonl|sign|superseded|superseded-jsonl)$"
    )]
    format: String,
    /// Provisioned (superseded) from this moment on: RFC 3339 (`2027-01-31T08:00:00Z`), or a date,
    /// which is its beginning in UTC.
    since: Option<String>,
    /// Provisioned (superseded) before this moment; a date is its beginning, so that day is not in.
    until: Option<String>,
    /// With `csv`: names of columns with commas between them; `/v3/export-columns` lists them. A
    /// field that callers gave is named as they named it, or `field.NAME`.
    #[param(example = "serialNumber,certificateSerial,notAfter,station,ethernetMAC")]
    columns: Option<String>,
    /// With `csv` and `superseded`: how moments are written, `rfc3339` or `ms` (milliseconds since
    /// 1970). Default: `createdAt` in milliseconds, all others RFC 3339.
    #[param(pattern = "^(rfc3339|ms)$")]
    time: Option<String>,
    /// With `superseded`: whose certificates, `pep` (default) or `sign`.
    #[param(pattern = "^(pep|sign)$")]
    space: Option<String>,
    /// Exactly this hardware version.
    #[param(rename = "hardwareVersion")]
    hardware_version: Option<String>,
    /// Exactly this category, one of the station's or of the ledger's.
    category: Option<String>,
    /// `keep` leaves cells that a spreadsheet would run as a formula as they are.
    #[param(pattern = "^keep$")]
    formulas: Option<String>,
}

/// Every provisioned unit that fits, oldest first, streamed; none of a selftest.
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
    let Asked { rows, filter, columns } = read(Query::parse(request.query_string())?)?;
    known::category(&station, &filter).await?;
    if let Some(columns) = columns {
        known::columns(&station, &filter, &columns).await?;
    }
    station.note(&operator, &format!("export {}", request.query_string()), &id.0).await?;
    let content_type = rows.content_type();
    let export = Export { station: station.as_ref().clone(), rows, filter, next: Next::Header };
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream::try_unfold(export, Export::chunk)))
}

/// The columns that `csv` can have, beside the fields callers gave.
#[utoipa::path(
    get,
    path = "/v3/export-columns",
    tag = "records",
    responses((status = 200, description = "The columns", body = Vec<ColumnDescription>,
               content_type = "application/json"))
)]
pub(crate) async fn export_columns() -> HttpResponse {
    HttpResponse::Ok().json(Columns::described())
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

/// What an export was asked for.
struct Asked {
    rows: Box<dyn Rows>,
    filter: Filter,
    /// Columns whose names have to be looked for in the ledger.
    columns: Option<Columns>,
}

fn read(mut query: Query) -> Result<Asked, Error> {
    let cells = match query.take("formulas").as_deref() {
        None => Cells::Harmless,
        Some("keep") => Cells::AsTheyAre,
        Some(_) => {
            return Err(bad(
                "`formulas` can only be `keep`".to_owned(),
                "leave it out, or send `keep`",
            ));
        }
    };
    let moments = match query.take("time").as_deref() {
        None => None,
        Some("ms") => Some(Moments::Milliseconds),
        Some("rfc3339") => Some(Moments::Rfc3339),
        Some(_) => {
            return Err(bad(
                "`time` is neither `rfc3339` nor `ms`".to_owned(),
                "send one of these, or leave it out",
            ));
        }
    };
    let columns = query.take("columns").map(|text| Columns::parse(&text)).transpose();
    let columns =
        columns.map_err(|error| bad(error.to_string(), "send names with commas between them"))?;
    let between = Between::take(&mut query)?;
    let format = query.take("format").unwrap_or_default();
    let mut filter = Filter { provisioned: true, no_selftests: true, ..Filter::default() };
    if format.starts_with("superseded") {
        filter = Filter { space: unit_name::space(&mut query)?, ..Filter::default() };
    } else {
        (filter.since, filter.until) = (between.since, between.until);
    }
    filter.hardware_version = query.take("hardwareVersion");
    filter.category = query.take("category");
    let is_csv = ["csv", "superseded"].contains(&format.as_str());
    if columns.is_some() && format != "csv" || moments.is_some() && !is_csv {
        return Err(bad(
            "columns and the form of times can be chosen for csv alone".to_owned(),
            "leave `columns` and `time` out, or ask for `csv`",
        ));
    }
    let within = Within { since: between.since, until: between.until };
    let rows: Box<dyn Rows> = match (format.as_str(), &columns) {
        ("csv", Some(columns)) => Box::new(ColumnRows { columns: columns.clone(), cells, moments }),
        ("csv", None) if moments == Some(Moments::Rfc3339) => {
            Box::new(ColumnRows { columns: Columns::old(), cells, moments })
        }
        ("csv", None) => Box::new(CsvRows(cells)),
        ("enrollment", _) => {
            filter.first_to_claim = true;
            filter.not_denied = true;
            Box::new(EnrollmentRows)
        }
        ("jsonl", _) => Box::new(JsonLines),
        ("sign", _) => {
            filter.space = Space::Sign;
            Box::new(RegistrationRows)
        }
        ("superseded", _) => {
            let moments = moments.unwrap_or(Moments::Rfc3339);
            Box::new(SupersededRows { cells, moments, within })
        }
        ("superseded-jsonl", _) => Box::new(SupersededLines(within)),
        _ => {
            return Err(bad(
                "there is no such format".to_owned(),
                "ask for `csv`, `enrollment`, `jsonl`, `sign`, `superseded` or `superseded-jsonl`",
            ));
        }
    };
    nothing_else(query, "an export")?;
    Ok(Asked { rows, filter, columns })
}
