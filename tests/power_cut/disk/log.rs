//! Reading what the shim has noted; disk.c says how it stands there.

use std::path::{Path, PathBuf};

/// One call that changed something, or flushed it. Files have numbers; a number is given when a
/// file is made or first opened.
#[derive(Debug, Clone)]
pub enum Call {
    Made { file: u64, path: PathBuf },
    Opened { file: u64, path: PathBuf },
    Written { file: u64, at: u64, bytes: Bytes },
    Length { file: u64, length: u64 },
    Flushed { file: u64 },
    MadeFolder { path: PathBuf },
    Gone { path: PathBuf },
    Renamed { path: PathBuf, to: PathBuf, exchanged: bool },
    Linked { path: PathBuf, to: PathBuf },
    FolderFlushed { path: PathBuf },
}

#[derive(Debug, Clone)]
pub enum Bytes {
    These(Vec<u8>),
    Zeros(u64),
}

impl Bytes {
    pub fn length(&self) -> u64 {
        match self {
            Self::These(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
        }
    }

    fn shorten(&mut self, length: u64) {
        match self {
            Self::These(bytes) => bytes.truncate(length as usize),
            Self::Zeros(zeros) => *zeros = length,
        }
    }
}

/// What was noted; an entry that a kill cut short was not yet a call.
pub fn read(log: &Path) -> Vec<Call> {
    // None was written where nothing was changed.
    let text = std::fs::read(log).unwrap_or_default();
    let mut calls = Vec::new();
    let mut rest = text.as_slice();
    while let Some((head, behind)) = rest.split_at_checked(40) {
        let number =
            |which: usize| u64::from_le_bytes(head[8 * which..8 * which + 8].try_into().unwrap());
        let Some((text, behind)) = behind.split_at_checked(number(4) as usize) else { break };
        rest = behind;
        let (file, one, two) = (number(1), number(2), number(3));
        let mut paths = text
            .split(|byte| *byte == 0)
            .map(|path| PathBuf::from(std::str::from_utf8(path).unwrap_or_default()));
        let mut path = || paths.next().unwrap();
        calls.push(match head[0] {
            b'C' => Call::Made { file, path: path() },
            b'N' => Call::Opened { file, path: path() },
            b'W' => Call::Written { file, at: one, bytes: Bytes::These(text.to_vec()) },
            b'Z' => Call::Written { file, at: one, bytes: Bytes::Zeros(two) },
            b'T' => Call::Length { file, length: one },
            b'F' => Call::Flushed { file },
            b'M' => Call::MadeFolder { path: path() },
            b'U' => Call::Gone { path: path() },
            // RENAME_EXCHANGE.
            b'R' => Call::Renamed { path: path(), to: path(), exchanged: one & 2 != 0 },
            b'D' => Call::FolderFlushed { path: path() },
            b'L' => Call::Linked { path: path(), to: path() },
            b'E' => panic!("the shim does not know {}", String::from_utf8_lossy(text)),
            b'X' => {
                calls.pop();
                continue;
            }
            b'S' => {
                let Some(Call::Written { bytes, .. }) = calls.last_mut() else {
                    panic!("no write")
                };
                bytes.shorten(one);
                continue;
            }
            other => panic!("the shim noted {other}"),
        });
    }
    calls
}
