//! The columns that an inventory can have, as the station describes them.

use serde_json::Value;

use crate::client::{Ask, JSON, Query, Wait, not_a_station};
use crate::commands::{Bench, Done};
use crate::failure::{Failure, one_line};

/// The longest description, in bytes.
const LONGEST: usize = 64 * 1024;

/// Ask for them and print them.
pub async fn described(bench: &Bench) -> Result<Done, Failure> {
    let query = Query::new();
    let ask = Ask { route: "export-columns", query: &query, accept: JSON };
    let body = bench.client.ask(&ask, Wait::Whole).await?.body(LONGEST).await?;
    let document: Value = serde_json::from_slice(&body).map_err(|_| not_a_station())?;
    let columns = document.as_array().ok_or_else(not_a_station)?;
    if bench.json {
        return Ok(Done::printed(format!("{document}\n")));
    }
    let text = |column: &Value, member: &str| {
        one_line(column.get(member).and_then(Value::as_str).unwrap_or_default())
    };
    let mut told: String = columns
        .iter()
        .map(|column| format!("{:<24}{}\n", text(column, "name"), text(column, "holds")))
        .collect();
    told.push_str(&format!("{:<24}{}\n", "field.NAME", "any other field that callers gave"));
    Ok(Done::printed(told))
}
