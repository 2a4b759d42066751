//! What is kept: the trait every store keeps, and the stores.
//!
//! A store knows documents, versions and claims; it knows no rule about units. Which moves are
//! legal is `ra::record`'s; who moves is `station`'s. Nobody but this room knows a database.

mod embedded;
mod error;
mod journalled;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;

#[cfg(test)]
pub(crate) mod contract;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ra::{ExecutionId, Record, RecordId, Space, Standing, UnitId};

pub use embedded::{
    BackedUp, BackupError, EmbeddedStore, LedgerLook, OpenError, RestoreError, Restored, backup,
    holder, is_marked_readonly, look, restore,
};
pub use error::StoreError;
pub use journalled::{Ahead, JournalSettings, Reconciled};
pub use memory::MemoryStore;
#[cfg(all(test, feature = "mongodb"))]
pub(crate) use mongodb::tests::server::Place as MongoDbPlace;
#[cfg(feature = "mongodb")]
pub use mongodb::{
    ConnectError, MongoDbLook, MongoDbSettings, MongoDbStore, look as look_at_mongodb,
};

/// A record as the store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The record.
    pub record: Arc<Record>,
    /// Raised by every write; a write names the version it has seen.
    pub version: u64,
}

/// Something only one unit may hold: `key:<sha256 of the SPKI>` or `cert:<issuer>:<serial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub name: String,
    /// For which execution.
    pub execution: ExecutionId,
}

/// One conditional write of one record, with the claims it takes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The record as it shall be.
    pub record: Arc<Record>,
    /// The version it was read at; `None` for a unit never seen before.
    pub seen: Option<u64>,
    /// Claims taken before the record is written.
    pub claims: Vec<Claim>,
}

/// Which records a page or a count is about. Every condition given must hold, and records of units
/// that never were are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Units of this space only; by default the gateways'.
    pub space: Space,
    /// Only units on the deny list.
    pub denied: bool,
    /// Only provisioned units.
    pub provisioned: bool,
    /// Only units that have an open execution.
    pub open: bool,
    /// Only units whose serial number has a letter from `a` to `z`.
    pub lower_case: bool,
    /// Only units with this Ethernet address, whatever way their record spells it.
    pub ethernet_mac: Option<Vec<u8>>,
    /// Only units that stand here.
    pub standing: Option<Standing>,
    /// Only first-to-claim units.
    pub first_to_claim: bool,
    /// Provisioned at or after.
    pub since: Option<Timestamp>,
    /// Provisioned before.
    pub until: Option<Timestamp>,
    /// Exactly this hardware version.
    pub hardware_version: Option<String>,
    /// Exactly this category.
    pub category: Option<String>,
    /// Only units whose serial number begins so.
    pub prefix: Option<String>,
    /// No units on the deny list.
    pub not_denied: bool,
    /// No units of selftests.
    pub no_selftests: bool,
}

impl Filter {
    /// Whether a record of a unit that never was ([`Record::is_blank`]) could fit: such a record
    /// never does, and only here has a store to look for it.
    fn may_meet_blanks(&self) -> bool {
        let reserved = self.standing.is_none_or(|standing| standing == Standing::Reserved);
        reserved && !self.provisioned && !self.denied && !self.open
    }
}

/// A text behind every text that begins with `prefix`, as UTF-8 sorts.
fn past(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Order of a page, by record id, which is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// One page of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Which records.
    pub filter: Filter,
    /// Only records behind this one in the order asked for.
    pub after: Option<RecordId>,
    /// The order.
    pub order: Order,
    /// At most this many.
    pub limit: u32,
}

/// What an operator did, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When.
    pub at: Timestamp,
    /// Whose token.
    pub operator: String,
    /// What, in words.
    pub act: String,
    /// The request it came with.
    pub request_id: String,
}

/// Which ledger it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerName {
    /// Where it is: a file, or a database's name and hosts.
    pub place: String,
    /// Its own id, 32 hexadecimal digits; every copy of it has the same.
    pub id: String,
}

/// What a ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Units, of all spaces.
    pub units: u64,
    /// The newest moment in any record.
    pub newest: Option<Timestamp>,
}

impl Holdings {
    /// Counts a ledger.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let mut units = 0;
        for space in Space::ALL {
            units += store.count(Filter { space, ..Filter::default() }).await?;
        }
        Ok(Self { units, newest: store.newest().await? })
    }
}

/// A ledger.
///
/// The promises, each a test of the contract suite:
///
/// 1. What a call has acknowledged survives the loss of power.
/// 2. A write succeeds for exactly one of any number of writers that have seen the same version;
///    the others get [`StoreError::Stale`] and have changed nothing.
/// 3. A claim is held by one unit. Another unit's write that wants it gets
///    [`StoreError::ClaimTaken`] with the holder and has changed nothing. A claim of an execution
///    that never took it (its record does not show the certificate) is free to take over.
/// 4. A page lists records by id; records inserted meanwhile neither repeat nor hide a record
///    that was there when paging began.
/// 5. A store that cannot write says so within its time limit, loses nothing, and goes on by
///    itself when it can again. After [`StoreError::Unavailable`] a write may still come true, or
///    have; the record read back says which. After any other error it has changed nothing.
/// 6. A station's name is held by one station that runs. A second one gets
///    [`StoreError::NameTaken`]; the name of one that has ended is free, though it may have to be
///    waited for where nobody can tell at once that it has.
/// 7. The newest moment in any record is known as durably as the record.
/// 8. A ledger has one id, from its first opening on and for every station that opens it.
#[async_trait]
pub trait Store: Send + Sync {
    /// The record of a unit.
    async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError>;

    /// Writes a record under the condition that nobody else has since it was read. Returns the
    /// new version.
    async fn write(&self, change: Change) -> Result<u64, StoreError>;

    /// One page of records.
    async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError>;

    /// How many records there are.
    async fn count(&self, filter: Filter) -> Result<u64, StoreError>;

    /// Units that have an open execution.
    async fn open_units(&self) -> Result<Vec<UnitId>, StoreError>;

    /// Writes down what an operator did.
    async fn note(&self, operation: Operation) -> Result<(), StoreError>;

    /// Which ledger this is.
    fn name(&self) -> LedgerName;

    /// When the last backup was made, where the ledger can know it: a database has its own tools.
    fn last_backup(&self) -> Option<Timestamp> {
        None
    }

    /// Writes something for good, to see whether it still can.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Claims the station's name until it is released or the store closed.
    async fn claim_name(&self, station: &str) -> Result<(), StoreError>;

    /// Gives the name back, so that nobody has to wait for it.
    async fn release_name(&self) -> Result<(), StoreError>;

    /// The newest moment in any record ([`Record::newest`]) that was ever written, whichever
    /// station wrote it; `None` while there is none.
    async fn newest(&self) -> Result<Option<Timestamp>, StoreError>;

    /// The other stations whose journals are still to be compared with a ledger that was restored
    /// to an older state: until then it lacks units, and nobody may go by it.
    fn awaited(&self) -> Vec<String> {
        Vec::new()
    }

    /// An operator has found the clock right: the newest moment is from now on that of
    /// `operation`, which is written down with it.
    async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError>;
}
