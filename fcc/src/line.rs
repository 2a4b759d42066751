//! Serial lines: a board's console that carries frames between other text (injection 12).
//!
//! Opening one, and the other end of one for simulated gateways. What is said over it is
//! [`session`](crate::session)'s and [`serve`](crate::serve)'s.

#[cfg(unix)]
mod pseudo_terminal;

#[cfg(unix)]
pub use pseudo_terminal::PseudoTerminal;

use crate::session::ConsoleLink;
use std::io;
use std::path::{Path, PathBuf};
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// Bits a second of a board whose console nobody has set otherwise (injection 12).
pub const BAUD: u32 = 115_200;

/// Why a line cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Nothing is plugged in under that name.
    #[error("the line {} is not there", .0.display())]
    Missing(PathBuf),
    /// Another program has it.
    #[error("the line {} is in use by another program", .0.display())]
    Busy(PathBuf),
    /// Its file may not be opened by this user.
    #[error("the line {} may not be opened by this user", .0.display())]
    Refused(PathBuf),
    /// The system's own words.
    #[error("the line {} cannot be opened: {problem}", .path.display())]
    Other {
        /// Its file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
}

/// A serial line, opened for this process alone: raw, eight bits, no parity, one stop bit, no flow
/// control.
pub type SerialLink = ConsoleLink<SerialStream>;

/// Opens the line at `path` with `baud` bits a second.
///
/// # Errors
/// [`LineFault`].
pub fn open(path: &Path, baud: u32) -> Result<SerialLink, LineFault> {
    // A pipe or a file by that name would be opened, and be waited for.
    match std::fs::metadata(path) {
        Ok(there) if is_device(&there) => {}
        Ok(_) => return Err(other(path, "it is not a serial line")),
        Err(error) => return Err(fault(path, error.kind(), &error.to_string())),
    }
    let opened = tokio_serial::new(path.to_string_lossy(), baud).open_native_async();
    opened.map(ConsoleLink).map_err(|error| {
        let text = error.to_string();
        match error.kind() {
            tokio_serial::ErrorKind::Io(kind) => fault(path, kind, &text),
            // What the crate makes of EBUSY, and of a lock somebody else holds.
            tokio_serial::ErrorKind::NoDevice => LineFault::Busy(path.to_owned()),
            _ => other(path, &text),
        }
    })
}

#[cfg(unix)]
fn is_device(there: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    there.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_: &std::fs::Metadata) -> bool {
    true
}

fn fault(path: &Path, kind: io::ErrorKind, text: &str) -> LineFault {
    let path = path.to_owned();
    match kind {
        io::ErrorKind::NotFound => LineFault::Missing(path),
        io::ErrorKind::PermissionDenied => LineFault::Refused(path),
        io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock => LineFault::Busy(path),
        _ => other(&path, text),
    }
}

fn other(path: &Path, problem: &str) -> LineFault {
    LineFault::Other { path: path.to_owned(), problem: problem.to_owned() }
}
