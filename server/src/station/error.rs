//! Everything that can go wrong, in one type with stable words. It knows no HTTP: each front end
//! maps the words to its wire.

use crate::ca::{DraftError, KeyError, SignerError};
use crate::ra::{MoveError, NotFree, NotReleasable, Reason, Refusal, UnitId};
use crate::store::StoreError;

use super::SupplyRefusal;

/// Why no identity was given, or no answer can be given.
///
/// `Display` is a sentence for the person at the bench; [`Error::code`] never changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is malformed.
    #[error("{problem}")]
    BadRequest {
        /// What is wrong.
        problem: String,
        /// What would be right.
        hint: String,
    },
    /// No operator's token, or one that is not in the list.
    #[error("this needs an operator's token")]
    Unauthorized,
    /// A token came that is none of this station's.
    #[error("the operator's token that was sent is not one of this station's")]
    WrongToken,
    /// The ask breaks a rule of this station.
    #[error("{0}")]
    NotAdmitted(#[from] Refusal),
    /// The unit has its identity, or is being given it.
    #[error("{0}")]
    NotFree(#[from] NotFree),
    /// The public key already belongs to another unit: two devices share one key.
    #[error(
        "the device of unit `{}` has the key of unit `{}`; one of the two is a copy",
        .unit.serial_number, .by.serial_number
    )]
    KeyTaken {
        /// The unit that is refused.
        unit: UnitId,
        /// The unit that holds the key.
        by: UnitId,
    },
    /// What was made elsewhere for the unit is missing, or is not for it.
    #[error("{0}")]
    Supply(SupplyRefusal),
    /// There is nothing to release.
    #[error("{0}")]
    NotProvisioned(#[from] NotReleasable),
    /// The device did not take its identity.
    #[error("{reason}")]
    DeviceFailed {
        /// What happened.
        reason: Reason,
        /// What to check.
        hint: String,
        /// The execution, for the record.
        execution: String,
    },
    /// A registry outside, which must be told first, did not take the unit: nothing was handed
    /// over.
    #[error("{reason}")]
    RegistryFailed {
        /// What happened, with the status it answered where it answered.
        reason: Reason,
        /// What to check.
        hint: String,
        /// The execution, for the record.
        execution: String,
    },
    /// The address is none the station may connect to.
    #[error("{0}")]
    AddressRefused(String),
    /// Another injection is running at that address.
    #[error("an injection is running at {0} already")]
    AddressBusy(String),
    /// Nothing is known of it.
    #[error("{what}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// Where to look instead.
        hint: String,
    },
    /// The request is larger than the station reads.
    #[error("{0}")]
    TooLarge(TooLarge),
    /// More units at once than the station takes.
    #[error(
        "{running} units are being served and {queued} are waiting; that is all this station takes"
    )]
    Busy {
        /// How many are running.
        running: usize,
        /// How many are waiting.
        queued: usize,
    },
    /// The station has stopped issuing: clock, disk, shutdown. The text says which.
    #[error("the station is not issuing now: {0}")]
    Stopped(String),
    /// The CA key is not to be had.
    #[error("the station cannot sign now: {0}")]
    SignerUnavailable(#[from] SignerError),
    /// The ledger is not to be had.
    #[error("{0}")]
    StoreUnavailable(StoreError),
    /// A fault of the station.
    #[error("{0}")]
    Internal(String),
}

/// Which part of a request is too large, and what would not be, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// Path and query.
    #[error("the path and query are longer than {longest} bytes")]
    Query {
        /// The longest read.
        longest: usize,
    },
    /// The headers.
    #[error("the headers are larger than {largest} bytes")]
    Head {
        /// The largest read.
        largest: usize,
    },
    /// The body.
    #[error("the body is larger than {largest} bytes")]
    Body {
        /// The largest read.
        largest: usize,
    },
}

impl Error {
    /// The stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest { .. } => "bad-request",
            Self::Unauthorized | Self::WrongToken => "unauthorized",
            Self::NotAdmitted(_) => "not-admitted",
            Self::NotFree(NotFree::Taken { .. } | NotFree::OtherKey { .. }) => "serial-taken",
            Self::NotFree(NotFree::Denied { .. }) => "not-admitted",
            Self::NotFree(NotFree::Busy { .. }) => "serial-busy",
            Self::KeyTaken { .. } => "key-taken",
            Self::Supply(_) => "supply-refused",
            Self::NotProvisioned(_) => "not-provisioned",
            Self::DeviceFailed { .. } => "device-failed",
            Self::RegistryFailed { .. } => "registry-failed",
            Self::AddressRefused(_) => "address-refused",
            Self::AddressBusy(_) => "address-busy",
            Self::NotFound { .. } => "not-found",
            Self::TooLarge(_) => "too-large",
            Self::Busy { .. } => "busy",
            Self::Stopped(_) => "stopped",
            Self::SignerUnavailable(_) => "signer-unavailable",
            Self::StoreUnavailable(StoreError::Full(_)) => "stopped",
            Self::StoreUnavailable(_) => "store-unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// What the person at the bench should do.
    pub fn hint(&self) -> String {
        match self {
            Self::BadRequest { hint, .. }
            | Self::DeviceFailed { hint, .. }
            | Self::RegistryFailed { hint, .. }
            | Self::NotFound { hint, .. } => hint.clone(),
            Self::Unauthorized => {
                "name the token file with PEP_OPERATOR_TOKEN_FILE, or send it as a bearer token"
                    .to_owned()
            }
            Self::WrongToken => {
                "give a token that stands in the station's operator.token: --token-file FILE or \
                 PEP_OPERATOR_TOKEN_FILE; a changed file counts from the next reload or start"
                    .to_owned()
            }
            Self::NotAdmitted(Refusal::Pattern { hint, .. }) => {
                hint.clone().unwrap_or_else(|| "give the serial number as on the label".to_owned())
            }
            Self::NotAdmitted(_) => "check the label and the order for this unit".to_owned(),
            Self::NotFree(NotFree::Taken { serial, .. }) => format!(
                "the unit is done; its recorded identity can be fetched with \
                 `pep get-identity -s '{}'`",
                serial.replace('\'', "'\\''")
            ),
            Self::NotFree(NotFree::OtherKey { .. }) => {
                "release the unit first if it is to get another key (`pep release --space sign`), or \
                 name its hardware id under `reissue` in station.toml"
                    .to_owned()
            }
            Self::NotFree(NotFree::Denied { .. }) => {
                "ask the operator who put it there; `pep deny remove` lifts it".to_owned()
            }
            Self::NotFree(NotFree::Busy { .. }) => {
                "wait for the other attempt to end, or find who else uses this label".to_owned()
            }
            Self::KeyTaken { .. } => {
                "take both units off the line; one runs a copied image".to_owned()
            }
            Self::Supply(_) => {
                "bring the unit to the line engineer: the files supplied for it have to be fixed; \
                 nothing was sent to the device"
                    .to_owned()
            }
            Self::NotProvisioned(NotReleasable::Busy { .. }) => {
                "wait for that attempt to end".to_owned()
            }
            Self::NotProvisioned(_) => {
                "nothing is to be released: `pep get-one-identity` gives the unit its identity"
                    .to_owned()
            }
            Self::AddressRefused(_) => {
                "use the gateway's own address, or add its network to [injection] allow in \
                 station.toml"
                    .to_owned()
            }
            Self::AddressBusy(_) => {
                "wait for it to end; check that two labels are not used for one gateway".to_owned()
            }
            Self::TooLarge(_) => "send less; [http] in station.toml sets the limits".to_owned(),
            Self::Busy { .. } => "wait and repeat".to_owned(),
            Self::Stopped(_) => "call the line engineer; `/readyz` says more".to_owned(),
            Self::SignerUnavailable(_) | Self::StoreUnavailable(_) | Self::Internal(_) => {
                "call the line engineer with the request id".to_owned()
            }
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::StoreUnavailable(error)
    }
}

impl From<DraftError> for Error {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::OutsideCa { .. } => Self::Stopped(error.to_string()),
            DraftError::KeyOfCa => Self::BadRequest {
                problem: error.to_string(),
                hint: "let the device make a key of its own; the CA's key must not be on it"
                    .to_owned(),
            },
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Somebody else has closed the execution: another station, after its deadline.
impl From<MoveError> for Error {
    fn from(error: MoveError) -> Self {
        Self::Internal(format!("{error}; another station has closed it"))
    }
}
