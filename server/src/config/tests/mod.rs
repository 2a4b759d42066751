//! Whole configurations, good and bad, read from folders as an operator would leave them.

mod broken;
mod made;
mod product;
mod station;

use std::path::Path;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

/// A folder as `init` makes it, with a `certificates` folder of odd ones beside.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        crate::init::init(dir.path(), None, None, now()).unwrap();
        made::fill(&dir.path().join("certificates"));
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path().join(name), text).unwrap();
        self
    }

    /// Writes the fcu.yml of `init` with parts replaced; each must be there.
    fn product(&self, changes: &[(&str, &str)]) -> &Self {
        let mut text = include_str!("../../../../keystore.example/fcu.yml").to_owned();
        for (old, new) in changes {
            assert!(text.contains(old), "{old}");
            text = text.replacen(old, new, 1);
        }
        self.write("fcu.yml", text)
    }

    fn read_with(&self, variables: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), Faults> {
        let environment = variables.iter().copied().collect();
        read(&self.path().join("station.toml"), &environment, now(), |_, _| {})
    }

    fn read(&self) -> Result<(Config, Vec<Warning>), Faults> {
        self.read_with(&[])
    }

    /// The configuration and its warnings, one a line.
    fn good(&self) -> (Config, String) {
        let (config, warnings) = self.read().unwrap_or_else(|faults| panic!("{faults}"));
        (config, self.lines(&warnings))
    }

    /// The faults, one a line, paths cut to what is below the folder.
    fn faults(&self, variables: &[(&str, &str)]) -> String {
        match self.read_with(variables) {
            Ok(_) => panic!("no fault"),
            Err(faults) => self.lines(&faults.faults),
        }
    }

    fn lines(&self, found: &[impl std::fmt::Display]) -> String {
        let folder = format!("{}/", self.path().display());
        let lines = found.iter().map(|one| one.to_string().replace(&folder, ""));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(made::NOW).unwrap()
}
