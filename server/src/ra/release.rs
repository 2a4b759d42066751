//! Rework: an operator lets a provisioned unit be done again.
//!
//! Nothing is taken out of the record but the live position: the execution keeps its certificate,
//! the release keeps what the unit was known by. Who is an operator is the front's business; what
//! a revocation list says of the certificate is somebody else's.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::to_the_second;
use super::{EnrollmentIdentity, ExecutionId, Record, Standing};

/// Longest reason, in characters.
pub const LONGEST_REASON: usize = 500;

/// Why a unit is released, in the operator's words: 1 to [`LONGEST_REASON`] characters on one
/// line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseReason(String);

/// Why a text is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseReasonError {
    /// Nothing, or blanks.
    #[error("a release needs a reason")]
    Missing,
    /// Longer than [`LONGEST_REASON`] characters.
    #[error("the reason has {characters} characters, at most {LONGEST_REASON} are kept")]
    TooLong {
        /// Its length in characters.
        characters: usize,
    },
    /// A control character, such as a line's end.
    #[error("the reason holds a control character")]
    Unprintable,
}

impl ReleaseReason {
    /// Reads a reason; blanks around it do not count.
    ///
    /// # Errors
    /// [`ReleaseReasonError`], the first rule broken.
    pub fn parse(text: &str) -> Result<Self, ReleaseReasonError> {
        let text = text.trim();
        let characters = text.chars().count();
        if characters == 0 {
            return Err(ReleaseReasonError::Missing);
        }
        if characters > LONGEST_REASON {
            return Err(ReleaseReasonError::TooLong { characters });
        }
        if text.chars().any(char::is_control) {
            return Err(ReleaseReasonError::Unprintable);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One release of a unit: who, when, why, and what was live until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// Whose token.
    pub operator: String,
    /// Why.
    pub reason: ReleaseReason,
    /// Attempts for the unit until then, dropped ones counted.
    pub attempts: u64,
    /// The execution whose identity the unit lived with; absent where another tool provisioned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// The enrollment identity it was known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<EnrollmentIdentity>,
    /// When it had been provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_at: Option<Timestamp>,
}

/// Why there is nothing to release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReleasable {
    /// An execution for the unit is running.
    #[error("`{serial}` has been getting its identity since {since} (station {station})")]
    Busy {
        /// The serial number.
        serial: String,
        /// When that execution began.
        since: String,
        /// Which station runs it.
        station: String,
    },
    /// An attempt went without an answer, which keeps nobody from repeating it.
    #[error(
        "`{serial}` is not provisioned: the device did not answer an attempt, so the unit is \
         free to be done again"
    )]
    Unanswered {
        /// The serial number.
        serial: String,
    },
    /// Somebody has released it, and nobody has provisioned it since.
    #[error("`{serial}` is not provisioned: {operator} released it at {since}")]
    Released {
        /// The serial number.
        serial: String,
        /// When.
        since: String,
        /// Whose token.
        operator: String,
    },
    /// It has no identity.
    #[error("`{serial}` is not provisioned: its last attempt is `{standing}`")]
    Free {
        /// The serial number.
        serial: String,
        /// Where it stands.
        standing: &'static str,
    },
}

impl Record {
    /// Lets a provisioned unit be done again. Its certificate is to be revoked from now on, and
    /// what the unit was known by goes from the live position into the list of releases.
    ///
    /// # Errors
    /// [`NotReleasable`] unless the unit is provisioned and nobody is at it. A unit whose last
    /// execution is `sent` is free already (`until-confirmed`).
    pub fn release(
        &mut self,
        operator: &str,
        reason: ReleaseReason,
        at: Timestamp,
    ) -> Result<(), NotReleasable> {
        let serial = self.unit.serial_number.to_string();
        if let Some(open) = self.executions.iter().find(|e| e.is_open()) {
            return Err(NotReleasable::Busy {
                serial,
                since: to_the_second(open.begun()),
                station: open.station.clone(),
            });
        }
        if !self.deployed {
            return Err(match (self.standing(), self.releases.last()) {
                (Standing::Sent, _) => NotReleasable::Unanswered { serial },
                (Standing::Released, Some(last)) => NotReleasable::Released {
                    serial,
                    since: to_the_second(last.at),
                    operator: last.operator.clone(),
                },
                (standing, _) => NotReleasable::Free { serial, standing: standing.as_str() },
            });
        }
        let live = self.live_execution();
        let certificate = live.and_then(|e| e.certificate.as_ref()).map(|c| c.der.clone());
        let release = Release {
            at,
            operator: operator.to_owned(),
            reason,
            attempts: self.attempts(),
            execution: live.map(|execution| execution.id.clone()),
            enrollment_id: self.enrollment_id.take(),
            provisioned_at: self.created_at.take(),
        };
        // An attempt repeated with the same key carries the same certificate.
        let carriers = self.executions.iter_mut().filter_map(|e| e.certificate.as_mut());
        for carrier in carriers.filter(|carrier| Some(&carrier.der) == certificate.as_ref()) {
            carrier.revoke.get_or_insert(at);
        }
        self.deployed = false;
        self.releases.push(release);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
