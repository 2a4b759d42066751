//! The story of one identity, told from admission to the last write. The only place where store,
//! signer and clock meet.
//!
//! Front ends bring an [`Ask`] and a [`Delivery`]; everything between is here, in one order, and
//! no front end ever holds an identity that is not concluded. Which moves a record may make is
//! `ra`'s, what a certificate looks like is `ca`'s.

mod account;
mod certify;
mod clones;
mod delivery;
mod denials;
mod developer;
mod disk;
mod error;
mod halt;
mod ledger;
mod numbers;
mod recovery;
mod remarks;
mod report;
mod rework;
mod running;
mod sample;
mod spelling;
mod story;
mod supplied;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::halt::Newest;
use crate::ca::{Authority, Profile};
use crate::ra::{Accounts, Ask, Record, Rules, Space, UnitId};
use crate::store::{Filter, Holdings, LedgerName, Operation, PageQuery, Store};
use running::Running;
use spelling::Spellings;

pub use self::developer::Developer;
pub use delivery::{Delivery, Failure, KeySource, Order, Outcome};
pub use disk::Disk;
pub use error::{Error, TooLarge};
pub use halt::{accept_clock, clock_halt};
pub use numbers::{CAUSES, OUTCOMES, STEPS};
pub use report::{CertificateEnd, Room};
pub use story::{Identity, Issued, Sent};
pub use supplied::{SuppliedKeys, SupplyRefusal};

/// Where the station has its time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a station is made of.
pub struct Parts {
    /// Its name, in every execution it runs.
    pub name: String,
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The CA.
    pub authority: Arc<Authority>,
    /// What device certificates look like.
    pub profile: Arc<Profile>,
    /// Where keys made elsewhere are, if units get such.
    pub supplied: Option<SuppliedKeys>,
    /// What development units get, where there is such a mode.
    pub developer: Option<Developer>,
    /// The accounts units may be bound to.
    pub accounts: Accounts,
    /// Whether the account stands in the certificate's OU: without a bootstrap server.
    pub account_in_subject: bool,
    /// The CAs of devices that register themselves, by the factory's name.
    pub factories: BTreeMap<String, Factory>,
    /// Whether units are first-to-claim.
    pub first_to_claim: bool,
    /// What is admitted.
    pub rules: Rules,
    /// The time.
    pub clock: Clock,
    /// A certificate that ends within this is renewed when its unit comes again; zero: only once
    /// it has ended.
    pub renew_within: SignedDuration,
    /// How long one execution may take.
    pub time_limit: SignedDuration,
    /// The file system that must not fill up; none where the ledger is on another machine.
    pub disk: Option<Disk>,
}

/// What devices of one factory are registered under.
pub struct Factory {
    /// The CA.
    pub authority: Arc<Authority>,
    /// What its certificates look like.
    pub profile: Arc<Profile>,
    /// What is admitted.
    pub rules: Rules,
}

/// The identity station. Cheap to clone; all clones are one station.
#[derive(Clone)]
pub struct Station {
    parts: Arc<Parts>,
    stories: TaskTracker,
    running: Running,
    newest: Arc<Newest>,
    spellings: Arc<Spellings>,
}

impl Station {
    /// A station of these parts. Call [`Station::claim_name`] and [`Station::recover`] before it
    /// serves.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            stories: TaskTracker::new(),
            running: Running::default(),
            newest: Arc::new(Newest::unknown()),
            spellings: Arc::default(),
        }
    }

    /// This station with the parts of another one of the same name and ledger: what runs stays
    /// counted among what runs, and ends with the parts it began with.
    pub fn with_parts_of(&self, other: Self) -> Self {
        Self {
            parts: other.parts,
            stories: self.stories.clone(),
            running: self.running.clone(),
            newest: self.newest.clone(),
            spellings: self.spellings.clone(),
        }
    }

    /// The CA that signs.
    pub fn authority(&self) -> &Authority {
        &self.parts.authority
    }

    /// The ledger.
    pub fn store(&self) -> Arc<dyn Store> {
        self.parts.store.clone()
    }

    /// Gives one unit its identity. The story runs to its end in a task of its own, whether or
    /// not the caller waits for it.
    ///
    /// # Errors
    /// [`Error`]; after any of them the same call may be made again.
    pub async fn provide<D: Delivery>(
        &self,
        mut ask: Ask,
        delivery: D,
    ) -> Result<Arc<Record>, Error> {
        if self.stories.is_closed() {
            return Err(Error::Stopped("the station is shutting down".to_owned()));
        }
        ask.unit = self.spelled(ask.unit).await?;
        let station = self.clone();
        // Of the highest level: a warning without its unit helps nobody.
        let span = tracing::error_span!("identity", unit.serial = %ask.unit.serial_number);
        let story = async move { station.tell(ask, delivery).await };
        let told = self.stories.spawn(story.instrument(span)).await;
        told.map_err(|error| Error::Internal(format!("a story broke off: {error}")))?
    }

    /// Claims the station's name, which says which executions are its own to recover.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`], also when a station of this name is running.
    pub async fn claim_name(&self) -> Result<(), Error> {
        Ok(self.parts.store.claim_name(&self.parts.name).await?)
    }

    /// Lets running stories end, refuses new ones, and gives the name back.
    pub async fn shut_down(&self) {
        self.stories.close();
        self.stories.wait().await;
        if let Err(error) = self.parts.store.release_name().await {
            tracing::warn!(%error, "the station's name could not be given back; the next start may wait for it");
        }
    }

    /// Gives the ledger up once everybody else has, the listener's threads last of all. Ended by
    /// the process instead, it would keep its log beside it, and a copy of the file alone would
    /// lack what was written last.
    pub async fn close(self) {
        const MOST: usize = 1000;
        for _ in 0..MOST {
            // Parts that a reload has replaced have the ledger too.
            if Arc::strong_count(&self.parts) == 1 && Arc::strong_count(&self.parts.store) == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tracing::warn!("the ledger is still in use; it is complete together with its -wal file");
    }

    /// Stories running now.
    pub fn running(&self) -> usize {
        self.stories.len()
    }

    /// The record of a unit, however its name is spelled.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn record(&self, unit: &UnitId) -> Result<Option<Arc<Record>>, Error> {
        let unit = self.spelled(unit.clone()).await?;
        let kept = self.parts.store.read(&unit).await?.map(|kept| kept.record);
        Ok(kept.filter(|record| !record.is_blank()))
    }

    /// One page of records.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn page(&self, query: PageQuery) -> Result<Vec<Record>, Error> {
        Ok(self.parts.store.page(query).await?)
    }

    /// How many records there are.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn count(&self, filter: Filter) -> Result<u64, Error> {
        Ok(self.parts.store.count(filter).await?)
    }

    /// Writes down what an operator did.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn note(&self, operator: &str, act: &str, request_id: &str) -> Result<(), Error> {
        let operation = Operation {
            at: self.now(),
            operator: operator.to_owned(),
            act: act.to_owned(),
            request_id: request_id.to_owned(),
        };
        Ok(self.parts.store.note(operation).await?)
    }

    /// Tries whether the station could provide an identity now: nothing keeps it from issuing,
    /// the store writes, the signer signs.
    ///
    /// # Errors
    /// [`Error`], what is in the way.
    pub async fn try_out(&self) -> Result<(), Error> {
        self.look()?;
        self.parts.store.probe().await?;
        self.parts.authority.signer().sign(b"ready?")?;
        for factory in self.parts.factories.values() {
            factory.authority.signer().sign(b"ready?")?;
        }
        Ok(())
    }

    /// The categories that units of a space may be asked for with.
    pub fn categories(&self, space: Space) -> Vec<String> {
        let mut found = match space {
            Space::Pep => self.parts.rules.categories.clone(),
            Space::Sign => {
                let rules = self.parts.factories.values().map(|factory| &factory.rules);
                rules.flat_map(|rules| rules.categories.clone()).collect()
            }
        };
        found.sort();
        found.dedup();
        found
    }

    /// Which ledger this station keeps.
    pub fn ledger_name(&self) -> LedgerName {
        self.parts.store.name()
    }

    /// What is in it.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn holdings(&self) -> Result<Holdings, Error> {
        Ok(Holdings::of(self.parts.store.as_ref()).await?)
    }

    /// When the last backup of it was made, where the ledger can know.
    pub fn last_backup(&self) -> Option<Timestamp> {
        self.parts.store.last_backup()
    }

    /// The station's name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The station's time.
    pub fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }
}

#[cfg(test)]
mod tests;
