//! When the last backup was made: a line in a small file beside the ledger.
//!
//! A station makes the file, empty; a backup writes into it and never makes one. So it is the
//! station's whoever runs the backup, and the ledger itself is not written by anybody but the
//! station.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::open::beside;
use crate::state;

/// A moment and a line's end.
const LONGEST: u64 = 64;

fn file(ledger: &Path) -> PathBuf {
    beside(ledger, ".last-backup")
}

/// The moment of the last backup.
pub(super) fn read(ledger: &Path) -> Option<Timestamp> {
    let path = file(ledger);
    let about = std::fs::symlink_metadata(&path).ok()?;
    if !about.is_file() || about.len() > LONGEST {
        return None;
    }
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Makes the file where it is missing.
pub(super) fn make(ledger: &Path) -> io::Result<()> {
    let path = file(ledger);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(file) => state::keep_owner(&file, &path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes the moment of a backup into it.
pub(super) fn write(ledger: &Path, at: Timestamp) -> io::Result<()> {
    // No link is followed: root writes here into another user's folder.
    let path = file(ledger);
    if !std::fs::symlink_metadata(&path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().write(true).custom_flags(no_link).open(path)?;
    file.set_len(0)?;
    file.write_all(format!("{at:.0}\n").as_bytes())?;
    file.sync_all()
}
