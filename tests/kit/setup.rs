//! A station's folder and environment before its first start.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::ledger::Ledger;
use super::program::{binary, run};

/// What `pep-server init` made, to be changed.
pub struct Setup {
    pub(super) folder: TempDir,
    pub(super) environment: Vec<(String, String)>,
    pub(super) launcher: Vec<String>,
    /// `None` for the embedded one in the folder.
    pub(super) ledger: Option<Ledger>,
}

impl Setup {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary("pep-server"));
        command.arg("init").arg(folder.path());
        run(command, |_, _| {}).worked();
        let mut setup =
            Self { folder, environment: Vec::new(), launcher: Vec::new(), ledger: None };
        setup
            .env("PEP_HTTP_LISTEN", "127.0.0.1:0")
            // Tests put CAs of their own beside the EXAMPLE product.
            .env("PEP_ADMISSION_ALLOW_EXAMPLE", "true")
            .env("PEP_INJECTION_QUIET", "1")
            .env("PEP_INJECTION_GIVE_UP", "2");
        setup
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `pep-server` for this folder, and what follows its configuration on the command line.
    pub fn server(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("pep-server"));
        only(&mut command, &self.environment);
        command.arg("--config").arg(self.folder().join("station.toml")).args(arguments);
        command
    }

    /// Has the station started by this program, which is given the station's own command line and
    /// has to become it.
    pub fn launched_by(&mut self, program: &[&str]) {
        self.launcher = program.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Sets a variable of the station's environment.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has the station keep its records in this database, which it reaches at `address`: the
    /// server's own, or that of a wire to it.
    pub fn mongodb(&mut self, ledger: &Ledger, address: &str) -> &mut Self {
        let Ledger::MongoDb { database, .. } = ledger else { panic!("no MongoDB") };
        self.env("PEP_STORE_KIND", "mongodb")
            .env("PEP_STORE_URI", &format!("mongodb://{address}/?directConnection=true"))
            .env("PEP_STORE_DATABASE", database);
        self.ledger = Some(ledger.clone());
        self
    }

    /// Replaces a text that must stand in fcu.yml.
    pub fn fcu(&mut self, from: &str, to: &str) -> &mut Self {
        self.replace("fcu.yml", from, to)
    }

    /// Adds lines at the end of fcu.yml.
    pub fn fcu_also(&mut self, lines: &str) -> &mut Self {
        let path = self.folder().join("fcu.yml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n{lines}\n")).unwrap();
        self
    }

    /// Replaces a text that must stand in station.toml.
    pub fn station(&mut self, from: &str, to: &str) -> &mut Self {
        self.replace("station.toml", from, to)
    }

    fn replace(&mut self, name: &str, from: &str, to: &str) -> &mut Self {
        let path = self.folder().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in {name}");
        std::fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    /// Writes a file into the folder, in the place of any other.
    pub fn file(&mut self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// Gives a program these variables, a path and nothing else: no proxy and no setting of whoever
/// runs the tests.
pub fn only(command: &mut Command, variables: &[(String, String)]) {
    command.env_clear();
    for kept in ["PATH", "TMPDIR", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    // Nothing may be said on this machine's networks; a test of that has networks of its own.
    command.env("PEP_DISCOVERY", "off").env("PEP_DISCOVERY_ANNOUNCE", "false");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
}
