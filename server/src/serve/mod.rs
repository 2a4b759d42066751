//! Serving: from a checked configuration to the last story's end, with reloads between.

mod announcing;
mod log;
mod numbers;
mod reload;
mod supervisor;

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use pep_server::assemble::{Assembly, Simulation, assemble, read_simulation, simulate};
use pep_server::config::{Config, Environment, Faults};
use pep_server::front::{About, Current, Listener, ServeError};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::announcing::Announcing;
use self::log::Level;
use self::reload::Reloader;
use crate::{Misconfigured, USUAL_CONFIG, listed, opened, read, show};

/// What a start needs beside its assembly.
struct Start {
    config: Config,
    level: Level,
    recorder: PrometheusHandle,
    /// Installed before anything else: a reload that comes too early must not end the station.
    hang_up: Signal,
}

/// Serves the station of this configuration until it is stopped.
pub fn station(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    let level = log::begin(&config.log);
    show(&warnings);
    let of = config.clone();
    serve(config, level, Some(path), move || assemble(of))
}

/// Serves a simulated station until it is stopped.
pub fn simulated(path: &Path) -> anyhow::Result<()> {
    let environment = Environment::of_this_process();
    let is_chosen = path != Path::new(USUAL_CONFIG);
    let simulation = read_simulation(path, is_chosen, &environment);
    // Its folder stays until the end.
    let Simulation { config, warnings, .. } = &simulation.map_err(|faults| listed(&faults))?;
    let level = log::begin(&config.log);
    show(warnings);
    tracing::warn!("SIMULATED: an EXAMPLE CA signs, everything is in memory and gone at the end");
    let of = config.clone();
    serve(config.clone(), level, None, move || simulate(of))?;
    tracing::warn!("SIMULATED: everything is gone");
    Ok(())
}

/// `path` is what a reload reads again; nothing for a simulation.
fn serve(
    config: Config,
    level: Level,
    path: Option<&Path>,
    assemble: impl FnOnce() -> Result<Assembly, Faults> + Send + 'static,
) -> anyhow::Result<()> {
    raise_open_files();
    let recorder = numbers::recorder()?;
    actix_web::rt::System::new().block_on(async {
        let hang_up = signal(SignalKind::hangup())?;
        let start = Start { config, level, recorder, hang_up };
        // A long journal takes as long as it takes.
        let opening = supervisor::while_starting("opening the ledger", async {
            actix_web::rt::task::spawn_blocking(assemble).await
        });
        let assembly = opening.await?.map_err(|faults| opened(&faults))?;
        run(assembly, start, path).await
    })
}

/// A right that is missing is missing at the next start as well; an address may be there by then.
fn listening_failed(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Listen { address, error: ref why }
            if why.kind() == std::io::ErrorKind::PermissionDenied && address.port() < 1024 =>
        {
            Misconfigured(error.to_string()).into()
        }
        error => error.into(),
    }
}

async fn run(assembly: Assembly, start: Start, path: Option<&Path>) -> anyhow::Result<()> {
    let Assembly { station, mut fronts, listener, discovery, shutdown, warnings, .. } = assembly;
    let Start { config, level, recorder, mut hang_up } = start;
    show(&warnings);
    let recovering = supervisor::while_starting("comparing the ledger with what is open", async {
        station.claim_name().await.context("the station's name could not be claimed")?;
        station.recover().await.context("the ledger could not be recovered")
    });
    let closed = recovering.await?;
    if closed > 0 {
        tracing::warn!(closed, "attempts that the last stop left open are closed");
    }
    station.wipe_leftovers().await.context("folders that a stop left over")?;
    if let Err(stopped) = station.look() {
        tracing::warn!("{stopped}");
    }
    let tls = listener.tls.as_ref().map(|(certificate, _)| certificate.clone());
    let (listener, tls_swap) = Listener::bind(listener).map_err(listening_failed)?.swappable();
    listener.keep_off(&mut fronts.desk)?;
    let current = Current::new(station.clone(), fronts);
    let address = listener.address()?;
    say_where(&station, &listener, tls.is_some())?;
    let about = About {
        started: Timestamp::now(),
        ledger: assembly.ledger,
        journal_faults: assembly.journal_faults,
        tls: tls_swap.clone(),
    };
    let server = listener.serve(current.clone(), about, recorder.clone(), shutdown)?;
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    let folding = actix_web::rt::spawn(numbers::fold(recorder));
    let announcing = Announcing::begin(station.name(), address, tls.as_deref(), &discovery);
    let watching = actix_web::rt::spawn(supervisor::watch(current.clone()));
    let mut reloader = Reloader::new(path, config, current.clone(), tls_swap, level, announcing);
    supervisor::ready();

    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            interrupted = tokio::signal::ctrl_c() => { interrupted?; break }
            _ = hang_up.recv() => reloader.reload().await,
        }
    }
    tracing::info!(running = station.running(), "stopping; running injections end first");
    watching.abort();
    supervisor::stopping(station.running());
    reloader.withdraw().await;
    // Stories live on the listener's threads, whether or not their callers are still there: they
    // end first. Whoever asks meanwhile hears that the station stops.
    supervisor::while_stopping(station.shut_down()).await;
    handle.stop(true).await;
    serving.await??;
    folding.abort();
    drop(station);
    drop(reloader);
    // Whoever else held it has ended with the listener.
    let _ = watching.await;
    current.into_station().close().await;
    tracing::info!("stopped");
    Ok(())
}

fn say_where(
    station: &pep_server::station::Station,
    listener: &Listener,
    tls: bool,
) -> anyhow::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    let address = listener.address()?;
    tracing::info!(station = station.name(), "listening on {scheme}://{address}");
    for address in listener.addresses_beside()? {
        tracing::info!("registering devices on http://{address}/sign as well");
    }
    Ok(())
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
