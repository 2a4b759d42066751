//! Words of a request that only the ledger can know: a category, a field of the callers' own.

use std::collections::BTreeSet;

use super::between::bad;
use crate::export::{Columns, nearest, own_fields};
use crate::ra::RecordId;
use crate::station::{Error, Station};
use crate::store::{Filter, Order, PageQuery};

/// Records read at a time.
const PAGE: u32 = 1000;

/// Refuses a category that nobody may ask for and no record has: what is filtered by it would be
/// empty for a slip of the keyboard.
///
/// # Errors
/// [`Error::BadRequest`]; [`Error::StoreUnavailable`].
pub(super) async fn category(station: &Station, filter: &Filter) -> Result<(), Error> {
    let Some(asked) = &filter.category else { return Ok(()) };
    let known = station.categories(filter.space);
    if known.contains(asked) {
        return Ok(());
    }
    let of_it = Filter { space: filter.space, category: Some(asked.clone()), ..Filter::default() };
    if station.count(of_it).await? > 0 {
        return Ok(());
    }
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = nearest(asked, &words).map(|word| format!("did you mean {word}? "));
    let shown: String = asked.chars().take(80).collect();
    Err(bad(
        format!("no unit has the category `{}`, and none may have it", shown.escape_debug()),
        format!("{}the categories are {}", meant.unwrap_or_default(), words.join(", ")),
    ))
}

/// Refuses columns that are neither ours nor a field of any record that fits.
///
/// # Errors
/// [`Error::BadRequest`]; [`Error::StoreUnavailable`].
pub(super) async fn columns(
    station: &Station,
    filter: &Filter,
    columns: &Columns,
) -> Result<(), Error> {
    let mut missing = columns.to_be_looked_for();
    if missing.is_empty() {
        return Ok(());
    }
    let everything = Filter { space: filter.space, ..Filter::default() };
    let (mut seen, mut after): (BTreeSet<String>, Option<RecordId>) = (BTreeSet::new(), None);
    loop {
        let (filter, order) = (everything.clone(), Order::Ascending);
        let records = station.page(PageQuery { filter, after, order, limit: PAGE }).await?;
        let Some(last) = records.last() else { break };
        after = Some(last.id.clone());
        for name in records.iter().flat_map(own_fields) {
            if !seen.contains(name) {
                seen.insert(name.to_owned());
            }
        }
        missing.retain(|name| !seen.contains(name));
        if missing.is_empty() {
            return Ok(());
        }
    }
    let Some(unknown) = missing.first() else { return Ok(()) };
    let shown: String = unknown.chars().take(80).collect();
    let others: Vec<String> = seen.into_iter().collect();
    Err(bad(
        format!("there is no column `{}`, and no unit has such a field", shown.escape_debug()),
        Columns::suggestion(unknown, &others),
    ))
}
