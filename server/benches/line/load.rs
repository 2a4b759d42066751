//! The load: many callers in one process, each with one gateway.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fcc::serve::Gateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::station::StationProcess;

/// One run: how long it took, and each unit's latency in ascending order.
pub struct Run {
    took: Duration,
    /// Ascending.
    pub latencies: Vec<Duration>,
}

impl Run {
    /// Units a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// A percentile in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Feeds a prebuilt frame to the gateways: what the protocol and the devices cost by themselves.
pub async fn bare(gateways: &[Gateway], frame: &[u8], units: usize) -> anyhow::Result<Run> {
    let frame: Arc<[u8]> = frame.into();
    run(gateways, units, move |gateway, _| {
        let frame = frame.clone();
        async move {
            let mut stream = TcpStream::connect(gateway).await?;
            stream.set_nodelay(true)?;
            stream.write_all(&frame).await?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await?;
            ensure!(head.ends_with(&[0; 4]), "a gateway refused the bare frame");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await?;
            let success = rest.windows(9).any(|window| window == b"succeeded");
            ensure!(success, "a gateway refused the bare frame");
            Ok(())
        }
    })
    .await
}

/// Asks the station for whole units; each caller keeps its connection, so that the load costs
/// little beside what is measured.
pub async fn through_station(
    station: &StationProcess,
    gateways: &[Gateway],
    units: usize,
) -> anyhow::Result<Run> {
    let address = station.address;
    let round = gateways.len();
    let callers: Arc<HashMap<SocketAddr, Mutex<Option<Caller>>>> =
        Arc::new(gateways.iter().map(|gateway| (gateway.address(), Mutex::default())).collect());
    run(gateways, units, move |gateway, number| {
        let callers = callers.clone();
        async move {
            let mut caller = callers.get(&gateway).context("no caller")?.lock().await;
            if caller.is_none() {
                *caller = Some(Caller::connect(address).await?);
            }
            let serial = format!("bench-{round}-{number}");
            let answer = caller.as_mut().context("no caller")?.ask(&serial, gateway.port()).await?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "the station said: {answer}");
            Ok(())
        }
    })
    .await
}

/// One HTTP connection.
pub struct Caller {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Caller {
    /// Connects to the station.
    pub async fn connect(station: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(station).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// One `GET /v3/identity`, and the whole answer.
    pub async fn ask(&mut self, serial: &str, port: u16) -> anyhow::Result<String> {
        let request = format!(
            "GET /v3/identity?serialNumber={serial}&ip=127.0.0.1&port={port} HTTP/1.1\r\n\
             host: station\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "the station hung up");
            let text = std::str::from_utf8(&self.answer)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()) == Some(body.len()) {
                return Ok(text.to_owned());
            }
        }
    }
}

async fn run<F, W>(gateways: &[Gateway], units: usize, unit: F) -> anyhow::Result<Run>
where
    F: Fn(SocketAddr, usize) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = anyhow::Result<()>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let callers: Vec<_> = gateways
        .iter()
        .map(|gateway| {
            let (address, next, unit) = (gateway.address(), next.clone(), unit.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= units {
                        return anyhow::Ok(latencies);
                    }
                    let begun = Instant::now();
                    unit(address, number).await.with_context(|| format!("unit {number}"))?;
                    latencies.push(begun.elapsed());
                }
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(units);
    for caller in callers {
        latencies.extend(caller.await??);
    }
    let took = begun.elapsed();
    latencies.sort();
    Ok(Run { took, latencies })
}
