//! `pep install-identity`: the identity that the injection client left takes the place of the old.
//!
//! Order is everything here: the agent has stopped; copies of `pal/` and identity.json are whole
//! beside their places; each takes its place in one move; only then the old goes, and at last what
//! was copied. Killed anywhere, the same command finishes the work.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::prepare::asides;
use super::{Bench, Document, Done};
use crate::agent::Agent;
use crate::failure::{Failure, Kind, one_line};
use crate::platform::{Choice, Platform};
use crate::swap::{Old, Staged, clear, folder_of, make_folders, remove};

/// The options of `install-identity`.
#[derive(Args)]
#[command(
    long_about = "Install the identity that the injection client and `pep get-one-identity` left in \
        this folder: stop the agent, put pal/ and identity.json into the places of the platform, and \
        remove what was there before.\n\n\
        Nothing is removed before the new is in place, and each of the two takes its place in one \
        move: after a power cut the old or the new is there, and the same command finishes the work. \
        Where keys live in Parsec (`parsec = true`), the credentials stay as they are. \
        The agent is started at the next boot, or with --start.",
    after_long_help = "\
Examples:
  pep install-identity --platform meta-pelion-edge
  pep install-identity --platform-file platform.toml --start
  pep install-identity --platform snap-pelion-edge --dry-run"
)]
pub struct Options {
    /// Which platform.
    #[command(flatten)]
    pub platform: Choice,

    /// The folder that the injection client wrote
    #[arg(long, value_name = "DIR", default_value = "pal")]
    pub pal: PathBuf,

    /// The identity document that `pep get-one-identity` wrote
    #[arg(long, value_name = "FILE", default_value = "identity.json")]
    pub identity: PathBuf,

    /// How long the agent may take to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub stop_timeout: u64,

    /// Start the agent afterwards
    #[arg(long)]
    pub start: bool,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Install it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let platform = options.platform.read()?;
    let serial = whose(options, &platform)?;
    if options.dry_run {
        return Ok(Done::printed(plan(options, &platform)));
    }
    let patience = Duration::from_secs(options.stop_timeout);
    let agent = Agent::new(&platform, patience, std::env::var_os("PATH"), bench.client.trace());
    agent.stop().await?;
    // Whatever fails from here on leaves the units masked: the agent must not meet half of it.
    if platform.parsec {
        install_document(options, &platform)
    } else {
        install(options, &platform)
    }?;
    agent.release().await;
    if options.start {
        agent.start().await.map_err(|failure| {
            failure.with_hint("the new identity is in place; only the agent did not start")
        })?;
    }
    let stays = if platform.parsec { ", its keys stay in Parsec" } else { "" };
    let (credentials, identity) = (platform.credentials.display(), platform.identity.display());
    Ok(Done::printed(if bench.json {
        let done = json!({
            "serialNumber": serial,
            "credentials": credentials.to_string(),
            "identity": identity.to_string(),
        });
        format!("{done}\n")
    } else {
        format!("{} is installed: {credentials}, {identity}{stays}\n", one_line(&serial))
    }))
}

/// Sees that there is something to install, and says whose identity it is.
fn whose(options: &Options, platform: &Platform) -> Result<String, Failure> {
    let missing = |what: &Path, why: &str| {
        Failure::new(Kind::Local, format!("nothing to install: {} {why}", what.display()))
            .with_hint(
                "run it in the folder where the injection client and pep get-one-identity ran",
            )
    };
    if !options.pal.exists() && !options.dry_run {
        // What a run that was killed at its very end has left of it: keys are in there.
        remove(&options.pal)?;
    }
    let stored = if platform.parsec { platform.trusted_storage() } else { options.pal.clone() };
    let holds_something = std::fs::read_dir(&stored).is_ok_and(|mut it| it.next().is_some());
    if !holds_something {
        return Err(missing(&stored, "is not a folder with something in it"));
    }
    let document = std::fs::read(&options.identity)
        .map_err(|error| missing(&options.identity, &error.to_string()))?;
    let document = Document::read(document)
        .map_err(|_| missing(&options.identity, "is not an identity document"))?;
    Ok(document.serial_number().to_owned())
}

/// Puts both into place, then clears what was old, then what was copied.
fn install(options: &Options, platform: &Platform) -> Result<(), Failure> {
    let _alone = alone(&platform.credentials)?;
    let credentials = Staged::copy(&options.pal, &platform.credentials).map_err(unchanged)?;
    let in_place = is_same(&options.identity, &platform.identity);
    let identity = (!in_place)
        .then(|| Staged::copy(&options.identity, &platform.identity))
        .transpose()
        .map_err(unchanged)?;
    let old_credentials = credentials.put_in_place().map_err(unchanged)?;
    let old_identity = identity.map(Staged::put_in_place).transpose()?;
    old_credentials.remove()?;
    old_identity.map_or(Ok(()), Old::remove)?;
    for folder in &platform.clear {
        clear(folder, &[&platform.credentials, &platform.identity])?;
    }
    // The folder first: with it the same command could begin again.
    remove(&options.pal)?;
    for aside in asides(&options.pal) {
        remove(&aside)?;
    }
    if in_place { Ok(()) } else { remove(&options.identity) }
}

/// The keys are in Parsec, and the injection client has written beside them by itself: only the
/// document is put into place.
fn install_document(options: &Options, platform: &Platform) -> Result<(), Failure> {
    let _alone = alone(&platform.identity)?;
    let in_place = is_same(&options.identity, &platform.identity);
    if !in_place {
        let document = Staged::copy(&options.identity, &platform.identity);
        document.and_then(Staged::put_in_place).map_err(unchanged)?.remove()?;
    }
    for folder in &platform.clear {
        clear(folder, &[&platform.credentials, &platform.identity])?;
    }
    if in_place { Ok(()) } else { remove(&options.identity) }
}

fn unchanged(failure: Failure) -> Failure {
    failure.with_hint("the old identity is still in place; fix that, and repeat the command")
}

/// Whether two paths are the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Nobody else installs into this folder until the file is dropped.
fn alone(place: &Path) -> Result<File, Failure> {
    make_folders(folder_of(place)).map_err(|error| {
        Failure::new(Kind::Local, format!("cannot make {}: {error}", folder_of(place).display()))
    })?;
    let folder = folder_of(place);
    let refuse =
        |why: &str| Failure::new(Kind::Local, format!("cannot lock {}: {why}", folder.display()));
    let file = File::open(folder).map_err(|error| refuse(&error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(refuse("pep install-identity runs already")),
        Err(std::fs::TryLockError::Error(error)) => Err(refuse(&error.to_string())),
    }
}

fn plan(options: &Options, platform: &Platform) -> String {
    let mut lines: Vec<String> =
        platform.units.iter().map(|unit| format!("would stop the unit {unit}")).collect();
    for program in &platform.programs {
        lines.push(format!("would see that no process {program} is left"));
    }
    let pal = options.pal.display().to_string();
    let mut moved = Vec::new();
    if platform.parsec {
        lines.push(format!("would leave {} as it is", platform.credentials.display()));
    } else {
        lines.push(format!("would put {pal} in the place of {}", platform.credentials.display()));
        moved.push(pal);
    }
    if !is_same(&options.identity, &platform.identity) {
        let identity = options.identity.display();
        lines.push(format!("would put {identity} in the place of {}", platform.identity.display()));
        moved.push(identity.to_string());
    }
    for folder in &platform.clear {
        lines.push(format!("would then remove everything else in {}", folder.display()));
    }
    if !platform.parsec {
        let asides = asides(&options.pal).filter(|it| it.exists());
        moved.extend(asides.map(|it| it.display().to_string()));
    }
    if !moved.is_empty() {
        lines.push(format!("would then remove {}", moved.join(", ")));
    }
    if options.start {
        lines.extend(platform.units.iter().map(|unit| format!("would start the unit {unit}")));
    }
    lines.join("\n") + "\n"
}
