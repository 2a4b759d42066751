//! The command line: what is common to all commands. Each command's own options stand in its file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::client::Settings;
use crate::client::discovery::Search;
use crate::commands::{
    completions, denied, deny, export, get_enrollment_id, get_identity, get_one_identity,
    get_verification_key, inject_serial, install_identity, list, list_enrollment_ids, manual,
    prepare, release, selftest, show, status, yields,
};

/// The whole command line.
#[derive(Parser)]
#[command(
    name = "pep",
    version,
    about = "Ask the identity station for a unit's identity, and for what it keeps of all units",
    long_about = "Ask the identity station for a unit's identity, and for what it keeps of all units.\n\n\
        On the unit, `pep get-one-identity` asks the station to make an identity, to inject it into \
        the client that runs there, and to answer with the document that other programs of the unit \
        read. In the office, `pep list-enrollment-ids` and `pep export` bring the units' enrollment \
        identities and records. When something went wrong, `pep list --state sent` and `pep show` \
        tell what, and `pep release` lets a unit be done again.",
    after_long_help = ABOUT_ALL,
    max_term_width = 100
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub every: Every,
    /// The command; none prints the help.
    #[command(subcommand)]
    pub command: Option<Chosen>,
}

const ABOUT_ALL: &str = "\
Examples:
  pep get-one-identity -s GW-0001
  PEP_SERVER_URL=http://10.0.0.2:5151 pep get-one-identity -s GW-0001 -i 10.0.0.7 -p 7777
  pep get-enrollment-id -s GW-0001
  PEP_OPERATOR_TOKEN_FILE=token pep export --format enrollment -f upload.csv
  pep list --state sent --token-file token

Exit codes:
  0    it worked; only then is there anything on standard output (a streamed export and `status` excepted)
  1    the station refused, or a file or program of this machine failed
  2    the command, an option or a setting is wrong
  3    no answer from the station
  4    the device did not take its identity: check cable, power, address and port, and repeat
  5    the station cannot serve now: repeat later, or call the line engineer with the request id
  129, 130, 143  ended by a signal
  Every failure is two lines on standard error, `error: ...` and `hint: ...`; with --json it is
  one line, a problem document (RFC 9457).

Environment:
  PEP_SERVER_URL           the station's address; --server goes before it. Without either, a station of
                           this machine at port 5151, else the one that announces itself on the network
  PEP_STATION              which station to search for; --station goes before it
  PEP_DISCOVERY            off: the network is not searched; else the one interface to search on
  PEP_OPERATOR_TOKEN_FILE  a file with an operator's token; --token-file goes before it
  NO_COLOR                 anything in it: no colours, which otherwise a terminal gets
  DEBUG=*                  traces everything on standard error; no secret is in it
  http_proxy, https_proxy, all_proxy, no_proxy
                           as curl reads them; never used towards this machine itself. Through a
                           proxy the station does not see the unit's address: give -i";

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Every {
    /// The station's address
    ///
    /// A path in it is kept as a prefix of every route. `https://` needs a certificate that this
    /// machine trusts, or --cacert.
    #[arg(long, global = true, value_name = "URL", env = "PEP_SERVER_URL", hide_env_values = true)]
    pub server: Option<String>,

    /// Search the network for the station of this name
    ///
    /// Without it and without --server, a station of this machine at port 5151 is asked, else the
    /// one station that announces itself on the network (DNS-SD); of two none.
    #[arg(long, global = true, value_name = "NAME", env = "PEP_STATION", hide_env_values = true)]
    pub station: Option<String>,

    /// How long to wait for the station's answer
    ///
    /// For `export` and for each page of `list-enrollment-ids` it is the longest silence.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub timeout: u64,

    /// Trust this CA instead of the system's: a PEM file
    #[arg(long, global = true, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// An operator's token, which some routes need
    ///
    /// The first line of the file that is no comment is NAME:TOKEN or the token alone.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PEP_OPERATOR_TOKEN_FILE",
        hide_env_values = true
    )]
    pub token_file: Option<OsString>,

    /// Print JSON, also of failures, and show no progress
    #[arg(long, global = true)]
    pub json: bool,

    /// Show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Tell on standard error what is asked and answered
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Every {
    /// How the station is searched for, where no address is given; `scope` is `PEP_DISCOVERY`.
    pub fn search(&self, scope: Option<String>) -> Option<Search> {
        // An empty variable is one that is not set.
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        filled(&self.server).is_none().then(|| Search {
            station: filled(&self.station),
            scope: filled(&scope),
            wants_tls: self.cacert.is_some(),
        })
    }

    /// How the station at this address is reached.
    pub fn settings(&self, server: String) -> Settings {
        Settings {
            server,
            timeout: self.timeout,
            cacert: self.cacert.clone(),
            // An empty variable is one that is not set; the parser for paths would refuse it.
            token_file: self.token_file.clone().filter(|path| !path.is_empty()).map(PathBuf::from),
        }
    }
}

impl Arguments {
    /// Reads the command line.
    ///
    /// `list --station` says whose units, not which station to search for; a `PEP_STATION` in the
    /// environment goes on saying the latter.
    pub fn read() -> Result<Self, clap::Error> {
        Self::read_from(std::env::args_os())
    }

    fn read_from(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(words)?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        if let Some(Chosen::List(options)) = &mut arguments.command {
            let source =
                matches.subcommand_matches("list").and_then(|it| it.value_source("station"));
            if source == Some(ValueSource::CommandLine) {
                arguments.every.station = None;
            } else {
                options.of_station = None;
            }
        }
        Ok(arguments)
    }
}

/// The commands.
#[derive(Subcommand)]
pub enum Chosen {
    /// Make one identity and inject it into a unit
    GetOneIdentity(get_one_identity::Options),
    /// Make one identity and inject it into a unit at a serial line of this machine
    InjectSerial(inject_serial::Options),
    /// Print the identity document of a unit that has its identity
    GetIdentity(get_identity::Options),
    /// Print a unit's enrollment identity
    GetEnrollmentId(get_enrollment_id::Options),
    /// Print a unit's journal sealing verification key
    GetVerificationKey(get_verification_key::Options),
    /// Write a page of the provisioned units, or all of them, to files
    ListEnrollmentIds(list_enrollment_ids::Options),
    /// Write the records of all units for inventory or for the cloud account
    Export(export::Options),
    /// Print everything that happened to a unit
    Show(show::Options),
    /// Print the units whose last attempt is in a state, such as those in doubt
    List(list::Options),
    /// Count the attempts by outcome and hour, day or station
    Yield(yields::Options),
    /// Let a unit that has its identity be done again
    Release(release::Options),
    /// Refuse units from now on, and let them in again
    Deny(deny::Options),
    /// Print the deny list, or compare it with the platform's
    Denied(denied::Options),
    /// Stop this gateway's agent and make it ready for a new identity
    Prepare(prepare::Options),
    /// Put the new identity of this gateway into the place of the old
    InstallIdentity(install_identity::Options),
    /// Print how the station is: ready or not and why, its ledger, its certificates
    Status(status::Options),
    /// Let a simulated gateway go through the station, and report step by step
    Selftest(selftest::Options),
    /// Print a shell's completions
    Completions(completions::Options),
    /// Write the manual pages into a folder
    Manual(manual::Options),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_station_of_a_list_is_not_searched_for() {
        let read = |words: &[&str]| {
            let words = std::iter::once(&"pep").chain(words).map(OsString::from);
            Arguments::read_from(words.collect::<Vec<_>>()).unwrap()
        };
        let arguments = read(&["list", "--station", "line-1"]);
        assert_eq!(arguments.every.station, None);
        let Some(Chosen::List(options)) = arguments.command else { panic!() };
        assert_eq!(options.of_station.as_deref(), Some("line-1"));
        let arguments = read(&["--station", "line-1", "show", "GW-1"]);
        assert_eq!(arguments.every.station.as_deref(), Some("line-1"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_long_name() {
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_long().is_some() || argument.is_positional(),
                    "{} of {}",
                    argument.get_id(),
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn the_old_letters_are_all_there() {
        let mut arguments = Arguments::command();
        arguments.build();
        for (command, letters) in [
            ("get-one-identity", "sipagwrlckevh"),
            ("get-enrollment-id", "svh"),
            ("get-verification-key", "svh"),
            ("list-enrollment-ids", "lotefvh"),
        ] {
            let command = arguments.find_subcommand(command).unwrap();
            let shorts: String = command.get_arguments().filter_map(clap::Arg::get_short).collect();
            for letter in letters.chars() {
                assert!(shorts.contains(letter), "-{letter} of {}", command.get_name());
            }
        }
    }
}
