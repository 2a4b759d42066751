//! A store's files: one an item, written beside and renamed, so that a kill at any instant leaves
//! the old item or the new one.

use super::{Items, Shelf};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// End of the name of a file that is not finished; no item name holds it (injection 6.1).
const UNFINISHED: char = '~';

pub(super) struct Folder {
    items: PathBuf,
    erased: PathBuf,
}

impl Folder {
    pub(super) fn at(folder: &Path) -> Self {
        Self { items: folder.join("items"), erased: folder.join("erased") }
    }

    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let this = Self::at(folder);
        this.forget()?;
        fs::create_dir_all(&this.items)?;
        this.sync_way()?;
        Ok(this)
    }

    pub(super) fn read(&self) -> io::Result<Items> {
        let mut items = Items::new();
        for entry in fs::read_dir(&self.items)? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else {
                continue;
            };
            let shelf = Shelf::ALL.into_iter().find_map(|shelf| {
                Some((shelf, file.strip_prefix(shelf.word())?.strip_prefix('.')?))
            });
            if let Some((shelf, name)) = shelf
                && !name.ends_with(UNFINISHED)
            {
                items.insert((shelf, name.to_owned()), fs::read(entry.path())?.into());
            }
        }
        Ok(items)
    }

    pub(super) fn write(&self, shelf: Shelf, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path(shelf, name);
        let beside = self.items.join(format!("{}.{name}{UNFINISHED}", shelf.word()));
        let mut file = private(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(beside, path)?;
        sync(&self.items)
    }

    pub(super) fn remove(&self, shelf: Shelf, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(shelf, name))?;
        sync(&self.items)
    }

    /// One rename takes all items away; what follows can be done again at the next start.
    pub(super) fn erase(&self) -> io::Result<()> {
        self.forget()?;
        fs::rename(&self.items, &self.erased)?;
        fs::create_dir(&self.items)?;
        self.sync_way()?;
        self.forget()
    }

    /// The folder's own name is in the folder above it, and so on. Those that are not ours to read
    /// were there before.
    fn sync_way(&self) -> io::Result<()> {
        for above in self.items.ancestors().skip(1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            match sync(above) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied
                            | ErrorKind::ReadOnlyFilesystem
                            | ErrorKind::InvalidInput
                            | ErrorKind::Unsupported
                    ) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn forget(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.erased) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, shelf: Shelf, name: &str) -> PathBuf {
        self.items.join(format!("{}.{name}", shelf.word()))
    }
}

/// Keys are in here: nobody else's to read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A name is durable when its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
