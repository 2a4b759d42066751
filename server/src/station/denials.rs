//! The deny list: put on, taken off, read.

use std::sync::Arc;

use super::{Error, Station};
use crate::ra::{Denial, Record, RecordId, Space, UnitId};
use crate::store::{Change, Filter, Order, PageQuery, StoreError};

/// Rounds of a contested write before it is given up.
const ROUNDS: usize = 16;

impl Station {
    /// Refuses a unit from now on, whether it is known or not.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn deny(&self, unit: &UnitId, denial: &Denial) -> Result<(), Error> {
        self.change(unit, |record| {
            record.deny(denial.clone());
            true
        })
        .await
        .map(|_| ())
    }

    /// Lets a unit come in again. Whether it was on the list.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn lift_denial(&self, unit: &UnitId) -> Result<bool, Error> {
        self.change(unit, Record::lift_denial).await
    }

    /// One page of the denied units of one space, oldest record first.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn denied(
        &self,
        space: Space,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        let filter = Filter { space, denied: true, ..Filter::default() };
        let query = PageQuery { filter, after, order: Order::Ascending, limit };
        self.page(query).await
    }

    /// Writes the unit's record back if `change` says that it did something.
    async fn change(
        &self,
        unit: &UnitId,
        change: impl Fn(&mut Record) -> bool,
    ) -> Result<bool, Error> {
        for _ in 0..ROUNDS {
            let (mut record, seen) = match self.parts.store.read(unit).await? {
                Some(kept) => (Arc::unwrap_or_clone(kept.record), Some(kept.version)),
                None => {
                    let id = super::ledger::new_id(self.now());
                    (Record::unheard_of(id, unit.clone()), None)
                }
            };
            if !change(&mut record) {
                return Ok(false);
            }
            let change = Change { record: Arc::new(record), seen, claims: Vec::new() };
            match self.parts.store.write(change).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Internal("the unit's record is fought over".to_owned()))
    }
}
