//! A station that signs with a throw-away EXAMPLE CA and keeps everything in memory: for QA, and
//! for trying things out. What it answers is the real station's; it says in every answer that it is
//! none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tempfile::TempDir;

use super::sign::Factories;
use super::{Assembly, Opened, ca_fault, profile, put_together, tls_fault};
use crate::ca::Authority;
use crate::config::{self, Config, Environment, Fault, Faults, Warning};
use crate::init::{Example, example_product};
use crate::store::MemoryStore;

/// The configuration of a simulation, and the folder its files are in while they are needed.
pub struct Simulation {
    /// The configuration. Its CA and its store are not used.
    pub config: Config,
    /// What should be known of it.
    pub warnings: Vec<Warning>,
    _folder: Option<TempDir>,
}

/// Reads what is simulated: the configuration at `path`, or that of an EXAMPLE product where
/// nothing is there and `path` is nobody's choice.
///
/// # Errors
/// [`Faults`], all at once.
pub fn read_simulation(
    path: &Path,
    is_chosen: bool,
    environment: &Environment,
) -> Result<Simulation, Faults> {
    let now = Timestamp::now();
    let (path, folder) = if is_chosen || path.exists() {
        (path.to_owned(), None)
    } else {
        let (path, folder) = example(now).map_err(|problem| fault("--simulate", problem))?;
        (path, Some(folder))
    };
    let (config, mut warnings) = config::read_simulated(&path, environment, now)?;
    if config.operators.is_empty() {
        // Without a token nobody is kept out: see `simulate`.
        warnings.retain(|warning| !warning.text.contains("the operators' routes are closed"));
    }
    Ok(Simulation { config, warnings, _folder: folder })
}

/// A folder with what is public of an EXAMPLE product.
fn example(now: Timestamp) -> Result<(PathBuf, TempDir), String> {
    let folder = tempfile::Builder::new().prefix("pep-simulation-").tempdir();
    let folder = folder.map_err(|error| format!("needs a folder for its files: {error}"))?;
    example_product(folder.path(), now).map_err(|error| error.to_string())?;
    Ok((folder.path().join("station.toml"), folder))
}

/// Puts a simulated station together.
///
/// # Errors
/// [`Faults`] of TLS, and of an OpenSSL that makes no key.
pub fn simulate(mut config: Config) -> Result<Assembly, Faults> {
    // What a simulation confirms is not confirmed: keys made elsewhere are still needed.
    config.supplied.wipe = false;
    // A gateway of the line that searches shall find the real station, and that one alone.
    config.discovery.announce = false;
    if let Some(fault) = tls_fault(&config.http) {
        return Err(Faults { faults: vec![fault], warnings: Vec::new() });
    }
    let now = Timestamp::now();
    let ca = Example::device_ca(now).map_err(|error| fault("--simulate", error.to_string()))?;
    let (certificate, key) = ca.into_parts();
    let made = Authority::of(certificate, key, &profile(&config.product), now);
    let (authority, _) = made.map_err(|found| Faults {
        faults: found.iter().map(ca_fault).collect(),
        warnings: Vec::new(),
    })?;
    let store = Arc::new(MemoryStore::default());
    // Devices that register themselves need a factory's files, which a simulation has not.
    let factories = Factories::default();
    let authority = Arc::new(authority);
    let opened = Opened { authority, store, disk: None, factories, warnings: Vec::new() };
    let mut assembly = put_together(config, opened);
    assembly.ledger = "memory";
    assembly.listener.simulated = true;
    assembly.fronts.operators.open_to_everybody();
    Ok(assembly)
}

fn fault(key: &str, problem: String) -> Faults {
    let fix = "give --config FILE, or TMPDIR with a folder that can be written".to_owned();
    Faults { faults: vec![Fault { key: key.to_owned(), problem, fix }], warnings: Vec::new() }
}
