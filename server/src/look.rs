//! `check` and `preview`: everything looked at, and what a device would get. Nothing is given to
//! anybody.

use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use pep_server::assemble::{examine, sample};
use pep_server::ca::{Readable, read_certificates};
use pep_server::config::{Config, Signer};
use pep_server::front::Listener;

use super::{listed, read, show};

/// The unit that `check` has a preview made for. It fits on any label.
const SAMPLE: &str = "SAMPLE-0001";

/// Reads everything, tries everything, and says what there is and what a device would get.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let (assembly, warnings) = examine(config.clone()).map_err(|faults| listed(&faults))?;
    show(&warnings);
    let runs = assembly.is_none();
    if let Some(assembly) = assembly {
        drop(Listener::bind(assembly.listener)?);
    }
    println!("{}", path.display());
    for (key, file) in &config.files {
        println!("  {key}: {}", described(file));
    }
    let tokens = config.operators.len();
    println!("  [operators]: {tokens} token{}", if tokens == 1 { "" } else { "s" });
    println!("\na unit with the serial number {SAMPLE} would get\n");
    let preview = sample(&config, SAMPLE, Timestamp::now())?;
    for line in preview.to_string().lines() {
        println!("{}", if line.is_empty() { String::new() } else { format!("  {line}") });
    }
    println!();
    if let Some(refusal) = preview.refusal() {
        return Err(anyhow!("a device would refuse this: {refusal}"));
    }
    if runs {
        let listen = config.http.listen;
        println!("a station is running on this ledger, and so it and {listen} were left alone");
    }
    println!("{}: nothing is wrong", path.display());
    Ok(())
}

/// What the unit with this serial number would get.
pub fn preview(path: &Path, serial: &str) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let preview = sample(&config, serial, Timestamp::now())?;
    warn_of_example(&config);
    print!("{preview}");
    match preview.refusal() {
        Some(refusal) => Err(anyhow!("a device would refuse this: {refusal}")),
        None => Ok(()),
    }
}

fn warn_of_example(config: &Config) {
    let Signer::File { certificate, .. } = &config.signer;
    let ca = read_certificates(certificate).unwrap_or_default();
    if ca.first().and_then(|der| Readable::of(der)).is_some_and(|it| it.is_example()) {
        eprintln!("warning: the CA is an EXAMPLE: no cloud trusts it");
    }
}

/// A file in words: what certificates it holds, else its size. Never what is in it.
fn described(file: &Path) -> String {
    let shown = file.display();
    let Ok(about) = std::fs::metadata(file) else { return format!("{shown}, not there") };
    if about.is_dir() {
        return format!("{shown}, a folder");
    }
    let certificates = match read_certificates(file) {
        Ok(ders) => ders,
        Err(_) if about.is_file() && about.len() < 1 << 20 => {
            std::fs::read(file).map(|der| vec![der]).unwrap_or_default()
        }
        Err(_) => Vec::new(),
    };
    let readable: Vec<_> = certificates.iter().filter_map(|der| Readable::of(der)).collect();
    if readable.is_empty() {
        return format!("{shown}, {} bytes", about.len());
    }
    let said = readable.iter().map(|it| format!("`{}` until {}", it.subject, it.validity.1));
    format!("{shown}, {}", said.collect::<Vec<_>>().join(", signed by "))
}
