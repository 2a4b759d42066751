//! The log: its form for the whole of a run, its level until a reload changes it.

use std::io::IsTerminal;

use pep_server::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Sets the level of the log that was begun.
pub struct Level(Box<dyn Fn(EnvFilter) -> bool + Send>);

impl Level {
    /// Writes from now on what is at least as important as this; says whether that worked.
    pub fn set(&self, level: tracing::Level) -> bool {
        (self.0)(filter(level))
    }
}

/// Begins the log, on standard error.
pub fn begin(log: &Log) -> Level {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(log.level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => {
            let subscriber = subscriber.with_filter_reloading();
            let switch = subscriber.reload_handle();
            subscriber.init();
            Level(Box::new(move |filter| switch.reload(filter).is_ok()))
        }
        LogFormat::Json => {
            let subscriber = subscriber.json().with_filter_reloading();
            let switch = subscriber.reload_handle();
            subscriber.init();
            Level(Box::new(move |filter| switch.reload(filter).is_ok()))
        }
    }
}

fn filter(level: tracing::Level) -> EnvFilter {
    EnvFilter::new(format!("{level},actix_server=warn"))
}
