//! One export in one file, or in as many as a limit asks for, each with the header line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};
use crate::whole_file::{Complete, Readers, WholeFile};

/// The files of an export on their way.
pub struct Parts {
    target: PathBuf,
    force: bool,
    below: Option<u64>,
    header: Vec<u8>,
    complete: Vec<Complete>,
    current: WholeFile,
}

/// What an export has left.
#[derive(Debug)]
pub struct Published {
    /// The files, in their order.
    pub files: Vec<PathBuf>,
    /// Files of the same naming that are not of this export and would be taken for a part of it.
    pub older: Vec<PathBuf>,
}

impl Parts {
    /// Begin; every file stays below `below` bytes.
    ///
    /// Files that are there already are replaced only with `force`; the first is looked for here.
    pub fn begin(target: &Path, below: Option<u64>, force: bool) -> Result<Self, Failure> {
        if !force {
            is_free(target)?;
        }
        Ok(Self {
            target: target.to_owned(),
            force,
            below,
            header: Vec::new(),
            complete: Vec::new(),
            current: WholeFile::begin(target, Readers::Everybody)?,
        })
    }

    /// The header line, which every file gets.
    pub fn header(&mut self, record: &[u8]) -> Result<(), Failure> {
        self.header = record.to_vec();
        self.current.append(record)
    }

    /// A row; it goes into a new file when it would make this one too large.
    pub fn row(&mut self, record: &[u8]) -> Result<(), Failure> {
        let size = record.len() as u64;
        if let Some(below) = self.below
            && self.current.written() + size >= below
        {
            if self.header.len() as u64 + size >= below {
                return Err(Failure::new(
                    Kind::Usage,
                    format!("a file below {below} bytes has no room for one unit"),
                )
                .with_hint("give a larger --max-bytes"));
            }
            let next = WholeFile::begin(&self.target, Readers::Everybody)?;
            let full = std::mem::replace(&mut self.current, next);
            self.complete.push(full.complete()?);
            self.current.append(&self.header)?;
        }
        self.current.append(record)
    }

    /// Everything came: flush the last file, then give all of them their names.
    pub fn publish(self) -> Result<Published, Failure> {
        let Self { target, force, mut complete, current, .. } = self;
        complete.push(current.complete()?);
        let count = complete.len();
        if !force {
            match count {
                1 => is_free(&target)?,
                _ => (1..=count).try_for_each(|number| is_free(&numbered(&target, number)))?,
            }
        }
        let mut files = Vec::with_capacity(count);
        if count == 1 {
            for file in complete {
                file.publish()?;
                files.push(target.clone());
            }
        } else {
            for (index, file) in complete.into_iter().enumerate() {
                files.push(file.renamed(numbered(&target, index + 1)).publish()?);
            }
        }
        let mut older = Vec::new();
        if count > 1 && target.exists() {
            older.push(target.clone());
        }
        let first_free = if count == 1 { 1 } else { count + 1 };
        older.extend(
            (first_free..).map(|number| numbered(&target, number)).take_while(|file| file.exists()),
        );
        Ok(Published { files, older })
    }
}

/// Refuses a name that is taken: an export is not to be lost by a slip of the keyboard.
fn is_free(target: &Path) -> Result<(), Failure> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::new(Kind::Local, format!("{} is there already", target.display()))
        .with_hint("give another name, or --force to replace it"))
}

/// The name of one file out of several: `upload.csv` becomes `upload-2.csv`.
fn numbered(target: &Path, number: usize) -> PathBuf {
    let mut name = target.file_stem().map(OsString::from).unwrap_or_default();
    name.push(format!("-{number}"));
    if let Some(extension) = target.extension() {
        name.push(".");
        name.push(extension);
    }
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_before_the_extension() {
        for (target, second) in [
            ("upload.csv", "upload-2.csv"),
            ("a.b/upload", "a.b/upload-2"),
            ("/x/up.load.csv", "/x/up.load-2.csv"),
            (".csv", ".csv-2"),
        ] {
            assert_eq!(numbered(Path::new(target), 2), Path::new(second));
        }
    }
}
