//! Everything kept of one unit, and the moves its executions may make.
//!
//! A move changes the value in memory; the store makes it true by writing the record back under
//! the condition that nobody else has written it since.

mod closing;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Admitted, CertificateFacts, Denial, Ending, EnrollmentIdentity, Execution, ExecutionId, Facts,
    Fields, NotFree, Release, SealingKey, Space, State, UnitId,
};

/// Names a record: 24 lower-case hexadecimal digits, in the order of creation (seconds, then the
/// store's own bytes), as the old interface's `_id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(String);

impl RecordId {
    /// An id from the second of creation and eight bytes that make it unique.
    pub fn new(at: Timestamp, rest: [u8; 8]) -> Self {
        let seconds = u32::try_from(at.as_second()).unwrap_or(u32::MAX);
        let bytes = seconds.to_be_bytes().into_iter().chain(rest);
        Self(bytes.map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads an id; `None` when it is not 24 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The 24 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecordId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not 24 hexadecimal digits"))
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything kept of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The record's own name.
    pub id: RecordId,
    /// The unit.
    pub unit: UnitId,
    /// What the latest caller said of it.
    pub facts: Facts,
    /// Fields of an older system's record that nobody has said anew.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub adopted: Fields,
    /// Its journald sealing verification key: the one secret the ledger keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<SealingKey>,
    /// Whether the unit has its identity.
    pub deployed: bool,
    /// Whether a cloud account may claim the unit by its enrollment identity.
    pub first_to_claim: bool,
    /// The enrollment identity of the live certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<EnrollmentIdentity>,
    /// When the unit was provisioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Every attempt whose certificate left, and the last 50 others.
    pub executions: Vec<Execution>,
    /// How many older attempts were dropped from the list.
    #[serde(default)]
    pub dropped_executions: u64,
    /// Set while an operator has the unit refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    /// Every time an operator let the unit be done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
}

/// A move that the record does not allow: the execution is not there, or not where the mover
/// thinks it is. Somebody else closed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("execution {execution} cannot become {wanted}: it is {found}")]
pub struct MoveError {
    /// The execution.
    pub execution: ExecutionId,
    /// The state it was to reach.
    pub wanted: &'static str,
    /// What it is now.
    pub found: String,
}

impl Record {
    /// A record for a unit never seen before, without executions.
    pub fn new(id: RecordId, admitted: &Admitted, first_to_claim: bool) -> Self {
        let ask = admitted.ask();
        Self {
            id,
            unit: ask.unit.clone(),
            facts: ask.facts.clone(),
            adopted: Fields::default(),
            sealing_key: ask.sealing_key.clone(),
            deployed: false,
            first_to_claim,
            enrollment_id: None,
            created_at: None,
            executions: Vec::new(),
            dropped_executions: 0,
            denial: None,
            releases: Vec::new(),
        }
    }

    /// Claims the unit for `execution`, with what the caller now says of it.
    ///
    /// Open executions whose deadline passed a minute ago are closed on the way.
    ///
    /// # Errors
    /// [`NotFree`] when the unit is provisioned or another attempt is running.
    pub fn reserve(
        &mut self,
        admitted: &Admitted,
        first_to_claim: bool,
        execution: Execution,
    ) -> Result<(), NotFree> {
        self.check_denial()?;
        if self.deployed && !self.may_come_again(admitted, &execution) {
            let serial = self.unit.serial_number.to_string();
            let since = self.created_at.map_or_else(|| "earlier".to_owned(), to_the_second);
            let station = self.live_execution().map_or_else(
                || "that wrote the adopted record".to_owned(),
                |live| live.station.clone(),
            );
            return Err(match admitted.same_key() {
                None => NotFree::Taken { serial, since, station },
                Some(_) => NotFree::OtherKey { serial, since, station },
            });
        }
        self.close_overdue(admitted.at());
        if let Some(open) = self.executions.iter().find(|e| e.is_open()) {
            return Err(NotFree::Busy {
                serial: self.unit.serial_number.to_string(),
                since: to_the_second(open.begun()),
                station: open.station.clone(),
                address: open.address.clone(),
            });
        }
        let ask = admitted.ask();
        self.facts = ask.facts.clone();
        self.adopted.forget(&self.facts.extra);
        self.sealing_key = ask.sealing_key.clone();
        self.first_to_claim = first_to_claim && !execution.is_developer();
        self.executions.push(execution);
        self.drop_old_executions();
        Ok(())
    }

    /// Writes the certificate down; `sent` at once where nobody must be told first.
    ///
    /// # Errors
    /// [`MoveError`] unless the execution is open and `reserved`.
    pub fn issue(
        &mut self,
        id: &ExecutionId,
        certificate: CertificateFacts,
        sent: bool,
        at: Timestamp,
    ) -> Result<(), MoveError> {
        let wanted = if sent { State::Sent } else { State::Issued };
        // A certificate given once more is the one that another execution planned: its serial and
        // its validity are what the device gets.
        let given_before = self
            .executions
            .iter()
            .find(|e| {
                e.id != *id && e.certificate.as_ref().is_some_and(|c| c.der == certificate.der)
            })
            .map(|e| e.planned.clone());
        let execution = self.open_in(id, &[State::Reserved], wanted)?;
        if let Some(planned) = given_before {
            execution.planned = planned;
        }
        execution.certificate = Some(certificate);
        execution.reach(wanted, at);
        self.provision_if_sent(id, at);
        Ok(())
    }

    /// The identity is about to leave the station.
    ///
    /// # Errors
    /// [`MoveError`] unless the execution is open and `issued`.
    pub fn send(&mut self, id: &ExecutionId, at: Timestamp) -> Result<(), MoveError> {
        self.open_in(id, &[State::Issued], State::Sent)?.reach(State::Sent, at);
        self.provision_if_sent(id, at);
        Ok(())
    }

    /// Ends an execution. Confirming it makes the unit provisioned and marks every earlier
    /// certificate of the unit superseded.
    ///
    /// # Errors
    /// [`MoveError`] unless the execution is open and far enough for that ending.
    pub fn conclude(
        &mut self,
        id: &ExecutionId,
        ending: Ending,
        at: Timestamp,
    ) -> Result<(), MoveError> {
        match ending {
            Ending::Confirmed { warnings } => {
                let execution = self.open_in(id, &[State::Sent], State::Confirmed)?;
                execution.warnings = warnings;
                execution.ended = Some(at);
                execution.reach(State::Confirmed, at);
                // Nobody can claim a developer's: it has no enrollment identity.
                let claimable =
                    execution.certificate.as_ref().filter(|_| !execution.is_developer());
                let identity = claimable.map(|c| c.enrollment_id.clone());
                self.enrollment_id = identity;
                self.deployed = true;
                self.created_at = Some(at);
                self.supersede_all_but(id, at);
            }
            Ending::Unanswered(reason) => {
                let execution = self.open_in(id, &[State::Sent], State::Sent)?;
                execution.reason = Some(reason);
                execution.ended = Some(at);
            }
            Ending::Failed(reason) => {
                let from = [State::Reserved, State::Issued, State::Sent];
                let execution = self.open_in(id, &from, State::Failed)?;
                execution.reason = Some(reason);
                execution.ended = Some(at);
                execution.reach(State::Failed, at);
            }
        }
        Ok(())
    }

    /// The execution whose identity the unit lives with; none once it was released.
    pub fn live_execution(&self) -> Option<&Execution> {
        let mut latest_first = self.executions.iter().rev();
        latest_first.find(|e| self.deployed && self.provisions(e.state))
    }

    /// One execution.
    pub fn execution(&self, id: &ExecutionId) -> Option<&Execution> {
        self.executions.iter().find(|e| e.id == *id)
    }

    /// The latest execution with a certificate for this public key that need not be revoked, so
    /// that a unit that asks again with its old key is not given a second one for nothing.
    pub(super) fn execution_for(&self, public_key_hash: &str) -> Option<&Execution> {
        let fits = |facts: &CertificateFacts| {
            facts.public_key_hash == public_key_hash && !facts.is_to_be_revoked()
        };
        let mut latest_first = self.executions.iter().rev();
        latest_first.find(|execution| execution.certificate.as_ref().is_some_and(fits))
    }

    /// The newest moment written in the record: the last step, end or release.
    pub fn newest(&self) -> Option<Timestamp> {
        let steps = self.executions.iter().flat_map(|e| e.steps.iter().map(|step| step.at));
        let ends = self.executions.iter().filter_map(|e| e.ended);
        steps.chain(ends).chain(self.releases.iter().map(|release| release.at)).max()
    }

    /// Whether any execution is still open.
    pub fn is_open(&self) -> bool {
        self.executions.iter().any(Execution::is_open)
    }

    /// The unit's name space.
    pub fn space(&self) -> Space {
        self.unit.space
    }

    fn open_in(
        &mut self,
        id: &ExecutionId,
        from: &[State],
        wanted: State,
    ) -> Result<&mut Execution, MoveError> {
        let refuse = |found: &str| MoveError {
            execution: id.clone(),
            wanted: wanted.as_str(),
            found: found.to_owned(),
        };
        match self.executions.iter_mut().find(|e| e.id == *id) {
            None => Err(refuse("unknown")),
            Some(e) if !e.is_open() => Err(refuse(&format!("closed as {}", e.state.as_str()))),
            Some(e) if !from.contains(&e.state) => Err(refuse(e.state.as_str())),
            Some(execution) => Ok(execution),
        }
    }
}

/// As people read it.
pub(super) fn to_the_second(at: Timestamp) -> String {
    at.strftime("%FT%TZ").to_string()
}

#[cfg(test)]
pub(super) mod tests;
