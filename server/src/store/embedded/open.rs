//! Opening the ledger file: the lock, the schema, the settings that make commits durable.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::schema::{self, APPLICATION_ID, SCHEMA};

/// How long a foreign process may hold the file before a call gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Why a ledger cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be made or opened.
    #[error("the ledger {path} cannot be opened: {problem}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        problem: String,
    },
    /// Another station has it open.
    #[error("the ledger {path} is in use by another station; stop that one first")]
    InUse {
        /// The file.
        path: String,
    },
    /// Written by a newer station.
    #[error(
        "the ledger {path} has schema {found}, this station knows {SCHEMA}; run the version that \
         wrote it, or a newer one"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema.
        found: i32,
    },
    /// A database of something else.
    #[error("{path} is a database, but not a ledger of this station")]
    Foreign {
        /// The file.
        path: String,
    },
    /// The journal cannot be read or written.
    #[error("{0}")]
    Journal(String),
    /// The writer could not be started.
    #[error("the ledger's writer cannot start: {0}")]
    Writer(String),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Writer(error.to_string())
    }
}

/// Opens the file for the one writer. The lock is held as long as the file it comes with.
pub(super) fn open(path: &Path) -> Result<(Connection, File), OpenError> {
    let shown = path.display().to_string();
    let refuse = |problem: &dyn std::fmt::Display| OpenError::File {
        path: shown.clone(),
        problem: problem.to_string(),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| refuse(&error))?;
        crate::durable::flush_way_to(folder).map_err(|error| refuse(&error))?;
    }
    let lock = lock(path, &shown)?;
    let connection = Connection::open(path).map_err(|error| refuse(&error))?;
    private(path).map_err(|error| refuse(&error))?;
    prepare(&connection, &shown)?;
    Ok((connection, lock))
}

/// Opens the file for reading.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Whether somebody holds the lock. What cannot be found out is left to whoever opens the file.
pub(super) fn is_locked(path: &Path) -> bool {
    let file = File::open(lock_file(path));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn lock(path: &Path, shown: &str) -> Result<File, OpenError> {
    let refuse = |problem: String| OpenError::File { path: shown.to_owned(), problem };
    let file = OpenOptions::new().create(true).append(true).open(lock_file(path));
    let file = file.map_err(|error| refuse(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: shown.to_owned() }),
        Err(TryLockError::Error(error)) => Err(refuse(error.to_string())),
    }
}

fn prepare(connection: &Connection, shown: &str) -> Result<(), OpenError> {
    let refuse = |error: rusqlite::Error| OpenError::File {
        path: shown.to_owned(),
        problem: error.to_string(),
    };
    connection.busy_timeout(PATIENCE).map_err(refuse)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (id, schema) =
        (pragma("application_id").map_err(refuse)?, pragma("user_version").map_err(refuse)?);
    if schema > SCHEMA && id == APPLICATION_ID {
        return Err(OpenError::Newer { path: shown.to_owned(), found: schema });
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(refuse)?;
    let fresh = tables == 0 && id == 0;
    if !fresh && id != APPLICATION_ID {
        return Err(OpenError::Foreign { path: shown.to_owned() });
    }
    // FULL: the log is flushed at every commit, so that what was acknowledged survives power
    // loss (house rule 4). The log is folded in when the writer is idle, seldom at a commit.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 16000;",
        )
        .map_err(refuse)?;
    if fresh {
        schema::make(connection).map_err(refuse)?;
    }
    schema::bring_up(connection, if fresh { 1 } else { schema }).map_err(refuse)?;
    // A file that can be read but not written is found here, not at the first unit.
    super::apply::probe(connection)
        .map_err(|error| OpenError::File { path: shown.to_owned(), problem: error.to_string() })
}

/// The ledger holds a secret (the sealing keys): nobody but the station may read it.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
