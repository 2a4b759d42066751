//! `GET /v3/enrollment-ids`: a page of provisioned units, as HAL; and what every page has.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::export::ListedDocument;
use crate::front::problem::{Problem, ProblemDetails};
use crate::front::query::Query;
use crate::ra::{Record, RecordId};
use crate::station::{Error, Station};
use crate::store::{Filter, Order, PageQuery};

const DEFAULT_LIMIT: u32 = 50;
const LARGEST_LIMIT: u32 = 1000;

/// A page of provisioned units.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrollmentPage {
    #[serde(rename = "_links")]
    links: Links,
    /// Units on this page: the old meaning, clients loop on it.
    total_count: usize,
    /// Provisioned units in the ledger, those of selftests and those on the deny list counted.
    provisioned_count: u64,
    /// The limit in force.
    limit: u32,
    /// `ASC` or `DESC`.
    order: &'static str,
    /// The units.
    results: Vec<ListedDocument>,
}

/// A page's links.
#[derive(Serialize, ToSchema)]
pub(super) struct Links {
    #[serde(rename = "self")]
    this: Link,
    /// Only when this page is not empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
}

impl Links {
    /// The links of a page that ends with `last`.
    pub(super) fn of(request: &HttpRequest, last: Option<&Record>) -> Self {
        let next = last.map(|last| Link { href: with_last(request, last.id.as_str()) });
        Self { this: Link { href: request.uri().to_string() }, next }
    }
}

#[derive(Serialize, ToSchema)]
struct Link {
    href: String,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; unreadable values are defaults")]
pub(crate) struct PageParameters {
    /// At most 1000; larger is cut, unreadable is 50.
    limit: Option<u32>,
    /// `ASC` or `DESC` in any case.
    #[param(default = "DESC")]
    order: Option<String>,
    /// `_id` of the last row seen.
    #[param(pattern = "^([0-9a-fA-F]{24})?$")]
    last: Option<String>,
}

/// A page of provisioned units, newest first unless asked otherwise; none of a selftest, and none
/// on the deny list.
#[utoipa::path(
    get,
    path = "/v3/enrollment-ids",
    tag = "records",
    params(PageParameters),
    responses(
        (status = 200, description = "The page", body = EnrollmentPage,
         content_type = "application/json"),
        (status = 400, description = "`last` is not an `_id`", body = ProblemDetails,
         content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be used now", body = ProblemDetails,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn enrollment_ids(
    request: HttpRequest,
    station: web::Data<Station>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging::read(&mut Query::parse(request.query_string())?)?;
    let filter = Filter { provisioned: true, ..Filter::default() };
    // Whoever reads the list enrolls what is in it.
    let enrolled = Filter { no_selftests: true, not_denied: true, ..filter.clone() };
    let records = station.page(paging.query(enrolled)).await?;
    let provisioned_count = station.count(filter).await?;
    let page = EnrollmentPage {
        links: Links::of(&request, records.last()),
        total_count: records.len(),
        provisioned_count,
        limit: paging.limit,
        order: paging.order_word(),
        results: records.iter().map(ListedDocument::of).collect(),
    };
    Ok(HttpResponse::Ok().json(page))
}

/// Which page of a list is asked for.
pub(super) struct Paging {
    pub(super) limit: u32,
    pub(super) order: Order,
    pub(super) after: Option<RecordId>,
}

impl Paging {
    /// Reads `limit`, `order` and `last` as the old server did.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when `last` is not an `_id`.
    pub(super) fn read(query: &mut Query) -> Result<Self, Error> {
        let limit = query.take("limit").and_then(|text| text.parse::<u64>().ok());
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT.into());
        let limit = u32::try_from(limit).unwrap_or(LARGEST_LIMIT).min(LARGEST_LIMIT);
        let order = match query.take("order") {
            Some(text) if text.eq_ignore_ascii_case("asc") => Order::Ascending,
            _ => Order::Descending,
        };
        let after = match query.take("last") {
            Some(text) if !text.is_empty() => {
                Some(RecordId::parse(&text).ok_or_else(|| Error::BadRequest {
                    problem: "`last` is not 24 hexadecimal digits".to_owned(),
                    hint: "send the `_id` of the last row seen".to_owned(),
                })?)
            }
            _ => None,
        };
        Ok(Self { limit, order, after })
    }

    /// The page of what fits `filter`.
    pub(super) fn query(&self, filter: Filter) -> PageQuery {
        PageQuery { filter, after: self.after.clone(), order: self.order, limit: self.limit }
    }

    /// The order in the old interface's words.
    pub(super) fn order_word(&self) -> &'static str {
        match self.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        }
    }
}

/// The same URL with `last` set.
fn with_last(request: &HttpRequest, last: &str) -> String {
    let kept = request.query_string().split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !name.is_empty() && name != "last"
    });
    let pairs: Vec<&str> = kept.collect();
    let separator = if pairs.is_empty() { "" } else { "&" };
    format!("{}?{}{separator}last={last}", request.path(), pairs.join("&"))
}
