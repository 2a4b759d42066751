//! `backup`, `restore` and `accept-clock`: what is done to the ledger beside the station. Each says
//! which ledger and which journal it speaks of.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::anyhow;
use jiff::Timestamp;
use pep_server::assemble::{Held, Standing, journal, ledger_beside};
use pep_server::config::{Config, Fault, Store};
use pep_server::station::accept_clock;
use pep_server::store::{BackupError, OpenError, RestoreError, backup, restore};

use super::{read, show};

/// Which ledger and journal a command speaks of before it has opened either.
pub fn name_state(config: &Config) {
    match &config.store {
        Store::Embedded { path, .. } => eprintln!("ledger: {}", path.display()),
        Store::MongoDb(mongodb) => {
            eprintln!("ledger: the database {} at {}", mongodb.database, mongodb.uri);
        }
    }
    if config.journal.enabled {
        eprintln!("journal: {}", config.journal.path.display());
    } else {
        eprintln!("journal: none");
    }
}

/// Takes this machine's clock as right.
pub fn accept(path: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    name_state(&config);
    let standing = standing(&config)?;
    if standing.ledger.is_none() {
        return Err(no_ledger(&standing));
    }
    println!("{standing}");
    let (ledger, found) = ledger_beside(&config).map_err(in_place(&config))?;
    show(&found);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let now = Timestamp::now();
    match runtime.block_on(accept_clock(ledger.as_ref(), now))? {
        Some(newest) => println!(
            "the clock is taken as right: it says {now:.0}, the newest record is of {newest:.0}"
        ),
        None => println!("no record is newer than the clock: there is nothing to accept"),
    }
    Ok(())
}

/// Copies the ledger.
pub fn back_up(path: &Path, file: &Path) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    name_state(&config);
    let Store::Embedded { path: ledger, .. } = &config.store else { return Err(tool(&config)) };
    let standing = standing(&config)?;
    let Some(source) = &standing.ledger else { return Err(no_ledger(&standing)) };
    println!("{standing}");
    if source.units == 0 {
        eprintln!("warning: this ledger is empty; is it the one the station runs on?");
    }
    let shows = std::io::stderr().is_terminal();
    let made = backup(ledger, file, Timestamp::now(), |copied, all| {
        if shows {
            eprint!("\r{copied} of {all} pages");
        }
    });
    if shows {
        eprintln!();
    }
    let made = made.map_err(|error| match error {
        BackupError::Ledger(error) => explained(&error),
        error => anyhow!("{error}"),
    })?;
    if let Some(problem) = made.unnoted {
        eprintln!(
            "warning: the station will not know of this backup: {problem} (its next start makes \
             the file for it)"
        );
    }
    println!("wrote {} ({} bytes), checked:\n  {}", file.display(), made.length, whole(&made.copy));
    Ok(())
}

/// Puts a backup in the ledger's place.
pub fn put_back(path: &Path, file: &Path, other_ledger: bool) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    name_state(&config);
    let Store::Embedded { path: ledger, .. } = &config.store else { return Err(tool(&config)) };
    let beside = journal(&config);
    let done = restore(ledger, file, beside.as_ref(), other_ledger, Timestamp::now());
    let done = done.map_err(|error| match error {
        RestoreError::Backup(inner) => {
            anyhow!("{file} cannot be put back: {inner}", file = file.display())
        }
        RestoreError::Ledger(error) => explained(&error),
        error => anyhow!("{error}"),
    })?;
    for warning in done.warnings {
        eprintln!("warning: {warning}");
    }
    if let Some(kept) = done.kept {
        println!("kept the ledger that was in place: {}", kept.display());
    }
    println!("put back {}", file.display());
    println!("{}", standing(&config)?);
    if beside.is_none() {
        eprintln!("warning: without a journal nothing newer than the backup comes back");
    }
    Ok(())
}

fn standing(config: &Config) -> anyhow::Result<Standing> {
    Standing::of(config).map_err(in_place(config))
}

/// A fault with the line it is in.
fn in_place(config: &Config) -> impl Fn(Fault) -> anyhow::Error {
    |fault| {
        let mut found = pep_server::config::Faults::none();
        found.faults.push(fault);
        anyhow!("{}", config.places.arrange(found))
    }
}

fn whole(look: &pep_server::store::LedgerLook) -> Held {
    Held { last_backup: None, ..Held::from(look) }
}

fn explained(error: &OpenError) -> anyhow::Error {
    anyhow!("{error}; {}", error.fix())
}

fn no_ledger(standing: &Standing) -> anyhow::Error {
    anyhow!(
        "there is no ledger at {}; name the one the station runs on ([store] path)",
        standing.place
    )
}

/// A database is backed up and restored by its own tools.
fn tool(config: &Config) -> anyhow::Error {
    let Store::MongoDb(mongodb) = &config.store else { return anyhow!("the ledger is a file") };
    anyhow!(
        "the ledger is a MongoDB, which has its own tools: mongodump --uri={} --db={} \
         --readConcern=majority, and mongorestore (see docs/operating.md, section 9)",
        mongodb.uri,
        mongodb.database
    )
}
