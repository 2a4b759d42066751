//! One process has a station's journal open at a time. An embedded ledger's own lock sees to that
//! as well; a database knows nothing of a folder.

use std::io;
use std::path::Path;

use super::files;
use crate::state::{self, Holder, Lock};

/// Locks a station's journal.
///
/// # Errors
/// The system's.
pub fn lock(folder: &Path, station: &str) -> io::Result<Lock> {
    state::make_folder(folder)?;
    state::lock(&files::lock(folder, station))
}

/// Who has a station's journal.
pub fn holder(folder: &Path, station: &str) -> Option<Holder> {
    state::holder(&files::lock(folder, station))
}
