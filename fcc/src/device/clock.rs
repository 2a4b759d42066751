//! The device's clock (injection 6.6): unset until a station sets it, with a floor in the store
//! that survives restarts.

use super::refusal::Refusal;
use super::store::{Shelf, Store, TIME};
use std::time::Instant;

/// 2017-01-01: the client refuses earlier times.
const EARLIEST: u64 = 1_483_264_800;

/// A clock that runs on from what it was set to.
pub(super) struct Clock {
    set: Option<(u64, Instant)>,
}

impl Clock {
    /// The clock of a device that starts on `store`.
    pub(super) fn start(store: &Store) -> Self {
        let floor = store.get(Shelf::Once, TIME).and_then(|bytes| bytes.try_into().ok());
        Self { set: floor.map(|floor| (u64::from_le_bytes(floor), Instant::now())) }
    }

    /// Sets it to `seconds` since 1970.
    pub(super) fn set(&mut self, store: &mut Store, seconds: u64) -> Result<(), Refusal> {
        if seconds < EARLIEST {
            return Err(Refusal::general(1));
        }
        store.put(Shelf::Once, TIME, seconds.to_le_bytes().to_vec())?;
        self.set = Some((seconds, Instant::now()));
        Ok(())
    }

    /// Seconds since 1970, `None` when it was never set.
    pub(super) fn now(&self) -> Option<u64> {
        self.set.map(|(seconds, since)| seconds.saturating_add(since.elapsed().as_secs()))
    }

    /// Erasing the store takes the floor away, not the running clock; a client has none that runs
    /// before its first frame, though (injection 1).
    pub(super) fn reset(&mut self) {
        self.set = None;
    }
}
