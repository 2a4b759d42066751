//! Page after page of one of the station's lists of units.

use serde_json::{Map, Value};

use crate::client::{Ask, Client, JSON, Query, Wait, not_a_station};
use crate::failure::{Failure, Kind};

/// The longest page, in bytes: 1000 rows with 32 extra fields of a kibibyte each.
const LONGEST_PAGE: usize = 48 * 1024 * 1024;

/// One page.
pub struct Page {
    /// The page as it was received.
    pub text: String,
    /// Its rows.
    pub rows: Vec<Map<String, Value>>,
    /// The `_id` of its last row.
    pub last: Option<String>,
    /// The link to itself.
    pub own_link: Value,
    /// The rows a page that the station went by.
    pub limit: Value,
    /// All provisioned units; old stations do not tell.
    pub provisioned_count: Option<u64>,
}

/// Asks for one page after the other.
pub struct Pages<'a> {
    client: &'a Client,
    route: &'static str,
    only: Vec<(&'static str, String)>,
    limit: u32,
    order: &'static str,
    last: Option<String>,
}

impl<'a> Pages<'a> {
    /// Pages of the list at `route`, of `limit` rows, beginning after the row `last`.
    pub fn from(
        client: &'a Client,
        route: &'static str,
        limit: u32,
        order: &'static str,
        last: Option<String>,
    ) -> Self {
        Self { client, route, only: Vec::new(), limit, order, last }
    }

    /// Only rows that fit these fields of the query.
    pub fn only(mut self, fields: Vec<(&'static str, String)>) -> Self {
        self.only = fields;
        self
    }

    /// The next page; the one after the last is empty.
    ///
    /// The link `next` says the same, and is not followed: it could point anywhere.
    pub async fn next(&mut self) -> Result<Page, Failure> {
        let mut query = Query::new();
        for (name, value) in &self.only {
            query.add(name, value);
        }
        query
            .add("limit", &self.limit.to_string())
            .add("order", self.order)
            .add_given("last", self.last.as_deref());
        let ask = Ask { route: self.route, query: &query, accept: JSON };
        let mut answer = self.client.ask(&ask, Wait::EachPiece).await?;
        let page = read(answer.body(LONGEST_PAGE).await?).ok_or_else(not_a_station)?;
        if page.last.is_some() && page.last == self.last {
            return Err(Failure::new(
                Kind::Unanswered,
                "the station gives the same page again and again",
            )
            .with_hint("the list cannot be read to its end; tell the line engineer"));
        }
        self.last.clone_from(&page.last);
        Ok(page)
    }
}

/// Read a page; `None` when that is no page, or a row of it has no `_id` to go on from.
fn read(body: Vec<u8>) -> Option<Page> {
    let text = String::from_utf8(body).ok()?;
    let Ok(Value::Object(mut page)) = serde_json::from_str(&text) else {
        return None;
    };
    let Some(Value::Array(results)) = page.remove("results") else {
        return None;
    };
    let mut rows = Vec::with_capacity(results.len());
    for result in results {
        let Value::Object(row) = result else {
            return None;
        };
        rows.push(row);
    }
    let last = match rows.last() {
        Some(row) => Some(row.get("_id")?.as_str()?.to_owned()),
        None => None,
    };
    let own_link =
        page.get("_links").and_then(|links| links.get("self")).cloned().unwrap_or(Value::Null);
    Some(Page {
        last,
        own_link,
        limit: page.remove("limit").unwrap_or(Value::Null),
        provisioned_count: page.get("provisioned_count").and_then(Value::as_u64),
        rows,
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_page() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"results":{}}"#,
            r#"{"results":[1]}"#,
            r#"{"results":[{"serialNumber":"GW-1"}]}"#,
            r#"{"results":[{"_id":7}]}"#,
        ] {
            assert!(read(text.as_bytes().to_vec()).is_none(), "{text}");
        }
        assert!(read(br#"{"results":[]}"#.to_vec()).unwrap().last.is_none());
    }
}
