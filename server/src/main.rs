//! `pep-server`: arguments, configuration, open, serve, exit code.

mod credentials;
mod look;
mod upkeep;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::generate_to;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use pep_server::assemble::{Assembly, Simulation, assemble, judge, read_simulation, simulate};
use pep_server::config::{
    self, Config, Discovery, EXIT_CODE, Environment, Faults, LogFormat, Warning, path_fault,
};
use pep_server::front::{Announcement, Listener, openapi_document};
use pep_server::init::init;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Bounds of the histograms, in seconds: a commit takes less than a millisecond, a device up to a
/// minute.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Where the configuration is when nobody says.
const USUAL_CONFIG: &str = "station.toml";

/// The identity station for production lines.
///
/// Without a command it reads station.toml, opens the ledger and the CA, and serves until it is
/// told to stop (SIGTERM, SIGINT); running injections end first.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
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
        None if arguments.simulate => serve_simulated(&arguments.config),
        None => serve(&arguments.config),
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

fn serve(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    log(&config);
    show(&warnings);
    serve_with(|| assemble(config))
}

fn serve_simulated(path: &Path) -> anyhow::Result<()> {
    let environment = Environment::of_this_process();
    let is_chosen = path != Path::new(USUAL_CONFIG);
    let simulation = read_simulation(path, is_chosen, &environment);
    // Its folder stays until the end.
    let Simulation { config, warnings, .. } = &simulation.map_err(|faults| listed(&faults))?;
    log(config);
    show(warnings);
    tracing::warn!("SIMULATED: an EXAMPLE CA signs, everything is in memory and gone at the end");
    serve_with(|| simulate(config.clone()))?;
    tracing::warn!("SIMULATED: everything is gone");
    Ok(())
}

fn serve_with(assemble: impl FnOnce() -> Result<Assembly, Faults>) -> anyhow::Result<()> {
    raise_open_files();
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe_metrics();
    let assembly = assemble().map_err(|faults| opened(&faults))?;
    show(&assembly.warnings);
    actix_web::rt::System::new().block_on(run(assembly, recorder))
}

async fn run(
    assembly: Assembly,
    recorder: metrics_exporter_prometheus::PrometheusHandle,
) -> anyhow::Result<()> {
    let Assembly { station, fronts, listener, discovery, shutdown, .. } = assembly;
    station.claim_name().await.context("the station's name could not be claimed")?;
    let closed = station.recover().await.context("the ledger could not be recovered")?;
    if closed > 0 {
        tracing::warn!(closed, "attempts that the last stop left open are closed");
    }
    station.wipe_leftovers().await.context("folders that a stop left over")?;
    if let Err(stopped) = station.look() {
        tracing::warn!("{stopped}");
    }
    let certificate = listener.tls.as_ref().map(|(certificate, _)| certificate.clone());
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    let listener = Listener::bind(listener)?;
    let address = listener.address()?;
    let beside = listener.addresses_beside()?;
    let upkeep = recorder.clone();
    let server = listener.serve(station.clone(), fronts, recorder, shutdown)?;
    let handle = server.handle();
    tracing::info!(station = station.name(), "listening on {scheme}://{address}");
    for address in beside {
        tracing::info!("registering devices on http://{address}/sign as well");
    }
    let serving = actix_web::rt::spawn(server);
    let announcement = announce(station.name(), address, certificate.as_deref(), &discovery);
    // The recorder's histograms are folded here; its own listener, which would do it, is not used.
    actix_web::rt::spawn(async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    tracing::info!(running = station.running(), "stopping; running injections end first");
    if let Some(announcement) = announcement {
        announcement.withdraw().await;
    }
    // Stories live on the listener's threads, whether or not their callers are still there: they
    // end first. Whoever asks meanwhile hears that the station stops.
    station.shut_down().await;
    handle.stop(true).await;
    serving.await??;
    station.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// A network that cannot be told is no reason not to serve.
fn announce(
    name: &str,
    address: SocketAddr,
    certificate: Option<&Path>,
    discovery: &Discovery,
) -> Option<Announcement> {
    if !discovery.announce {
        return None;
    }
    match Announcement::begin(name, address, certificate, &discovery.interfaces) {
        Ok(Some(announcement)) => {
            tracing::info!("announced as _pep._tcp; [discovery] announce = false keeps it quiet");
            Some(announcement)
        }
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(error, "the station cannot be announced on its network");
            None
        }
    }
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

fn log(config: &Config) {
    let filter =
        tracing_subscriber::EnvFilter::new(format!("{},actix_server=warn", config.log.level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

/// Every running injection needs two open files, every waiting one another: more than
/// the usual soft limit of 1,024 allows.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the number of open files could not be raised");
    }
}

fn describe_metrics() {
    metrics::describe_counter!("pep_identities_total", "Identities asked for, by outcome");
    metrics::describe_counter!("pep_clones_total", "Devices refused with another unit's key");
    metrics::describe_gauge!("pep_disk_free_bytes", "Room on the ledger's disk");
    metrics::describe_gauge!("pep_stopped", "1 while this cause keeps the station from issuing");
    metrics::describe_gauge!("pep_journal_faults", "Damages found in the journal at the start");
    metrics::describe_gauge!("pep_stories_in_flight", "Identities being given now");
    metrics::describe_gauge!("pep_injections_queued", "Requests waiting for their turn");
    let seconds = "End of a CA or root in use, seconds since 1970";
    metrics::describe_gauge!("pep_ca_not_after_seconds", seconds);
    let seconds = "End of the station's TLS certificate, seconds since 1970";
    metrics::describe_gauge!("pep_tls_not_after_seconds", seconds);
    metrics::describe_histogram!("pep_step_seconds", "Duration of each step of an identity");
    metrics::describe_histogram!("pep_store_commit_seconds", "Duration of a commit of the ledger");
    metrics::describe_counter!("pep_store_writes_total", "Writes committed to the ledger");
}
