//! The name a unit has in the ledger. Where case does not count, new units are written in upper
//! case; those of before keep their own spelling, are found under any, and are never made twice.

use std::collections::BTreeMap;
use std::sync::RwLock;

use super::{Error, Station};
use crate::ra::{SerialCase, Space, UnitId};
use crate::store::{Filter, Order, PageQuery};

/// Records read at a time.
const PAGE: u32 = 1000;

/// Units of before, whose numbers are not in upper case: their names by the folded ones. None is
/// added while the station runs.
#[derive(Default)]
pub(super) struct Spellings(RwLock<BTreeMap<UnitKey, Vec<UnitId>>>);

/// A folded serial number.
type UnitKey = String;

impl Spellings {
    /// The units that `folded` may have been written as.
    fn of(&self, folded: &UnitId) -> Vec<UnitId> {
        let known = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(folded.serial_number.as_str()).cloned().unwrap_or_default()
    }
}

impl Station {
    /// Learns which units are not written in upper case, where that matters.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub(super) async fn learn_spellings(&self) -> Result<(), Error> {
        let rules = &self.parts.rules.serials;
        if rules.case == SerialCase::AsIs {
            return Ok(());
        }
        let mut found: BTreeMap<UnitKey, Vec<UnitId>> = BTreeMap::new();
        let filter = Filter { space: Space::Pep, lower_case: true, ..Filter::default() };
        let (mut after, order) = (None, Order::Ascending);
        loop {
            let query = PageQuery { filter: filter.clone(), after, order, limit: PAGE };
            let page = self.page(query).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for record in page {
                let folded = rules.folded(record.unit.clone()).serial_number.to_string();
                found.entry(folded).or_default().push(record.unit);
            }
        }
        let count: usize = found.values().map(Vec::len).sum();
        if count > 0 {
            tracing::info!(
                units = count,
                "serial numbers are written in upper case; units of before keep their spelling"
            );
        }
        *self.spellings.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = found;
        Ok(())
    }

    /// The name in the ledger of the unit that somebody calls `unit`: as it is written there, else
    /// folded, else in the spelling of before; and folded where there is no such unit yet.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub(super) async fn spelled(&self, unit: UnitId) -> Result<UnitId, Error> {
        let folded = self.parts.rules.serials.folded(unit.clone());
        let before = self.spellings.of(&folded);
        let Some(first) = before.first() else { return Ok(folded) };
        if before.contains(&unit) {
            return Ok(unit);
        }
        let is_there = self.parts.store.read(&folded).await?.is_some();
        Ok(if is_there { folded } else { first.clone() })
    }
}
