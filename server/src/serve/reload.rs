//! SIGHUP: the configuration is read again and put in the place of the one in use, whole or not at
//! all. What runs ends with what it began with.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pep_server::assemble::{Renewal, judge, renew};
use pep_server::config::{self, Config, Environment, Faults, Warning};
use pep_server::front::{Current, TlsSwap};

use super::announcing::Announcing;
use super::log::Level;
use super::supervisor;

/// What a reload changes.
pub struct Reloader {
    /// What is read; nothing for a simulation.
    path: Option<PathBuf>,
    in_use: Config,
    current: Current,
    tls: Option<TlsSwap>,
    level: Level,
    announcing: Announcing,
}

impl Reloader {
    /// A reloader of the configuration at `path`, of which `in_use` is what serves now.
    pub fn new(
        path: Option<&Path>,
        in_use: Config,
        current: Current,
        tls: Option<TlsSwap>,
        level: Level,
        announcing: Announcing,
    ) -> Self {
        Self { path: path.map(Path::to_owned), in_use, current, tls, level, announcing }
    }

    /// Says goodbye on the network.
    pub async fn withdraw(&mut self) {
        self.announcing.withdraw().await;
    }

    /// Reads the configuration again, and takes it where nothing is wrong with it.
    pub async fn reload(&mut self) {
        let Some(path) = self.path.clone() else {
            tracing::info!("reload: a simulated station keeps what it began with");
            return;
        };
        supervisor::reloading();
        let result = match self.read(path).await {
            Ok((renewal, warnings)) => {
                warnings.iter().for_each(|warning| tracing::warn!("reload: {warning}"));
                self.take(renewal).await;
                "done"
            }
            Err(problems) => {
                problems.iter().for_each(|problem| tracing::error!("reload: {problem}"));
                tracing::error!(
                    "reload: refused; the station goes on with the configuration it has"
                );
                "refused"
            }
        };
        metrics::counter!("pep_reloads_total", "result" => result).increment(1);
        supervisor::ready();
    }

    /// Everything that can be wrong is found before anything is changed.
    async fn read(&self, path: PathBuf) -> Result<(Renewal, Vec<Warning>), Vec<String>> {
        let (in_use, fronts) = (self.in_use.clone(), self.current.clone());
        let reading = actix_web::rt::task::spawn_blocking(move || {
            let environment = Environment::of_this_process();
            let (config, mut warnings) =
                config::read(&path, &environment, Timestamp::now(), judge)?;
            let (renewal, more) = renew(config, &in_use, &fronts)?;
            warnings.extend(more);
            Ok((renewal, warnings))
        });
        match reading.await {
            Ok(read) => read.map_err(|faults: Faults| {
                let warnings = faults.warnings.iter().map(ToString::to_string);
                warnings.chain(faults.faults.iter().map(ToString::to_string)).collect()
            }),
            Err(error) => Err(vec![format!("the reading broke off: {error}")]),
        }
    }

    async fn take(&mut self, renewal: Renewal) {
        let Renewal { config, station, fronts, tls, changed, restart } = renewal;
        for key in &restart {
            tracing::warn!("reload: {key} changed; restart the station for it");
        }
        if config.log.level != self.in_use.log.level && !self.level.set(config.log.level) {
            tracing::error!("reload: the log keeps its level");
        }
        let other_certificate = match (&self.tls, tls) {
            (Some(swap), Some(tls)) => swap.replace(tls),
            _ => false,
        };
        self.current.replace(station, fronts);
        if other_certificate || config.discovery != self.in_use.discovery {
            let certificate = config.http.tls.as_ref().map(|tls| tls.certificate.as_path());
            self.announcing.again(certificate, &config.discovery).await;
        }
        let mut changed: Vec<_> = changed.into_iter().map(str::to_owned).collect();
        if other_certificate {
            changed.push("the TLS certificate".to_owned());
        }
        let tokens = config.operators.len();
        self.in_use = config;
        if changed.is_empty() {
            tracing::info!(tokens, "reload: done; nothing had changed");
        } else {
            tracing::info!(tokens, "reload: done; in use now: {}", changed.join(", "));
        }
    }
}
