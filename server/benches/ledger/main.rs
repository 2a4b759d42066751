//! `make bench`: what the ledger costs and how it grows, on the embedded store with
//! its journal.
//!
//! `BIG=1` adds five million units.

mod units;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pep_server::store::{EmbeddedStore, Filter, JournalSettings, Order, PageQuery, Store};

use crate::units::{claim, provisioned};

/// Units written before growth is looked at.
const SMALL: u64 = 10_000;
const LARGE: u64 = 1_000_000;
const HUGE: u64 = 5_000_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` passes this on; `cargo test` runs benches without it, and has nothing here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = folder.path().join("ledger.sqlite");
    let raw = raw_flushes(folder.path())?;
    println!("Durable claims against the disk's own flushes ({raw:.0} /s)");
    println!(
        "  {:>8} {:>10} {:>7} {:>9} {:>9}",
        "callers", "claims/s", "ratio", "p50 ms", "p99 ms"
    );
    let store = open(&path)?;
    for (callers, claims) in [(1, 2_000), (32, 20_000), (128, 40_000)] {
        let (rate, p50, p99) = claims_with(&store, callers, claims).await?;
        println!("  {callers:>8} {rate:>10.0} {:>7.2} {p50:>9.2} {p99:>9.2}", rate / raw);
    }

    println!("\nGrowth, one caller");
    let sizes = if std::env::var_os("BIG").is_some() {
        vec![SMALL, LARGE, HUGE]
    } else {
        vec![SMALL, LARGE]
    };
    let (mut filled, mut first) = (0, None);
    for size in sizes {
        fill(&store, filled..size).await?;
        filled = size;
        let cost = claim_cost(&store, size).await?;
        let base = *first.get_or_insert(cost);
        println!(
            "  {size:>9} units: {:>7.3} ms a claim, {:.2} of the first (1.5 or less)",
            cost.as_secs_f64() * 1000.0,
            cost.as_secs_f64() / base.as_secs_f64()
        );
    }
    drop(store);

    let begun = Instant::now();
    let store = open(&path)?;
    let open = store.open_units().await?.len();
    println!(
        "\nCold start with {filled} units: {:.2} s, {open} open (under 2 s)",
        begun.elapsed().as_secs_f64()
    );
    export(&store, filled).await
}

/// The ledger as a station has it, its journal beside it.
fn open(path: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let folder = path.with_file_name("journal");
    let journal = JournalSettings { folder, station: "bench".to_owned(), rotate_at: 64 << 20 };
    let (store, found) = EmbeddedStore::with_journal(path, &journal)?;
    ensure!(found.faults.is_empty(), "{:?}", found.faults);
    Ok(Arc::new(store))
}

/// Small appends, each flushed: what the disk gives to one writer.
fn raw_flushes(folder: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("raw"))?;
    let begun = Instant::now();
    let count = 2_000;
    for _ in 0..count {
        file.write_all(&[7; 1500])?;
        file.sync_data()?;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// Claims a second, and percentiles of one claim in milliseconds.
async fn claims_with(
    store: &Arc<dyn Store>,
    callers: u64,
    claims: u64,
) -> anyhow::Result<(f64, f64, f64)> {
    static NUMBER: AtomicU64 = AtomicU64::new(1 << 40);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for _ in 0..claims / callers {
                    let change = claim(NUMBER.fetch_add(1, Ordering::Relaxed))?;
                    let begun = Instant::now();
                    store.write(change).await?;
                    times.push(begun.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort();
    let percentile = |percent: usize| {
        times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    Ok((rate, percentile(50), percentile(99)))
}

/// The median of many claims by one caller.
async fn claim_cost(store: &Arc<dyn Store>, size: u64) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for number in 0..1_000 {
        let change = claim((size << 20) + (1 << 50) + number)?;
        let begun = Instant::now();
        store.write(change).await?;
        times.push(begun.elapsed());
    }
    times.sort();
    times.get(times.len() / 2).copied().context("no claims")
}

/// Writes provisioned units, many at a time.
async fn fill(store: &Arc<dyn Store>, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let tasks: Vec<_> = (0..256)
        .map(|_| {
            let (store, next, end) = (store.clone(), next.clone(), numbers.end);
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return anyhow::Ok(());
                    }
                    store.write(provisioned(number)?).await?;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// Pages through everything, as an export does, while claims go on.
async fn export(store: &Arc<dyn Store>, units: u64) -> anyhow::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let (claimer, flag) = (store.clone(), ended.clone());
    let claims = tokio::spawn(async move {
        let mut number = 1 << 60;
        while !flag.load(Ordering::Relaxed) {
            claimer.write(claim(number)?).await?;
            number += 1;
        }
        anyhow::Ok(number - (1 << 60))
    });
    let memory = resident_mb()?;
    let (begun, mut rows, mut bytes, mut highest) = (Instant::now(), 0u64, 0, memory);
    let mut after = None;
    loop {
        let filter = Filter { provisioned: true, ..Filter::default() };
        let query = PageQuery { filter, after, order: Order::Ascending, limit: 1000 };
        let page = store.page(query).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        rows += page.len() as u64;
        let format = pep_server::export::CsvRows(pep_server::export::Cells::Harmless);
        bytes += page
            .iter()
            .map(|record| pep_server::export::Rows::row(&format, record).len())
            .sum::<usize>();
        highest = highest.max(resident_mb()?);
    }
    let took = begun.elapsed();
    ended.store(true, Ordering::Relaxed);
    let claims: u64 = claims.await??;
    ensure!(rows == units, "{rows} rows of {units}");
    println!(
        "Export of {rows} units: {:.1} s (under 20), {} MB, {claims} claims meanwhile, memory {memory} to {highest} MB",
        took.as_secs_f64(),
        bytes >> 20
    );
    Ok(())
}

fn resident_mb() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kb: u64 = line.split_whitespace().next().context("no VmRSS")?.parse()?;
    Ok(kb / 1024)
}
