//! Traces on stderr for `-v` and `DEBUG=*`: what `pep` asks, and what comes back.
//!
//! Never a secret: no token, no sealing verification key, no password out of a URL. Whoever writes a
//! trace line hands over text that is already free of them.

use crate::failure::one_line;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trace {
    /// Nothing.
    Off,
    /// `-v`: each request and its answer.
    Requests,
    /// `DEBUG=*`: also headers of the answer, events of the stream, files and programs.
    Everything,
}

impl Trace {
    /// What `-v` and the variable `DEBUG` ask for.
    ///
    /// The old command line took `DEBUG=*`; as with the programs that share this variable, a list is
    /// read too, and anything in it that means `pep` counts.
    pub fn chosen(verbose: bool, debug: Option<&str>) -> Self {
        let wants_all = debug.is_some_and(|list| {
            list.split([',', ' ']).any(|name| name == "*" || name.starts_with("pep"))
        });
        if wants_all {
            Self::Everything
        } else if verbose {
            Self::Requests
        } else {
            Self::Off
        }
    }

    /// One line about a request or its answer.
    pub fn request(self, line: impl FnOnce() -> String) {
        self.write(Self::Requests, line);
    }

    /// One line about anything smaller.
    pub fn detail(self, line: impl FnOnce() -> String) {
        self.write(Self::Everything, line);
    }

    fn write(self, from: Self, line: impl FnOnce() -> String) {
        if self >= from {
            note(&format!("pep: {}", line()));
        }
    }
}

/// One line on stderr. A closed stderr is nobody's failure.
pub fn note(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{}", one_line(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_variable_and_the_option() {
        for (verbose, debug, chosen) in [
            (false, None, Trace::Off),
            (false, Some(""), Trace::Off),
            (false, Some("express:*"), Trace::Off),
            (true, None, Trace::Requests),
            (true, Some("0"), Trace::Requests),
            (false, Some("*"), Trace::Everything),
            (false, Some("express:*,pep"), Trace::Everything),
        ] {
            assert_eq!(Trace::chosen(verbose, debug), chosen, "{verbose} {debug:?}");
        }
    }
}
