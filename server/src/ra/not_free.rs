//! Why a unit is not free to be given an identity.

/// Why a unit cannot be reserved now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFree {
    /// The unit has its identity.
    #[error("`{serial}` has had its identity since {since} (station {station})")]
    Taken {
        /// The serial number.
        serial: String,
        /// When it was provisioned.
        since: String,
        /// Which station did it.
        station: String,
    },
    /// The unit has an identity for another key, or of another CA.
    #[error(
        "`{serial}` has been registered with another key or under another CA since {since} \
         (station {station})"
    )]
    OtherKey {
        /// The serial number.
        serial: String,
        /// When it was provisioned.
        since: String,
        /// Which station did it.
        station: String,
    },
    /// An operator has the unit refused.
    #[error("`{serial}` has been on the deny list since {since}: {reason}")]
    Denied {
        /// The serial number.
        serial: String,
        /// When it was put there.
        since: String,
        /// Why, in the operator's words.
        reason: String,
    },
    /// An execution for the unit is running.
    #[error(
        "`{serial}` has been getting its identity since {since} (station {station}, {address})"
    )]
    Busy {
        /// The serial number.
        serial: String,
        /// When that execution began.
        since: String,
        /// Which station runs it.
        station: String,
        /// Where it delivers.
        address: String,
    },
}
