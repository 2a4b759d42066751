//! Wiping: the secrets first, the certificate last. Whatever is cut off in between is known by the
//! certificate that is still there, and goes on at the next start.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, open, openat, unlinkat};
use rustix::io::Errno;

use super::folder::{CERTIFICATE, ENTROPY, Folder, KEY};
use super::{Supply, SupplyError};

impl Supply {
    /// The certificate file in the unit's folder, as it stands; nothing where there is no folder
    /// or no certificate.
    pub fn certificates(&self, serial: &str) -> Option<Vec<u8>> {
        let folder = self.folder(serial).ok()?;
        folder.one_of(CERTIFICATE).ok().map(|bytes| bytes.to_vec())
    }

    /// The names of all folders, those of units and others.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.root)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    /// Wipes what stands in the unit's folder, and takes the folder away unless something else is
    /// in it. What is gone already is no fault.
    ///
    /// # Errors
    /// The system's; some of it may then still be there.
    pub fn wipe(&self, serial: &str) -> io::Result<()> {
        let folder = match self.folder(serial) {
            Ok(folder) => folder,
            Err(SupplyError::Folder { .. }) => return Ok(()),
            Err(error) => return Err(io::Error::other(error.to_string())),
        };
        for name in KEY.iter().chain([&ENTROPY]) {
            folder.overwrite(name)?;
            folder.remove(name)?;
        }
        flush(&folder.folder)?;
        for name in CERTIFICATE {
            folder.remove(name)?;
        }
        flush(&folder.folder)?;
        self.drop_empty(serial)
    }

    /// Whether the unit has a folder with nothing in it.
    pub fn is_empty(&self, serial: &str) -> bool {
        // The name is a folder's own, below the root.
        self.folder(serial).is_ok()
            && std::fs::read_dir(self.root.join(serial)).is_ok_and(|mut all| all.next().is_none())
    }

    /// Takes the unit's folder away if nothing is in it.
    ///
    /// # Errors
    /// The system's.
    pub fn drop_empty(&self, serial: &str) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(&self.root, flags, Mode::empty())?;
        match unlinkat(&root, serial, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
        flush(&root)
    }
}

/// What was taken out of a folder stays out.
fn flush(folder: &OwnedFd) -> io::Result<()> {
    File::from(folder.try_clone()?).sync_all()
}

impl Folder {
    /// Zeros over a file, on the disk before it is taken away. Flash may keep the old blocks; the
    /// station does what a file system lets it.
    fn overwrite(&self, name: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let about = file.metadata()?;
        if about.is_file() {
            let length = usize::try_from(about.len()).unwrap_or_default();
            file.write_all(&vec![0; length])?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
