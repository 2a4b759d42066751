//! Names that outlive a loss of power: a file's flush has its bytes on the disk, not its name, and
//! a new folder's name is in the folder above it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Has the names in a folder on the disk.
///
/// # Errors
/// The system's.
pub fn flush_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Has a folder's own name on the disk, and the names of all folders above it: whoever made them
/// may have died before it said so. Folders that are not ours to read were there before us.
///
/// # Errors
/// The system's.
pub fn flush_way_to(folder: &Path) -> io::Result<()> {
    for above in folder.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match flush_names(above) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied
                        | ErrorKind::ReadOnlyFilesystem
                        | ErrorKind::InvalidInput
                        | ErrorKind::Unsupported
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
