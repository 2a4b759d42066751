//! Why the station issues nothing for now: its disk, its clock, its CA. It goes on by itself when
//! that is over; what runs already is not stopped.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::numbers::CAUSES;
use super::{Error, Station};
use crate::ca::{Authority, DraftError};
use crate::ra::Record;
use crate::store::{Operation, Store};

/// How far the clock may be behind the newest record: clocks that are set again and again differ
/// by less, and a certificate's validity does not begin that exactly.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);

const MIB: u64 = 1 << 20;

/// Takes `now` as right where records are newer, and writes that down. Returns the newest moment
/// that counted until then, `None` where nothing is newer than `now`. For a station that is
/// stopped; its next start goes by it.
///
/// # Errors
/// [`Error::StoreUnavailable`].
pub async fn accept_clock(store: &dyn Store, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let Some(newest) = store.newest().await?.filter(|newest| *newest > now) else {
        return Ok(None);
    };
    let operation = Operation {
        at: now,
        operator: "console".to_owned(),
        act: format!("accept-clock: it says {now:.0}, the newest record was of {newest:.0}"),
        request_id: "-".to_owned(),
    };
    store.accept_clock(operation).await?;
    Ok(Some(newest))
}

/// Something that keeps the station from issuing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The ledger's file system has less room than `[store] min_free`.
    Disk { free: u64, min_free: u64 },
    /// The clock has jumped back behind the newest record.
    Behind { now: Timestamp, newest: Timestamp },
    /// The CA is not valid at the station's time.
    OutsideCa { from: Timestamp, until: Timestamp, now: Timestamp },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk { free, min_free } => write!(
                f,
                "the ledger's disk has {} MiB left, and {} MiB shall stay free; it goes on when \
                 there is room",
                free / MIB,
                min_free / MIB
            ),
            Self::Behind { now, newest } => write!(
                f,
                "its clock says {now:.0}, the newest record is of {newest:.0}; set the clock, or, \
                 if it is right, stop the station and run `pep-server accept-clock`"
            ),
            Self::OutsideCa { from, until, now } => {
                DraftError::OutsideCa { from: *from, until: *until, now: *now }.fmt(f)
            }
        }
    }
}

/// The newest moment in any record, in milliseconds since 1970, and who has to know it.
pub(super) struct Newest(AtomicI64);

impl Newest {
    pub(super) fn unknown() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Takes a moment in, if it is the newest.
    pub(super) fn take(&self, moment: Option<Timestamp>) {
        if let Some(moment) = moment {
            self.0.fetch_max(moment.as_millisecond(), Ordering::AcqRel);
        }
    }

    fn get(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.load(Ordering::Acquire)).ok()
    }
}

impl Station {
    /// Whether anything keeps the station from issuing, told to whoever reads the numbers.
    ///
    /// # Errors
    /// [`Error::Stopped`] with the first thing in the way.
    pub fn look(&self) -> Result<(), Error> {
        let disk = self.disk();
        let clock = self.clock();
        for (cause, halted) in CAUSES.into_iter().zip([disk.is_some(), clock.is_some()]) {
            metrics::gauge!("pep_stopped", "cause" => cause).set(if halted { 1 } else { 0 });
        }
        match disk.or(clock) {
            Some(halt) => Err(Error::Stopped(halt.to_string())),
            None => Ok(()),
        }
    }

    /// Everything that keeps it from issuing, in words.
    pub(super) fn halts(&self) -> Vec<String> {
        self.disk().into_iter().chain(self.clock()).map(|halt| halt.to_string()).collect()
    }

    /// Keeps the newest moment of what was written.
    pub(super) fn wrote(&self, record: &Record) {
        self.newest.take(record.newest());
    }

    fn disk(&self) -> Option<Halt> {
        let disk = self.parts.disk.as_ref()?;
        let free = disk.free()?;
        // A gauge is a float; 2^53 bytes are exact.
        metrics::gauge!("pep_disk_free_bytes").set(free as f64);
        let min_free = disk.min_free();
        (free < min_free).then_some(Halt::Disk { free, min_free })
    }

    fn clock(&self) -> Option<Halt> {
        wrong(&self.parts.authority, self.newest.get(), self.now())
    }
}

/// What is wrong with the clock at `now`, held against the CA and against the newest record, in
/// words; for whoever looks at a ledger on which no station runs.
pub fn clock_halt(
    authority: &Authority,
    newest: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    wrong(authority, newest, now).map(|halt| halt.to_string())
}

fn wrong(authority: &Authority, newest: Option<Timestamp>, now: Timestamp) -> Option<Halt> {
    let (from, until) = (authority.not_before(), authority.not_after());
    if now < from || now > until {
        return Some(Halt::OutsideCa { from, until, now });
    }
    let newest = newest?;
    (now.duration_until(newest) > BEHIND).then_some(Halt::Behind { now, newest })
}
