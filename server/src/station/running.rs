//! Which executions this process runs. An open execution of this station that is not among them is
//! lost: its reservation came true after its caller had been told that the ledger is away, or its
//! last write never did.
//!
//! Only what is one's own is judged by it; no promise about a unit rests on it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ra::ExecutionId;

/// The executions that run.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashSet<ExecutionId>>>);

impl Running {
    /// Counts an execution among them for as long as the answer lives.
    pub(super) fn begin(&self, id: ExecutionId) -> Run {
        self.with(|running| running.insert(id.clone()));
        Run { id, among: self.clone() }
    }

    /// Whether an execution runs.
    pub(super) fn has(&self, id: &ExecutionId) -> bool {
        self.with(|running| running.contains(id))
    }

    fn with<T>(&self, what: impl FnOnce(&mut HashSet<ExecutionId>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One execution that runs.
pub(super) struct Run {
    id: ExecutionId,
    among: Running,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.among.with(|running| running.remove(&self.id));
    }
}
