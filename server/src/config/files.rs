//! Reading the files a configuration names: bounded, and only where a file is a file.

use std::path::Path;

use zeroize::Zeroizing;

use super::faults::Findings;

/// Reads at most `limit` bytes. The error is the rest of a sentence that begins with the path.
///
/// A folder, a pipe or a device in the file's place is refused before it is opened: reading some of
/// them would never end.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read ({error})"))?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    if about.len() > limit {
        return Err(format!("is {} bytes long, more than the {limit} allowed", about.len()));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read ({error})"))?;
    Ok(Zeroizing::new(bytes))
}

/// The text in a file, without the byte order mark that some editors put before it.
pub fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(crate::pem::without_mark(bytes)).ok()
}

/// Warns when a secret's file is open to others than its owner.
pub fn warn_if_open_to_others(path: &Path, findings: &Findings) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(about) = std::fs::metadata(path) {
            let mode = about.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let shown = findings.shown(path);
                let problem = "holds a secret and is open to others";
                match findings.key_of(path) {
                    Some(key) => findings
                        .warn(key, format!("{shown} {problem} (mode {mode:o}); chmod 600 it")),
                    None => {
                        findings.warn(shown, format!("{problem} (mode {mode:o}); chmod 600 it"))
                    }
                }
            }
        }
    }
    #[cfg(not(unix))]
    let _ = (path, findings);
}
