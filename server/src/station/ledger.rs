//! Moves made true: read, move, write back under condition, and again if somebody else was first.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;

use super::{Error, Station, SupplyRefusal};
use crate::ca::Draft;
use crate::ra::{Admitted, Execution, ExecutionId, MoveError, Record, RecordId, Space};
use crate::store::{Change, Claim, Kept, StoreError};

/// Rounds of a contested write before it is given up.
pub(super) const ROUNDS: usize = 16;
/// Pauses between tries of a write that must not be lost.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

impl Station {
    /// Claims the unit for the execution that `planned` makes of the draft. Most units are new, so
    /// the first round writes without reading; whoever finds a record reads it and goes on from
    /// there. A unit that has had a certificate gets a draft with another serial.
    pub(super) async fn reserve(
        &self,
        admitted: &Admitted,
        draft: &mut Draft,
        planned: impl Fn(&Draft) -> Execution,
    ) -> Result<Kept, Error> {
        let is_product = admitted.ask().unit.space == Space::Pep;
        let first_to_claim = self.parts.first_to_claim && is_product;
        let mut renumbered = is_product;
        let mut found: Option<Kept> = None;
        for _ in 0..ROUNDS {
            let (mut record, seen) = match found {
                Some(kept) => {
                    let mut record = Arc::unwrap_or_clone(kept.record);
                    let runs = |id: &ExecutionId| self.running.has(id);
                    record.close_lost(&self.parts.name, runs, admitted.at());
                    (record, Some(kept.version))
                }
                None => (Record::new(new_id(admitted.at()), admitted, first_to_claim), None),
            };
            if !renumbered && record.was_certified() {
                *draft = draft.clone().renumbered()?;
                renumbered = true;
            }
            record.reserve(admitted, first_to_claim, planned(draft))?;
            match self.put(Arc::new(record), seen, Vec::new()).await {
                Err(StoreError::Stale) => {
                    found = self.parts.store.read(&admitted.ask().unit).await?;
                }
                result => return Ok(result?),
            }
        }
        Err(Error::Internal("the unit's record is changed by others at the same time".to_owned()))
    }

    /// Makes one move of one execution true.
    pub(super) async fn advance(
        &self,
        kept: &mut Kept,
        claims: Vec<Claim>,
        make: impl Fn(&mut Record) -> Result<(), MoveError>,
    ) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let mut record = Record::clone(&kept.record);
            make(&mut record)?;
            let record = Arc::new(record);
            match self.put(record.clone(), Some(kept.version), claims.clone()).await {
                Ok(written) => {
                    *kept = written;
                    return Ok(());
                }
                Err(StoreError::Stale) => {
                    *kept = self.again(kept).await?;
                    // An earlier try was given up without an answer, and came true.
                    if kept.record == record {
                        self.wrote(&record);
                        return Ok(());
                    }
                }
                Err(StoreError::ClaimTaken { name, by }) if name.starts_with("key:") => {
                    return Err(Error::KeyTaken { unit: kept.record.unit.clone(), by });
                }
                // The station's own certificate serials are drawn; only one made elsewhere can meet
                // another.
                Err(StoreError::ClaimTaken { by, .. }) => {
                    let serial = kept.record.unit.serial_number.to_string();
                    let by = by.serial_number.to_string();
                    return Err(Error::Supply(SupplyRefusal::SerialTwice { serial, by }));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Internal("the unit's record is changed by others at the same time".to_owned()))
    }

    /// The same for a last write, which is repeated while the store is away: losing it would leave
    /// a finished unit in doubt.
    pub(super) async fn conclude(
        &self,
        kept: &mut Kept,
        make: impl Fn(&mut Record) -> Result<(), MoveError>,
    ) -> Result<(), Error> {
        for pause in PAUSES {
            match self.advance(kept, Vec::new(), &make).await {
                Err(Error::StoreUnavailable(error)) => {
                    tracing::warn!(%error, "a last write waits for the ledger");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
        self.advance(kept, Vec::new(), &make).await
    }

    /// Writes once. After a write without an answer the document is read back, and goes by it.
    pub(super) async fn put(
        &self,
        record: Arc<Record>,
        seen: Option<u64>,
        claims: Vec<Claim>,
    ) -> Result<Kept, StoreError> {
        let change = Change { record: record.clone(), seen, claims };
        let kept = match self.parts.store.write(change).await {
            Ok(version) => Kept { record, version },
            Err(StoreError::Unavailable(text)) => match self.parts.store.read(&record.unit).await {
                Ok(Some(kept)) if kept.record == record => kept,
                _ => return Err(StoreError::Unavailable(text)),
            },
            Err(error) => return Err(error),
        };
        self.wrote(&kept.record);
        Ok(kept)
    }

    async fn again(&self, kept: &Kept) -> Result<Kept, Error> {
        let found = self.parts.store.read(&kept.record.unit).await?;
        found.ok_or_else(|| Error::Internal("the unit's record is gone".to_owned()))
    }
}

/// Five bytes that name this process and three that count, as in an ObjectId, so that records of
/// one station sort in the order they were made.
pub(super) fn new_id(at: Timestamp) -> RecordId {
    static PROCESS: LazyLock<[u8; 8]> = LazyLock::new(|| {
        let mut bytes = [0; 8];
        // Without randomness no certificate could be drafted either; ids stay unique by time and
        // count.
        drop(openssl::rand::rand_bytes(&mut bytes));
        bytes
    });
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let [_, high, middle, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let [a, b, c, d, e, ..] = *PROCESS;
    RecordId::new(at, [a, b, c, d, e, high, middle, low])
}
