//! `[[injection.line]]` of station.toml: serial lines at the station.

use std::path::PathBuf;
use std::time::Duration;

use fcc::line::BAUD;

use super::section::Section;
use super::words::quoted;

/// Bits on the line for a byte of a message: ten, and as many for what may have to be sent behind
/// it.
const BITS: f64 = 2.0 * 10.0;

/// A serial line of the station's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialLine {
    /// What callers call it.
    pub name: String,
    /// Its device file.
    pub path: PathBuf,
    /// Bits a second.
    pub baud: u32,
}

impl SerialLine {
    /// How much longer a message of `bytes` takes over this line.
    pub fn slowness(&self, bytes: usize) -> Duration {
        slowness_at(self.baud, bytes)
    }

    /// How much longer a message of `bytes` takes over a line whose speed nobody has said.
    pub fn usual_slowness(bytes: usize) -> Duration {
        slowness_at(BAUD, bytes)
    }
}

fn slowness_at(baud: u32, bytes: usize) -> Duration {
    Duration::from_secs_f64((bytes as f64 * BITS / f64::from(baud)).ceil())
}

/// Reads every `[[injection.line]]`.
pub(super) fn read(section: &mut Section<'_>) -> Vec<SerialLine> {
    let mut lines: Vec<SerialLine> = Vec::new();
    for mut line in section.sections("line") {
        let name = line.required_text("name", "a name for callers to say");
        let path = line.file("path");
        let baud = line.integer("baud", 300..=4_000_000);
        let baud = baud.and_then(|baud| u32::try_from(baud).ok()).unwrap_or(BAUD);
        if path.is_none() && !line.was_faulty("path") {
            line.fault("path", "is missing", "give the line's device file: \"/dev/ttyUSB0\"");
        }
        if let Some(name) = &name {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if !(1..=64).contains(&name.len()) || !name.chars().all(plain) {
                let fix = "give a name of 1 to 64 letters, digits, dots, underscores and hyphens";
                line.fault("name", format!("is {}", quoted(name)), fix);
            } else if lines.iter().any(|other| other.name == *name) {
                line.fault("name", format!("{} stands twice", quoted(name)), "name it otherwise");
            }
        }
        if let (Some(name), Some(path)) = (name, path) {
            if !path.exists() {
                let there = format!("{} is not there now", path.display());
                line.warn("path", there);
            }
            lines.push(SerialLine { name, path, baud });
        }
        line.finish();
    }
    lines
}
