//! Where a gateway keeps its identity, and who uses it there: `platforms.toml`, or a file of the
//! gateway's own. Nothing is stopped or moved here.

use std::path::{Component, Path, PathBuf};

use clap::Args;
use toml::{Table, Value};

use crate::failure::{Failure, Kind};
use crate::movable::New;

/// The documented platforms.
const PRESETS: &str = include_str!("platforms.toml");

/// The file that is taken where no option names a platform.
const USUAL_FILE: &str = "/etc/pep/platform.toml";

/// The keys of a platform.
const KEYS: [&str; 6] = ["units", "programs", "credentials", "identity", "clear", "parsec"];

/// Which platform this gateway is.
#[derive(Args)]
pub struct Choice {
    /// The platform: meta-pelion-edge, meta-pelion-edge-parsec, snap-pelion-edge or pelion-packages
    #[arg(long, value_name = "NAME", env = "PEP_PLATFORM", conflicts_with = "platform_file")]
    pub platform: Option<String>,

    /// A file with the platform's paths and units [default: /etc/pep/platform.toml, where it is]
    #[arg(long, value_name = "FILE")]
    pub platform_file: Option<PathBuf>,
}

/// A platform's paths and units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The agent's systemd units.
    pub units: Vec<String>,
    /// The names of the agent's processes.
    pub programs: Vec<String>,
    /// The folder of the credentials.
    pub credentials: PathBuf,
    /// The identity document.
    pub identity: PathBuf,
    /// Folders in which all else is of the old identity, and files that are.
    pub clear: Vec<PathBuf>,
    /// Whether the keys live in Parsec: then the injection client writes into `credentials` by
    /// itself, and they stay as they are.
    pub parsec: bool,
}

impl Platform {
    /// What an installation exchanges: the credentials, which are a folder, and the document, which
    /// is a file.
    pub fn exchanged(&self) -> Vec<(&Path, New)> {
        let credentials = (!self.parsec).then_some((self.credentials.as_path(), New::Folder));
        credentials.into_iter().chain([(self.identity.as_path(), New::File)]).collect()
    }

    /// Where the injection client of a Parsec image leaves what is not in Parsec.
    pub fn trusted_storage(&self) -> PathBuf {
        self.credentials.join("pst")
    }
}

impl Choice {
    /// Read the platform that was chosen.
    ///
    /// Fails with [`Kind::Usage`] when there is none, or when it is not whole.
    pub fn read(&self) -> Result<Platform, Failure> {
        // An empty variable is one that is not set.
        if let Some(name) = self.platform.as_deref().filter(|name| !name.is_empty()) {
            return preset(name);
        }
        let usual = Path::new(USUAL_FILE);
        match &self.platform_file {
            Some(path) => of_file(path),
            None if usual.exists() => of_file(usual),
            None => Err(Failure::new(
                Kind::Usage,
                format!("which platform is this? {USUAL_FILE} is not there"),
            )
            .with_hint(format!("give --platform with one of {}, or --platform-file", names()))),
        }
    }
}

fn preset(name: &str) -> Result<Platform, Failure> {
    let table = PRESETS.parse::<Table>().unwrap_or_default();
    match table.get(name) {
        Some(Value::Table(keys)) => read(keys).map_err(|why| wrong(name, &why)),
        _ => Err(Failure::new(Kind::Usage, format!("no platform is called {name}"))
            .with_hint(format!("the platforms are {}; --platform-file takes another", names()))),
    }
}

fn names() -> String {
    let table = PRESETS.parse::<Table>().unwrap_or_default();
    table.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn of_file(path: &Path) -> Result<Platform, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&shown, &error.to_string()))?;
    let keys = text.parse::<Table>().map_err(|error| wrong(&shown, error.message()))?;
    read(&keys).map_err(|why| wrong(&shown, &why))
}

fn wrong(place: &str, why: &str) -> Failure {
    Failure::new(Kind::Usage, format!("the platform {place} is of no use: {why}"))
        .with_hint(format!("its keys are {}; all paths are absolute", KEYS.join(", ")))
}

fn read(keys: &Table) -> Result<Platform, String> {
    if let Some(unknown) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{unknown} is an unknown key"));
    }
    let path = |key: &str| match keys.get(key) {
        Some(Value::String(text)) => place(key, text),
        _ => Err(format!("{key} is missing, or no text")),
    };
    let platform = Platform {
        units: words(keys, "units")?,
        programs: words(keys, "programs")?,
        credentials: path("credentials")?,
        identity: path("identity")?,
        clear: words(keys, "clear")?
            .iter()
            .map(|text| place("clear", text))
            .collect::<Result<_, _>>()?,
        parsec: match keys.get("parsec") {
            None => false,
            Some(Value::Boolean(parsec)) => *parsec,
            Some(_) => return Err("parsec is neither true nor false".to_owned()),
        },
    };
    if platform.identity.starts_with(&platform.credentials) {
        return Err("identity lies in the folder credentials, which is replaced whole".to_owned());
    }
    Ok(platform)
}

fn words(keys: &Table, key: &str) -> Result<Vec<String>, String> {
    let Some(value) = keys.get(key) else { return Ok(Vec::new()) };
    let not_words = || format!("{key} is not a list of names");
    let list = value.as_array().ok_or_else(not_words)?;
    list.iter()
        .map(|word| match word.as_str() {
            // A unit that begins so would be an option of systemctl.
            Some(word) if !word.is_empty() && !word.starts_with('-') => Ok(word.to_owned()),
            _ => Err(not_words()),
        })
        .collect()
}

/// A path that may be replaced or cleared: absolute, without `..`, and not at the root itself.
fn place(key: &str, text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let plain = path.components().all(|it| matches!(it, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain {
        return Err(format!("{key} = {text} is not an absolute path without .."));
    }
    if path.components().count() < 3 {
        return Err(format!("{key} = {text} is too near to the root"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        read(&text.parse::<Table>().unwrap()).unwrap_err()
    }

    #[test]
    fn every_preset_can_be_read() {
        let table = PRESETS.parse::<Table>().unwrap();
        assert_eq!(table.len(), 4);
        for name in table.keys() {
            let platform = preset(name).unwrap();
            assert!(!platform.units.is_empty() && !platform.programs.is_empty(), "{name}");
        }
        let documented = preset("meta-pelion-edge").unwrap();
        assert_eq!(documented.credentials, Path::new("/userdata/mbed/mcc_config"));
        assert_eq!(documented.identity, Path::new("/userdata/edge_gw_config/identity.json"));
        let exchanged = documented.exchanged().into_iter().map(|(place, _)| place);
        assert!(exchanged.eq([&documented.credentials, &documented.identity]));
        let parsec = preset("meta-pelion-edge-parsec").unwrap();
        assert_eq!(parsec.exchanged(), [(parsec.identity.as_path(), New::File)]);
        assert_eq!(parsec.trusted_storage(), Path::new("/userdata/mbed/mcc_config/pst"));
    }

    #[test]
    fn what_could_clear_too_much_is_refused() {
        let good = "credentials = '/a/b'\nidentity = '/a/c/identity.json'\n";
        read(&good.parse::<Table>().unwrap()).unwrap();
        for (text, said) in [
            ("clear = ['/']", "clear = / is too near to the root"),
            ("clear = ['/userdata']", "clear = /userdata is too near to the root"),
            ("clear = ['/userdata/../etc/x']", "is not an absolute path without .."),
            ("clear = ['edge/gw']", "is not an absolute path without .."),
            ("clear = '/a/b'", "clear is not a list of names"),
            ("units = ['--now']", "units is not a list of names"),
            ("parsec = 'yes'", "parsec is neither true nor false"),
            ("unit = ['x']", "unit is an unknown key"),
        ] {
            let fault = fault(&format!("{good}{text}"));
            assert!(fault.contains(said), "{text}: {fault}");
        }
        assert!(fault("identity = '/a/b'").contains("credentials is missing"));
        let inside = fault("credentials = '/a/b'\nidentity = '/a/b/identity.json'");
        assert!(inside.contains("replaced whole"), "{inside}");
    }

    #[test]
    fn without_a_choice_the_presets_are_named() {
        let choice = Choice { platform: Some("rpi".to_owned()), platform_file: None };
        let failure = choice.read().unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
        assert!(failure.hint().unwrap().contains("meta-pelion-edge"), "{failure}");
    }
}
