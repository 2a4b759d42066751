//! `pep-server`: arguments, configuration, open, serve, exit code.

mod credentials;
mod look;
mod serve;
mod upkeep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::generate_to;
use jiff::Timestamp;
use pep_server::assemble::judge;
use pep_server::config::{self, Config, EXIT_CODE, Environment, Faults, Warning, path_fault};
use pep_server::front::openapi_document;
use pep_server::init::init;
use pep_server::version;

/// Where the configuration is when nobody says.
const USUAL_CONFIG: &str = "station.toml";

/// The identity station for production lines.
///
/// Without a command it reads station.toml, opens the ledger and the CA, and serves until it is
/// told to stop (SIGTERM, SIGINT); running injections end first. SIGHUP makes it read its
/// configuration again. Exit code 78 of a start: the configuration is wrong, a restart is no use.
#[derive(Parser)]
#[command(version = version::in_full(), disable_help_subcommand = true)]
struct Arguments {
    /// The station's configuration.
    #[arg(long, global = true, value_name = "FILE", default_value = USUAL_CONFIG)]
    config: PathBuf,
    /// Serve with a throw-away EXAMPLE CA and a store in memory, for QA. Operators' routes are
    /// open. Without a station.toml the product is an EXAMPLE too; with one its fcu.yml is used.
    #[arg(long)]
    simulate: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Write a complete folder ready to run, with a throw-away EXAMPLE CA. Overwrites nothing.
    Init {
        /// The folder.
        dir: PathBuf,
        /// Also register devices of this Foundries.io factory, with an EXAMPLE PKI.
        #[arg(long, value_name = "FACTORY")]
        sign: Option<String>,
        /// Keep ledger and journal in this folder, which the station's user can write. By default
        /// they are in DIR.
        #[arg(long, value_name = "STATE_DIR")]
        state: Option<PathBuf>,
    },
    /// Look at everything a station needs and say everything that is wrong. Makes nothing.
    Check,
    /// Show what the unit with this serial number would get: certificate and bundle in readable
    /// form, without secrets, and what a device answers. Nothing is signed by the CA or written.
    Preview {
        /// The serial number.
        serial: String,
        /// The account id the unit would be bound to.
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Make a developer identity and print it as the C source file that development software is
    /// built with. It holds a private key.
    DeveloperCredentials {
        /// The endpoint name.
        name: String,
        /// Write it there instead; overwrites nothing.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take this machine's clock as right, although records are newer than it. Stop the station
    /// first; its next start goes by this moment.
    AcceptClock,
    /// Copy the ledger, also while the station runs, and check the copy. Overwrites nothing.
    Backup {
        /// The copy.
        file: PathBuf,
    },
    /// Put a backup in the ledger's place. Stop the station first. The ledger that was there is
    /// kept beside it.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Take a backup of another ledger than the one in place.
        #[arg(long)]
        other_ledger: bool,
    },
    /// Print the interface's description (OpenAPI 3.1).
    Openapi,
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder that is there.
    Manual {
        /// The folder.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        None if arguments.simulate => serve::simulated(&arguments.config),
        None => serve::station(&arguments.config),
        Some(_) if arguments.simulate => Err(anyhow!("--simulate serves; it goes with no command")),
        Some(Command::Init { dir, sign, state }) => {
            initialise(dir, sign.as_deref(), state.as_deref())
        }
        Some(Command::Check) => look::check(&arguments.config),
        Some(Command::Preview { serial, account }) => {
            look::preview(&arguments.config, serial, account.as_deref())
        }
        Some(Command::DeveloperCredentials { name, output }) => {
            credentials::write(&arguments.config, name, output.as_deref())
        }
        Some(Command::AcceptClock) => upkeep::accept(&arguments.config),
        Some(Command::Backup { file }) => upkeep::back_up(&arguments.config, file),
        Some(Command::Restore { file, other_ledger }) => {
            upkeep::put_back(&arguments.config, file, *other_ledger)
        }
        Some(Command::Openapi) => openapi(),
        Some(Command::Completions { shell }) => {
            generate(*shell, &mut Arguments::command(), "pep-server", &mut std::io::stdout());
            Ok(())
        }
        Some(Command::Manual { dir }) => generate_to(Arguments::command(), dir)
            .with_context(|| format!("cannot write into {}", dir.display())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_words(&error));
            match error.downcast_ref() {
                Some(Misconfigured(_)) => ExitCode::from(EXIT_CODE),
                None => ExitCode::FAILURE,
            }
        }
    }
}

/// An error and its causes, none of them twice: many an error says its cause itself.
fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said {
        said if said.is_empty() => cause,
        said if said.contains(&cause) => said,
        said => format!("{said}: {cause}"),
    })
}

/// A configuration that is wrong: a supervisor need not try again.
#[derive(Debug)]
struct Misconfigured(String);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

fn initialise(dir: &Path, factory: Option<&str>, state: Option<&Path>) -> anyhow::Result<()> {
    if let Some((problem, fix)) = state.and_then(Path::to_str).and_then(path_fault) {
        return Err(anyhow!("--state {problem}; {fix}"));
    }
    let written = init(dir, factory, state, Timestamp::now())?;
    for path in written {
        println!("wrote {}", path.display());
    }
    println!("\nstart it with: pep-server --config {}", dir.join("station.toml").display());
    println!("the CA is an EXAMPLE: no cloud trusts it, and it must not see production");
    Ok(())
}

fn openapi() -> anyhow::Result<()> {
    println!("{}", openapi_document().to_pretty_json()?);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<(Config, Vec<Warning>)> {
    config::read(path, &Environment::of_this_process(), Timestamp::now(), judge)
        .map_err(|faults| listed(&faults))
}

/// Faults of a configuration, as an error that ends the program with [`EXIT_CODE`].
fn listed(faults: &Faults) -> anyhow::Error {
    Misconfigured(counted(faults, "wrong with the configuration")).into()
}

/// Faults found when everything was opened: what may be over the next time is no fault of the
/// configuration.
fn opened(faults: &Faults) -> anyhow::Error {
    if faults.may_pass() { anyhow!(counted(faults, "in the way")) } else { listed(faults) }
}

fn counted(faults: &Faults, what: &str) -> String {
    show(&faults.warnings);
    let count = faults.faults.len();
    let things = if count == 1 { "one thing is".to_owned() } else { format!("{count} things are") };
    format!("{things} {what}:\n{faults}")
}

fn show(warnings: &[Warning]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}
