//! How far the database has seen each station's journal, one document a station.

use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::collections;
use super::ledger::Ledger;
use crate::journal::Position;
use crate::store::StoreError;

/// How far the database has seen a station's journal.
pub(super) async fn position(ledger: &Ledger, station: &str) -> Result<Position, StoreError> {
    let found = journals(ledger).find_one(doc! { "_id": station }).await?;
    found.map_or(Ok(Position::default()), |found| read(&found))
}

/// A station has compared its whole journal with the database.
pub(super) async fn compared(
    ledger: &Ledger,
    station: &str,
    end: Position,
) -> Result<(), StoreError> {
    let mut document = fields(end);
    document.insert("_id", station);
    let journals = journals(ledger);
    journals.replace_one(doc! { "_id": station }, document).upsert(true).await?;
    Ok(())
}

/// Moves a station's position on, if the database stands where the station left it.
pub(super) async fn advance(
    ledger: &Ledger,
    station: &str,
    from: Position,
    to: Position,
) -> Result<bool, StoreError> {
    let left = doc! { "_id": station, "sequence": from.sequence.cast_signed() };
    let told = doc! { "$set": fields(to), "$unset": { "awaited": "" } };
    Ok(journals(ledger).update_one(left, told).await?.matched_count == 1)
}

/// Every other station's journal is to be compared again.
pub(super) async fn await_others(ledger: &Ledger, station: &str) -> Result<(), StoreError> {
    let others = doc! { "_id": { "$ne": station } };
    let journals = journals(ledger);
    journals.update_many(others, doc! { "$set": { "awaited": true } }).await?;
    Ok(())
}

/// The other stations whose journals are still to be compared.
pub(super) async fn awaited(ledger: &Ledger, station: &str) -> Result<Vec<String>, StoreError> {
    let others = doc! { "_id": { "$ne": station }, "awaited": true };
    let found = journals(ledger).find(others).sort(doc! { "_id": 1 }).await?;
    let found: Vec<Document> = found.try_collect().await?;
    Ok(found.iter().filter_map(|it| it.get_str("_id").ok()).map(str::to_owned).collect())
}

fn journals(ledger: &Ledger) -> Collection<Document> {
    ledger.collection(collections::JOURNALS)
}

fn fields(position: Position) -> Document {
    doc! {
        "file": i64::from(position.file),
        "offset": position.offset.cast_signed(),
        "sequence": position.sequence.cast_signed(),
    }
}

fn read(document: &Document) -> Result<Position, StoreError> {
    let number = |name: &str| {
        let number = document.get_i64(name).ok().and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| {
            StoreError::Unreadable(format!("the position of a journal has no `{name}`"))
        })
    };
    let file = u32::try_from(number("file")?).unwrap_or(u32::MAX);
    Ok(Position { file, offset: number("offset")?, sequence: number("sequence")? })
}
