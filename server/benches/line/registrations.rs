//! Devices that register themselves, with requests made beforehand, beside the bare cost of what no
//! answer can do without: one CSR verified, one certificate signed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::{X509NameBuilder, X509ReqBuilder};
use pep_server::ca::Csr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::station::StationProcess;

/// The factory of the EXAMPLE.
pub const FACTORY: &str = "acme";
/// Connections at once, and devices in all.
pub const ROUNDS: [(usize, usize); 3] = [(1, 500), (16, 3000), (64, 6000)];
/// How long the bare cost is measured.
const ROUND: Duration = Duration::from_secs(1);

/// What a device sends, ready to be written to a connection, and its CSR alone.
pub struct Prepared {
    request: Vec<u8>,
    der: Vec<u8>,
}

/// Distinct devices, each with a key and a UUID of its own, numbered from `first`.
pub fn prepare(first: usize, count: usize) -> anyhow::Result<Vec<Prepared>> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    (first..first + count)
        .map(|number| {
            let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
            let mut name = X509NameBuilder::new()?;
            let uuid = format!("{number:08x}-0000-4000-8000-000000000001");
            name.append_entry_by_text("CN", &uuid)?;
            name.append_entry_by_text("OU", FACTORY)?;
            let mut csr = X509ReqBuilder::new()?;
            csr.set_subject_name(&name.build())?;
            csr.set_pubkey(&key)?;
            csr.sign(&key, MessageDigest::sha256())?;
            let csr = csr.build();
            let body = serde_json::json!({
                "hardware-id": "imx8mm-lpddr4-evk",
                "sota-config-dir": "/var/sota",
                "csr": String::from_utf8(csr.to_pem()?)?,
                "overrides": { "pacman": { "tags": "\"main\"" } },
            })
            .to_string();
            let head = format!(
                "POST /sign HTTP/1.1\r\nhost: s\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            );
            Ok(Prepared { request: (head + &body).into_bytes(), der: csr.to_der()? })
        })
        .collect()
}

/// The bare cost on one core: one request read and verified, and one signature made.
pub fn floor(devices: &[Prepared]) -> anyhow::Result<Duration> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let begun = Instant::now();
    let mut done = 0_u32;
    for device in devices.iter().cycle() {
        Csr::read(&device.der)?;
        EcdsaSig::sign(&[7; 32], &key)?.to_der()?;
        done += 1;
        if done.is_multiple_of(50) && begun.elapsed() > ROUND {
            break;
        }
    }
    Ok(begun.elapsed() / done)
}

/// What a round came to.
pub struct Round {
    /// How long it took.
    pub took: Duration,
    /// Each device's latency, ascending.
    pub latencies: Vec<Duration>,
}

/// Registers all devices over so many connections at once. Each answer ends its connection, as the
/// wire has it.
pub async fn register(
    station: &StationProcess,
    devices: Vec<Prepared>,
    at_once: usize,
) -> anyhow::Result<Round> {
    let (address, devices) = (station.address, Arc::new(devices));
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let callers: Vec<_> = (0..at_once)
        .map(|_| {
            let (devices, next) = (devices.clone(), next.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(device) = devices.get(number) else { return anyhow::Ok(latencies) };
                    let begun = Instant::now();
                    one(address, device).await.with_context(|| format!("device {number}"))?;
                    latencies.push(begun.elapsed());
                }
            })
        })
        .collect();
    let mut latencies = Vec::with_capacity(devices.len());
    for caller in callers {
        latencies.extend(caller.await??);
    }
    let took = begun.elapsed();
    latencies.sort();
    Ok(Round { took, latencies })
}

async fn one(address: SocketAddr, device: &Prepared) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&device.request).await?;
    let mut answer = Vec::with_capacity(8192);
    stream.read_to_end(&mut answer).await?;
    let head = answer.get(..answer.len().min(200)).unwrap_or_default();
    ensure!(answer.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(head));
    Ok(())
}
