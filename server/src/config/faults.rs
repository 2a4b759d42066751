//! What is wrong with a configuration, all of it at once.
//!
//! Readers record what they find in [`Findings`] and go on; only the end of the reading decides
//! whether there is a configuration. Nothing here knows what a key means.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that keeps the station from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `[injection] give_up`, `fcu.yml: device-info.timezone`, a variable or a file.
    pub key: String,
    /// What is wrong there, as the rest of a sentence. Never holds a secret.
    pub problem: String,
    /// What would be right.
    pub fix: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.problem, self.fix)
    }
}

/// One thing that the station can live with and somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where, in the same form as [`Fault::key`].
    pub key: String,
    /// What will happen because of it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Everything that is wrong with a configuration, at least one fault. `Display` gives one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The faults, in the order in which they were found.
    pub faults: Vec<Fault>,
    /// The warnings found beside them, so that `check` can show both.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Where readers write down what they find.
#[derive(Debug, Default)]
pub struct Findings {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Warning>>,
    keys: RefCell<BTreeSet<String>>,
    files: RefCell<Vec<(String, PathBuf)>>,
}

impl Findings {
    /// Records a fault.
    pub fn fault(
        &self,
        key: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.faults.borrow_mut().push(Fault {
            key: key.into(),
            problem: problem.into(),
            fix: fix.into(),
        });
    }

    /// Records faults that somebody else has put into words.
    pub fn add(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.borrow_mut().extend(faults);
    }

    /// Whether there is any fault so far.
    pub fn is_faulty(&self) -> bool {
        !self.faults.borrow().is_empty()
    }

    /// Records a warning.
    pub fn warn(&self, key: impl Into<String>, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning { key: key.into(), text: text.into() });
    }

    /// Whether a fault with this very key has been recorded.
    pub fn has_fault_at(&self, key: &str) -> bool {
        self.faults.borrow().iter().any(|fault| fault.key == key)
    }

    /// Records that a reader asked for this key, so that a test can hold the documentation of the
    /// keys against the keys that exist.
    pub fn asked(&self, key: &str) {
        self.keys.borrow_mut().insert(key.to_owned());
    }

    /// Every key a reader asked for so far.
    pub fn keys(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }

    /// Records that `key` stands for this file, which may or may not be there.
    pub fn names_file(&self, key: impl Into<String>, path: &Path) {
        let named = (key.into(), path.to_owned());
        let mut files = self.files.borrow_mut();
        if !files.contains(&named) {
            files.push(named);
        }
    }

    /// The files named so far, each with the key that stands for it.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        self.files.borrow().clone()
    }

    /// Gives the value and the warnings, or the faults when there are any.
    ///
    /// A reader that gives `None` has recorded why; should one ever not have, that is said too
    /// rather than taken for a good configuration.
    pub fn conclude<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), Faults> {
        let mut faults = self.faults.into_inner();
        let warnings = self.warnings.into_inner();
        match value {
            Some(value) if faults.is_empty() => Ok((value, warnings)),
            Some(_) => Err(Faults { faults, warnings }),
            None => {
                if faults.is_empty() {
                    faults.push(Fault {
                        key: "configuration".to_owned(),
                        problem: "could not be read, and the reader did not say why".to_owned(),
                        fix: "report this as a mistake in pep-server".to_owned(),
                    });
                }
                Err(Faults { faults, warnings })
            }
        }
    }
}
