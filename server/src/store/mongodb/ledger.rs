//! The records themselves: read, written under condition, paged, counted. One document a unit,
//! and no write touches more than one.
//!
//! Nothing here knows a time limit; the store above cuts off what takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::{Collection, Database};

use super::value::integer;
use super::{answers, collections, document};
use crate::ra::{Record, SELFTEST, SerialNumber, Space, Standing, UnitId};
use crate::store::{Change, Filter, Kept, Operation, Order, PageQuery, StoreError, past};

/// Documents asked for in one answer at most.
const LARGEST_ANSWER: u32 = 10_000;

/// A database that holds a ledger. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) database: Database,
    /// What this station last raised the newest moment to.
    pub(super) newest: Arc<AtomicI64>,
}

impl Ledger {
    pub(super) fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    pub(super) fn units(&self, space: Space) -> Collection<Document> {
        self.collection(collections::units(space))
    }

    pub(super) async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
        let Some(found) = self.document_of(unit).await? else { return Ok(None) };
        let (record, version) = document::read(&found)?;
        Ok(Some(Kept { record: Arc::new(record), version }))
    }

    pub(super) async fn document_of(&self, unit: &UnitId) -> Result<Option<Document>, StoreError> {
        let filter = match collections::id(unit) {
            Some(id) => doc! { "_id": id },
            None => doc! { "serialNumber": unit.serial_number.as_str() },
        };
        Ok(self.units(unit.space).find_one(filter).await?)
    }

    /// Takes the claims and writes the record.
    pub(super) async fn write(&self, change: Change) -> Result<u64, StoreError> {
        let raised = self.raised_newest(&change.record);
        let before = match change.seen {
            Some(seen) => Some(self.seen(&change.record, seen).await?),
            // What is not written raises nothing.
            None if raised.is_some() && self.document_of(&change.record.unit).await?.is_some() => {
                return Err(StoreError::Stale);
            }
            None => None,
        };
        if let Some(at) = raised {
            self.set_newest(doc! { "$max": { "at": at } }).await?;
            self.newest.store(at, Ordering::Relaxed);
        }
        let taken = self.take_claims(&change).await?;
        let written = self.put(&change, before.as_ref()).await;
        if written == Err(StoreError::Stale) {
            self.give_back(&taken).await;
        }
        written
    }

    /// The document of a record, if it is still the one its writer has seen.
    async fn seen(&self, record: &Record, seen: u64) -> Result<Document, StoreError> {
        let found = self.document_of(&record.unit).await?.ok_or(StoreError::Stale)?;
        let same =
            document::version(&found).unwrap_or(0) == seen && document::id(&found)? == record.id;
        same.then_some(found).ok_or(StoreError::Stale)
    }

    /// The one write that makes a change true.
    async fn put(&self, change: &Change, before: Option<&Document>) -> Result<u64, StoreError> {
        let version = change.seen.unwrap_or(0) + 1;
        let document = document::write(&change.record, version, &change.claims, before)?;
        self.put_document(change.record.space(), document, before).await?;
        Ok(version)
    }

    /// An insert that a unique index may refuse, or a replacement on condition that the document
    /// has not changed. It is a replacement so that a document is what its version says, whichever
    /// writer's attempt it was that came through.
    pub(super) async fn put_document(
        &self,
        space: Space,
        document: Document,
        before: Option<&Document>,
    ) -> Result<(), StoreError> {
        let units = self.units(space);
        let Some(before) = before else {
            return match units.insert_one(document).await {
                Ok(_) => Ok(()),
                Err(error) if answers::is_duplicate(&error) => Err(StoreError::Stale),
                Err(error) => Err(error.into()),
            };
        };
        let id = before.get("_id").cloned().unwrap_or(Bson::Null);
        let condition = match document::version(before) {
            Some(seen) => doc! { "_id": id, "_version": seen.cast_signed() },
            // An old document has no version; should the old server still be at work, it says so
            // by these two.
            None => doc! {
                "_id": id,
                "_version": { "$exists": false },
                "deployed": unchanged(before, "deployed"),
                "enrollmentID": unchanged(before, "enrollmentID"),
            },
        };
        match units.replace_one(condition, document).await?.matched_count {
            0 => Err(StoreError::Stale),
            _ => Ok(()),
        }
    }

    pub(super) async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError> {
        let mut conditions = conditions(&query.filter);
        let id = collections::record_id(query.filter.space);
        let after = query.after.as_ref().map(document::object_id).transpose()?;
        let (order, behind) = match query.order {
            Order::Ascending => (1, "$gt"),
            Order::Descending => (-1, "$lt"),
        };
        if let Some(after) = after {
            conditions.insert(id, doc! { behind: after });
        }
        let found = self
            .units(query.filter.space)
            .find(conditions)
            .sort(doc! { id: order })
            .limit(query.limit.into())
            // In one answer, and without a cursor left open behind it.
            .batch_size(query.limit.min(LARGEST_ANSWER) + 1)
            .await?;
        let documents: Vec<Document> = found.try_collect().await?;
        documents.iter().map(|found| Ok(document::read(found)?.0)).collect()
    }

    pub(super) async fn count(&self, filter: Filter) -> Result<u64, StoreError> {
        Ok(self.units(filter.space).count_documents(conditions(&filter)).await?)
    }

    pub(super) async fn open_units(&self) -> Result<Vec<UnitId>, StoreError> {
        let mut units = Vec::new();
        for space in Space::ALL {
            let mut conditions = of_space(space);
            conditions.insert("_open", true);
            let id = collections::record_id(space);
            let open = self
                .units(space)
                .find(conditions)
                .sort(doc! { id: 1 })
                .projection(doc! { "serialNumber": 1 })
                .await?;
            let documents: Vec<Document> = open.try_collect().await?;
            for found in &documents {
                let serial = found.get_str("serialNumber");
                let serial = serial.map_err(|error| StoreError::Unreadable(error.to_string()))?;
                units.push(UnitId { space, serial_number: SerialNumber::adopted(serial) });
            }
        }
        Ok(units)
    }

    /// What the newest moment has to be raised to before a record is written. Once a second is
    /// enough: the station compares its clock with it to the minute. A record far behind what this
    /// station last knew is looked at as well: an operator may have turned the clock back.
    fn raised_newest(&self, record: &Record) -> Option<i64> {
        let at = record.newest()?.as_millisecond();
        let ahead = at.saturating_sub(self.newest.load(Ordering::Relaxed));
        (!(-60_000..1000).contains(&ahead)).then_some(at)
    }

    pub(super) async fn set_newest(&self, how: Document) -> Result<(), StoreError> {
        let newest = self.collection(collections::NEWEST);
        match newest.update_one(doc! { "_id": 1 }, how.clone()).upsert(true).await {
            // Another station made it at the same moment; now it is there.
            Err(error) if answers::is_duplicate(&error) => {
                newest.update_one(doc! { "_id": 1 }, how).await?;
            }
            result => drop(result?),
        }
        Ok(())
    }

    pub(super) async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = self.collection(collections::NEWEST).find_one(doc! { "_id": 1 }).await?;
        let at = found.as_ref().and_then(|found| found.get("at")).and_then(integer);
        let moment = at.map(Timestamp::from_millisecond).transpose();
        moment.map_err(|error| StoreError::Unreadable(error.to_string()))
    }

    pub(super) async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        let at = operation.at.as_millisecond();
        self.note(operation).await?;
        self.set_newest(doc! { "$set": { "at": at } }).await?;
        self.newest.store(at, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        self.collection(collections::OPERATIONS).insert_one(act(operation)).await?;
        Ok(())
    }

    /// The same, unless it is written down already.
    pub(super) async fn note_once(&self, operation: Operation) -> Result<(), StoreError> {
        let act = act(operation);
        let operations = self.collection(collections::OPERATIONS);
        if operations.find_one(act.clone()).await?.is_none() {
            operations.insert_one(act).await?;
        }
        Ok(())
    }

    /// Raises a number that nobody reads.
    pub(super) async fn write_probe(&self) -> Result<(), Error> {
        let raise = doc! { "$inc": { "times": 1_i64 } };
        let probe = self.collection(collections::PROBE);
        match probe.update_one(doc! { "_id": 1 }, raise).upsert(true).await {
            // Another station made it at the same moment: the database writes.
            Err(error) if !answers::is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

fn act(operation: Operation) -> Document {
    doc! {
        "at": operation.at.to_string(),
        "operator": operation.operator,
        "act": operation.act,
        "requestId": operation.request_id,
    }
}

/// A condition that a field of an old document is as it was.
fn unchanged(before: &Document, name: &str) -> Bson {
    before.get(name).cloned().unwrap_or_else(|| doc! { "$exists": false }.into())
}

/// The lowest ObjectId: comparing with one leaves out every id of another type, on every page
/// alike.
fn lowest() -> ObjectId {
    ObjectId::from_bytes([0; 12])
}

/// The condition that a unit is of this space, in the collection that holds it.
fn of_space(space: Space) -> Document {
    match space {
        Space::Pep => Document::new(),
        other => doc! { collections::SPACE: other.as_str() },
    }
}

/// A filter as the database's conditions. Old documents have no `_firstToClaim`: those with an
/// enrollment identity are. They have no `_standing` either: those that are deployed are confirmed,
/// the others, which somebody claimed and never came back to, reserved.
fn conditions(filter: &Filter) -> Document {
    let id = collections::record_id(filter.space);
    let mut conditions = vec![doc! { id: { "$gte": lowest() } }];
    if filter.space != Space::Pep {
        conditions.push(of_space(filter.space));
    }
    if filter.denied {
        conditions.push(doc! { "_denial": { "$exists": true } });
    }
    if filter.not_denied {
        conditions.push(doc! { "_denial": { "$exists": false } });
    }
    if filter.no_selftests {
        conditions.push(doc! { SELFTEST: { "$exists": false } });
    }
    if filter.may_meet_blanks() {
        // Whoever asks for a unit says its category; what the old server wrote is a unit.
        conditions.push(doc! { "$or": [
            { "_version": { "$exists": false } },
            { "_standing": { "$ne": Standing::Reserved.as_str() } },
            { "category": { "$ne": "" } },
        ] });
    }
    if filter.provisioned {
        conditions.push(doc! { "deployed": true });
    }
    if filter.open {
        conditions.push(doc! { "_open": true });
    }
    if filter.lower_case {
        conditions.push(doc! { "serialNumber": { "$regex": "[a-z]" } });
    }
    if let Some(address) = &filter.ethernet_mac {
        conditions.push(doc! { document::ADDRESS: document::address(address) });
    }
    if let Some(standing) = filter.standing {
        let or_old = doc! { "$in": [standing.as_str(), Bson::Null] };
        conditions.push(match standing {
            Standing::Confirmed => doc! { "deployed": true, "_standing": or_old },
            Standing::Reserved => doc! { "deployed": { "$ne": true }, "_standing": or_old },
            standing => doc! { "_standing": standing.as_str() },
        });
    }
    if filter.first_to_claim {
        let old = doc! {
            "_version": { "$exists": false },
            "enrollmentID": { "$exists": true, "$nin": [Bson::Null, ""] },
        };
        conditions.push(doc! { "$or": [{ "_firstToClaim": true }, old] });
    }
    if let Some(since) = filter.since {
        conditions.push(doc! { "createdAt": { "$gte": document::milliseconds(since) } });
    }
    if let Some(until) = filter.until {
        conditions.push(doc! { "createdAt": { "$lt": document::milliseconds(until) } });
    }
    if let Some(version) = &filter.hardware_version {
        conditions.push(doc! { "hardwareVersion": version });
    }
    if let Some(category) = &filter.category {
        conditions.push(doc! { "category": category });
    }
    if let Some(prefix) = &filter.prefix {
        conditions.push(doc! { "serialNumber": { "$gte": prefix, "$lt": past(prefix) } });
    }
    doc! { "$and": conditions }
}
