//! The deny list: put on, taken off, read.

use std::sync::Arc;

use super::{Error, Station};
use crate::ra::{Denial, Record, RecordId, Space, UnitId};
use crate::store::{Change, Filter, Order, PageQuery, StoreError};

/// Rounds of a contested write before it is given up.
const ROUNDS: usize = 16;

impl Station {
    /// Refuses a unit from now on, whether it is known or not. Its record, denied.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn deny(&self, unit: &UnitId, denial: &Denial) -> Result<Arc<Record>, Error> {
        let change = |record: &mut Record| {
            record.deny(denial.clone());
            true
        };
        let denied = self.change(unit, change).await?;
        denied.ok_or_else(|| Error::Internal("a denial changed nothing".to_owned()))
    }

    /// Lets a unit come in again. Its record; none if it was not on the list.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn lift_denial(&self, unit: &UnitId) -> Result<Option<Arc<Record>>, Error> {
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
    ) -> Result<Option<Arc<Record>>, Error> {
        let unit = &self.spelled(unit.clone()).await?;
        for _ in 0..ROUNDS {
            let (mut record, seen) = match self.parts.store.read(unit).await? {
                Some(kept) => (Arc::unwrap_or_clone(kept.record), Some(kept.version)),
                None => {
                    let id = super::ledger::new_id(self.now());
                    (Record::unheard_of(id, unit.clone()), None)
                }
            };
            if !change(&mut record) {
                return Ok(None);
            }
            let record = Arc::new(record);
            let change = Change { record: record.clone(), seen, claims: Vec::new() };
            match self.parts.store.write(change).await {
                Ok(_) => return Ok(Some(record)),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Internal("the unit's record is changed by others at the same time".to_owned()))
    }
}
