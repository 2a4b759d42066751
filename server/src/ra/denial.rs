//! The deny list: units an operator has refused, whatever way they come in.
//!
//! A denial is part of the unit's own record, so that it is looked at by the same conditional
//! write that reserves the unit: no request slips past it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::to_the_second;
use super::{Facts, NotFree, Record, RecordId, UnitId};

/// Longest reason, in bytes.
const LONGEST_REASON: usize = 500;

/// Why a unit is refused, since when, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// Since when.
    pub at: Timestamp,
    /// Whose token.
    pub operator: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Why a denial cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DenialError {
    /// Nothing, or blanks.
    #[error("a denial needs a reason")]
    NoReason,
    /// Too long, or not one line.
    #[error("the reason is longer than {LONGEST_REASON} bytes, or holds a control character")]
    Unfit,
}

impl Denial {
    /// A denial; blanks around the reason do not count.
    ///
    /// # Errors
    /// [`DenialError`].
    pub fn new(at: Timestamp, operator: &str, reason: &str) -> Result<Self, DenialError> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(DenialError::NoReason);
        }
        if reason.len() > LONGEST_REASON || reason.chars().any(char::is_control) {
            return Err(DenialError::Unfit);
        }
        Ok(Self { at, operator: operator.to_owned(), reason: reason.to_owned() })
    }
}

impl Record {
    /// A record of a unit that nobody has asked for yet.
    pub fn unheard_of(id: RecordId, unit: UnitId) -> Self {
        Self {
            id,
            unit,
            facts: Facts::default(),
            sealing_key: None,
            deployed: false,
            first_to_claim: false,
            enrollment_id: None,
            created_at: None,
            executions: Vec::new(),
            dropped_executions: 0,
            adopted: super::Fields::default(),
            denial: None,
            releases: Vec::new(),
        }
    }

    /// Refuses the unit from now on, or for another reason than before.
    pub fn deny(&mut self, denial: Denial) {
        self.denial = Some(denial);
    }

    /// Lets the unit come in again. Whether it was on the list.
    pub fn lift_denial(&mut self) -> bool {
        self.denial.take().is_some()
    }

    pub(super) fn check_denial(&self) -> Result<(), NotFree> {
        match &self.denial {
            None => Ok(()),
            Some(denial) => Err(NotFree::Denied {
                serial: self.unit.serial_number.to_string(),
                since: to_the_second(denial.at),
                reason: denial.reason.clone(),
            }),
        }
    }
}
