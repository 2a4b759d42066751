//! `check` and `preview`: everything looked at, and what a device would get. Nothing is given to
//! anybody.

use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use pep_server::assemble::{
    SampleError, examine, sample, sample_others, sample_unit, supplied_faults,
};
use pep_server::ca::{Readable, read_certificates};
use pep_server::config::{Config, Faults, Signer};
use pep_server::state::Holder;

use super::{listed, opened, read, show, upkeep};

/// Supplied folders named one by one; the others are counted.
const MOST_FAULTS: usize = 20;

/// Reads everything, tries everything, and says what there is and what a device would get.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let (standing, warnings) = examine(&config).map_err(|faults| opened(&faults))?;
    show(&warnings);
    println!("{}", path.display());
    for (key, file) in &config.files {
        println!("  {key}: {}", described(file));
    }
    let tokens = config.operators.len();
    println!("  [operators]: {tokens} token{}", if tokens == 1 { "" } else { "s" });
    println!("{standing}");
    let unfit = supplied_faults(&config, Timestamp::now());
    for fault in unfit.iter().take(MOST_FAULTS) {
        eprintln!("warning: [supplied] folder: {fault}");
    }
    if unfit.len() > MOST_FAULTS {
        eprintln!("warning: [supplied] folder: {} more cannot be used", unfit.len() - MOST_FAULTS);
    }
    match sample_unit(&config) {
        Some(serial) => {
            show_sample(&config, &serial, unfit.is_empty())?;
            let (lines, faults) = sample_others(&config, &serial, Timestamp::now());
            if !faults.is_empty() {
                let found = Faults { faults, warnings: Vec::new() };
                return Err(listed(&config.places.arrange(found)));
            }
            for line in lines {
                println!("{line}\n");
            }
        }
        None => println!("\nno unit has a folder yet: there is no sample to show\n"),
    }
    if let Some(Holder(process)) = standing.holder {
        let process = process.map_or_else(String::new, |number| format!(" (process {number})"));
        let listen = config.http.listen;
        println!(
            "a station is running on this ledger{process}, and so it and {listen} were left alone"
        );
    }
    println!("{}: nothing is wrong", path.display());
    Ok(())
}

/// Shows what a unit would get. Where it is no sample of all, one that cannot be shown is no fault.
fn show_sample(config: &Config, serial: &str, must_work: bool) -> anyhow::Result<()> {
    let preview = match sample(config, serial, None, Timestamp::now()) {
        Err(_) if !must_work => return Ok(()),
        preview => preview.map_err(|error| refused(config, error))?,
    };
    println!("\na unit with the serial number {serial} would get\n");
    for line in preview.to_string().lines() {
        println!("{}", if line.is_empty() { String::new() } else { format!("  {line}") });
    }
    println!();
    match preview.refusal() {
        Some(refusal) => Err(anyhow!("a device would refuse this: {refusal}")),
        None => Ok(()),
    }
}

/// What the unit with this serial number would get, bound to `account` where units are.
pub fn preview(path: &Path, serial: &str, account: Option<&str>) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    upkeep::name_state(&config);
    let preview = sample(&config, serial, account, Timestamp::now())
        .map_err(|error| refused(&config, error))?;
    warn_of_example(&config);
    print!("{preview}");
    match preview.refusal() {
        Some(refusal) => Err(anyhow!("a device would refuse this: {refusal}")),
        None => Ok(()),
    }
}

/// What is wrong with the configuration is said as at a start.
fn refused(config: &Config, error: SampleError) -> anyhow::Error {
    match error {
        SampleError::Authority(faults) => listed(&config.places.arrange(faults)),
        error => error.into(),
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
