//! A copy of the ledger while it is in use: SQLite's online backup, checked, and in place whole or
//! not at all.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::look::{LedgerLook, look, read};
use super::open::{self, OpenError, beside, sync_folder};
use super::part::{COMPANIONS, Part};
use super::quiet::Quiet;
use super::{last_backup, part};
use crate::journal;

/// Copies of a ledger that a station begins to write meanwhile.
const ROUNDS: usize = 5;

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// What is in it.
    pub copy: LedgerLook,
    /// Its length in bytes.
    pub length: u64,
    /// Why the station will not know of it, where it will not.
    pub unnoted: Option<String>,
}

/// Why there is no copy. Nothing is left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no ledger at {path}")]
    NoLedger {
        /// Where one was looked for.
        path: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The target is there.
    #[error("{path} exists already; backups overwrite nothing: give another name")]
    Exists {
        /// The target.
        path: String,
    },
    /// The target belongs to the ledger or its journal.
    #[error("{path} is a name of the ledger's own files; give another name")]
    Companion {
        /// The target.
        path: String,
    },
    /// The target cannot be written.
    #[error("{path} cannot be written: {problem}")]
    Target {
        /// The target.
        path: String,
        /// What is in the way.
        problem: String,
    },
    /// The copy is not what it should be.
    #[error("the copy differs from the ledger: {0}")]
    Differs(String),
}

/// Copies the ledger at `path` to `to`, which must not exist. `progress` is told pages copied and
/// pages in all. The ledger and its folder stay as they are, but for the note of `at`, the moment.
///
/// # Errors
/// [`BackupError`].
pub fn backup(
    path: &Path,
    to: &Path,
    at: Timestamp,
    mut progress: impl FnMut(i32, i32),
) -> Result<BackedUp, BackupError> {
    let source = look(path)?;
    let source = source.filter(|source| source.schema.is_some());
    let source = source.ok_or(BackupError::NoLedger { path: path.display().to_string() })?;
    let refuse = |problem: String| BackupError::Target { path: to.display().to_string(), problem };
    check_target(&source.path, to)?;
    for _ in 0..ROUNDS {
        let part = Part::make(beside(to, ".part")).map_err(refuse)?;
        let quiet = Quiet::open(&source.path)?;
        let copy = part.fill(&quiet.connection, |_| Ok(()), &mut progress);
        if !quiet.is_whole() {
            continue;
        }
        let copy = copy.map_err(|problem| refuse(in_words(&problem)))?;
        let before = read(&quiet.connection, &source.path)?;
        drop(quiet);
        compare(&source, &before, &copy)?;
        place(&part, to)?;
        let length = std::fs::metadata(to).map_or(0, |about| about.len());
        let noted = last_backup::write(&source.path, at);
        let unnoted = noted.err().map(|error| error.to_string());
        return Ok(BackedUp { copy: LedgerLook { path: to.to_owned(), ..copy }, length, unnoted });
    }
    let busy = OpenError::file(path, &"stations start and stop on it; try again");
    Err(BackupError::Ledger(busy))
}

/// Looks at the target before anything is copied.
fn check_target(ledger: &Path, to: &Path) -> Result<(), BackupError> {
    let shown = to.display().to_string();
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists { path: shown });
    }
    let refuse = |problem: String| BackupError::Target { path: shown.clone(), problem };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if to.file_name().is_none() || !folder.is_dir() {
        return Err(refuse(format!("{} is not a folder; make it first", folder.display())));
    }
    let real = open::real(to)?;
    let own = COMPANIONS.iter().chain(&[".lock", ".last-backup"]);
    if own.map(|suffix| beside(ledger, suffix)).any(|path| path == real)
        || journal::names_journal(&real)
    {
        return Err(BackupError::Companion { path: shown });
    }
    // SQLite would take them for the copy's own.
    let stale = COMPANIONS.iter().map(|suffix| beside(to, suffix));
    match stale.into_iter().find(|path| path.exists()) {
        Some(stale) => Err(refuse(format!("{} is in the way; remove it", stale.display()))),
        None => Ok(()),
    }
}

/// The copy against the ledger as it was found before, and as it is now.
fn compare(found: &LedgerLook, now: &LedgerLook, copy: &LedgerLook) -> Result<(), BackupError> {
    if copy.id != found.id {
        return Err(BackupError::Differs("it has another id".to_owned()));
    }
    if copy.units < found.units || copy.units > now.units {
        let problem = format!("it has {} units, the ledger {}", copy.units, now.units);
        return Err(BackupError::Differs(problem));
    }
    Ok(())
}

/// Gives the copy its name, which nobody may have taken meanwhile.
fn place(part: &Part, to: &Path) -> Result<(), BackupError> {
    let shown = || to.display().to_string();
    let refuse =
        |error: io::Error| BackupError::Target { path: shown(), problem: error.to_string() };
    match std::fs::hard_link(&part.path, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists { path: shown() });
        }
        Ok(()) => part::remove(&part.path).map_err(refuse)?,
        // A file system without links.
        Err(_) if std::fs::symlink_metadata(to).is_ok() => {
            return Err(BackupError::Exists { path: shown() });
        }
        Err(_) => std::fs::rename(&part.path, to).map_err(refuse)?,
    }
    sync_folder(to).map_err(refuse)
}

/// SQLite says it in its own way.
fn in_words(problem: &str) -> String {
    if problem.contains("disk is full") {
        "its disk has no room".to_owned()
    } else {
        problem.to_owned()
    }
}
