//! Executions that nobody ends any more, closed: their station stopped, lost its ledger, or is
//! long past its deadline.

use jiff::{SignedDuration, Timestamp};

use super::Record;
use crate::ra::{Execution, ExecutionId, Reason, State};

/// How long after its deadline an open execution of another station is left alone.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

impl Record {
    /// Closes what `station` left open when it stopped. Returns how many executions were closed.
    pub fn recover(&mut self, station: &str, at: Timestamp) -> usize {
        self.close(at, "station restarted", |execution| execution.station == station)
    }

    /// Closes what `station` has open and does not run: the ledger was away when it was written.
    pub fn close_lost(
        &mut self,
        station: &str,
        runs: impl Fn(&ExecutionId) -> bool,
        at: Timestamp,
    ) -> usize {
        let lost = |execution: &Execution| execution.station == station && !runs(&execution.id);
        self.close(at, "the ledger was away", lost)
    }

    /// Closes executions of any station whose deadline passed a minute ago.
    pub fn close_overdue(&mut self, at: Timestamp) -> usize {
        self.close(at, "station restarted", |execution| execution.deadline + GRACE < at)
    }

    fn close(&mut self, at: Timestamp, why: &str, whose: impl Fn(&Execution) -> bool) -> usize {
        let mut closed = 0;
        for execution in self.executions.iter_mut().filter(|e| e.is_open() && whose(e)) {
            let how = match execution.state {
                State::Reserved => " before anything was signed",
                State::Issued => "; the certificate never left",
                _ => " before the device answered; it may hold this identity",
            };
            execution.reason = Some(Reason::text(format!("{why}{how}")));
            execution.ended = Some(at);
            if !execution.certificate_left() {
                execution.reach(State::Failed, at);
            }
            closed += 1;
        }
        closed
    }
}
