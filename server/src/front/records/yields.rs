//! `GET /v3/yield`: how many attempts ended how, by hour, day or station.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::between::{Between, bad, nothing_else};
use super::known;
use crate::export::{By, Counts, Tally, TallyRow};
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::unit_name;
use crate::station::{Error, Station};
use crate::store::{Filter, Order, PageQuery};

/// Records read at a time.
const PAGE: u32 = 1000;

/// Attempts counted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct YieldTable {
    /// `hour`, `day` or `station`.
    by: &'static str,
    /// Whose hours and days: a name of the time zone database.
    time_zone: String,
    /// One an hour, day or station in which an attempt ended.
    rows: Vec<TallyRow>,
    /// All of them together.
    total: Counts,
}

/// The query as documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `yields` reads it strictly")]
pub(crate) struct YieldQuery {
    /// `hour` (default), `day` or `station`.
    #[param(pattern = "^(hour|day|station)$")]
    by: Option<String>,
    /// Only attempts that ended from this moment on: RFC 3339 (`2027-01-31T08:00:00Z`), or a date,
    /// which is its beginning in UTC.
    since: Option<String>,
    /// Only attempts that ended before this moment.
    until: Option<String>,
    /// Whose hours and days: a name of the time zone database, default `UTC`.
    #[param(rename = "timeZone", example = "Europe/Helsinki")]
    time_zone: Option<String>,
    /// Only units of this category, one of the station's or of the ledger's.
    category: Option<String>,
    /// `pep`, the gateways (default), or `sign`, devices that registered themselves.
    #[param(pattern = "^(pep|sign)$")]
    space: Option<String>,
}

/// How many attempts ended how, and the first-pass yield: of the units that were tried for the first
/// time, the share that had their identity after it. Selftests do not count.
#[utoipa::path(
    get,
    path = "/v3/yield",
    tag = "records",
    params(YieldQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The counts", body = YieldTable,
         content_type = "application/json"),
        (status = 400, description = "The request is malformed", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn yields(
    request: HttpRequest,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    operators.of(&request)?;
    let mut query = Query::parse(request.query_string())?;
    let (by, word) = by(query.take("by"))?;
    let between = Between::take(&mut query)?;
    let time_zone = query.take("timeZone").unwrap_or_else(|| "UTC".to_owned());
    let zone = zone(&time_zone)?;
    let filter = Filter {
        space: unit_name::space(&mut query)?,
        category: query.take("category"),
        no_selftests: true,
        ..Filter::default()
    };
    nothing_else(query, "a yield")?;
    known::category(&station, &filter).await?;
    let mut tally = Tally::new(by, zone, between.since, between.until);
    let mut after = None;
    loop {
        let (filter, order) = (filter.clone(), Order::Ascending);
        let page = station.page(PageQuery { filter, after, order, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        page.iter().for_each(|record| tally.add(record));
    }
    let (rows, total) = tally.counted();
    let table = YieldTable { by: word, time_zone, rows, total };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(table))
}

fn by(word: Option<String>) -> Result<(By, &'static str), Error> {
    match word.as_deref() {
        None | Some("hour") => Ok((By::Hour, "hour")),
        Some("day") => Ok((By::Day, "day")),
        Some("station") => Ok((By::Station, "station")),
        Some(_) => Err(bad(
            "attempts are not counted by that".to_owned(),
            "send `hour`, `day` or `station` as `by`",
        )),
    }
}

fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name).map_err(|_| {
        let shown: String = name.chars().take(80).collect();
        bad(
            format!("there is no time zone `{}`", shown.escape_debug()),
            "send a name of the time zone database, such as Europe/Helsinki",
        )
    })
}
