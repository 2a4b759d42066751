//! Files of a station's state: which process holds them, and whose they are.
//!
//! A lock lasts as long as the file that was locked stays open; the system gives it back when a
//! process ends, however it ends.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

/// A lock, held until it is dropped.
pub struct Held {
    _file: File,
}

/// What became of a try to lock.
pub enum Lock {
    /// It is ours.
    Ours(Held),
    /// Another process has it.
    Theirs(Holder),
}

/// The process that has a lock: its number, where the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "another station, process {number}"),
            None => f.write_str("another station"),
        }
    }
}

/// Locks by the file at `path`, which is made where it is missing, and writes this process's number
/// into it for people.
///
/// # Errors
/// The system's.
pub fn lock(path: &Path) -> io::Result<Lock> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(path)?;
    if is_new {
        keep_owner(&file, path)?;
    }
    match lock_file(file.try_clone()?, path)? {
        Lock::Ours(held) => {
            // For people alone: what cannot be written is not missed.
            let noted = file.set_len(0);
            if let Err(error) = noted.and_then(|()| writeln!(file, "{}", std::process::id())) {
                tracing::debug!(%error, "the lock file does not name this process");
            }
            Ok(Lock::Ours(held))
        }
        theirs => Ok(theirs),
    }
}

/// Locks an open file itself, whatever names it has; `path` is one of them.
///
/// # Errors
/// The system's.
pub fn lock_file(file: File, path: &Path) -> io::Result<Lock> {
    match file.try_lock() {
        Ok(()) => Ok(Lock::Ours(Held { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(Lock::Theirs(holder_of(path))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Who has the lock of the file at `path`. What cannot be found out is left to whoever locks it.
pub fn holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)).then(|| holder_of(path))
}

/// The kernel's list of locks knows; else what the holder has written.
fn holder_of(path: &Path) -> Holder {
    let inode = std::fs::metadata(path).map(|about| about.ino()).ok();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let listed = inode.and_then(|inode| locks.lines().find_map(|line| locker(line, inode)));
    let written = || {
        // A ledger is locked as well, and is not text of a few bytes.
        let short = std::fs::metadata(path).is_ok_and(|about| about.len() < 16);
        let text = std::fs::read_to_string(path).ok().filter(|_| short)?;
        text.trim().parse().ok()
    };
    Holder(listed.or_else(written))
}

/// The process of one line of `/proc/locks`, if it holds the file with this inode:
/// `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`.
fn locker(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, process, file, ..] = fields.as_slice() else { return None };
    let of_file = file.rsplit(':').next()?.parse::<u64>().ok()? == inode;
    process.parse().ok().filter(|number| of_file && *number > 0)
}

/// What root makes beside a user's files is that user's: the owner of the folder that `path` lies
/// in gets the new file.
///
/// # Errors
/// The system's.
pub fn keep_owner(file: &File, path: &Path) -> io::Result<()> {
    match owner_of_folder(path)? {
        Some((user, group)) => as_far_as_allowed(fchown(file, Some(user), Some(group))),
        None => Ok(()),
    }
}

/// A root that may not give files away, as in some containers, keeps them and can use them.
fn as_far_as_allowed(given: io::Result<()>) -> io::Result<()> {
    match given {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
            ) =>
        {
            Ok(())
        }
        given => given,
    }
}

/// The user and the group that something new at `path` has to be given to; none where it is theirs
/// by itself.
fn owner_of_folder(path: &Path) -> io::Result<Option<(u32, u32)>> {
    if !is_root() {
        return Ok(None);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let about = std::fs::metadata(folder.unwrap_or(Path::new(".")))?;
    Ok((about.uid() != 0).then(|| (about.uid(), about.gid())))
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a folder and what is missing above it, for one user alone: whoever owns the folder they
/// come to lie in.
///
/// # Errors
/// The system's.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        // Somebody else made it at the same moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match owner_of_folder(folder)? {
            Some((user, group)) => as_far_as_allowed(chown(folder, Some(user), Some(group))),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert_eq!(holder(&path), None);
        let Ok(Lock::Ours(held)) = lock(&path) else { panic!() };
        assert_eq!(holder(&path), Some(Holder(Some(std::process::id()))));
        let Ok(Lock::Theirs(by)) = lock(&path) else { panic!() };
        assert_eq!(by, Holder(Some(std::process::id())));
        // The file itself, by another of its names.
        let other = folder.path().join("b");
        std::fs::hard_link(&path, &other).unwrap();
        assert!(matches!(
            lock_file(File::open(&other).unwrap(), &other),
            Ok(Lock::Theirs(Holder(Some(_))))
        ));
        drop(held);
        assert_eq!(holder(&path), None);
    }

    #[test]
    fn lines_of_the_kernels_list_are_read() {
        let line = "7: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF";
        assert_eq!(locker(line, 1234), Some(4711));
        assert_eq!(locker(line, 234), None);
        // One that waits, one of another kind, one of a process that cannot be seen.
        for other in [
            "7: -> FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF",
            "7: POSIX  ADVISORY  WRITE 4711 fd:01:1234 0 EOF",
            "7: FLOCK  ADVISORY  WRITE 0 fd:01:1234 0 EOF",
            "",
        ] {
            assert_eq!(locker(other, 1234), None, "{other}");
        }
    }

    #[test]
    fn folders_are_one_users() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        for made in [&folder, &place.path().join("a")] {
            let mode = std::fs::metadata(made).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}
