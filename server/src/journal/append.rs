//! Appending: a group of events is one write and one flush.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Position, files, line};

/// A station's journal, open at its end. One process has it open at a time; the ledger's lock sees
/// to that.
pub struct Journal {
    folder: PathBuf,
    station: String,
    rotate_at: u64,
    file: File,
    end: Position,
    /// A failed append could not be taken back: what comes behind it could not be read.
    broken: bool,
}

impl Journal {
    /// Opens a station's journal for appending behind `end`, which is where
    /// [`read_after`](super::read_after) came to. What stands behind it is a torn tail, and goes.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: &Path, station: &str, rotate_at: u64, end: Position) -> io::Result<Self> {
        make(folder)?;
        let end = Position { file: end.file.max(1), ..end };
        let file = open(folder, station, end.file)?;
        file.set_len(end.offset)?;
        let (folder, station) = (folder.to_owned(), station.to_owned());
        Ok(Self { folder, station, rotate_at, file, end, broken: false })
    }

    /// Appends events, given as JSON, and returns the place behind them once they are on disk.
    ///
    /// # Errors
    /// The system's; nothing was appended then.
    pub fn append(&mut self, events: &[String]) -> io::Result<Position> {
        if self.broken {
            return Err(io::Error::other("an earlier append failed; restart the station"));
        }
        if events.is_empty() {
            return Ok(self.end);
        }
        if self.end.offset >= self.rotate_at {
            let next = self.end.file + 1;
            self.file = open(&self.folder, &self.station, next)?;
            self.end = Position { file: next, offset: 0, ..self.end };
        }
        let mut lines = Vec::with_capacity(events.iter().map(|event| event.len() + 40).sum());
        let mut sequence = self.end.sequence;
        for event in events {
            sequence += 1;
            line::write(&mut lines, sequence, event);
        }
        let begun = self.end.offset;
        let written = self
            .file
            .seek(SeekFrom::Start(begun))
            .and_then(|_| self.file.write_all(&lines))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A flush that failed may have lost what it says nothing about: the tail goes.
            self.broken = self.file.set_len(begun).and_then(|()| self.file.sync_data()).is_err();
            return Err(error);
        }
        self.end = Position { offset: begun + lines.len() as u64, sequence, ..self.end };
        Ok(self.end)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The station whose journal it is.
    pub fn station(&self) -> &str {
        &self.station
    }
}

/// Makes the folder, for the station alone.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Opens or makes a file; a new one's name is on disk before anything is written to it.
fn open(folder: &Path, station: &str, number: u32) -> io::Result<File> {
    let path = files::path(folder, station, number);
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}
