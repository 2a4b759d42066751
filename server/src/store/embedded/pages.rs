//! Reading: one record, a page, a count, the open ones.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::apply::unit_id;
use crate::ra::{Record, SELFTEST, Standing, UnitId};
use crate::store::{Filter, Kept, Order, PageQuery, StoreError, past};

/// A unit's Ethernet address, spelt as its index is.
const ADDRESS: &str = "json_extract(document, '$.facts.extra.ethernetMAC')";

pub(super) fn read(connection: &Connection, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
    let row = connection
        .prepare_cached("SELECT version, document FROM units WHERE space = ?1 AND serial = ?2")?
        .query_row([unit.space.as_str(), unit.serial_number.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    row.map(|(version, document)| {
        Ok(Kept { record: Arc::new(parse(&document)?), version: version.cast_unsigned() })
    })
    .transpose()
}

pub(super) fn page(connection: &Connection, query: &PageQuery) -> Result<Vec<Record>, StoreError> {
    let (mut conditions, mut values) = conditions(&query.filter);
    let (comparison, order) = match query.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    if let Some(after) = &query.after {
        conditions.push(format!("id {comparison} ?"));
        values.push(Value::Text(after.as_str().to_owned()));
    }
    values.push(Value::Integer(query.limit.into()));
    let sql = format!(
        "SELECT document FROM units WHERE {} ORDER BY id {order} LIMIT ?",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
    rows.map(|document| parse(&document?)).collect()
}

pub(super) fn count(connection: &Connection, filter: &Filter) -> Result<u64, StoreError> {
    let (conditions, values) = conditions(filter);
    let sql = format!("SELECT count(*) FROM units WHERE {}", conditions.join(" AND "));
    let count: i64 =
        connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

pub(super) fn open_units(connection: &Connection) -> Result<Vec<UnitId>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT space, serial FROM units WHERE open = 1 ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| row.map_err(StoreError::from).and_then(|(space, serial)| unit_id(space, serial)))
        .collect()
}

/// The newest moment in any record.
pub(super) fn newest(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let milliseconds =
        connection.query_row("SELECT at FROM newest", [], |row| row.get::<_, i64>(0)).optional()?;
    let moment = milliseconds.map(Timestamp::from_millisecond).transpose();
    moment.map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// The filter as SQL conditions and their values. `deployed = 1` and the others are spelt as the
/// indexes are.
pub(super) fn conditions(filter: &Filter) -> (Vec<String>, Vec<Value>) {
    let mut conditions = vec!["space = ?".to_owned()];
    let mut values = vec![Value::Text(filter.space.as_str().to_owned())];
    if filter.denied {
        conditions.push("json_extract(document, '$.denial') IS NOT NULL".to_owned());
    }
    if filter.not_denied {
        conditions.push("json_extract(document, '$.denial') IS NULL".to_owned());
    }
    if filter.no_selftests {
        conditions.push(format!("json_extract(document, '$.facts.extra.{SELFTEST}') IS NULL"));
    }
    if filter.may_meet_blanks() {
        // Whoever asks for a unit says its category.
        conditions.push("(standing <> 'reserved' OR category <> '')".to_owned());
    }
    if filter.provisioned {
        conditions.push("deployed = 1".to_owned());
    }
    if filter.open {
        conditions.push("open = 1".to_owned());
    }
    if filter.lower_case {
        conditions.push("serial GLOB '*[a-z]*'".to_owned());
    }
    if let Some(address) = &filter.ethernet_mac {
        let all = spellings(address);
        let places = vec!["?"; all.len()].join(", ");
        conditions.push(format!("{ADDRESS} IS NOT NULL AND {ADDRESS} IN ({places})"));
        values.extend(all.into_iter().map(Value::Text));
    }
    match filter.standing {
        // What is confirmed is provisioned; their index is that of the provisioned.
        Some(Standing::Confirmed) => {
            conditions.push("deployed = 1 AND standing = 'confirmed'".to_owned());
        }
        Some(standing) => {
            conditions.push("standing <> 'confirmed' AND standing = ?".to_owned());
            values.push(Value::Text(standing.as_str().to_owned()));
        }
        None => {}
    }
    if filter.first_to_claim {
        conditions.push("first_to_claim = 1".to_owned());
    }
    let bounds = [("created_at >= ?", filter.since), ("created_at < ?", filter.until)];
    for (condition, bound) in bounds {
        if let Some(bound) = bound {
            conditions.push(condition.to_owned());
            values.push(Value::Integer(bound.as_millisecond()));
        }
    }
    let texts =
        [("hardware_version = ?", &filter.hardware_version), ("category = ?", &filter.category)];
    for (condition, text) in texts {
        if let Some(text) = text {
            conditions.push(condition.to_owned());
            values.push(Value::Text(text.clone()));
        }
    }
    if let Some(prefix) = &filter.prefix {
        conditions.push("serial >= ? AND serial < ?".to_owned());
        values.extend([prefix.clone(), past(prefix)].map(Value::Text));
    }
    (conditions, values)
}

/// What a document may hold for an Ethernet address: an array of numbers, or a text as stations
/// before wrote what the caller gave.
fn spellings(address: &[u8]) -> Vec<String> {
    let numbers: Vec<_> = address.iter().map(u8::to_string).collect();
    let pairs: Vec<_> = address.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![format!("[{}]", numbers.join(","))];
    for separator in [":", "-", ""] {
        let lower = pairs.join(separator);
        all.push(lower.to_ascii_uppercase());
        all.push(lower);
    }
    all
}

fn parse(document: &str) -> Result<Record, StoreError> {
    serde_json::from_str(document).map_err(|error| StoreError::Unreadable(error.to_string()))
}
