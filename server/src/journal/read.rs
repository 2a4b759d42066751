//! Reading what follows a position, in order, file by file.
//!
//! Zeros up to a file's end are room that was not needed yet. A last group with zeros in it, or cut
//! off by the file's end, is what a power cut leaves and is no fault: it was never acknowledged.
//! Anything else is reported with its place, and reading goes on behind it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{Event, Position, files, line};

/// Longest line read, in bytes; a record has a few kilobytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Something in a journal that should not be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// A damaged line that is not the last.
    #[error("{file}, byte {at}: a line is damaged; what it said is lost here")]
    Damaged {
        /// The file.
        file: String,
        /// Where the line begins.
        at: u64,
    },
    /// A whole line this version cannot read.
    #[error("{file}, byte {at}: a line cannot be read: {problem}")]
    Unknown {
        /// The file.
        file: String,
        /// Where the line begins.
        at: u64,
        /// Why.
        problem: String,
    },
    /// Events that are not there.
    #[error(
        "{file}, byte {at}: event {found} stands where {wanted} should; what is between is lost"
    )]
    Gap {
        /// The file.
        file: String,
        /// Where the line begins.
        at: u64,
        /// The next event there should be.
        wanted: u64,
        /// The one that is.
        found: u64,
    },
    /// A file that is not there.
    #[error("journal file {file} is missing")]
    Missing {
        /// The file.
        file: String,
    },
    /// The ledger has seen more than there is.
    #[error("{file} ends at byte {end}, and the ledger has seen it up to byte {seen}")]
    Short {
        /// The file.
        file: String,
        /// Where what was written ends.
        end: u64,
        /// What the ledger has seen.
        seen: u64,
    },
}

/// Where each journal ends, torn tails left out, and what was wrong.
pub type Ends = (BTreeMap<String, Position>, Vec<JournalFault>);

/// Reads what every station's journal says behind `seen`, and gives it to `take` with the
/// station's name.
///
/// # Errors
/// The system's, or those of `take`.
pub fn read_after(
    folder: &Path,
    seen: &BTreeMap<String, Position>,
    mut take: impl FnMut(&str, Event) -> io::Result<()>,
) -> io::Result<Ends> {
    let mut ends = BTreeMap::new();
    let mut faults = Vec::new();
    let mut journals = files::list(folder)?;
    for (station, position) in seen {
        if position.file > 0 {
            journals.entry(station.clone()).or_default();
        }
    }
    for (station, numbered) in journals {
        let from = seen.get(&station).copied().unwrap_or_default();
        let mut reader = Reader { folder, station: &station, faults: &mut faults };
        let end = reader.journal(&numbered, from, &mut |_, event| take(&station, event))?;
        ends.insert(station, end);
    }
    Ok((ends, faults))
}

/// Reads what one station's journal says behind `from`, and gives it to `take` with the sequence
/// number. Returns where the journal ends, a torn tail left out, and what was wrong.
///
/// # Errors
/// The system's, or those of `take`.
pub fn read_station_after(
    folder: &Path,
    station: &str,
    from: Position,
    mut take: impl FnMut(u64, Event) -> io::Result<()>,
) -> io::Result<(Position, Vec<JournalFault>)> {
    let mut faults = Vec::new();
    let numbered = files::list(folder)?.remove(station).unwrap_or_default();
    let end =
        Reader { folder, station, faults: &mut faults }.journal(&numbered, from, &mut take)?;
    Ok((end, faults))
}

struct Reader<'a> {
    folder: &'a Path,
    station: &'a str,
    faults: &'a mut Vec<JournalFault>,
}

impl Reader<'_> {
    fn journal(
        &mut self,
        numbered: &BTreeMap<u32, PathBuf>,
        from: Position,
        take: &mut dyn FnMut(u64, Event) -> io::Result<()>,
    ) -> io::Result<Position> {
        let last = numbered.keys().next_back().copied().unwrap_or(from.file).max(from.file);
        let mut position = from;
        for number in from.file.max(1)..=last {
            let Some(path) = numbered.get(&number) else {
                let file = files::path(self.folder, self.station, number).display().to_string();
                self.faults.push(JournalFault::Missing { file });
                continue;
            };
            if number != position.file {
                position = Position { file: number, offset: 0, ..position };
            }
            position = self.file(path, position, number == last, take)?;
        }
        Ok(position)
    }

    fn file(
        &mut self,
        path: &Path,
        from: Position,
        is_last: bool,
        take: &mut dyn FnMut(u64, Event) -> io::Result<()>,
    ) -> io::Result<Position> {
        let file = path.display().to_string();
        let mut reader = BufReader::new(File::open(path)?);
        let end = written_before(reader.get_mut(), from.offset)?;
        if end < from.offset {
            self.faults.push(JournalFault::Short { file, end, seen: from.offset });
            return Ok(Position { offset: end, ..from });
        }
        reader.seek(SeekFrom::Start(from.offset))?;
        let mut position = from;
        let mut text = Vec::new();
        loop {
            text.clear();
            let count = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut text)?;
            if text.iter().all(|byte| *byte == 0) {
                return Ok(position);
            }
            let at = position.offset;
            let whole = text.strip_suffix(b"\n").filter(|line| !line.contains(&0));
            if whole.is_none() && is_last && !is_followed(path, at, position.sequence + 1)? {
                // Never acknowledged: the power went while it was written.
                tracing::info!(file, at, "the journal's torn last group is cut off");
                return Ok(position);
            }
            position.offset += count as u64;
            let Some(line) = whole.and_then(line::read) else {
                self.faults.push(JournalFault::Damaged { file: file.clone(), at });
                // It had a number, whatever it was; a wrong guess shows as a gap.
                position.sequence += 1;
                continue;
            };
            let (wanted, found) = (position.sequence + 1, line.sequence);
            if found != wanted {
                self.faults.push(JournalFault::Gap { file: file.clone(), at, wanted, found });
            }
            position.sequence = found;
            match line.event() {
                Ok(event) => take(found, event)?,
                Err(error) => self.faults.push(JournalFault::Unknown {
                    file: file.clone(),
                    at,
                    problem: error.to_string(),
                }),
            }
        }
    }
}

/// Where what was written in a file ends, looked for backwards from `before`.
fn written_before(file: &mut File, before: u64) -> io::Result<u64> {
    let mut end = file.metadata()?.len().min(before);
    let mut piece = [0; 4096];
    while end > 0 {
        let begin = end.saturating_sub(piece.len() as u64);
        let piece = piece.get_mut(..usize::try_from(end - begin).unwrap_or(0)).unwrap_or_default();
        file.seek(SeekFrom::Start(begin))?;
        io::Read::read_exact(file, piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// Whether a group was begun behind the one that event `sequence` belongs to, which is damaged at
/// byte `at`: then that one had been flushed whole.
fn is_followed(path: &Path, at: u64, sequence: u64) -> io::Result<bool> {
    let mut reader = BufReader::new(File::open(path)?);
    reader.seek(SeekFrom::Start(at))?;
    let mut text = Vec::new();
    loop {
        text.clear();
        if io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut text)? == 0 {
            return Ok(false);
        }
        // What is whole may stand behind zeros.
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        let begin = text.iter().rposition(|byte| *byte == 0).map_or(0, |zero| zero + 1);
        let line = text.get(begin..).and_then(line::read);
        if line.is_some_and(|line| line.first > sequence) {
            return Ok(true);
        }
    }
}
