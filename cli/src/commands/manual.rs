//! `pep manual`: the manual pages of this command line, one a command. Made for packages.

use std::path::PathBuf;

use clap::{Args, Command};

use super::Done;
use crate::failure::{Failure, Kind};

/// The options of `manual`.
#[derive(Args)]
#[command(
    long_about = "Write the manual pages of this command line into a folder that is there: pep.1, \
        and one for each command.",
    after_long_help = "\
Examples:
  pep manual /usr/local/share/man/man1"
)]
pub struct Options {
    /// The folder
    dir: PathBuf,
}

/// Write the pages of `command`.
pub fn run(options: &Options, command: Command) -> Result<Done, Failure> {
    clap_mangen::generate_to(command, &options.dir).map_err(|error| {
        Failure::new(Kind::Local, format!("cannot write into {}: {error}", options.dir.display()))
    })?;
    Ok(Done::default())
}
