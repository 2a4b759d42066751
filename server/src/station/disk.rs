//! Room left on the ledger's file system. The only file that knows how a system says it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long one look at the file system counts.
const LOOK: Duration = Duration::from_secs(1);

/// File systems that must not fill up.
pub struct Disk {
    folders: Vec<PathBuf>,
    min_free: u64,
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    free: Option<u64>,
}

impl Disk {
    /// The file systems that hold these folders; of each `min_free` bytes shall stay free.
    pub fn new(folders: Vec<PathBuf>, min_free: u64) -> Self {
        Self { folders, min_free, seen: Mutex::new(None) }
    }

    /// Bytes that shall stay free.
    pub fn min_free(&self) -> u64 {
        self.min_free
    }

    /// Bytes that can still be written without being the superuser, where they are fewest; at most
    /// a second old. `None` where the system does not say, which is no reason to stop: a write will
    /// tell.
    pub fn free(&self) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some(last) if last.at.elapsed() < LOOK => last.free,
            _ => {
                let free = self.folders.iter().filter_map(|folder| look(folder)).min();
                *seen = Some(Seen { at: Instant::now(), free });
                free
            }
        }
    }
}

/// The `statvfs` of POSIX.1.
#[cfg(unix)]
fn look(folder: &std::path::Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(not(unix))]
fn look(_: &std::path::Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_is_free() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Disk::new(vec![folder.path().to_owned()], 0).free().unwrap() > 0);
        assert_eq!(Disk::new(vec![folder.path().join("nowhere")], 0).free(), None);
    }

    #[test]
    fn one_look_counts_for_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(vec![folder.path().join("later")], 0);
        assert_eq!(disk.free(), None);
        std::fs::create_dir(folder.path().join("later")).unwrap();
        assert_eq!(disk.free(), None, "it was looked at just now");
        let begun = Instant::now();
        while disk.free().is_none() {
            assert!(begun.elapsed() < 5 * LOOK, "it never looks again");
            std::thread::sleep(LOOK / 20);
        }
    }
}
