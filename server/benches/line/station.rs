//! The real `pep-server` in a process of its own.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
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
        // With a factory, so that devices can register themselves.
        let factory = crate::registrations::FACTORY;
        pep_server::init::init(folder.path(), Some(factory), None, Timestamp::now())?;
        // To a file, as a service manager does it: reading a pipe would cost the load's own time.
        let log = folder.path().join("station.log");
        let child = Command::new(env!("CARGO_BIN_EXE_pep-server"))
            .arg("--config")
            .arg(folder.path().join("station.toml"))
            .env("PEP_HTTP_LISTEN", "127.0.0.1:0")
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        let mut station = Self { child, address: ([127, 0, 0, 1], 0).into(), _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while station.address.port() == 0 {
            ensure!(Instant::now() < deadline, "the station did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
            let text = std::fs::read_to_string(&log)?;
            if let Some((_, address)) = text.split_once("listening on http://") {
                let address = address.split_whitespace().next().unwrap_or_default();
                station.address = address.parse().context("no address in the log")?;
            }
        }
        Ok(station)
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
