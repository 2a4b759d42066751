//! A copy of the ledger while it is in use: SQLite's online backup, checked, and in place whole or
//! not at all.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::OpenError;
use super::open::reader;

/// Pages copied at a time; between, the station's writer has its turn.
const PAGES: i32 = 2048;
const PAUSE: Duration = Duration::from_millis(5);

/// Copies the ledger at `path` to `to`, which must not exist. `progress` is told pages copied and
/// pages in all.
///
/// # Errors
/// [`OpenError::File`] with what is in the way; nothing is left behind then.
pub fn backup(path: &Path, to: &Path, mut progress: impl FnMut(i32, i32)) -> Result<(), OpenError> {
    let refuse = |at: &Path, problem: &dyn std::fmt::Display| OpenError::File {
        path: at.display().to_string(),
        problem: problem.to_string(),
    };
    if to.exists() {
        return Err(refuse(to, &"it is there already; nothing is overwritten"));
    }
    let source = reader(path).map_err(|error| refuse(path, &error))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let copied = copy(&source, part, &mut progress)
        .map_err(|problem| refuse(to, &problem))
        .and_then(|()| std::fs::rename(part, to).map_err(|error| refuse(to, &error)))
        .and_then(|()| {
            let folder = File::open(folder.unwrap_or(Path::new(".")));
            folder.and_then(|folder| folder.sync_all()).map_err(|error| refuse(to, &error))
        });
    if copied.is_err() {
        // What is half done is nobody's backup.
        let _ = std::fs::remove_file(part);
    }
    copied
}

fn copy(
    source: &Connection,
    part: &Path,
    progress: &mut impl FnMut(i32, i32),
) -> Result<(), String> {
    // Made first, so that nobody else can read it: it holds the sealing keys.
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(part).map_err(|error| error.to_string())?;
    let sqlite = |error: rusqlite::Error| error.to_string();
    let mut copy = Connection::open(part).map_err(sqlite)?;
    {
        let backup = Backup::new(source, &mut copy).map_err(sqlite)?;
        loop {
            let step = backup.step(PAGES).map_err(sqlite)?;
            let at = backup.progress();
            progress(at.pagecount - at.remaining, at.pagecount);
            if step == rusqlite::backup::StepResult::Done {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(sqlite)?;
    let sound: String =
        copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(sqlite)?;
    if sound != "ok" {
        return Err(format!("the copy is not sound: {sound}"));
    }
    drop(copy);
    file.sync_all().map_err(|error| error.to_string())
}
