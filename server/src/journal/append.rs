//! Appending: a group of events is one write and one flush.
//!
//! A file that grows has its length written at every flush as well, which costs milliseconds. So
//! it is lengthened in large steps with zeros, and groups are written over them.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Position, files, line};
use crate::{durable, state};

/// Bytes of zeros a file is lengthened by.
const STEP: u64 = 4 << 20;

/// A station's journal, open at its end. One process has it open at a time; the ledger's lock sees
/// to that.
pub struct Journal {
    folder: PathBuf,
    station: String,
    rotate_at: u64,
    file: File,
    end: Position,
    /// Bytes of the file up to which there are zeros to write over, on disk.
    room: u64,
    /// A failed append could not be taken back: what comes behind it could not be read.
    broken: bool,
}

impl Journal {
    /// Opens a station's journal for appending behind `end`, which is where
    /// [`read_after`](super::read_after) came to. What stands behind it is zeros or a torn tail, and
    /// goes.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: &Path, station: &str, rotate_at: u64, end: Position) -> io::Result<Self> {
        state::make_folder(folder)?;
        durable::flush_way_to(folder)?;
        let end = Position { file: end.file.max(1), ..end };
        let file = open(folder, station, end.file)?;
        file.set_len(end.offset)?;
        let (folder, station) = (folder.to_owned(), station.to_owned());
        let room = end.offset;
        Ok(Self { folder, station, rotate_at, file, end, room, broken: false })
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
            self.rotate()?;
        }
        let mut lines = Vec::with_capacity(events.iter().map(|event| event.len() + 40).sum());
        let first = self.end.sequence + 1;
        let mut sequence = self.end.sequence;
        for event in events {
            sequence += 1;
            line::write(&mut lines, sequence, first, event);
        }
        let length = lines.len() as u64;
        let written = self.make_room(length).and_then(|()| {
            write_at(&mut self.file, self.end.offset, &lines)?;
            self.file.sync_data()
        });
        if let Err(error) = written {
            self.take_back();
            return Err(error);
        }
        self.end = Position { offset: self.end.offset + length, sequence, ..self.end };
        Ok(self.end)
    }

    /// Begins the next file. The zeros this one did not need go; should that fail, they stay and
    /// are read as its end.
    fn rotate(&mut self) -> io::Result<()> {
        let next = self.end.file + 1;
        let file = open(&self.folder, &self.station, next)?;
        if let Err(error) = self.file.set_len(self.end.offset) {
            tracing::debug!(%error, "an ended journal file keeps its zeros");
        }
        self.file = file;
        self.end = Position { file: next, offset: 0, ..self.end };
        self.room = 0;
        Ok(())
    }

    /// Sees to it that a group of this length is written over zeros that are on disk. On a disk
    /// that is nearly full they are as many as the group needs.
    fn make_room(&mut self, length: u64) -> io::Result<()> {
        let needed = self.end.offset + length;
        if needed <= self.room {
            return Ok(());
        }
        let lengthened = self.lengthen(needed + STEP.min(self.rotate_at));
        lengthened.or_else(|_| {
            self.file.set_len(self.room)?;
            self.lengthen(needed)
        })
    }

    fn lengthen(&mut self, room: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(room - self.room).unwrap_or(usize::MAX)];
        write_at(&mut self.file, self.room, &zeros)?;
        self.file.sync_data()?;
        self.room = room;
        Ok(())
    }

    /// A flush that failed may have lost what it says nothing about: everything behind the last
    /// group that came through goes.
    fn take_back(&mut self) {
        let begun = self.end.offset;
        self.room = begun;
        self.broken = self.file.set_len(begun).and_then(|()| self.file.sync_data()).is_err();
    }

    /// Where it ends.
    pub fn end(&self) -> Position {
        self.end
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

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Opens or makes a file; its name is on disk before anything is written to it. Also of one that was
/// there: whoever made it may have died before it was.
fn open(folder: &Path, station: &str, number: u32) -> io::Result<File> {
    let path = files::path(folder, station, number);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let is_new = !path.exists();
    let file = options.open(&path)?;
    if is_new {
        state::keep_owner(&file, &path)?;
    }
    durable::flush_names(folder)?;
    Ok(file)
}
