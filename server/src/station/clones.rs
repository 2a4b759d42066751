//! Two units with one key: an alarm for the operators, so that nobody has to read logs.

use super::{Error, Station};
use crate::ra::ExecutionId;

/// Who writes into the audit log here: no operator, the station itself.
const STATION: &str = "station";

impl Station {
    /// Counts and writes down that a device came with another unit's key; does nothing for other
    /// errors. That `execution` is refused is the story's to write.
    pub(super) async fn alarm_of_clones(&self, error: &Error, execution: &ExecutionId) {
        let Error::KeyTaken { unit, by } = error else { return };
        metrics::counter!("pep_clones_total").increment(1);
        tracing::error!(
            unit.serial = %unit.serial_number,
            holder.serial = %by.serial_number,
            "two units have one key: {error}"
        );
        let act = format!("refused a copy: {error} (execution {execution})");
        if let Err(unwritten) = self.note(STATION, &act, execution.as_str()).await {
            tracing::error!(error = %unwritten, "a copy is not in the audit log");
        }
    }
}
