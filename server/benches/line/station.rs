//! The real `pep-server` in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use tempfile::TempDir;

/// A running station; killed when dropped.
pub struct StationProcess {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl StationProcess {
    /// Starts a station on a fresh folder.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        pep_server::init::init(folder.path(), Timestamp::now())?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_pep-server"))
            .arg("--config")
            .arg(folder.path().join("station.toml"))
            .env("PEP_HTTP_LISTEN", "127.0.0.1:0")
            .env("PEP_LOG_LEVEL", "info")
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().context("no log")?;
        let mut lines = BufReader::new(log).lines();
        let address = loop {
            let line = lines.next().context("the station ended")??;
            if let Some((_, address)) = line.split_once("listening on http://") {
                let address = address.split_whitespace().next().unwrap_or_default();
                break address.parse().with_context(|| line.clone())?;
            }
        };
        // The log is read on, or the station would wait for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address, _folder: folder })
    }

    /// Processor time used so far, user and system.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15 of proc(5), counted behind the name in parentheses; 100 ticks a second.
        let after = stat.rsplit_once(')').context("no name in stat")?.1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
        let Some((user, system)) = ticks(11).zip(ticks(12)) else { bail!("no times in stat") };
        Ok(Duration::from_millis((user + system) * 10))
    }

    /// Resident memory now, in MB.
    pub fn resident_mb(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kb.context("no VmRSS")? / 1024)
    }

    /// Ends it.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for StationProcess {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
