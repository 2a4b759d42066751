//! `pep-server`: arguments, configuration, open, serve, exit code.

mod credentials;
mod look;
mod serve;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::generate_to;
use jiff::Timestamp;
use pep_server::assemble::{judge, ledger_beside};
use pep_server::config::{self, Config, Environment, Faults, Warning};
use pep_server::front::openapi_document;
use pep_server::init::{init, init_with_factory};
use pep_server::station::accept_clock;
use pep_server::store::backup;
use pep_server::version;

/// Where the configuration is when nobody says.
const USUAL_CONFIG: &str = "station.toml";
/// The exit code of a start that cannot work until somebody changes the configuration, as
/// sysexits.h numbers it; the unit forbids a restart after it.
const BAD_CONFIGURATION: u8 = 78;

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
    },
    /// Read everything, open ledger and CA, and say everything that is wrong.
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
    /// Copy the ledger, also while the station runs. Overwrites nothing.
    Backup {
        /// The copy.
        file: PathBuf,
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
        Some(Command::Init { dir, sign }) => initialise(dir, sign.as_deref()),
        Some(Command::Check) => look::check(&arguments.config),
        Some(Command::Preview { serial, account }) => {
            look::preview(&arguments.config, serial, account.as_deref())
        }
        Some(Command::DeveloperCredentials { name, output }) => {
            credentials::write(&arguments.config, name, output.as_deref())
        }
        Some(Command::AcceptClock) => accept(&arguments.config),
        Some(Command::Backup { file }) => back_up(&arguments.config, file),
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
            eprintln!("error: {error:#}");
            match arguments.command {
                None if error.is::<BadConfiguration>() => ExitCode::from(BAD_CONFIGURATION),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn initialise(dir: &Path, factory: Option<&str>) -> anyhow::Result<()> {
    let written = match factory {
        None => init(dir, Timestamp::now())?,
        Some(factory) => init_with_factory(dir, factory, Timestamp::now())?,
    };
    for path in written {
        println!("wrote {}", path.display());
    }
    println!("\nstart it with: pep-server --config {}", dir.join("station.toml").display());
    println!("the CA is an EXAMPLE: no cloud trusts it, and it must not see production");
    Ok(())
}

fn accept(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let (ledger, found) = ledger_beside(&config).map_err(|fault| anyhow!("{fault}"))?;
    show(&found);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let now = Timestamp::now();
    match runtime.block_on(accept_clock(ledger.as_ref(), now))? {
        Some(newest) => println!(
            "the clock is taken as right: it says {now:.0}, the newest record is of {newest:.0}"
        ),
        None => println!("no record is newer than the clock: there is nothing to accept"),
    }
    Ok(())
}

fn back_up(path: &Path, file: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let ledger = match &config.store {
        config::Store::Embedded { path, .. } => path,
        config::Store::MongoDb(mongodb) => {
            return Err(anyhow!(
                "the ledger is a MongoDB, which has its own tool: mongodump --uri={} --db={} \
                 --readConcern=majority (see docs/operating.md)",
                mongodb.uri,
                mongodb.database
            ));
        }
    };
    let shows = std::io::stderr().is_terminal();
    backup(ledger, file, |copied, all| {
        if shows {
            eprint!("\r{copied} of {all} pages");
        }
    })?;
    if shows {
        eprintln!();
    }
    println!("wrote {}", file.display());
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

/// What keeps a station from serving until somebody changes its configuration.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadConfiguration(String);

fn listed(faults: &Faults) -> anyhow::Error {
    BadConfiguration(in_words(faults)).into()
}

/// Shows the warnings, and gives the faults as one text.
fn in_words(faults: &Faults) -> String {
    show(&faults.warnings);
    let count = faults.faults.len();
    let things = if count == 1 { "one thing is".to_owned() } else { format!("{count} things are") };
    format!("{things} wrong with the configuration:\n{faults}")
}

fn show(warnings: &[Warning]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}
