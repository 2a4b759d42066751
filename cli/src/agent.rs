//! The gateway's own agent, which uses the identity: stopped for sure before anything is moved, and
//! started again.
//!
//! systemd is asked to stop its units, and believed only when it says that they are inactive and no
//! process of the agent's name is left: one that was started by hand would write into what is moved.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::failure::{Failure, Kind, one_line};
use crate::on_path::find;
use crate::platform::Platform;
use crate::trace::{Trace, note};

/// How many bytes of a process's name the kernel keeps (proc(5), comm).
const NAME_LENGTH: usize = 15;

/// How often, and how long apart, a process that should have ended is looked for again.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The agent of this gateway.
pub struct Agent<'a> {
    platform: &'a Platform,
    patience: Duration,
    path: OsString,
    trace: Trace,
}

impl<'a> Agent<'a> {
    /// The agent of `platform`, which may take `patience` to stop; `path` is the value of `PATH`.
    pub fn new(
        platform: &'a Platform,
        patience: Duration,
        path: Option<OsString>,
        trace: Trace,
    ) -> Self {
        Self { platform, patience, path: path.unwrap_or_default(), trace }
    }

    /// Stop it, and keep it from being started by anything (systemd masks its units until the next
    /// boot); come back only when it has stopped.
    ///
    /// Fails with [`Kind::Local`] when it runs on; it may be started again then.
    pub async fn stop(&self) -> Result<(), Failure> {
        if !self.platform.units.is_empty()
            && let Err(failure) = self.systemctl(&["mask", "--runtime"]).await
        {
            // A unit of the administrator's own cannot be masked so; it is stopped all the same.
            note(&format!("warning: {}; something may start it meanwhile", failure.message()));
        }
        let stopped = self.stop_now().await;
        if stopped.is_err() {
            self.release().await;
        }
        stopped
    }

    async fn stop_now(&self) -> Result<(), Failure> {
        if !self.platform.units.is_empty() {
            self.systemctl(&["stop"]).await?;
            for unit in &self.platform.units {
                let said = self.run(&["is-active", unit]).await?.stdout;
                let state = one_line(&String::from_utf8_lossy(&said));
                if !["inactive", "failed", "unknown"].contains(&state.as_str()) {
                    return Err(runs(&format!("the unit {unit} is {state}")));
                }
            }
        }
        let mut found = running(&self.platform.programs);
        for _ in 0..LOOKS {
            if found.is_none() {
                break;
            }
            // One that was ended a moment ago may still be on its way out.
            tokio::time::sleep(BETWEEN_LOOKS).await;
            found = running(&self.platform.programs);
        }
        match found {
            None => Ok(()),
            Some((name, process)) => Err(runs(&format!("{name} still runs as process {process}"))),
        }
    }

    /// Let its units be started again.
    pub async fn release(&self) {
        if !self.platform.units.is_empty()
            && let Err(failure) = self.systemctl(&["unmask", "--runtime"]).await
        {
            note(&format!("warning: {}; it stays masked until the next boot", failure.message()));
        }
    }

    /// Start its units.
    pub async fn start(&self) -> Result<(), Failure> {
        if self.platform.units.is_empty() {
            return Ok(());
        }
        self.systemctl(&["start"]).await
    }

    async fn systemctl(&self, verb: &[&str]) -> Result<(), Failure> {
        let mut words = verb.to_vec();
        words.extend(self.platform.units.iter().map(String::as_str));
        let output = self.run(&words).await?;
        if output.status.success() {
            return Ok(());
        }
        let complaint = one_line(&String::from_utf8_lossy(&output.stderr));
        let tried = words.join(" ");
        Err(Failure::new(Kind::Local, format!("systemctl {tried} failed: {complaint}"))
            .with_hint("nothing was moved; root's rights are needed, and the right --platform"))
    }

    async fn run(&self, words: &[&str]) -> Result<std::process::Output, Failure> {
        let program: PathBuf = find("systemctl", &self.path).ok_or_else(|| {
            Failure::new(Kind::Local, "systemctl is not in PATH, and the platform names units")
                .with_hint(
                    "without systemd give a --platform-file without units, and stop the agent",
                )
        })?;
        self.trace.detail(|| format!("{} {}", program.display(), words.join(" ")));
        let output =
            Command::new(program).args(words).stdin(Stdio::null()).kill_on_drop(true).output();
        match timeout(self.patience, output).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(runs(&format!("systemctl does not start: {error}"))),
            Err(_) => {
                let seconds = self.patience.as_secs();
                Err(runs(&format!("systemctl {} took over {seconds} s", words.join(" "))))
            }
        }
    }
}

fn runs(why: &str) -> Failure {
    Failure::new(Kind::Local, format!("the agent does not stop: {why}"))
        .with_hint("nothing was moved; stop the agent by hand, and repeat the command")
}

/// The first process of one of these names that is alive: its name and number.
fn running(names: &[String]) -> Option<(String, u32)> {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").ok()?;
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process: &u32| *process != own).find_map(|process| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let found = names.iter().find(|name| is_alive(&status, name))?;
        Some((found.clone(), process))
    })
}

fn is_alive(status: &str, name: &str) -> bool {
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let kept = name.get(..NAME_LENGTH).unwrap_or(name);
    // A zombie has no files open any more.
    value("Name:") == Some(kept) && !value("State:").is_some_and(|state| state.starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_do_not_count() {
        let alive = "Name:\tedge-core\nState:\tS (sleeping)\n";
        assert!(is_alive(alive, "edge-core"));
        assert!(!is_alive(alive, "edge"));
        assert!(!is_alive("Name:\tedge-core\nState:\tZ (zombie)\n", "edge-core"));
        assert!(is_alive("Name:\ta-very-long-nam\nState:\tR\n", "a-very-long-name-of-a-program"));
    }
}
