//! After a start: what the station left open when it stopped is closed, so that every unit can be
//! finished without anybody's help.

use std::sync::Arc;

use super::{Error, Station};
use crate::store::{Change, StoreError};

impl Station {
    /// Closes this station's own open executions, and any station's whose deadline has passed.
    /// Learns how new the ledger is. Returns how many executions were closed.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn recover(&self) -> Result<usize, Error> {
        self.newest.take(self.parts.store.newest().await?);
        let mut closed = 0;
        for unit in self.parts.store.open_units().await? {
            let Some(kept) = self.parts.store.read(&unit).await? else { continue };
            let mut record = Arc::unwrap_or_clone(kept.record);
            let now = self.now();
            let count = record.recover(self.name(), now) + record.close_overdue(now);
            if count == 0 {
                continue;
            }
            let record = Arc::new(record);
            let change =
                Change { record: record.clone(), seen: Some(kept.version), claims: Vec::new() };
            match self.parts.store.write(change).await {
                Ok(_) => {
                    self.wrote(&record);
                    closed += count;
                    tracing::warn!(unit.serial = %unit.serial_number, "closed an attempt that the last stop left open");
                }
                // Another station was at it: it is its business now.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(closed)
    }
}
