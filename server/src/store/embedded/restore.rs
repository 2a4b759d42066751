//! Putting a backup in the ledger's place. At any moment, should the process be killed or the power
//! go, the old ledger or the new one is there, whole:
//!
//! 1. the backup is copied beside the ledger, checked, and on disk;
//! 2. the old ledger's log is folded in, so that the file is all of it;
//! 3. the copy takes the name by which the old ledger will be kept;
//! 4. the two files exchange their names, in one step.
//!
//! A log that belongs to no ledger any more must not meet the new one, which would take it for its
//! own: it is moved away before step 4.

use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::look::{LedgerLook, consistently, look, read};
use super::open::{self, OpenError, beside, sync_folder};
use super::part::{self, Part};
use super::quiet::Quiet;
use super::{about, lost};
use crate::journal;
use crate::state;
use crate::store::JournalSettings;

/// A ledger that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in place now.
    pub ledger: LedgerLook,
    /// Where the ledger that was in place before is kept.
    pub kept: Option<PathBuf>,
    /// What should be known before the station starts.
    pub warnings: Vec<String>,
}

/// Why nothing was put back. The ledger is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not there.
    #[error("{path} is not there")]
    NoBackup {
        /// The backup.
        path: String,
    },
    /// There is nothing in it.
    #[error("{path} is empty")]
    Empty {
        /// The backup.
        path: String,
    },
    /// It cannot be used, or is not a ledger.
    #[error("the backup cannot be put back: {0}")]
    Backup(OpenError),
    /// It is the ledger itself.
    #[error("{path} is the ledger itself")]
    Same {
        /// The backup.
        path: String,
    },
    /// It is one of another ledger.
    #[error(
        "the backup is of ledger {found}, in place is ledger {wanted}; give a backup of that one, \
         or --other-ledger to put another ledger in its place"
    )]
    OtherLedger {
        /// The backup's id.
        found: String,
        /// The id of the ledger in place.
        wanted: String,
    },
    /// The ledger in place is in use, or its folder cannot be used.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The files cannot be exchanged.
    #[error("{path} cannot be put in place: {problem}")]
    Exchange {
        /// The ledger.
        path: String,
        /// What is in the way.
        problem: String,
    },
}

/// Puts the backup `from` in the place of the ledger at `path`, on which no station may run.
/// `journal` is the one beside it, and is only read.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(
    path: &Path,
    from: &Path,
    journal: Option<&JournalSettings>,
    other_ledger: bool,
    at: Timestamp,
) -> Result<Restored, RestoreError> {
    let backup = match look(from).map_err(RestoreError::Backup)? {
        Some(backup) => backup,
        None => return Err(RestoreError::NoBackup { path: from.display().to_string() }),
    };
    if backup.schema.is_none() {
        return Err(RestoreError::Empty { path: from.display().to_string() });
    }
    let opening = |error: io::Error| OpenError::file(path, &error);
    if let Some(folder) = path.parent() {
        state::make_folder(folder).map_err(opening)?;
    }
    let path = &open::real(path)?;
    if backup.path == *path || is_same(&backup.path, path) {
        return Err(RestoreError::Same { path: from.display().to_string() });
    }
    let _locks = open::lock_all(path)?;
    let exchange = |error: &dyn std::fmt::Display| RestoreError::Exchange {
        path: path.display().to_string(),
        problem: error.to_string(),
    };
    let old = Old::of(path);
    let wanted = old.look.as_ref().and_then(|old| old.id.clone());
    if let (Some(found), Some(wanted)) = (&backup.id, &wanted)
        && found != wanted
        && !other_ledger
    {
        let (found, wanted) = (found.clone(), wanted.clone());
        return Err(RestoreError::OtherLedger { found, wanted });
    }
    let told = format!("{at:.0} from {}", from.display());
    let part = Part::make(beside(path, ".restoring")).map_err(|problem| exchange(&problem))?;
    let id = backup.id.clone().or(wanted).filter(|_| backup.id.is_none());
    let finish = |copy: &Connection| {
        if let Some(id) = id {
            about::id_or(copy, Some(id))?;
        }
        about::say_restored(copy, &told)
    };
    let source = Quiet::open(&backup.path).map_err(RestoreError::Backup)?;
    let found = part.fill(&source.connection, finish, |_, _| {});
    let found = found.map_err(|problem| exchange(&problem))?;
    if !source.is_whole() {
        return Err(exchange(&"the backup is being written"));
    }
    drop(source);
    let mut warnings = old.warnings.clone();
    warnings.extend(warn(&found, &part, &old, journal));
    old.give_owner(&part).map_err(|error| exchange(&error))?;
    let kept = old.replace(&part, path, at).map_err(|error| exchange(&error))?;
    Ok(Restored { ledger: LedgerLook { path: path.clone(), ..found }, kept, warnings })
}

fn is_same(one: &Path, other: &Path) -> bool {
    let inode = |path| std::fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    inode(one).is_some_and(|one| Some(one) == inode(other))
}

/// The ledger in place before.
struct Old {
    is_there: bool,
    /// None where it cannot be read.
    look: Option<LedgerLook>,
    owner: Option<(u32, u32, u32)>,
    warnings: Vec<String>,
}

impl Old {
    fn of(path: &Path) -> Self {
        let about = std::fs::metadata(path).ok();
        let owner = about.map(|about| (about.uid(), about.gid(), about.mode()));
        let is_there = owner.is_some();
        let mut warnings = Vec::new();
        let look = consistently(path, |connection| read(connection, path));
        if let Err(error) = &look
            && is_there
        {
            warnings.push(format!("the ledger in place cannot be read, and is kept: {error}"));
        }
        Self { is_there, look: look.ok().filter(|_| is_there), owner, warnings }
    }

    /// Puts the copy in its place, and gives the name it is kept by.
    fn replace(&self, part: &Part, path: &Path, at: Timestamp) -> io::Result<Option<PathBuf>> {
        let kept = free_name(path, at);
        let has_log = ["-wal", "-journal"]
            .map(|suffix| std::fs::metadata(beside(path, suffix)).map_or(0, |about| about.len()));
        if self.look.is_some() && has_log != [0, 0] {
            fold(path).map_err(io::Error::other)?;
        }
        // None is left of a ledger whose log could be folded in. Any other's must not be read with
        // the new file.
        part::remove(&beside(path, "-shm"))?;
        for suffix in ["-wal", "-journal"] {
            match std::fs::rename(beside(path, suffix), beside(&kept, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        sync_folder(path)?;
        if !self.is_there {
            std::fs::rename(&part.path, path)?;
            return sync_folder(path).map(|()| None);
        }
        std::fs::rename(&part.path, &kept)?;
        sync_folder(path)?;
        if renameat_with(CWD, &kept, CWD, path, RenameFlags::EXCHANGE).is_err() {
            // A file system that cannot exchange names: a second name for the old file does as well.
            std::fs::rename(&kept, &part.path)?;
            link(path, &kept)?;
            sync_folder(path)?;
            std::fs::rename(&part.path, path)?;
        }
        sync_folder(path)?;
        Ok(Some(kept))
    }

    /// The new file gets owner and mode of the old one. One that has no predecessor is its folder's
    /// owner's already.
    fn give_owner(&self, part: &Part) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let Some((user, group, mode)) = self.owner else { return Ok(()) };
        let about = part.file().metadata()?;
        if (about.uid(), about.gid()) != (user, group) {
            fchown(part.file(), Some(user), Some(group))?;
        }
        part.file().set_permissions(std::fs::Permissions::from_mode(mode & 0o7777))?;
        part.file().sync_all()
    }
}

/// A name nobody has: `ledger.sqlite.before-restore-20261201T101500Z`.
fn free_name(path: &Path, at: Timestamp) -> PathBuf {
    let stem = beside(path, &format!(".before-restore-{}", at.strftime("%Y%m%dT%H%M%SZ")));
    let mut name = stem.clone();
    for number in 2.. {
        if !name.exists() {
            break;
        }
        name = beside(&stem, &format!("-{number}"));
    }
    name
}

/// The same file by another name; where the file system knows no second names, a copy.
fn link(path: &Path, kept: &Path) -> io::Result<()> {
    if std::fs::hard_link(path, kept).is_ok() {
        return Ok(());
    }
    let about = std::fs::metadata(path)?;
    std::fs::copy(path, kept)?;
    let copy = std::fs::File::open(kept)?;
    if state::is_root() {
        fchown(&copy, Some(about.uid()), Some(about.gid()))?;
    }
    copy.sync_all()
}

/// Writes what the log holds into the file; the log is empty then, and goes with the connection.
fn fold(path: &Path) -> Result<(), String> {
    let sqlite = |error: rusqlite::Error| error.to_string();
    let connection = Connection::open(path).map_err(sqlite)?;
    connection.busy_timeout(open::PATIENCE).map_err(sqlite)?;
    // A reading undoes what a broken write has left.
    connection.execute_batch("SELECT count(*) FROM sqlite_master").map_err(sqlite)?;
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(sqlite)?;
    if busy != 0 {
        return Err("another program is reading the ledger; try again when it has ended".to_owned());
    }
    connection.close().map_err(|(_, error)| error.to_string())
}

/// What the next start will not bring back, and where journal and ledger do not belong together.
fn warn(
    found: &LedgerLook,
    part: &Part,
    old: &Old,
    journal: Option<&JournalSettings>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let of = journal.and_then(|journal| journal::belongs_to(&journal.folder));
    if let (Some(of), Some(journal)) = (&of, journal)
        && found.id.as_ref().is_some_and(|id| id != of)
    {
        warnings.push(format!(
            "the journal in {} is that of ledger {of}: the next start would bring its units into \
             this one; give this ledger another [journal] path first",
            journal.folder.display()
        ));
    }
    let lost = old.look.as_ref().map(|old| lost::count(&old.path, &part.path, journal));
    match lost {
        Some(Ok(0)) | None => {}
        Some(Ok(lost)) => warnings.push(format!(
            "{lost} units of the ledger that was in place are neither in the backup nor in the \
             journal: their numbers are free again, and asking for one would erase a finished \
             device"
        )),
        Some(Err(problem)) => {
            warnings.push(format!("what the restore loses could not be found out: {problem}"));
        }
    }
    warnings
}
