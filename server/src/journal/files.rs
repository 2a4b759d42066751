//! The files of a journal: `<station>-<number>.journal`, numbered from 1.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The file of a station with this number. What a file name cannot hold stands as `%xx`.
pub(super) fn path(folder: &Path, station: &str, number: u32) -> PathBuf {
    folder.join(format!("{}-{number:06}.journal", encode(station)))
}

/// The file a station's journal is locked by.
pub(super) fn lock(folder: &Path, station: &str) -> PathBuf {
    folder.join(format!("{}.lock", encode(station)))
}

/// Whether a station has no file in this folder, or there is no folder.
///
/// # Errors
/// The system's.
pub fn is_empty(folder: &Path, station: &str) -> io::Result<bool> {
    Ok(list(folder)?.get(station).is_none_or(BTreeMap::is_empty))
}

/// Whether a file of this name would be taken for a journal's.
pub fn names_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}

fn encode(station: &str) -> String {
    let mut name = String::new();
    for byte in station.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' => name.push(byte.into()),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    name
}

/// Every station's files by number. A folder that is not there holds none.
pub(super) fn list(folder: &Path) -> io::Result<BTreeMap<String, BTreeMap<u32, PathBuf>>> {
    let mut found: BTreeMap<String, BTreeMap<u32, PathBuf>> = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let parts = name.and_then(|name| name.strip_suffix(".journal")?.rsplit_once('-'));
        let Some((station, number)) = parts else { continue };
        let (Some(station), Ok(number)) = (decode(station), number.parse()) else { continue };
        found.entry(station).or_default().insert(number, path);
    }
    Ok(found)
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
                let value = digit(rest.next())? * 16 + digit(rest.next())?;
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
