//! What is wrong with a configuration, all of it at once.
//!
//! Readers record what they find in [`Findings`] and go on; only the end of the reading decides
//! whether there is a configuration. Nothing here knows what a key means.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::places::Places;

/// One thing that keeps the station from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `[injection] give_up`, `fcu.yml: device-info.timezone`, a variable or a file; with
    /// file and line before it once [`Places::arrange`] has been over it.
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
    /// The faults; in the order of file and line once [`Places::arrange`] has been over them.
    pub faults: Vec<Fault>,
    /// The warnings found beside them, so that `check` can show both.
    pub warnings: Vec<Warning>,
}

/// What a program ends with whose configuration is wrong: `EX_CONFIG` of sysexits.h. To start it
/// again is of no use.
pub const EXIT_CODE: u8 = 78;

impl Faults {
    /// No faults so far.
    pub fn none() -> Self {
        Self { faults: Vec::new(), warnings: Vec::new() }
    }

    /// Takes others in.
    pub fn extend(&mut self, others: Self) {
        self.faults.extend(others.faults);
        self.warnings.extend(others.warnings);
    }

    /// Whether all that was found when things were opened may be over the next time, although the
    /// configuration stays as it is: a ledger, a disk, an address, a certificate or a clock.
    pub fn may_pass(&self) -> bool {
        let passing =
            ["[store] ", "[journal] ", "[http] listen", "[sign] listen", "[station] name"];
        self.faults.iter().all(|fault| {
            let of_its_time =
                fault.key.starts_with("clock") || fault.problem.starts_with("the TLS certificate ");
            of_its_time || passing.iter().any(|key| fault.key.contains(key))
        })
    }
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
    places: RefCell<Places>,
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

    /// The key that stands for this file.
    pub fn key_of(&self, path: &Path) -> Option<String> {
        let files = self.files.borrow();
        files.iter().find(|(_, file)| file == path).map(|(key, _)| key.clone())
    }

    /// The files named so far, each with the key that stands for it.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        self.files.borrow().clone()
    }

    /// Says which files are read.
    pub fn set_places(&self, places: Places) {
        *self.places.borrow_mut() = places;
    }

    /// Says which file describes the product.
    pub fn product_is(&self, file: &Path) {
        self.places.borrow_mut().product_is(file);
    }

    /// Records that `key` stands in `line`, counted from 1.
    pub fn stands(&self, key: String, line: usize) {
        self.places.borrow_mut().stands(key, line);
    }

    /// Records that the value of `key` comes from the variable `name`.
    pub fn overridden(&self, key: String, name: String) {
        self.places.borrow_mut().overridden(key, name);
    }

    /// Records how the number of `key` is written.
    pub fn is_written(&self, key: String, number: String) {
        self.places.borrow_mut().is_written(key, number);
    }

    /// How the number of `key` is written, where that is known.
    pub fn number(&self, key: &str) -> Option<String> {
        self.places.borrow().number(key).map(str::to_owned)
    }

    /// `key` with its file and line.
    pub fn place(&self, key: &str) -> String {
        self.places.borrow().place(key)
    }

    /// A path as the user would write it.
    pub fn shown(&self, file: &Path) -> String {
        self.places.borrow().shown(file)
    }

    /// Where every key stands, for those who find faults later.
    pub fn places(&self) -> Places {
        self.places.borrow().clone()
    }

    /// Gives the value and the warnings, or the faults when there are any; all with their places.
    ///
    /// A reader that gives `None` has recorded why; should one ever not have, that is said too
    /// rather than taken for a good configuration.
    pub fn conclude<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), Faults> {
        let mut faults = self.faults.into_inner();
        let warnings = self.warnings.into_inner();
        let places = self.places.into_inner();
        match value {
            Some(value) if faults.is_empty() => Ok((value, places.arrange_warnings(warnings))),
            Some(_) => Err(places.arrange(Faults { faults, warnings })),
            None => {
                if faults.is_empty() {
                    faults.push(Fault {
                        key: "configuration".to_owned(),
                        problem: "could not be read, and the reader did not say why".to_owned(),
                        fix: "report this as a mistake in pep-server".to_owned(),
                    });
                }
                Err(places.arrange(Faults { faults, warnings }))
            }
        }
    }
}
