//! After a start: what the station left open when it stopped is closed, so that every unit can be
//! finished without anybody's help.

use std::sync::Arc;
use std::time::Duration;

use super::{Error, Station};
use crate::store::{Change, StoreError};

/// How often it is looked whether a restored ledger is whole.
const LOOK: Duration = Duration::from_millis(500);
/// Looks between two reminders.
const REMIND: u32 = 60;

impl Station {
    /// Waits until a ledger that was restored is whole again. Then closes this station's own open
    /// executions, and any station's whose deadline has passed.
    /// Learns how new the ledger is, and how units of before are spelled. Returns how many executions were closed.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn recover(&self) -> Result<usize, Error> {
        self.wait_for_journals().await;
        self.newest.take(self.parts.store.newest().await?);
        self.learn_spellings().await?;
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

    /// A ledger that was restored to an older state lacks what the journals of all its stations
    /// say. Each brings its own when it starts; nothing is written before.
    async fn wait_for_journals(&self) {
        let mut looks = 0_u32;
        loop {
            let awaited = self.parts.store.awaited();
            if awaited.is_empty() {
                return;
            }
            if looks.is_multiple_of(REMIND) {
                tracing::warn!(
                    stations = awaited.join(", "),
                    "the ledger was restored to an older state; nothing is served until these \
                     stations have started as well and compared their journals with it"
                );
            }
            looks = looks.wrapping_add(1);
            tokio::time::sleep(LOOK).await;
        }
    }
}
