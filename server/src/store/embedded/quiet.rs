//! Reading a ledger without leaving a trace: no file is made, removed or given to anybody else,
//! whether a station runs on it, has stopped, or was killed.
//!
//! SQLite makes a `-shm` file for whoever reads a ledger with a write-ahead log, and a `-wal` file
//! where there is none. So the way in depends on what is there.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::open::{self, OpenError, PATIENCE, beside};

/// A reading connection.
pub(super) struct Quiet {
    pub(super) connection: Connection,
    path: PathBuf,
    /// What the file was like before, where nothing keeps others from writing it meanwhile.
    seen: Option<Seen>,
}

#[derive(PartialEq)]
struct Seen {
    file: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl Seen {
    fn of(about: &Metadata) -> Self {
        Self {
            file: (about.dev(), about.ino()),
            length: about.len(),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

impl Quiet {
    /// Opens the ledger at `path`, which must be there.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let path = open::real(path)?;
        let refuse = |error: &dyn std::fmt::Display| OpenError::file(&path, error);
        let about = std::fs::metadata(&path).map_err(|error| refuse(&error))?;
        let seen = Seen::of(&about);
        let log = std::fs::metadata(beside(&path, "-wal")).map_or(0, |about| about.len());
        let has_index = beside(&path, "-shm").exists();
        let has_log = beside(&path, "-wal").exists();
        let undo = std::fs::metadata(beside(&path, "-journal")).map_or(0, |about| about.len());
        let (connection, seen) = if has_log && has_index || undo > 0 {
            (shared(&path), None)
        } else if log > 0 {
            (alone(&path), None)
        } else {
            (unlogged(&path), Some(seen))
        };
        let connection = connection.map_err(|error| refuse(&error))?;
        Ok(Self { connection, path, seen })
    }

    /// Whether everything that was read so far is of one moment.
    pub(super) fn is_whole(&self) -> bool {
        let Some(seen) = &self.seen else { return true };
        let now = std::fs::metadata(&self.path);
        let has_log = std::fs::metadata(beside(&self.path, "-wal")).is_ok_and(|it| it.len() > 0);
        !has_log && now.is_ok_and(|now| Seen::of(&now) == *seen)
    }
}

/// Both companions are there, be it that a station runs or that one was killed: nothing is made, and
/// a reader removes nothing.
fn shared(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// A log without its index: read by one who has the file alone, and so keeps the index in memory.
/// The log is left as it is.
fn alone(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(connection)
}

/// No log: the file is all there is. Nothing is locked, so the reader looks afterwards whether
/// anybody has written meanwhile.
fn unlogged(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri(path), flags)
}

/// The path as SQLite's URI, every other byte than plain ones escaped.
fn uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}
