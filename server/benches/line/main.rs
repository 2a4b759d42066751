//! `make bench`: what the station costs, in one run and as ratios, since machines are noisy.
//!
//! The load and the simulated gateways live in this process; the station is the real binary in a
//! process of its own, so that its processor time and memory can be read off the system.

mod gateways;
mod load;
mod registrations;
mod signing;
mod station;

use std::time::Duration;

use anyhow::Context;

use crate::load::Run;
use crate::station::StationProcess;

/// Gateways at once, and units in all.
const ROUNDS: [(usize, usize); 4] = [(1, 400), (16, 3000), (128, 6000), (500, 6000)];

fn main() -> anyhow::Result<()> {
    // `cargo bench` passes this on; `cargo test` runs benches without it, and has nothing here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // `cargo bench --bench line -- registrations`: these alone.
    if std::env::args().any(|argument| argument == "registrations") {
        return runtime.block_on(registered());
    }
    let signing = signing::measure()?;
    println!("Signing, one core, medians of {} rounds", signing::ROUNDS);
    println!("  raw P-256 signatures           {:>9.0} /s", signing.raw);
    println!("  drafts signed to certificates  {:>9.0} /s", signing.certificates);
    println!("  ratio                          {:>9.2}    (0.85 or better)", signing.ratio);

    runtime.block_on(units())?;
    runtime.block_on(registered())
}

/// Devices that register themselves, against the bare cost of their cryptography.
async fn registered() -> anyhow::Result<()> {
    let mut station = StationProcess::start().await?;
    println!("\nRegistrations (/sign), each over a connection of its own, durably written");
    println!(
        "  {:>11} {:>9} {:>9} {:>9} {:>13} {:>11} {:>11}",
        "connections", "devices/s", "p50 ms", "p99 ms", "cpu ms/device", "floor ms", "cpu / floor"
    );
    let mut first = 1;
    for (at_once, count) in registrations::ROUNDS {
        let devices = registrations::prepare(first, count)?;
        first += count;
        let floor = registrations::floor(&devices)?.as_secs_f64() * 1000.0;
        let before = station.processor_time()?;
        let round = registrations::register(&station, devices, at_once).await?;
        let spent = (station.processor_time()? - before).as_secs_f64() * 1000.0 / count as f64;
        let percentile = |percent: usize| {
            let at = (count * percent / 100).min(count.saturating_sub(1));
            round.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        println!(
            "  {:>11} {:>9.0} {:>9.2} {:>9.2} {:>13.3} {:>11.3} {:>11.2}",
            at_once,
            count as f64 / round.took.as_secs_f64(),
            percentile(50),
            percentile(99),
            spent,
            floor,
            spent / floor,
        );
    }
    println!("  (2.5 or better at 64 connections)");
    station.stop()
}

async fn units() -> anyhow::Result<()> {
    let mut station = StationProcess::start().await?;
    let frame = gateways::capture_frame(&station).await.context("no frame was captured")?;
    println!("\nWhole units: HTTP in, ledger, TCP out, verified by the simulated gateway");
    println!(
        "  {:>8} {:>9} {:>9} {:>6} {:>9} {:>9} {:>11} {:>11}",
        "gateways", "units/s", "bare/s", "ratio", "p50 ms", "p99 ms", "added p50", "cpu ms/unit"
    );
    for (at_once, units) in ROUNDS {
        let gateways = gateways::start(at_once)?;
        let bare = load::bare(&gateways, &frame, units).await?;
        let before = station.processor_time()?;
        let served = load::through_station(&station, &gateways, units).await?;
        let spent = station.processor_time()? - before;
        report(at_once, &served, &bare, spent);
    }
    println!("  station's resident memory at the end: {} MB (under 60)", station.resident_mb()?);
    station.stop()
}

fn report(at_once: usize, served: &Run, bare: &Run, spent: Duration) {
    let each = spent.as_secs_f64() * 1000.0 / served.latencies.len() as f64;
    let added = served.percentile(50) - bare.percentile(50);
    println!(
        "  {:>8} {:>9.0} {:>9.0} {:>6.2} {:>9.2} {:>9.2} {:>11.2} {:>11.2}",
        at_once,
        served.rate(),
        bare.rate(),
        served.rate() / bare.rate(),
        served.percentile(50),
        served.percentile(99),
        added,
        each,
    );
}
