//! Which executions a record keeps, and which of its certificates are still good.

use jiff::Timestamp;

use super::{Execution, ExecutionId, Record};

/// Executions kept beside those whose certificate left the station.
const KEPT_OTHERS: usize = 50;

impl Record {
    pub(super) fn supersede_all_but(&mut self, id: &ExecutionId, at: Timestamp) {
        let live = self.execution(id).and_then(|e| e.certificate.as_ref()).map(|c| c.der.clone());
        for execution in self.executions.iter_mut().filter(|e| e.id != *id) {
            if let Some(certificate) = &mut execution.certificate {
                // An attempt repeated with the same key carries the same certificate.
                certificate.superseded = Some(&certificate.der) != live.as_ref();
                if certificate.superseded {
                    certificate.revoke.get_or_insert(at);
                }
            }
        }
    }

    pub(super) fn drop_old_executions(&mut self) {
        let kept = self.first_to_send();
        let must_stay = |execution: &Execution| kept.contains(&execution.id);
        let others = self.executions.iter().filter(|e| !must_stay(e)).count();
        let mut surplus = others.saturating_sub(KEPT_OTHERS);
        let before = self.executions.len();
        self.executions.retain(|execution| {
            let drop = surplus > 0 && !must_stay(execution) && !execution.is_open();
            surplus -= usize::from(drop);
            !drop
        });
        self.dropped_executions += (before - self.executions.len()) as u64;
    }
}
