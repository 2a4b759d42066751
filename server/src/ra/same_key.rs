//! The rule `same-key`, for devices that register themselves and confirm nothing: a unit is
//! provisioned by what was sent, and may come again with the key it has.
//!
//! The other rule, `until-confirmed`, is in `record`: there a unit may come again until its device
//! has said that it holds an identity.

use jiff::Timestamp;

use super::{Admitted, Execution, ExecutionId, Record, State};

impl Record {
    /// Whether the unit, which is provisioned, may be reserved once more.
    pub(super) fn may_come_again(&self, admitted: &Admitted, execution: &Execution) -> bool {
        let Some(rule) = admitted.same_key() else { return false };
        let issuer = &execution.planned.issuer_hash;
        let has_it = self.live_execution().is_some_and(|live| {
            let certificate = live.certificate.as_ref();
            certificate.is_some_and(|certificate| certificate.public_key_hash == rule.key_hash)
                && live.planned.issuer_hash == *issuer
        });
        has_it || rule.may_change
    }

    /// Whether an execution in this state makes the unit provisioned.
    pub(super) fn provisions(&self, state: State) -> bool {
        state == State::Confirmed || (state == State::Sent && !self.space().confirms())
    }

    /// Where nobody confirms, what was sent is what the unit has, and the execution is over.
    pub(super) fn provision_if_sent(&mut self, id: &ExecutionId, at: Timestamp) {
        let provisions = |e: &&mut Execution| e.id == *id && e.state == State::Sent;
        if self.space().confirms() {
            return;
        }
        let Some(execution) = self.executions.iter_mut().find(provisions) else { return };
        execution.ended = Some(at);
        let identity = execution.certificate.as_ref().map(|c| c.enrollment_id.clone());
        // The same certificate once more changes nothing about the unit.
        if !self.deployed || self.enrollment_id != identity {
            self.enrollment_id = identity;
            self.deployed = true;
            self.created_at = Some(at);
        }
        self.supersede_all_but(id, at);
    }

    /// Whether a certificate was ever signed for the unit, as far as the record can tell: its
    /// first certificate serial is used up then.
    pub fn was_certified(&self) -> bool {
        self.dropped_executions > 0 || self.executions.iter().any(|e| e.certificate.is_some())
    }

    /// Whether a certificate for this key, still good, has left the station: whoever had to be
    /// told of it has been told.
    pub fn has_given(&self, public_key_hash: &str) -> bool {
        self.executions.iter().filter(|e| e.certificate_left()).any(|e| {
            let certificate = e.certificate.as_ref();
            certificate
                .is_some_and(|c| c.public_key_hash == public_key_hash && !c.is_to_be_revoked())
        })
    }

    /// Whether an earlier execution may have told somebody outside of a certificate that never
    /// left: it was issued, and ended without that somebody's answer.
    pub fn may_be_known_outside(&self, id: &ExecutionId) -> bool {
        self.executions.iter().filter(|e| e.id != *id && e.state == State::Failed).any(|e| {
            let number = e.reason.as_ref().and_then(|reason| reason.number);
            // A status of 5xx says nothing about what was done.
            let unanswered = number.is_none_or(|number| number >= 500);
            e.certificate.is_some() && unanswered
        })
    }

    /// The executions that are kept for good: those whose certificate left, and of several that
    /// gave the same one the first.
    pub(super) fn first_to_send(&self) -> Vec<ExecutionId> {
        let left = self.executions.iter().filter(|e| e.certificate_left());
        let mut given: Vec<&str> = Vec::new();
        let mut kept = Vec::new();
        for execution in left {
            let der = execution.certificate.as_ref().map_or("", |c| c.der.as_str());
            if der.is_empty() || self.space().confirms() || !given.contains(&der) {
                kept.push(execution.id.clone());
            }
            given.push(der);
        }
        kept
    }
}

#[cfg(test)]
mod tests;
