//! Rework: an operator's release made true and written into the audit log.

use std::sync::Arc;

use super::ledger::ROUNDS;
use super::{Error, Station};
use crate::ra::{Record, ReleaseReason, UnitId};
use crate::store::StoreError;

impl Station {
    /// Lets a provisioned unit be done again, in the name of `operator`. Runs to its end whether
    /// or not the caller waits.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a unit never heard of, [`Error::NotProvisioned`] where there is
    /// nothing to release, [`Error::StoreUnavailable`].
    pub async fn release(
        &self,
        unit: UnitId,
        operator: String,
        reason: ReleaseReason,
        request_id: String,
    ) -> Result<Arc<Record>, Error> {
        if self.stories.is_closed() {
            return Err(Error::Stopped("the station is shutting down".to_owned()));
        }
        let station = self.clone();
        let release = async move {
            let record = station.released(&unit, &operator, &reason).await?;
            let serial = unit.serial_number.as_str();
            tracing::info!(unit.serial = serial, operator, "the unit is released: {reason}");
            let act = format!("release `{serial}`: {reason}");
            if let Err(error) = station.note(&operator, &act, &request_id).await {
                // The record itself says who, when and why.
                tracing::error!(%error, unit.serial = serial, "a release is not in the record of operations");
            }
            Ok(record)
        };
        let released = self.stories.spawn(release).await;
        released.map_err(|error| Error::Internal(format!("a release broke off: {error}")))?
    }

    async fn released(
        &self,
        unit: &UnitId,
        operator: &str,
        reason: &ReleaseReason,
    ) -> Result<Arc<Record>, Error> {
        let unit = &self.spelled(unit.clone()).await?;
        for _ in 0..ROUNDS {
            let kept = self.parts.store.read(unit).await?;
            let kept =
                kept.filter(|kept| !kept.record.is_blank()).ok_or_else(|| Error::NotFound {
                    what: format!("no unit has the serial number `{}`", unit.serial_number),
                    hint: "check the serial number".to_owned(),
                })?;
            let mut record = Arc::unwrap_or_clone(kept.record);
            record.release(operator, reason.clone(), self.now())?;
            match self.put(Arc::new(record), Some(kept.version), Vec::new()).await {
                Ok(written) => return Ok(written.record),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Internal("the unit's record is changed by others at the same time".to_owned()))
    }
}
