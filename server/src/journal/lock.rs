//! One process has a station's journal open at a time. An embedded ledger's own lock sees to that
//! as well; a database knows nothing of a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::{append, files};

/// Held as long as the journal is used; the system gives it back when a process ends.
pub struct JournalLock {
    _file: File,
}

/// Locks a station's journal; `None` where another process has it.
///
/// # Errors
/// The system's.
pub fn lock(folder: &Path, station: &str) -> io::Result<Option<JournalLock>> {
    append::make(folder)?;
    let file = OpenOptions::new().create(true).append(true).open(files::lock(folder, station))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(JournalLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a process has a station's journal. What cannot be found out is left to whoever locks it.
pub fn is_in_use(folder: &Path, station: &str) -> bool {
    let file = File::open(files::lock(folder, station));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
