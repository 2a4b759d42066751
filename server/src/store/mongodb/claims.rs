//! Claims: what only one unit may hold, one document each, without transactions.
//!
//! A claim is inserted before the record that shows it is written, and says at which version that
//! record was then (`seen`). Between the two writes a station may die. So a claim counts when the
//! holder's record shows it, or still may: while the record stands at `seen`, the write that would
//! show it can still come. Once the record has moved on without showing it, that write can never
//! succeed, for it is conditional on `seen`; the claim is lost and free to be taken over, by a
//! write that is conditional on the claim as it was found.

use futures_util::future::join_all;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::ledger::Ledger;
use super::{answers, collections, document};
use crate::ra::{SerialNumber, Space, UnitId};
use crate::store::{Change, Claim, StoreError};

/// Tries of one claim that others are at as well.
const ROUNDS: usize = 16;
/// `seen` of a claim taken for a record that did not exist yet.
const NO_RECORD: i64 = -1;

/// A claim as it is kept, `_id` left out.
struct Holding {
    unit: UnitId,
    seen: i64,
    document: Document,
}

impl Ledger {
    /// Takes all claims of a change, side by side. Returns those that were not the unit's before,
    /// to be given back should the record not be written.
    pub(super) async fn take_claims(&self, change: &Change) -> Result<Vec<Document>, StoreError> {
        let (mut taken, mut failed) = (Vec::new(), None);
        for took in join_all(change.claims.iter().map(|claim| self.take(claim, change))).await {
            match (took, &failed) {
                (Ok(mine), _) => taken.extend(mine),
                // That somebody else has one is certain, whatever the others come to.
                (Err(error), None | Some(StoreError::Unavailable(_))) => failed = Some(error),
                (Err(_), Some(_)) => {}
            }
        }
        let Some(error) = failed else { return Ok(taken) };
        self.give_back(&taken).await;
        Err(error)
    }

    /// Gives claims back whose record was certainly not written. One that stays behind does no
    /// harm: its record has moved on without it.
    pub(super) async fn give_back(&self, taken: &[Document]) {
        for claim in taken {
            if let Err(error) = self.claims().delete_one(claim.clone()).await {
                tracing::debug!(error = %answers::text(&error), "a lost claim was left behind");
            }
        }
    }

    /// Takes one claim; gives it back as a document when it was not the unit's before.
    async fn take(&self, claim: &Claim, change: &Change) -> Result<Option<Document>, StoreError> {
        let unit = &change.record.unit;
        let mine = doc! {
            "_id": &claim.name,
            "space": unit.space.as_str(),
            "serialNumber": unit.serial_number.as_str(),
            "execution": claim.execution.as_str(),
            "seen": change.seen.map_or(NO_RECORD, u64::cast_signed),
        };
        for _ in 0..ROUNDS {
            match self.claims().insert_one(&mine).await {
                Ok(_) => return Ok(Some(mine)),
                Err(error) if answers::is_duplicate(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(holding) = self.holding(&claim.name).await? else { continue };
            let own = holding.unit == *unit;
            if own && holding.document == mine {
                return Ok(None);
            }
            if !own && !self.is_lost(claim, &holding).await? {
                return Err(StoreError::ClaimTaken { name: claim.name.clone(), by: holding.unit });
            }
            let replaced = self.claims().replace_one(holding.document, &mine).await?;
            if replaced.matched_count == 1 {
                return Ok(if own { None } else { Some(mine) });
            }
        }
        Err(StoreError::Unavailable(format!(
            "{} is changed by others at the same time",
            claim.name
        )))
    }

    async fn holding(&self, name: &str) -> Result<Option<Holding>, StoreError> {
        let Some(found) = self.claims().find_one(doc! { "_id": name }).await? else {
            return Ok(None);
        };
        let unfit = || StoreError::Unreadable(format!("the claim {name} names no unit"));
        let space = found.get_str("space").map_err(|_| unfit())?;
        let space: Space = serde_json::from_value(space.into()).map_err(|_| unfit())?;
        let serial = found.get_str("serialNumber").map_err(|_| unfit())?;
        let serial_number = SerialNumber::adopted(serial);
        let seen = found.get_i64("seen").map_err(|_| unfit())?;
        Ok(Some(Holding { unit: UnitId { space, serial_number }, seen, document: found }))
    }

    /// Whether the execution that took a claim can never have it any more.
    async fn is_lost(&self, claim: &Claim, holding: &Holding) -> Result<bool, StoreError> {
        let Some(record) = self.document_of(&holding.unit).await? else { return Ok(false) };
        let shown = document::claims(&record).any(|name| name == claim.name);
        let version = document::version(&record).unwrap_or(0).cast_signed();
        Ok(!shown && version > holding.seen)
    }

    fn claims(&self) -> Collection<Document> {
        self.collection(collections::CLAIMS)
    }
}
