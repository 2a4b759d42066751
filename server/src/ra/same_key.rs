//! The rule `same-key`, for devices that register themselves and confirm nothing: a unit is
//! provisioned by what was sent, and may come again with the key it has.
//!
//! The other rule, `until-confirmed`, is in `record`: there a unit may come again until its device
//! has said that it holds an identity.

use jiff::{SignedDuration, Timestamp};

use super::record::to_the_second;
use super::{Admitted, CertificateFacts, Execution, ExecutionId, Record, Renewal, State};

/// The fact of a registering device that says whose it is.
const FACTORY: &str = "factory";

/// When a unit that brings the key it has gets another certificate.
#[derive(Debug, Clone, Copy)]
pub struct Renewing {
    /// The time.
    pub now: Timestamp,
    /// A certificate that ends within this is renewed. Zero: only once it has ended.
    pub within: SignedDuration,
    /// When a new certificate would end. Before the old one has ended it has to be worth the while:
    /// later by a tenth of the old one's life.
    pub until: Timestamp,
}

/// What a unit has for a key already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<'r> {
    /// Nothing.
    Nothing,
    /// A certificate to be given once more.
    Good(&'r CertificateFacts),
    /// A certificate that is worth nothing any more, or soon.
    Worn(Renewal),
}

impl Record {
    /// What the unit has for a key, to be given once more or to be renewed. `is_ours` says whether
    /// the CA in use issued the certificate of an execution: by its name and by its key.
    pub fn known(
        &self,
        public_key_hash: &str,
        renewing: &Renewing,
        is_ours: impl Fn(&Execution) -> bool,
    ) -> Known<'_> {
        let Some(execution) = self.execution_for(public_key_hash) else { return Known::Nothing };
        let Some(facts) = &execution.certificate else { return Known::Nothing };
        let planned = &execution.planned;
        let left = planned.not_after.duration_since(renewing.now);
        let tenth = planned.not_after.duration_since(planned.not_before) / 10;
        let gain = renewing.until.duration_since(planned.not_after);
        let ends_soon = left <= renewing.within && gain >= tenth;
        let end = to_the_second(planned.not_after);
        let reason = if !is_ours(execution) {
            "a CA that is no longer in use issued it".to_owned()
        } else if left.is_negative() || left.is_zero() {
            format!("it ended on {end}")
        } else if ends_soon {
            format!("it ends on {end}")
        } else {
            return Known::Good(facts);
        };
        Known::Worn(Renewal { certificate_serial: planned.certificate_serial.clone(), reason })
    }

    /// Notes that an execution's certificate takes the place of another for the same key.
    pub fn note_renewal(&mut self, id: &ExecutionId, renewal: Option<Renewal>) {
        if let Some(execution) = self.executions.iter_mut().find(|e| e.id == *id) {
            execution.renews = renewal;
        }
    }

    /// Whether the unit, which is provisioned, may be reserved once more.
    pub(super) fn may_come_again(&self, admitted: &Admitted, execution: &Execution) -> bool {
        let Some(rule) = admitted.same_key() else { return false };
        let has_it = self.live_execution().is_some_and(|live| {
            let certificate = live.certificate.as_ref();
            certificate.is_some_and(|certificate| certificate.public_key_hash == rule.key_hash)
                && self.is_of_the_same(admitted, (live, execution))
        });
        has_it || rule.may_change
    }

    /// Whether the unit comes to where it was registered. The CA may have been replaced meanwhile:
    /// the factory counts, and its CA's name where the record does not know the factory.
    fn is_of_the_same(&self, admitted: &Admitted, (was, is): (&Execution, &Execution)) -> bool {
        match self.facts.extra.get(FACTORY) {
            Some(factory) => admitted.ask().facts.extra.get(FACTORY) == Some(factory),
            None => was.planned.issuer_hash == is.planned.issuer_hash,
        }
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
