//! What a store can answer instead.

use crate::ra::UnitId;

/// Why a store did not do it. Nothing was changed, but where it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has written the record since it was read.
    #[error("the record was changed by another writer in the meantime")]
    Stale,
    /// Another unit holds the claim.
    #[error("{name} is held by unit {by}")]
    ClaimTaken {
        /// What was claimed.
        name: String,
        /// The holder.
        by: UnitId,
    },
    /// Another station of this name is running.
    #[error("the station name `{name}` is held by {by}, which is running")]
    NameTaken {
        /// The name.
        name: String,
        /// Who holds it, in words.
        by: String,
    },
    /// The disk is full.
    #[error("the ledger's disk is full: {0}")]
    Full(String),
    /// The store does not answer, or cannot write. A write may come true all the same, or have:
    /// the record read back says which.
    #[error("the ledger cannot be used now: {0}")]
    Unavailable(String),
    /// A document that this version cannot read. Nothing is guessed.
    #[error("the ledger holds a record that cannot be read: {0}")]
    Unreadable(String),
}
