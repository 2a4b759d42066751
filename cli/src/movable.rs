//! Whether the places of an identity can be exchanged, and what is old there removed, tried before
//! the injection: afterwards the device has lost what it had.
//!
//! Nothing of the old identity is moved. Two new names of the same kind are exchanged in the very
//! same folder, and what will be moved is renamed onto something that cannot be replaced: the system
//! says no either way, and which no it is tells whether it could be moved at all (rename(2)). A
//! folder in the lower layer of an overlay cannot, nor can a mount point.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use crate::failure::{Failure, Kind};
use crate::swap::{folder_of, make_folders, resolve};

/// What this program's own trials are called.
const TRIAL: &str = ".pep-try-";
const ONE: &str = ".pep-try-one";
const OTHER: &str = ".pep-try-other";
/// Folders in folders that are looked into.
const DEEPEST: usize = 32;

/// What is put into a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// A folder.
    Folder,
    /// A file.
    File,
}

impl New {
    fn make(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Folder => fs::create_dir(path),
            Self::File => fs::write(path, ""),
        }
    }
}

/// Try whether `place` could be exchanged with something new beside it.
///
/// Fails with [`Kind::Local`].
pub fn try_exchange(place: &Path, new: New) -> Result<(), Failure> {
    let tried = || {
        let place = resolve(place)?;
        let folder = folder_of(&place);
        make_folders(folder)?;
        sweep(folder)?;
        let there = place.symlink_metadata().is_ok();
        let (one, other) = (folder.join(ONE), folder.join(OTHER));
        new.make(&one)?;
        let how = if there {
            new.make(&other)?;
            RenameFlags::EXCHANGE
        } else {
            RenameFlags::NOREPLACE
        };
        let moved = renameat_with(CWD, &one, CWD, &other, how).map_err(io::Error::from);
        let swept = sweep(folder);
        moved.and(swept)?;
        moves(&place, trial(folder)?.path())
    };
    tried().map_err(|error| cannot("replace", place, &error))
}

/// Try whether everything in `folder`, or the file `folder`, could be removed, but what is at, above
/// or below the paths in `keep`.
///
/// Fails with [`Kind::Local`].
pub fn try_clear(folder: &Path, keep: &[&Path]) -> Result<(), Failure> {
    let refuse = |error: &io::Error| cannot("clear", folder, error);
    let found = match folder.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| refuse(&error))?,
    };
    let within = if found.is_dir() { folder } else { folder_of(folder) };
    let trial = sweep(within).and_then(|()| trial(within)).map_err(|error| refuse(&error))?;
    if !found.is_dir() {
        return moves(folder, trial.path()).map_err(|error| refuse(&error));
    }
    for entry in fs::read_dir(folder).map_err(|error| refuse(&error))? {
        let path = entry.map_err(|error| refuse(&error))?.path();
        if path == trial.path() || keep.iter().any(|kept| path.starts_with(kept)) {
            continue;
        }
        if keep.iter().any(|kept| kept.starts_with(&path)) {
            try_clear(&path, keep)?;
        } else {
            let moved = moves(&path, trial.path()).or_else(|error| match error.kind() {
                // Removed where it is.
                ErrorKind::CrossesDevices => Ok(()),
                _ => Err(error),
            });
            moved
                .and_then(|()| one_file_system(&path, found.dev(), DEEPEST))
                .map_err(|error| cannot("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// A folder of our own with something in it, so that nothing can be renamed onto it.
fn trial(folder: &Path) -> io::Result<TempDir> {
    let made = tempfile::Builder::new().prefix(TRIAL).tempdir_in(folder)?;
    fs::write(made.path().join("full"), "")?;
    Ok(made)
}

/// Removes trials that were killed.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(TRIAL) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Whether `path`, if it is there, could be moved; `full` is a folder with something in it.
fn moves(path: &Path, full: &Path) -> io::Result<()> {
    if let Err(error) = path.symlink_metadata() {
        return if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) };
    }
    match fs::rename(path, full) {
        // No file system does that; it is put back all the same.
        Ok(()) => fs::rename(full, path),
        Err(error) => match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
                Ok(())
            }
            _ => Err(error),
        },
    }
}

/// Nothing is mounted below: what is could not be removed.
fn one_file_system(path: &Path, device: u64, levels: usize) -> io::Result<()> {
    let found = path.symlink_metadata()?;
    if !found.is_dir() {
        return Ok(());
    }
    if found.dev() != device {
        let shown = path.display();
        return Err(io::Error::new(ErrorKind::ResourceBusy, format!("{shown} is a mount point")));
    }
    let levels = levels.checked_sub(1).ok_or_else(|| io::Error::other("it is too deep"))?;
    for entry in fs::read_dir(path)? {
        one_file_system(&entry?.path(), device, levels)?;
    }
    Ok(())
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    // Its own text names a trial of ours, which would only puzzle.
    let text = error.to_string();
    let why = text.split(" at path ").next().unwrap_or_default();
    let (why, hint) = match error.kind() {
        ErrorKind::CrossesDevices => (
            format!(
                "it lies in the lower layer of an overlay, from which no folder can be moved ({why})"
            ),
            "keep it on a file system of its own, or mount the overlay with redirect_dir=on; do it \
             before the injection",
        ),
        ErrorKind::ResourceBusy => (
            format!("something is mounted there ({why})"),
            "name a folder below the mount point in the platform, before the injection",
        ),
        ErrorKind::InvalidInput | ErrorKind::Unsupported => (
            format!("its file system cannot exchange two names ({why})"),
            "keep it on ext4, XFS, btrfs, f2fs or tmpfs; do it before the injection",
        ),
        _ => (why.to_owned(), "fix it before the injection, and repeat the command"),
    };
    Failure::new(Kind::Local, format!("cannot {verb} {path} later: {why}")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn trying_changes_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("gw");
        fs::create_dir_all(folder.join("mcc/pal")).unwrap();
        fs::create_dir_all(folder.join(format!("{TRIAL}killed"))).unwrap();
        for file in ["identity.json", "old", "mcc/pal/key"] {
            fs::write(folder.join(file), file).unwrap();
        }
        for (there, new) in [
            ("mcc", New::Folder),
            ("identity.json", New::File),
            ("not-there", New::Folder),
            ("not-there/either", New::File),
        ] {
            try_exchange(&folder.join(there), new).unwrap();
        }
        fs::remove_dir(folder.join("not-there")).unwrap();
        try_clear(&folder, &[&folder.join("mcc/pal")]).unwrap();
        try_clear(&folder.join("old"), &[]).unwrap();
        try_clear(&folder.join("nowhere"), &[]).unwrap();
        assert_eq!(names(&folder), ["identity.json", "mcc", "old"]);
        assert_eq!(fs::read(folder.join("mcc/pal/key")).unwrap(), b"mcc/pal/key");
        assert_eq!(fs::read(folder.join("old")).unwrap(), b"old");
    }

    #[test]
    fn a_mount_point_can_be_neither_moved_nor_removed() {
        // This one is on every machine.
        let failure = try_exchange(Path::new("/proc"), New::Folder).unwrap_err();
        assert!(failure.message().starts_with("cannot replace /proc later: "), "{failure}");
        assert!(moves(Path::new("/proc"), Path::new("/")).is_err());
    }
}
