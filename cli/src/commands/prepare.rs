//! `pep prepare`: makes a gateway ready for a new identity.
//!
//! The old identity stays where it is: `pep install-identity` exchanges it when the new one is
//! there. A gateway whose turn never comes is still the gateway it was.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{Bench, Done};
use crate::agent::Agent;
use crate::failure::{Failure, Kind};
use crate::movable::{try_clear, try_exchange};
use crate::platform::{Choice, Platform};
use crate::swap::{remove, try_room};

/// What has to fit beside the installed identity, in bytes: a `pal/` takes less than half of it.
const ROOM: usize = 256 * 1024;

/// The options of `prepare`.
#[derive(Args)]
#[command(
    long_about = "Make this gateway ready for a new identity: stop its agent, see that it has \
        stopped, see that there is room for the new identity, that it can be exchanged with the old \
        one and the old one cleared, and set aside what an earlier injection left in this folder.\n\n\
        The agent's units stay masked until `pep install-identity`, or until the next boot: nothing \
        can start them meanwhile. `pep prepare --undo` lets them go and starts them, for a gateway \
        that is not done after all.\n\n\
        The installed identity stays until `pep install-identity` has the new one in place. Run \
        the injection client in this folder afterwards.",
    after_long_help = "\
Examples:
  pep prepare --platform meta-pelion-edge
  pep prepare --platform-file platform.toml --dry-run
  pep prepare --platform meta-pelion-edge --undo"
)]
pub struct Options {
    /// Which platform.
    #[command(flatten)]
    pub platform: Choice,

    /// The folder that the injection client writes
    #[arg(long, value_name = "DIR", default_value = "pal")]
    pub pal: PathBuf,

    /// How long the agent may take to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub stop_timeout: u64,

    /// Start the agent again, and do nothing else: the gateway is not done after all
    #[arg(long)]
    pub undo: bool,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Stop the agent, try the disk, set an older `pal/` aside.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let platform = options.platform.read()?;
    let patience = Duration::from_secs(options.stop_timeout);
    let agent = Agent::new(&platform, patience, std::env::var_os("PATH"), bench.client.trace());
    if options.undo {
        return undo(options, &platform, &agent).await;
    }
    let aside =
        (!platform.parsec && options.pal.is_dir()).then(|| free_name(&options.pal)).transpose()?;
    if options.dry_run {
        return Ok(Done::printed(plan(options, &platform, aside.as_deref())));
    }
    if !options.pal.exists() {
        // What an installation that was killed at its very end has left: keys are in there.
        remove(&options.pal)?;
    }
    agent.stop().await?;
    if let Err(failure) = try_out(&platform) {
        agent.release().await;
        return Err(failure);
    }
    let mut stdout = "the agent has stopped, and there is room for a new identity\n".to_owned();
    if let Some(aside) = aside {
        std::fs::rename(&options.pal, &aside).map_err(|error| {
            Failure::new(Kind::Local, format!("cannot move {}: {error}", options.pal.display()))
        })?;
        let (pal, aside) = (options.pal.display(), aside.display());
        stdout.push_str(&format!("{pal} of an earlier injection is now {aside}\n"));
    }
    Ok(Done::printed(stdout))
}

/// Whether the installation will have room, and can exchange and clear what it has to.
fn try_out(platform: &Platform) -> Result<(), Failure> {
    for (place, new) in platform.exchanged() {
        try_room(place, ROOM)
            .map_err(|failure| failure.with_hint("make room there, and repeat the command"))?;
        try_exchange(place, new)?;
    }
    for folder in &platform.clear {
        try_clear(folder, &[&platform.credentials, &platform.identity])?;
    }
    Ok(())
}

/// The agent may run again, and does.
async fn undo(options: &Options, platform: &Platform, agent: &Agent<'_>) -> Result<Done, Failure> {
    if options.dry_run {
        let line = |unit: &String| format!("would unmask and start the unit {unit}\n");
        return Ok(Done::printed(platform.units.iter().map(line).collect()));
    }
    agent.release().await;
    agent.start().await?;
    Ok(Done::printed("the agent is started again\n".to_owned()))
}

fn plan(options: &Options, platform: &Platform, aside: Option<&Path>) -> String {
    let mut lines = Vec::new();
    for unit in &platform.units {
        lines.push(format!("would stop the unit {unit}"));
        lines.push(format!("would mask the unit {unit} until the installation or the next boot"));
    }
    for program in &platform.programs {
        lines.push(format!("would see that no process {program} is left"));
    }
    for (place, _) in platform.exchanged() {
        lines.push(format!("would see that there is room beside {}", place.display()));
        lines.push(format!("would see that {} can be exchanged", place.display()));
    }
    for folder in &platform.clear {
        lines.push(format!("would see that {} can be cleared", folder.display()));
    }
    if let Some(aside) = aside {
        lines.push(format!("would move {} to {}", options.pal.display(), aside.display()));
    }
    lines.push("would remove nothing".to_owned());
    lines.join("\n") + "\n"
}

/// `pal.aside`, or the first such name that is free: an identity that was injected and never
/// installed may be in each of them.
fn free_name(pal: &Path) -> Result<PathBuf, Failure> {
    asides(pal)
        .find(|path| path.symlink_metadata().is_err())
        .ok_or_else(|| Failure::new(Kind::Local, "too many folders are set aside here already"))
}

/// The names under which `pal` is set aside.
pub fn asides(pal: &Path) -> impl Iterator<Item = PathBuf> {
    let name = pal.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let pal = pal.to_owned();
    (1..100).map(move |number| match number {
        1 => pal.with_file_name(format!("{name}.aside")),
        _ => pal.with_file_name(format!("{name}.aside-{number}")),
    })
}
