//! Files that are written whole or not at all.
//!
//! A temporary file beside the target takes everything; only when all of it is on the disk does it
//! take the target's name, and then the folder is flushed too, so that a power cut leaves the old file
//! or the new one. A failure or a dropped value leaves what was there before.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read as _, Seek as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::failure::{Failure, Kind};

/// Who may read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone: mode 0600.
    Owner,
    /// Whoever the umask lets: mode 0666 less the umask.
    Everybody,
}

/// A file on its way.
pub struct WholeFile {
    writer: BufWriter<NamedTempFile>,
    target: PathBuf,
    written: u64,
}

/// A file that is complete on the disk and has not got its name yet.
pub struct Complete {
    temporary: TempPath,
    target: PathBuf,
}

impl WholeFile {
    /// Begin a file that will be `target`; fails here when its folder cannot take it.
    ///
    /// A `target` that is a symbolic link stays one: the file it points to is replaced.
    pub fn begin(target: &Path, readers: Readers) -> Result<Self, Failure> {
        let refuse = |why: &io::Error| cannot_write(target, why);
        let resolved = resolve(target).map_err(|error| refuse(&error))?;
        let name = resolved
            .file_name()
            .ok_or_else(|| refuse(&io::Error::other("that is not a file name")))?;
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        // A name of 255 bytes leaves no room for more (ext4, XFS, tmpfs).
        if prefix.len() > 180 {
            prefix = ".pep".into();
        }
        let unguessable = format!(".{}.part", random_name().map_err(|error| refuse(&error))?);
        let mode = match readers {
            Readers::Owner => 0o600,
            Readers::Everybody => 0o666,
        };
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(&unguessable)
            .rand_bytes(0)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder_of(&resolved))
            .map_err(|error| refuse(&error))?;
        Ok(Self { writer: BufWriter::new(temporary), target: resolved, written: 0 })
    }

    /// Take `bytes` of disk now, before something is asked for that cannot be asked for twice.
    ///
    /// The blocks are written, not only promised, and what is written later goes into them.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Failure> {
        let file = self.writer.get_mut().as_file_mut();
        file.write_all(&vec![b' '; bytes])
            .and_then(|()| file.sync_all())
            .and_then(|()| file.rewind())
            .map_err(|error| cannot_write(&self.target, &error))
    }

    /// Append.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(|error| cannot_write(&self.target, &error))
    }

    /// Bytes appended so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Flush everything to the disk; the name comes with [`Complete::publish`].
    pub fn complete(self) -> Result<Complete, Failure> {
        let Self { writer, target, written } = self;
        let refuse = |error: &io::Error| cannot_write(&target, error);
        let temporary = writer.into_inner().map_err(|error| refuse(error.error()))?;
        let file = temporary.as_file();
        // What was reserved and not used goes.
        file.set_len(written).map_err(|error| refuse(&error))?;
        file.sync_all().map_err(|error| refuse(&error))?;
        Ok(Complete { temporary: temporary.into_temp_path(), target })
    }

    /// Complete and publish.
    pub fn publish(self) -> Result<PathBuf, Failure> {
        self.complete()?.publish()
    }
}

impl Complete {
    /// The same file under another name in the same folder.
    pub fn renamed(mut self, target: PathBuf) -> Self {
        self.target = target;
        self
    }

    /// Give the file its name, and flush the folder that holds the name.
    pub fn publish(self) -> Result<PathBuf, Failure> {
        let Self { temporary, target } = self;
        temporary.persist(&target).map_err(|error| cannot_write(&target, &error.error))?;
        match File::open(folder_of(&target)).and_then(|folder| folder.sync_all()) {
            Ok(()) => {}
            // Some network file systems flush names at once and know no such call.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) => {}
            Err(error) => return Err(cannot_write(&target, &error)),
        }
        Ok(target)
    }
}

/// The target behind symbolic links; refuses what is there and is no regular file.
fn resolve(target: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target.to_owned()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let resolved = fs::canonicalize(target)?;
    if fs::metadata(&resolved)?.is_file() {
        Ok(resolved)
    } else {
        Err(io::Error::other("that is not a regular file"))
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// 128 bits of the system's randomness in hexadecimal digits.
pub fn random_name() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut name = String::with_capacity(32);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}

fn cannot_write(target: &Path, error: &io::Error) -> Failure {
    // `tempfile` adds the temporary file's path, which would only puzzle.
    let text = error.to_string();
    let why = text.split(" at path ").next().unwrap_or_default();
    Failure::new(Kind::Local, format!("cannot write {}: {why}", target.display()))
        .with_hint("check the folder, its rights and the space on the disk, and repeat the command")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("identity.json");
        fs::write(&target, "old").unwrap();

        let mut file = WholeFile::begin(&target, Readers::Owner).unwrap();
        file.reserve(4096).unwrap();
        file.append(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        drop(file);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["identity.json"]);

        let mut file = WholeFile::begin(&target, Readers::Owner).unwrap();
        file.reserve(4096).unwrap();
        file.append(b"ne").unwrap();
        file.append(b"w").unwrap();
        file.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["identity.json"]);
    }

    #[test]
    fn its_mode_is_its_own_from_the_first_moment() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("identity.json");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o666)).unwrap();

        let file = WholeFile::begin(&target, Readers::Owner).unwrap();
        let temporary = file.writer.get_ref().path().to_owned();
        assert_eq!(fs::metadata(&temporary).unwrap().permissions().mode() & 0o777, 0o600);
        file.publish().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_temporary_name_is_another_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x".repeat(255));
        let _one = WholeFile::begin(&target, Readers::Owner).unwrap();
        let _other = WholeFile::begin(&target, Readers::Owner).unwrap();
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (folder.path().join("link"), folder.path().join("real"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        let mut file = WholeFile::begin(&link, Readers::Owner).unwrap();
        file.append(b"new").unwrap();
        file.publish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn places_where_no_file_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let dangling = folder.path().join("dangling");
        symlink(folder.path().join("nowhere"), &dangling).unwrap();
        for target in [
            folder.path().to_owned(),
            folder.path().join("missing/identity.json"),
            dangling,
            PathBuf::from("/dev/null"),
            PathBuf::from(".."),
            PathBuf::from(""),
        ] {
            let failure = WholeFile::begin(&target, Readers::Owner).err().unwrap();
            assert_eq!(failure.kind(), Kind::Local, "{}", target.display());
            assert!(!failure.message().contains(".part"), "{failure}");
        }
    }
}
