//! What systemd, or whatever started the station, is told about it: sd_notify(3).
//!
//! Without `NOTIFY_SOCKET` nothing is said. That nobody listens is no reason not to serve.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use pep_server::front::Current;
use sd_notify::NotifyState;

/// Where the messages go; a `@` begins a name that is not in the file system.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How often a long start or stop asks for more time.
const REMIND: Duration = Duration::from_secs(10);
/// How much it asks for; more than twice of [`REMIND`], so that one may get lost.
const MORE: u32 = 30_000_000;
/// How often the state is said where nobody watches.
const SAY: Duration = Duration::from_secs(30);

/// The station serves.
pub fn ready() {
    say(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// The configuration is read again; [`ready`] ends it.
pub fn reloading() {
    let mut states = vec![NotifyState::Reloading, NotifyState::Status("reloading")];
    // Newer ones want to know since when.
    states.extend(NotifyState::monotonic_usec_now().ok());
    say(&states);
}

/// The station stops, and waits for what runs.
pub fn stopping(running: usize) {
    let status = format!("stopping; {running} running");
    say(&[NotifyState::Stopping, NotifyState::Status(&status)]);
}

/// Asks for more time as long as a start takes.
pub async fn while_starting<T>(status: &str, work: impl Future<Output = T>) -> T {
    say(&[NotifyState::Status(status)]);
    patiently(work).await
}

/// Asks for more time as long as a stop takes.
pub async fn while_stopping<T>(work: impl Future<Output = T>) -> T {
    patiently(work).await
}

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        say(&[NotifyState::ExtendTimeoutUsec(MORE)]);
        if let Ok(done) = tokio::time::timeout(REMIND, &mut work).await {
            return done;
        }
    }
}

/// Says how the station is, and that it lives, for as long as it does.
///
/// It lives while this runtime runs and the ledger answers a write. A ledger that answers that it
/// is full or away answers: a restart would not help, and would end what runs.
pub async fn watch(current: Current) {
    let watchdog = sd_notify::watchdog_enabled();
    let every = watchdog.map_or(SAY, |limit| limit / 3);
    if std::env::var_os(SOCKET).is_none() {
        return;
    }
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let station = current.station();
        let answered = tokio::time::timeout(every, station.try_out()).await;
        let running = station.running();
        let status = match &answered {
            Ok(Ok(())) => format!("ready; {running} running"),
            Ok(Err(error)) => format!("not ready: {error}; {running} running"),
            Err(_) => "the ledger does not answer".to_owned(),
        };
        let mut states = vec![NotifyState::Status(&status)];
        if watchdog.is_some() && answered.is_ok() {
            states.push(NotifyState::Watchdog);
        }
        say(&states);
    }
}

fn say(states: &[NotifyState<'_>]) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    // One line each: whatever an error's text has in it.
    let lines = states.iter().map(|state| state.to_string().replace('\n', " "));
    let message = lines.collect::<Vec<_>>().join("\n");
    let sent = match socket.to_str().and_then(|name| name.strip_prefix('@')) {
        Some(name) => send_abstract(name, &message),
        None => sd_notify::notify(&[NotifyState::Custom(&message)]),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "whoever started the station does not hear it");
    }
}

/// The library speaks to files only.
fn send_abstract(name: &str, message: &str) -> io::Result<()> {
    let address = SocketAddr::from_abstract_name(name)?;
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}
