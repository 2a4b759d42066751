//! Where a unit stands, in one word, by what happened to it last; a doubt stays until it is
//! confirmed away.

use super::{Record, State};

/// The state of a unit's last execution, that it is in doubt by an earlier one, or that it was
/// released after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The serial number is claimed; nothing is signed.
    Reserved,
    /// A certificate exists and has not left the station.
    Issued,
    /// An identity is on its way, or went without an answer, and none was confirmed since: the unit
    /// is in doubt, whatever became of later attempts.
    Sent,
    /// The unit has its identity.
    Confirmed,
    /// The last attempt failed; the unit cannot have its identity from it.
    Failed,
    /// An operator has let it be done again, and nobody has tried since.
    Released,
    /// It is on the deny list, and nobody has asked for it.
    Denied,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Reserved,
        Self::Issued,
        Self::Sent,
        Self::Confirmed,
        Self::Failed,
        Self::Released,
        Self::Denied,
    ];

    /// The word stored, asked for and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => State::Reserved.as_str(),
            Self::Issued => State::Issued.as_str(),
            Self::Sent => State::Sent.as_str(),
            Self::Confirmed => State::Confirmed.as_str(),
            Self::Failed => State::Failed.as_str(),
            Self::Released => "released",
            Self::Denied => "denied",
        }
    }

    /// The standing of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }
}

impl From<State> for Standing {
    fn from(state: State) -> Self {
        match state {
            State::Reserved => Self::Reserved,
            State::Issued => Self::Issued,
            State::Sent => Self::Sent,
            State::Confirmed => Self::Confirmed,
            State::Failed => Self::Failed,
        }
    }
}

impl Record {
    /// Where the unit stands.
    ///
    /// A record without executions was adopted: another tool has provisioned the unit, or has
    /// claimed its serial number and never come back (pep v3 interface, section 2).
    pub fn standing(&self) -> Standing {
        let released = self.releases.last().is_some_and(|last| last.attempts == self.attempts());
        match self.executions.last() {
            _ if released && !self.deployed => Standing::Released,
            Some(last) if self.deployed && self.provisions(last.state) => Standing::Confirmed,
            Some(_) if self.is_in_doubt() => Standing::Sent,
            Some(last) => last.state.into(),
            None if self.deployed => Standing::Confirmed,
            None if self.denial.is_some() => Standing::Denied,
            None => Standing::Reserved,
        }
    }

    /// Whether the identity of any execution may be on the device, and none was confirmed since.
    fn is_in_doubt(&self) -> bool {
        let latest_first = self.executions.iter().rev();
        let mut since = latest_first.take_while(|e| !self.provisions(e.state));
        since.any(|e| e.state == State::Sent)
    }

    /// How often somebody has tried to give the unit its identity, dropped executions counted.
    pub fn attempts(&self) -> u64 {
        self.executions.len() as u64 + self.dropped_executions
    }
}
