//! A copy of a ledger in the making: one file of its owner's alone, checked, on disk, and gone again
//! if it does not come to its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::look::{LedgerLook, read};
use super::open::beside;
use crate::state::{self, Held, Lock};

/// Pages copied at a time; between, the station's writer has its turn.
const PAGES: i32 = 2048;
const PAUSE: Duration = Duration::from_millis(5);
/// What SQLite may make beside a file.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The copy. Dropped, it goes.
pub(super) struct Part {
    pub(super) path: PathBuf,
    file: File,
    // Says that another attempt is running; behind the file, so that nobody else takes it for a leftover.
    _held: Held,
}

impl Part {
    /// Makes the file. One that a killed process has left goes first.
    pub(super) fn make(path: PathBuf) -> Result<Self, String> {
        let said = |error: io::Error| error.to_string();
        if let Ok(about) = std::fs::symlink_metadata(&path) {
            if !about.is_file() {
                return Err(format!("{} is in the way", path.display()));
            }
            match File::open(&path).and_then(|left| state::lock_file(left, &path)).map_err(said)? {
                Lock::Ours(_left) => remove(&path).map_err(said)?,
                Lock::Theirs(_) => {
                    return Err(format!("another process is writing {}", path.display()));
                }
            }
        }
        // Made before anything is in it, so that nobody else can read it: it holds the sealing
        // keys.
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let file = file.map_err(said)?;
        state::keep_owner(&file, &path).map_err(said)?;
        match file.try_clone().and_then(|file| state::lock_file(file, &path)).map_err(said)? {
            Lock::Ours(held) => Ok(Self { path, file, _held: held }),
            Lock::Theirs(_) => Err(format!("another process is writing {}", path.display())),
        }
    }

    /// Copies everything that `source` shows at one moment, lets `finish` write into the copy, and
    /// checks it. `progress` is told pages copied and pages in all.
    pub(super) fn fill(
        &self,
        source: &Connection,
        finish: impl FnOnce(&Connection) -> rusqlite::Result<()>,
        mut progress: impl FnMut(i32, i32),
    ) -> Result<LedgerLook, String> {
        let sqlite = |error: rusqlite::Error| error.to_string();
        let mut copy = Connection::open(&self.path).map_err(sqlite)?;
        // Held over all steps: a station that writes meanwhile would have it begin anew each time.
        source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master;").map_err(sqlite)?;
        {
            let backup = Backup::new(source, &mut copy).map_err(sqlite)?;
            loop {
                let step = backup.step(PAGES).map_err(sqlite)?;
                let at = backup.progress();
                progress(at.pagecount - at.remaining, at.pagecount);
                if step == StepResult::Done {
                    break;
                }
                std::thread::sleep(PAUSE);
            }
        }
        source.execute_batch("COMMIT").map_err(sqlite)?;
        finish(&copy).map_err(sqlite)?;
        // One file, without a log beside it.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(sqlite)?;
        let sound: String =
            copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(sqlite)?;
        if sound != "ok" {
            return Err(format!("the copy is not sound: {sound}"));
        }
        let found = read(&copy, &self.path).map_err(|error| error.to_string())?;
        drop(copy);
        self.file.sync_all().map_err(|error| error.to_string())?;
        Ok(found)
    }

    /// Its open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

/// What is half done is nobody's copy; what is done has another name by then.
impl Drop for Part {
    fn drop(&mut self) {
        let left = remove(&self.path).and_then(|()| {
            COMPANIONS.iter().try_for_each(|suffix| remove(&beside(&self.path, suffix)))
        });
        if let Err(error) = left {
            tracing::warn!(%error, path = %self.path.display(), "a copy in the making stays behind");
        }
    }
}

/// Removes a file that may be missing.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
