//! The environment variables a configuration may draw on, taken once.
//!
//! A map and not `std::env`, so that a reading is a function of its arguments and tests need not
//! change the process they run in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::faults::Findings;
use super::nearest::nearest;

/// Variables that belong to the command line or to the tests, not to the station.
const NOT_OURS: [&str; 5] =
    ["PEP_SERVER_URL", "PEP_OPERATOR_TOKEN_FILE", "PEP_DISCOVERY", "PEP_STATION", "PEP_PLATFORM"];

/// A copy of the environment that remembers which variables were asked for.
#[derive(Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    asked: RefCell<BTreeSet<String>>,
}

impl Environment {
    /// The environment of this process. What is not UTF-8 in a value is replaced by U+FFFD, so that
    /// such a variable is refused where it is used rather than taken for absent.
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| [name, value].map(|text| text.to_string_lossy().into_owned()))
            .map(|[name, value]| (name, value))
            .collect()
    }

    /// The value of `name`. An empty value is a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.variables.get(name).map(String::as_str)
    }

    /// Warns about each `PEP_` variable that nobody asked for: most likely a misspelt override.
    /// To be called when everything has been read.
    pub fn warn_of_strangers(&self, findings: &Findings) {
        let asked = self.asked.borrow();
        for name in self.variables.keys().filter(|name| name.starts_with("PEP_")) {
            let ours = asked.contains(name)
                || NOT_OURS.contains(&name.as_str())
                || name.starts_with("PEP_TEST_");
            if !ours {
                let known = asked.iter().map(String::as_str);
                let meant = nearest(name, known.filter(|name| name.starts_with("PEP_")));
                let meant = match meant {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => "PEP_<SECTION>_<KEY> in capitals overrides one".to_owned(),
                };
                let text = "this variable overrides no key of station.toml and is not used; ";
                findings.warn(name, format!("{text}{meant}"));
            }
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { variables: variables.collect(), asked: RefCell::default() }
    }
}
