//! Opening the ledger file: the lock, the schema, the settings that make commits durable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::schema::{self, APPLICATION_ID, SCHEMA};
use crate::durable;
use crate::state::{self, Held, Holder, Lock};

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
    #[error("the ledger {path} is in use by {holder}")]
    InUse {
        /// The file.
        path: String,
        /// Which.
        holder: Holder,
    },
    /// Written by a newer station.
    #[error("the ledger {path} has schema {found}, this station knows {SCHEMA}")]
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

impl OpenError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::Writer(_) => "name a ledger this station can open and write",
            Self::InUse { .. } => "stop that one first",
            Self::Newer { .. } => "run the version that wrote it, or a newer one",
            Self::Foreign { .. } => "name a ledger of a station, or a file that is not there yet",
            Self::Journal(_) => "name a folder this station can write",
        }
    }

    pub(super) fn file(path: &Path, problem: &dyn std::fmt::Display) -> Self {
        Self::File { path: path.display().to_string(), problem: problem.to_string() }
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Writer(error.to_string())
    }
}

/// A ledger's locks: by its name, so that a restore cannot exchange the file under a station, and of
/// the file itself, so that no other name opens it twice. To be dropped behind every connection:
/// closing the file gives back the locks that SQLite has on it.
pub(super) struct Locks {
    _name: Held,
    _file: Option<Held>,
}

/// What a writer has open.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) locks: Locks,
    /// Where the file really is.
    pub(super) path: PathBuf,
}

/// Opens the file for the one writer; makes it and its folder where there is none.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let refuse = |error: io::Error| OpenError::file(path, &error);
    if let Some(folder) = path.parent() {
        state::make_folder(folder).map_err(refuse)?;
        durable::flush_way_to(folder).map_err(refuse)?;
    }
    let path = &real(path)?;
    let refuse = |error: io::Error| OpenError::file(path, &error);
    let name = lock_name(path)?;
    make(path).map_err(refuse)?;
    let file = lock_content(path)?;
    let connection = Connection::open(path).map_err(|error| OpenError::file(path, &error))?;
    private(path).map_err(refuse)?;
    prepare(&connection, path)?;
    let locks = Locks { _name: name, _file: Some(file) };
    Ok(Opened { connection, locks, path: path.clone() })
}

/// Locks a ledger that is to be exchanged, and that may be missing.
pub(super) fn lock_all(path: &Path) -> Result<Locks, OpenError> {
    let name = lock_name(path)?;
    let file = path.exists().then(|| lock_content(path)).transpose()?;
    Ok(Locks { _name: name, _file: file })
}

/// The file a path leads to. What is not a file is refused before anything is made beside it.
pub(super) fn real(path: &Path) -> Result<PathBuf, OpenError> {
    let refuse = |error: io::Error| OpenError::file(path, &error);
    match std::fs::metadata(path) {
        Ok(about) if about.is_dir() => {
            Err(OpenError::file(path, &"it is a folder; give the path of a file in it"))
        }
        Ok(about) if !about.is_file() => Err(OpenError::file(path, &"it is not a file")),
        Ok(_) => std::fs::canonicalize(path).map_err(refuse),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refuse(error)),
        Err(_) if path.is_symlink() => {
            Err(OpenError::file(path, &"it is a link to a file that is not there"))
        }
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")));
            let name = path.file_name().unwrap_or_default();
            // Without its folder it is nobody's yet.
            Ok(folder.map_or_else(|_| path.to_owned(), |folder| folder.join(name)))
        }
    }
}

/// An empty file is a new ledger. Made here and not by SQLite, so that nobody else can ever read it
/// and its companions get its owner.
fn make(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => state::keep_owner(&file, path)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // Also of one that was there: whoever made it may have died before its name was on disk.
    sync_folder(path)
}

/// Has the names in a file's folder on disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    durable::flush_names(folder.unwrap_or(Path::new(".")))
}

/// Opens the file for reading.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Who has the ledger open for writing.
pub fn holder(path: &Path) -> Option<Holder> {
    let path = real(path).ok()?;
    state::holder(&beside(&path, ".lock")).or_else(|| state::holder(&path))
}

/// The name of a ledger's companion.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn lock_name(path: &Path) -> Result<Held, OpenError> {
    ours(state::lock(&beside(path, ".lock")), path)
}

fn lock_content(path: &Path) -> Result<Held, OpenError> {
    ours(File::open(path).and_then(|file| state::lock_file(file, path)), path)
}

fn ours(locked: io::Result<Lock>, path: &Path) -> Result<Held, OpenError> {
    match locked {
        Ok(Lock::Ours(held)) => Ok(held),
        Ok(Lock::Theirs(holder)) => {
            Err(OpenError::InUse { path: path.display().to_string(), holder })
        }
        Err(error) => Err(OpenError::file(path, &error)),
    }
}

/// The schema of a ledger that this station can read; none for an empty file.
pub(super) fn schema_of(connection: &Connection, path: &Path) -> Result<Option<i32>, OpenError> {
    let refuse = |error: rusqlite::Error| OpenError::file(path, &error);
    let shown = path.display().to_string();
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (id, schema) =
        (pragma("application_id").map_err(refuse)?, pragma("user_version").map_err(refuse)?);
    if schema > SCHEMA && id == APPLICATION_ID {
        return Err(OpenError::Newer { path: shown, found: schema });
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(refuse)?;
    match id {
        0 if tables == 0 => Ok(None),
        APPLICATION_ID => Ok(Some(schema)),
        _ => Err(OpenError::Foreign { path: shown }),
    }
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let refuse = |error: rusqlite::Error| OpenError::file(path, &error);
    connection.busy_timeout(PATIENCE).map_err(refuse)?;
    let schema = schema_of(connection, path)?;
    // FULL: the log is flushed at every commit, so that what was acknowledged survives power
    // loss (house rule 4). The log is folded in when the writer is idle, seldom at a commit.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 16000;",
        )
        .map_err(refuse)?;
    if schema.is_none() {
        schema::make(connection).map_err(refuse)?;
    }
    schema::bring_up(connection, schema.unwrap_or(1)).map_err(refuse)?;
    // A file that can be read but not written is found here, not at the first unit.
    super::apply::probe(connection).map_err(|error| OpenError::file(path, &error))
}

/// The ledger holds a secret (the sealing keys): nobody but the station may read it.
fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
