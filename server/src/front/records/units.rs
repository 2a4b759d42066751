//! `GET /v3/units`: a page of units by where they stand, for operators who look for those in doubt.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::between::{Between, nothing_else};
use super::page::{Links, Paging};
use crate::export::UnitRow;
use crate::front::operators::Operators;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::front::unit_name;
use crate::ra::{Record, Space, Standing};
use crate::station::{Error, Station};
use crate::store::{Filter, PageQuery};

/// Records read at a time, where not every one fits.
const READ: u32 = 1000;
/// The word for units that somebody is at.
const OPEN: &str = "open";
/// The word for units on the deny list, wherever else they stand.
const DENIED: &str = Standing::Denied.as_str();

/// A page of units.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnitPage {
    #[serde(rename = "_links")]
    links: Links,
    /// Units on this page.
    total_count: usize,
    /// The limit in force.
    limit: u32,
    /// `ASC` or `DESC`.
    order: &'static str,
    /// The units.
    results: Vec<UnitRow>,
}

/// The query as documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `units` reads it")]
pub(crate) struct UnitsQuery {
    /// Only units whose last execution is `reserved`, `issued`, `sent`, `confirmed` or `failed`,
    /// that are `released` and not tried since, that have an `open` execution, or that are `denied`,
    /// wherever else they stand. Default: all.
    #[param(example = "sent")]
    state: Option<String>,
    /// `pep`, the gateways (default), or `sign`, devices that registered themselves.
    #[param(pattern = "^(pep|sign)$")]
    space: Option<String>,
    /// Only units whose serial number begins so.
    #[param(example = "GW-")]
    prefix: Option<String>,
    /// Only units whose last attempt ran at this station.
    station: Option<String>,
    /// Only units of which something was written down from this moment on, and nothing since
    /// `until`: RFC 3339 (`2027-01-31T08:00:00Z`), or a date, which is its beginning in UTC.
    since: Option<String>,
    /// Only units of which the last thing was written down before this moment.
    until: Option<String>,
    /// At most 1000, default 50; unreadable is 50.
    limit: Option<u32>,
    /// `ASC` or `DESC` in any case, default DESC.
    order: Option<String>,
    /// `_id` of the last row seen.
    last: Option<String>,
}

/// A page of units by where they stand, newest first unless asked otherwise.
#[utoipa::path(
    get,
    path = "/v3/units",
    tag = "records",
    params(UnitsQuery),
    security(("operator" = [])),
    responses(
        (status = 200, description = "The page", body = UnitPage,
         content_type = "application/json"),
        (status = 400, description = "No such state or parameter, or `last` is not an `_id`",
         body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "No operator's token", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn units(
    request: HttpRequest,
    station: web::Data<Station>,
    operators: web::Data<Operators>,
) -> Result<HttpResponse, Problem> {
    operators.of(&request)?;
    let mut query = Query::parse(request.query_string())?;
    let mut filter = filter(query.take("state"), unit_name::space(&mut query)?)?;
    filter.prefix = query.take("prefix").filter(|prefix| !prefix.is_empty());
    let narrow = Narrow { station: query.take("station"), between: Between::take(&mut query)? };
    let paging = Paging::read(&mut query)?;
    nothing_else(query, "a list of units")?;
    let records = narrow.page(&station, &paging, filter).await?;
    let page = UnitPage {
        links: Links::of(&request, records.last()),
        total_count: records.len(),
        limit: paging.limit,
        order: paging.order_word(),
        results: records.iter().map(UnitRow::of).collect(),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

/// Conditions that no store has an index for: pages are read through until enough fit.
struct Narrow {
    station: Option<String>,
    between: Between,
}

impl Narrow {
    async fn page(
        &self,
        station: &Station,
        paging: &Paging,
        filter: Filter,
    ) -> Result<Vec<Record>, Error> {
        if self.station.is_none() && self.between == Between::default() {
            return station.page(paging.query(filter)).await;
        }
        let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
        let (mut found, mut after) = (Vec::new(), paging.after.clone());
        loop {
            let (filter, order) = (filter.clone(), paging.order);
            let page = station.page(PageQuery { filter, after, order, limit: READ }).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            let room = limit - found.len();
            found.extend(page.into_iter().filter(|record| self.holds(record)).take(room));
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    fn holds(&self, record: &Record) -> bool {
        let station = record.executions.last().map(|last| &last.station);
        self.station.as_ref().is_none_or(|wanted| station == Some(wanted))
            && self.between.holds(record.newest().or(record.created_at))
    }
}

fn filter(state: Option<String>, space: Space) -> Result<Filter, Error> {
    let all = Filter { space, ..Filter::default() };
    let Some(word) = state else { return Ok(all) };
    if word == OPEN {
        return Ok(Filter { open: true, ..all });
    }
    if word == DENIED {
        return Ok(Filter { denied: true, ..all });
    }
    let standing = Standing::parse(&word).ok_or_else(|| {
        let shown: String = word.chars().take(80).collect();
        let words: Vec<_> = Standing::ALL.iter().map(|standing| standing.as_str()).collect();
        Error::BadRequest {
            problem: format!("`{}` is not a state of a unit", shown.escape_debug()),
            hint: format!("ask for one of {}, {OPEN}", words.join(", ")),
        }
    })?;
    Ok(Filter { standing: Some(standing), ..all })
}
