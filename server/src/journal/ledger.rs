//! Which ledger a folder of journals belongs to: the ledger's id, in a file of its own beside them.
//!
//! A ledger that was lost gets its id back from here, together with everything else; and a folder
//! that stands beside another ledger is found out.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::{durable, state};

const NAME: &str = "ledger-id";
/// An id is 32 digits; whatever is longer was not written here.
const LONGEST: u64 = 64;

/// The id of the ledger that the journals in `folder` belong to, where they say so.
pub fn belongs_to(folder: &Path) -> Option<String> {
    let path = folder.join(NAME);
    let about = std::fs::metadata(&path).ok()?;
    if !about.is_file() || about.len() > LONGEST {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    // One that was cut short by a loss of power has no end of its line.
    let id = text.strip_suffix('\n')?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Says that the journals in `folder` belong to the ledger `id`, if they say nothing yet.
///
/// # Errors
/// The system's.
pub fn say_ledger(folder: &Path, id: &str) -> io::Result<()> {
    if belongs_to(folder).is_some() {
        // Whoever wrote it may have died before its name was on disk.
        return durable::flush_names(folder);
    }
    let path = folder.join(NAME);
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&path)?;
    if is_new {
        state::keep_owner(&file, &path)?;
    }
    file.write_all(format!("{id}\n").as_bytes())?;
    file.sync_all()?;
    durable::flush_names(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_says_once_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(belongs_to(folder.path()), None);
        // What a loss of power may leave of it.
        for torn in ["", "0123", &"a".repeat(32)] {
            std::fs::write(folder.path().join(NAME), torn).unwrap();
            assert_eq!(belongs_to(folder.path()), None, "{torn}");
        }
        let (one, two) = ("1".repeat(32), "2".repeat(32));
        say_ledger(folder.path(), &one).unwrap();
        say_ledger(folder.path(), &two).unwrap();
        assert_eq!(belongs_to(folder.path()), Some(one));
    }
}
