//! Something new in the place of something old, in one move: a file or a folder.
//!
//! The new is copied beside its place and flushed; then both names are exchanged in one step of the
//! file system (renameat2(2)), so that at every moment, a power cut included, the old or the new is
//! there whole. The old is removed by the caller, when everything else is in place too.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown,
};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::failure::{Failure, Kind};

/// Folders in folders that are copied: the client's `pal/` has two levels.
const DEEPEST: usize = 32;

/// A copy that is whole on the disk, beside the place where it shall be.
///
/// Dropped, it is removed.
pub struct Staged {
    copy: PathBuf,
    place: PathBuf,
    keep: bool,
}

/// What was in the place before, if anything was.
pub struct Old(Option<PathBuf>);

impl Staged {
    /// Copy the file or folder `source` beside `place`. Folders above it are made.
    ///
    /// A `place` that is a symbolic link stays one: what it points to is replaced. Fails with
    /// [`Kind::Local`], and then nothing has changed.
    pub fn copy(source: &Path, place: &Path) -> Result<Self, Failure> {
        let place = resolve(place).map_err(|error| cannot("replace", place, &error))?;
        let folder = folder_of(&place);
        make_folders(folder).map_err(|error| cannot("make", folder, &error))?;
        let copy = beside(&place);
        // Left by one that was killed: a part of a copy, or what was old then.
        remove(&copy)?;
        let staged = Self { copy, place: place.clone(), keep: false };
        copy_tree(source, &staged.copy, DEEPEST)
            .and_then(|()| flush(folder))
            .map_err(|error| cannot("copy", source, &error))?;
        Ok(staged)
    }

    /// Put the copy into its place. Fails with [`Kind::Local`], and then the old is still there.
    pub fn put_in_place(mut self) -> Result<Old, Failure> {
        let there = self.place.symlink_metadata().is_ok();
        let how = if there { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        renameat_with(CWD, &self.copy, CWD, &self.place, how)
            .map_err(|error| cannot("replace", &self.place, &error.into()))?;
        self.keep = true;
        flush(folder_of(&self.place)).map_err(|error| cannot("flush", &self.place, &error))?;
        Ok(Old(there.then(|| self.copy.clone())))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.keep {
            // The failure that led here is the one to be told.
            let _ = remove(&self.copy);
        }
    }
}

impl Old {
    /// Remove what was there before.
    pub fn remove(self) -> Result<(), Failure> {
        self.0.map_or(Ok(()), |path| remove(&path))
    }
}

/// Remove a file or folder, whatever is in it, and what a killed removal of it left; what is not
/// there is no failure.
///
/// A folder is renamed first: half of it is never taken for the whole. What is gone stays gone: keys
/// are in it, and a power cut must not bring them back.
pub fn remove(path: &Path) -> Result<(), Failure> {
    let refuse = |error: &io::Error| cannot("remove", path, error);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let going = path.with_file_name(format!(".{}.pep-gone", name.trim_start_matches('.')));
    if going.symlink_metadata().is_ok() {
        fs::remove_dir_all(&going).map_err(|error| refuse(&error))?;
    }
    let kind = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refuse(&error)),
        Ok(found) => found.file_type(),
    };
    if !kind.is_dir() {
        return fs::remove_file(path)
            .and_then(|()| flush(folder_of(path)))
            .map_err(|error| refuse(&error));
    }
    fs::rename(path, &going)
        .and_then(|()| flush(folder_of(path)))
        .and_then(|()| fs::remove_dir_all(&going))
        .and_then(|()| flush(folder_of(path)))
        .map_err(|error| refuse(&error))
}

/// Remove everything in a folder but what is at, above or below the paths in `keep`; a file is
/// removed itself.
pub fn clear(folder: &Path, keep: &[&Path]) -> Result<(), Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return remove_old(folder),
        Err(error) => return Err(cannot("clear", folder, &error)),
        Ok(entries) => entries,
    };
    for entry in entries {
        let path = entry.map_err(|error| cannot("clear", folder, &error))?.path();
        if keep.iter().any(|kept| path.starts_with(kept)) {
            continue;
        }
        if keep.iter().any(|kept| kept.starts_with(&path)) {
            clear(&path, keep)?;
        } else {
            remove_old(&path)?;
        }
    }
    Ok(())
}

/// Remove something old, half of which nobody takes for the whole: where it cannot be renamed first,
/// as in the lower layer of an overlay, it goes where it is.
fn remove_old(path: &Path) -> Result<(), Failure> {
    remove(path).or_else(|failure| match path.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            fs::remove_dir_all(path).map_err(|error| cannot("remove", path, &error))
        }
        _ => Err(failure),
    })
}

/// Write this many bytes beside `place` for a moment: whether there is room, and the right to it.
pub fn try_room(place: &Path, bytes: usize) -> Result<(), Failure> {
    let folder = folder_of(place);
    make_folders(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .and_then(|mut file| {
            io::Write::write_all(&mut file, &vec![0; bytes])?;
            file.sync_all()
        })
        .map_err(|error| cannot("write into", folder, &error))
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.pep-part"))
}

/// The place behind a symbolic link.
pub fn resolve(place: &Path) -> io::Result<PathBuf> {
    match place.symlink_metadata() {
        Ok(found) if found.is_symlink() => place.canonicalize(),
        _ => Ok(place.to_owned()),
    }
}

fn copy_tree(source: &Path, copy: &Path, levels: usize) -> io::Result<()> {
    let found = source.symlink_metadata()?;
    let mode = Permissions::from_mode(found.mode() & 0o7777);
    let of_its_owner = |file: &File| {
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
            chown(copy, Some(found.uid()), Some(found.gid()))?;
        }
        file.set_permissions(mode.clone())?;
        file.sync_all()
    };
    if found.is_dir() {
        let levels = levels.checked_sub(1).ok_or_else(|| io::Error::other("it is too deep"))?;
        fs::DirBuilder::new().mode(0o700).create(copy)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy_tree(&entry.path(), &copy.join(entry.file_name()), levels)?;
        }
        of_its_owner(&File::open(copy)?)
    } else if found.is_file() {
        // Keys are in it: for its owner alone until it is whole.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?;
        io::copy(&mut File::open(source)?, &mut file)?;
        of_its_owner(&file)
    } else {
        let shown = source.display();
        Err(io::Error::other(format!("{shown} is neither a file nor a folder")))
    }
}

/// Make the folders that are missing, each flushed into the one above it.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folders(folder_of(folder))?;
    fs::create_dir(folder)?;
    flush(folder_of(folder))
}

fn flush(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn cannot(verb: &str, path: &Path, why: &io::Error) -> Failure {
    Failure::new(Kind::Local, format!("cannot {verb} {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(folder: &Path) -> Vec<String> {
        let mut found: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn modes_and_depths_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let (source, target) = (place.path().join("pal"), place.path().join("a/b/mcc"));
        fs::create_dir_all(source.join("pal/WORKING")).unwrap();
        fs::write(source.join("pal/WORKING/key"), "k").unwrap();
        fs::set_permissions(source.join("pal/WORKING/key"), Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(source.join("pal"), Permissions::from_mode(0o750)).unwrap();
        let old = Staged::copy(&source, &target).unwrap().put_in_place().unwrap();
        assert!(old.0.is_none());
        old.remove().unwrap();
        assert_eq!(fs::read(target.join("pal/WORKING/key")).unwrap(), b"k");
        let mode = |path: &str| target.join(path).metadata().unwrap().mode() & 0o7777;
        assert_eq!((mode("pal"), mode("pal/WORKING/key")), (0o750, 0o640));
        assert_eq!(tree(&place.path().join("a/b")), ["mcc"]);
    }

    #[test]
    fn what_is_no_file_is_not_copied_and_nothing_is_left() {
        let place = tempfile::tempdir().unwrap();
        let (source, target) = (place.path().join("pal"), place.path().join("mcc"));
        fs::create_dir(&source).unwrap();
        symlink("/etc/passwd", source.join("link")).unwrap();
        let failure = Staged::copy(&source, &target).err().unwrap();
        assert!(failure.message().contains("neither a file nor a folder"), "{failure}");
        assert_eq!(tree(place.path()), ["pal"]);
    }

    #[test]
    fn a_link_to_the_place_stays_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real"), place.path().join("link"));
        let source = place.path().join("new");
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        fs::create_dir(&source).unwrap();
        fs::write(source.join("x"), "").unwrap();
        Staged::copy(&source, &link).unwrap().put_in_place().unwrap().remove().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(tree(&real), ["x"]);
    }

    #[test]
    fn clearing_spares_what_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("gw");
        fs::create_dir_all(folder.join("mbed/mcc/pal")).unwrap();
        fs::create_dir_all(folder.join("other/x")).unwrap();
        for file in ["identity.json", "ca.pem", "mbed/old", "mbed/mcc/pal/key"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let (identity, mcc) = (folder.join("identity.json"), folder.join("mbed/mcc"));
        clear(&folder, &[&identity, &mcc]).unwrap();
        assert_eq!(tree(&folder), ["identity.json", "mbed"]);
        assert_eq!(tree(&folder.join("mbed")), ["mcc"]);
        assert_eq!(tree(&mcc), ["pal"]);
        clear(&place.path().join("nowhere"), &[]).unwrap();
    }
}
