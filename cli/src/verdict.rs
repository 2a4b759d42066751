//! The last line for whoever stands at the bench: PASS or FAIL, to be read from two metres away.
//!
//! On standard error and only when that is a terminal, so that scripts meet neither it nor the bell.

use std::io::{self, IsTerminal as _, Write as _};

use crate::args::{Arguments, Chosen};
use crate::colour::Paint;
use crate::failure::one_line;

/// What a terminal rings at (ECMA-48, BEL): once for PASS, three times for FAIL.
const BELL: &str = "\u{7}";

/// A command whose outcome is told so.
pub struct Verdict {
    serial: String,
    bell: bool,
    paint: Paint,
}

impl Verdict {
    /// The verdict on a command line, if it is one that gives a unit its identity, and somebody at
    /// a terminal reads.
    pub fn on(arguments: &Arguments) -> Option<Self> {
        let unit = match arguments.command.as_ref()? {
            Chosen::GetOneIdentity(options) => options,
            Chosen::InjectSerial(options) => &options.unit,
            _ => return None,
        };
        let shown = io::stderr().is_terminal() && !arguments.every.json && !arguments.every.quiet;
        let variable = |name| std::env::var(name).ok();
        shown.then(|| Self {
            serial: one_line(&unit.serial_number),
            bell: unit.bell,
            paint: Paint::chosen(
                true,
                variable("NO_COLOR").as_deref(),
                variable("TERM").as_deref(),
            ),
        })
    }

    /// Writes the line.
    pub fn show(&self, passed: bool) {
        let _ = write!(io::stderr(), "{}", self.line(passed));
    }

    fn line(&self, passed: bool) -> String {
        let bell = match (self.bell, passed) {
            (false, _) => String::new(),
            (true, true) => BELL.to_owned(),
            (true, false) => BELL.repeat(3),
        };
        format!("{bell}{}  {}\n", self.paint.verdict(passed), self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_and_fail() {
        let verdict = |bell, paint| Verdict { serial: "GW-1".to_owned(), bell, paint };
        let plain = verdict(false, Paint::Plain);
        assert_eq!(plain.line(true), " PASS   GW-1\n");
        assert_eq!(plain.line(false), " FAIL   GW-1\n");
        let coloured = verdict(true, Paint::Colours);
        assert_eq!(coloured.line(true), "\u{7}\x1b[1;97;42m PASS \x1b[0m  GW-1\n");
        assert_eq!(coloured.line(false), "\u{7}\u{7}\u{7}\x1b[1;97;41m FAIL \x1b[0m  GW-1\n");
    }
}
