//! Who may have an identity, and what is kept of it: serial numbers, admission, the record and its
//! legal moves, releases, the enrollment identity.
//!
//! Pure: no I/O, no clock, no randomness. Names nothing of the other rooms. Whether a serial
//! number is still free is the store's answer; what a certificate looks like is `ca`'s.

mod account;
mod admission;
mod ask;
mod denial;
mod enrollment;
mod execution;
mod keeping;
mod look_alike;
mod not_free;
mod octets;
mod production;
mod record;
mod release;
mod same_key;
mod serial_number;
mod serial_rules;
mod standing;

pub use account::Accounts;
pub use admission::{Admitted, Refusal, Rules, admit};
pub use ask::{Ask, Facts, FieldError, Fields, SealingKey, check_value};
pub use denial::{Denial, DenialError};
pub use enrollment::EnrollmentIdentity;
pub use execution::{
    CertificateFacts, DEVELOPER_PROFILE, Ending, Execution, ExecutionId, Planned, Reason, Renewal,
    State, Step, shown as shown_moment,
};
pub use not_free::NotFree;
pub use octets::{Octets, in_pairs};
pub use production::SELFTEST;
pub use record::{MoveError, Record, RecordId};
pub use release::{NotReleasable, Release, ReleaseReason, ReleaseReasonError};
pub use same_key::{Known, Renewing};
pub use serial_number::{SerialNumber, SerialNumberError, Space, UnitId};
pub use serial_rules::{SerialCase, SerialPattern, SerialRules};
pub use standing::Standing;
