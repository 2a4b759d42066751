//! Where every key of station.toml and fcu.yml stands, so that what is found wrong names file and
//! line.
//!
//! Readers, and the rooms that open what a configuration names, call a key by its path:
//! `[injection] give_up`, `[sign] factories[1].root`, `fcu.yml: device-info.timezone`. This is
//! where such a path becomes `station.toml:42: [injection] give_up`. List elements are counted
//! from 1.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::faults::{Fault, Faults, Warning};

/// Begins the path of every key of fcu.yml, whatever that file is called.
pub const PRODUCT: &str = "fcu.yml: ";
/// Begins what stands in station.toml and is no key, such as a line.
const STATION: &str = "station.toml: ";
/// Begins what stands for a line of a file.
const LINE: &str = "line ";

/// The lines of the keys, and the names of the two files as the user gave them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Places {
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<String, String>,
    numbers: BTreeMap<String, String>,
    station: String,
    product: String,
    folder: PathBuf,
    given_folder: PathBuf,
}

/// Two configurations that say the same are the same, whatever stands where.
impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places(..)")
    }
}

impl Places {
    /// The places of a station.toml that the user called `given`, in the folder `absolute`.
    pub fn of(given: &Path, absolute: &Path) -> Self {
        Self {
            station: given.display().to_string(),
            product: "fcu.yml".to_owned(),
            folder: absolute.to_owned(),
            given_folder: given.parent().unwrap_or(Path::new("")).to_owned(),
            ..Self::default()
        }
    }

    /// Where the product is described.
    pub fn product_is(&mut self, file: &Path) {
        self.product = self.shown(file);
    }

    /// Records that `key` stands in `line`, counted from 1.
    pub fn stands(&mut self, key: String, line: usize) {
        self.lines.entry(key).or_insert(line);
    }

    /// Records that the value of `key` comes from the variable `name`.
    pub fn overridden(&mut self, key: String, name: String) {
        self.variables.insert(key, name);
    }

    /// Records how the number of `key` is written: readers of YAML take 0755 for 755.0.
    pub fn is_written(&mut self, key: String, number: String) {
        self.numbers.insert(key, number);
    }

    /// How the number of `key` is written, where that is known.
    pub fn number(&self, key: &str) -> Option<&str> {
        self.numbers.get(key).map(String::as_str)
    }

    /// A path as the user would write it: below the folder of station.toml, beside the name that
    /// was given for it.
    pub fn shown(&self, file: &Path) -> String {
        match file.strip_prefix(&self.folder) {
            Ok(below) => self.given_folder.join(below).display().to_string(),
            Err(_) => file.display().to_string(),
        }
    }

    /// Puts file and line before every key, and the findings into the order of the files.
    pub fn arrange(&self, found: Faults) -> Faults {
        let Faults { faults, warnings } = found;
        let mut faults: Vec<_> = faults
            .into_iter()
            .map(|fault| (self.rank(&fault.key), Fault { key: self.place(&fault.key), ..fault }))
            .collect();
        faults.sort_by_key(|(rank, _)| *rank);
        let mut known: Vec<Fault> = Vec::new();
        for (_, fault) in faults {
            if !known.contains(&fault) {
                known.push(fault);
            }
        }
        Faults { faults: known, warnings: self.arrange_warnings(warnings) }
    }

    /// The same for warnings alone.
    pub fn arrange_warnings(&self, warnings: Vec<Warning>) -> Vec<Warning> {
        let mut warnings: Vec<_> = warnings
            .into_iter()
            .map(|one| (self.rank(&one.key), Warning { key: self.place(&one.key), ..one }))
            .collect();
        warnings.sort_by_key(|(rank, _)| *rank);
        warnings.into_iter().map(|(_, warning)| warning).collect()
    }

    /// `key` with its file and line, or the variable it comes from. What is no key stays as it is.
    pub fn place(&self, key: &str) -> String {
        if let Some(name) = self.variable(key) {
            return format!("{name} (for {key})");
        }
        let Some((file, rest)) = self.file_of(key) else { return key.to_owned() };
        let place = match self.line(key) {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        };
        if rest.starts_with(LINE) || rest.is_empty() { place } else { format!("{place}: {rest}") }
    }

    /// The variable that a key's value comes from, or that of the list it is an element of.
    fn variable(&self, key: &str) -> Option<&String> {
        let of_list = || self.variables.get(key.strip_suffix(']')?.rsplit_once('[')?.0);
        self.variables.get(key).or_else(of_list)
    }

    fn file_of<'a>(&'a self, key: &'a str) -> Option<(&'a str, &'a str)> {
        if self.station.is_empty() {
            return None;
        }
        if key.starts_with('[') {
            return Some((&self.station, key));
        }
        let station = key.strip_prefix(STATION).map(|rest| (self.station.as_str(), rest));
        station.or_else(|| key.strip_prefix(PRODUCT).map(|rest| (self.product.as_str(), rest)))
    }

    /// The line of a key, or of the nearest thing around it that is there.
    fn line(&self, key: &str) -> Option<usize> {
        let mut wanted = key.to_owned();
        loop {
            if let Some(line) = self.lines.get(&wanted) {
                return Some(*line);
            }
            if let Some(line) = wanted.split_once(": ").and_then(|(_, rest)| line_number(rest)) {
                return Some(line);
            }
            wanted = around(&wanted)?;
        }
    }

    /// station.toml before fcu.yml before everything else; in each the order of the lines.
    fn rank(&self, key: &str) -> (u8, usize) {
        let file = match key {
            _ if self.variable(key).is_some() => 2,
            _ if key.starts_with('[') || key.starts_with(STATION) => 0,
            _ if key.starts_with(PRODUCT) => 1,
            _ => 3,
        };
        (file, if file < 2 { self.line(key).unwrap_or(0) } else { 0 })
    }
}

/// What stands for `line` of station.toml.
pub fn station_line(line: usize) -> String {
    format!("{STATION}{LINE}{line}")
}

/// What stands for `line` of fcu.yml.
pub fn product_line(line: usize) -> String {
    format!("{PRODUCT}{LINE}{line}")
}

/// What stands for station.toml as a whole.
pub fn station_file() -> String {
    STATION.to_owned()
}

fn line_number(rest: &str) -> Option<usize> {
    rest.strip_prefix(LINE)?.parse().ok()
}

/// `[section] key` of a path below station.toml's outermost table; positions in lists are parts of
/// their own, `[1]`, and what is below a list stands behind the section that holds the list.
pub fn in_toml(path: &[String], key: &str) -> String {
    let all: Vec<&str> = path.iter().map(String::as_str).chain([key]).collect();
    let list = all.iter().position(|part| part.starts_with('[')).map(|at| at.saturating_sub(1));
    let cut = list.unwrap_or(all.len().saturating_sub(1));
    let (section, rest) = all.split_at(cut);
    match (section, rest) {
        ([], rest) => format!("[{}]", dotted(rest)),
        (section, rest) => format!("[{}] {}", section.join("."), dotted(rest)),
    }
}

/// `section.key`, with positions in lists behind what they belong to: `custom-properties[2].name`.
pub fn dotted(parts: &[&str]) -> String {
    let mut dotted = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !dotted.is_empty() && !part.starts_with('[') {
            dotted.push('.');
        }
        dotted.push_str(part);
    }
    dotted
}

/// The key that `key` is a part of: what to look for where it is not there itself.
fn around(key: &str) -> Option<String> {
    let (before, path, after) = match (key.split_once("] "), key.strip_prefix(PRODUCT)) {
        (_, Some(path)) => (PRODUCT, path, ""),
        (Some((section, path)), None) => match path.rfind(['.', '[']).and_then(|at| path.get(..at))
        {
            Some(outer) => return Some(format!("{section}] {outer}")),
            None => return Some(format!("{section}]")),
        },
        (None, None) => ("[", key.strip_prefix('[')?.strip_suffix(']')?, "]"),
    };
    let outer = path.get(..path.rfind(['.', '['])?)?;
    Some(format!("{before}{outer}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn keys_are_written_as_people_look_for_them() {
        for (parts, key, written) in [
            (&[][..], "http", "[http]"),
            (&["http"][..], "listen", "[http] listen"),
            (&["sign", "cloud"][..], "url", "[sign.cloud] url"),
            (&["injection", "allow"][..], "[2]", "[injection] allow[2]"),
            (&["sign", "factories", "[1]"][..], "root", "[sign] factories[1].root"),
            (&["sign", "factories", "[1]", "cloud"][..], "url", "[sign] factories[1].cloud.url"),
            (&["sign", "factories", "[1]"][..], "", "[sign] factories[1]"),
        ] {
            assert_eq!(in_toml(&path(parts), key), written);
        }
    }

    #[test]
    fn what_is_missing_stands_where_it_would() {
        let mut places = Places::of(Path::new("line/station.toml"), Path::new("/etc/pep"));
        places.stands("[sign]".to_owned(), 3);
        places.stands("[sign] factories[2]".to_owned(), 7);
        places.stands("fcu.yml: device-info".to_owned(), 9);
        places.overridden("[http] listen".to_owned(), "PEP_HTTP_LISTEN".to_owned());
        for (key, place) in [
            ("[sign] listen", "line/station.toml:3: [sign] listen"),
            ("[sign] factories[2].cloud.url", "line/station.toml:7: [sign] factories[2].cloud.url"),
            ("[sign] factories[3].name", "line/station.toml:3: [sign] factories[3].name"),
            ("[http] workers", "line/station.toml: [http] workers"),
            ("[http] listen", "PEP_HTTP_LISTEN (for [http] listen)"),
            ("[http] listen[2]", "PEP_HTTP_LISTEN (for [http] listen[2])"),
            ("[http]", "line/station.toml: [http]"),
            ("fcu.yml: device-info.timezone", "fcu.yml:9: device-info.timezone"),
            ("fcu.yml: use-bootstrap", "fcu.yml: use-bootstrap"),
            (&station_line(12), "line/station.toml:12"),
            (&product_line(12), "fcu.yml:12"),
            (&station_file(), "line/station.toml"),
            ("PEP_SERVER_PORT", "PEP_SERVER_PORT"),
        ] {
            assert_eq!(places.place(key), place);
        }
        places.product_is(Path::new("/etc/pep/other.yml"));
        assert_eq!(places.place("fcu.yml: device-info"), "line/other.yml:9: device-info");
        assert_eq!(places.shown(Path::new("/var/x")), "/var/x");
    }
}
