//! Reads one table of a configuration, key by key, and never stops at the first fault.
//!
//! TOML and YAML both arrive here as a `serde_json` value tree. A reader takes the keys it knows;
//! what is wrong with each is recorded with its key path, and what is left at the end is unknown.
//! What a value means, and whether it must be there, is the reader's business.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::environment::Environment;
use super::faults::Findings;
use super::nearest::nearest;
use super::path;
use super::places::{PRODUCT, dotted, in_toml};
use super::words::described;

/// How the key paths of a file are written, and whether the environment may override them.
#[derive(Clone, Copy)]
pub enum Notation<'a> {
    /// `[section] key`; `PEP_SECTION_KEY` overrides it.
    Toml(&'a Environment),
    /// `fcu.yml: section.key`; nothing overrides it.
    Yaml,
}

/// What all sections of one file have in common.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// How key paths are written.
    pub notation: Notation<'a>,
    /// The folder relative paths start from.
    pub folder: &'a Path,
    /// Where faults go.
    pub findings: &'a Findings,
}

/// One table, and what has been taken from it.
pub struct Section<'a> {
    source: Source<'a>,
    path: Vec<String>,
    entries: Map<String, Value>,
    asked: Vec<&'static str>,
}

/// A value with the place it came from.
pub struct Given {
    /// Where the value stands, for faults.
    pub key: String,
    /// The value. `Null` never occurs: an empty YAML value counts as absent.
    pub value: Value,
    /// Text of an environment variable, to be read as whatever type is wanted.
    pub from_variable: bool,
}

/// A key that no reader took.
pub struct Leftover {
    /// Its path, positions in lists left out, as `[fcu] ignore` names it.
    pub name: String,
    /// Where it stands, for faults.
    pub key: String,
    /// The key of the same section it may be meant for.
    pub meant: Option<String>,
}

impl<'a> Section<'a> {
    /// The outermost table of a file.
    pub fn outermost(source: Source<'a>, entries: Map<String, Value>) -> Self {
        Self { source, path: Vec::new(), entries, asked: Vec::new() }
    }

    /// Where faults go.
    pub fn findings(&self) -> &'a Findings {
        self.source.findings
    }

    /// The folder relative paths start from.
    pub fn folder(&self) -> &'a Path {
        self.source.folder
    }

    /// How `key` of this section is written in faults.
    pub fn key(&self, key: &str) -> String {
        match self.source.notation {
            Notation::Toml(_) => in_toml(&self.path, key),
            Notation::Yaml => {
                let parts: Vec<_> = self.path.iter().map(String::as_str).chain([key]).collect();
                format!("{PRODUCT}{}", dotted(&parts))
            }
        }
    }

    /// How this section itself is written in faults: `[sign] factories[1]`.
    pub fn own_key(&self) -> String {
        match self.source.notation {
            Notation::Toml(_) if !self.path.iter().any(|part| part.starts_with('[')) => {
                format!("[{}]", self.path.join("."))
            }
            _ => self.key(""),
        }
    }

    /// Records a fault at `key` of this section.
    pub fn fault(&self, key: &str, problem: impl Into<String>, fix: impl Into<String>) {
        self.source.findings.fault(self.key(key), problem, fix);
    }

    /// Records a fault at an element of the list `key`, counted from 0 here and from 1 there.
    pub fn fault_at(
        &self,
        (key, index): (&str, usize),
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let element = format!("{}[{}]", self.key(key), index + 1);
        self.source.findings.fault(element, problem, fix);
    }

    /// Records a warning at `key` of this section.
    pub fn warn(&self, key: &str, text: impl Into<String>) {
        self.source.findings.warn(self.key(key), text);
    }

    /// Whether a fault at `key` of this section has been recorded: what is wrong is not missing too.
    pub fn was_faulty(&self, key: &str) -> bool {
        self.source.findings.has_fault_at(&self.key(key))
    }

    /// The variable that overrides `key`, and its value. An empty one counts as unset, as compose
    /// files leave such behind.
    fn overriding(&self, key: &str) -> Option<(String, &'a str)> {
        let Notation::Toml(environment) = self.source.notation else {
            return None;
        };
        if self.path.is_empty() {
            return None;
        }
        let name = format!("PEP_{}_{key}", self.path.join("_")).to_uppercase();
        let value = environment.get(&name).filter(|value| !value.is_empty())?;
        Some((name, value))
    }

    /// Whether `key` is this very word, without taking it.
    pub fn says(&self, key: &str, word: &str) -> bool {
        match self.overriding(key) {
            Some((_, value)) => value.trim() == word,
            None => self.entries.get(key).and_then(Value::as_str) == Some(word),
        }
    }

    /// Takes `key` as it stands.
    pub fn take(&mut self, key: &'static str) -> Option<Given> {
        self.asked.push(key);
        self.source.findings.asked(&self.key(key));
        let entry = self.entries.shift_remove(key).filter(|value| !value.is_null());
        match self.overriding(key) {
            Some((name, value)) => {
                self.source.findings.overridden(self.key(key), name);
                Some(Given {
                    key: self.key(key),
                    value: Value::String(value.to_owned()),
                    from_variable: true,
                })
            }
            None => entry.map(|value| Given { key: self.key(key), value, from_variable: false }),
        }
    }

    /// A text, as given.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let given = self.take(key)?;
        self.text_of(given, "a text")
    }

    /// A text that is not empty: an empty one counts as absent, since the files of the old tool
    /// come with empty values to be filled in.
    pub fn filled(&mut self, key: &'static str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    fn text_of(&self, given: Given, wanted: &str) -> Option<String> {
        match given.value {
            Value::String(text) => Some(text),
            // A number is not taken as its text: 1.10 arrives here as 1.1, and `NO` as false.
            Value::Number(_) | Value::Bool(_) => self.mistyped(
                &given.key,
                &given.value,
                &format!("give {wanted}, in quotes, exactly as it is to be used"),
            ),
            _ => self.mistyped(&given.key, &given.value, &format!("give {wanted}")),
        }
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.whole(key, range, "")
    }

    fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>, unit: &str) -> Option<u64> {
        let given = self.take(key)?;
        let number = match &given.value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if given.from_variable => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.mistyped::<()>(
                &given.key,
                &given.value,
                &format!("give a whole number{unit} from {low} to {high}"),
            );
        }
        number
    }

    /// A number of whole seconds within `range`.
    pub fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.whole(key, range, " of seconds").map(Duration::from_secs)
    }

    /// A text that must be there and may be empty; `what` says what it is.
    pub fn required_text(&mut self, key: &'static str, what: &str) -> Option<String> {
        let text = self.text(key);
        if text.is_none() && !self.was_faulty(key) {
            self.fault(key, "is missing", format!("give {what}"));
        }
        text
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let given = self.take(key)?;
        match &given.value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if given.from_variable && text.trim() == "true" => Some(true),
            Value::String(text) if given.from_variable && text.trim() == "false" => Some(false),
            _ => self.mistyped(&given.key, &given.value, "give true or false"),
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let given = self.take(key)?;
        let chosen = given
            .value
            .as_str()
            .and_then(|text| words.iter().find(|(word, _)| *word == text.trim()))
            .map(|(_, meaning)| *meaning);
        if chosen.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let written = given.value.as_str().unwrap_or_default();
            let meant = nearest(written, words.iter().map(|(word, _)| *word));
            let meant =
                meant.map_or_else(String::new, |word| format!("; did you mean \"{word}\"?"));
            let fix = format!("give one of {}{meant}", known.join(", "));
            self.mistyped::<()>(&given.key, &given.value, &fix);
        }
        chosen
    }

    /// A path, made absolute from the file's own folder. Whether the file exists is not looked at.
    /// An empty one counts as absent in YAML, see [`Self::filled`].
    pub fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let given = self.take(key)?;
        let at = given.key.clone();
        let text = self.text_of(given, "the path of a file")?;
        if text.is_empty() && matches!(self.source.notation, Notation::Yaml) {
            return None;
        }
        if let Some((problem, fix)) = path::fault(&text) {
            self.source.findings.fault(at, problem, fix);
            return None;
        }
        let path = self.source.folder.join(text);
        self.source.findings.names_file(at, &path);
        Some(path)
    }

    /// The same, with the file that stands for the key where none is given.
    pub fn file_or(&mut self, key: &'static str, default: &str) -> PathBuf {
        self.file(key).unwrap_or_else(|| {
            let path = self.source.folder.join(default);
            self.source.findings.names_file(self.key(key), &path);
            path
        })
    }

    /// A list of texts; from the environment, with commas between them.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let given = self.take(key)?;
        let wanted = "give a list of texts: [\"one\", \"two\"]";
        match given.value {
            Value::String(text) if given.from_variable => Some(
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|p| !p.is_empty())
                    .collect(),
            ),
            Value::Array(values) => {
                let texts = values.iter().enumerate().map(|(index, value)| match value {
                    Value::String(text) => Some(text.clone()),
                    other => self.mistyped(&format!("{}[{}]", given.key, index + 1), other, wanted),
                });
                // All of them, so that each that is wrong is named.
                texts.collect::<Vec<_>>().into_iter().collect()
            }
            other => self.mistyped(&given.key, &other, wanted),
        }
    }

    /// A table below this one; an absent one is read as empty, so that all its defaults hold.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        let entries = match self.take(key).map(|given| given.value) {
            None => Map::new(),
            Some(Value::Object(entries)) => entries,
            Some(other) => {
                self.mistyped::<()>(&self.key(key), &other, "give a section with keys of its own");
                Map::new()
            }
        };
        self.below([key.to_owned()], entries)
    }

    /// A list of tables, each named by its position counted from 1.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let wanted = "give a list of sections, each with keys of its own";
        let values = match self.take(key).map(|given| given.value) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.mistyped::<()>(&self.key(key), &other, wanted);
                Vec::new()
            }
        };
        let mut sections = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let position = format!("[{}]", index + 1);
            match value {
                Value::Object(entries) => {
                    sections.push(self.below([key.to_owned(), position], entries));
                }
                other => {
                    let at = format!("{}{position}", self.key(key));
                    self.mistyped::<()>(&at, &other, wanted);
                }
            }
        }
        sections
    }

    fn below<const N: usize>(&self, names: [String; N], entries: Map<String, Value>) -> Self {
        let path = self.path.iter().cloned().chain(names).collect();
        Section { source: self.source, path, entries, asked: Vec::new() }
    }

    /// Ends the reading: the keys nobody took.
    pub fn leftovers(self) -> Vec<Leftover> {
        let parts: Vec<_> =
            self.path.iter().filter(|part| !part.starts_with('[')).map(String::as_str).collect();
        let leftover = |key: &String| Leftover {
            name: parts.iter().copied().chain([key.as_str()]).collect::<Vec<_>>().join("."),
            key: self.key(key),
            meant: nearest(key, self.asked.iter().copied()).map(str::to_owned),
        };
        self.entries.keys().map(leftover).collect()
    }

    /// Ends the reading: every key nobody took is a fault.
    pub fn finish(self) {
        let outermost = self.path.is_empty();
        for key in self.entries.keys() {
            let meant = nearest(key, self.asked.iter().copied());
            let fix = match (meant, self.asked.as_slice()) {
                (Some(meant), _) if outermost => format!("did you mean [{meant}]?"),
                (Some(meant), _) => format!("did you mean {meant}?"),
                (None, asked) if outermost => format!("the sections are [{}]", asked.join("], [")),
                (None, asked) => format!("the keys here are {}", asked.join(", ")),
            };
            let problem = if outermost { "unknown section" } else { "unknown key" };
            self.source.findings.fault(self.key(key), problem, fix);
        }
    }

    /// Records that a value is not what it should be.
    fn mistyped<T>(&self, key: &str, value: &Value, fix: &str) -> Option<T> {
        let written = self.source.findings.number(key).filter(|_| value.is_number());
        let said = written.map_or_else(|| described(value), |it| format!("the number {it}"));
        self.source.findings.fault(key, format!("is {said}"), fix);
        None
    }
}
