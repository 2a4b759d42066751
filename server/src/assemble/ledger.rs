//! The ledger a configuration names, opened and brought up to date from its journal.

use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, Fault, Warning};
use crate::journal::{self, JournalFault};
use crate::station::Disk;
#[cfg(feature = "mongodb")]
use crate::store::{ConnectError, MongoDbSettings, MongoDbStore};
use crate::store::{
    EmbeddedStore, Holdings, JournalSettings, LedgerName, OpenError, Reconciled, Store,
};

/// Opens the ledger for a station, brought up to date from its journal, and says in the log which it
/// is. A station that runs on an embedded one has it locked.
///
/// # Errors
/// The [`Fault`] of `[store]`.
pub(super) fn ledger(config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    let (store, warnings) = open(config)?;
    let LedgerName { place, id } = store.name();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let counted = runtime.map(|runtime| runtime.block_on(Holdings::of(store.as_ref())));
    match counted {
        Ok(Ok(Holdings { units, newest })) => {
            let newest = newest.map_or_else(|| "none".to_owned(), |at| format!("{at:.0}"));
            tracing::info!(ledger = place, id, units, newest, "the ledger is open");
        }
        // A station that cannot read it says so when it recovers.
        _ => tracing::info!(ledger = place, id, "the ledger is open"),
    }
    Ok((store, warnings))
}

/// Opens a ledger that is there, to write a word into it while no station runs on it, or beside one
/// that runs on a database: that station's journal is left alone.
///
/// # Errors
/// The [`Fault`] of `[store]`.
pub fn ledger_beside(config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    let mut config = config.clone();
    let database = matches!(config.store, config::Store::MongoDb(_));
    if config.journal.enabled {
        let runs = database && journal::holder(&config.journal.path, &config.name).is_some();
        // A journal that is not there is for the station to begin.
        let is_empty = journal::is_empty(&config.journal.path, &config.name).unwrap_or(false);
        config.journal.enabled = !runs && !is_empty;
    }
    open(&config)
}

fn open(config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    match &config.store {
        config::Store::Embedded { path, .. } => open_embedded(path, config),
        config::Store::MongoDb(mongodb) => open_mongodb(mongodb, journal(config).as_ref(), config),
    }
}

/// The journal beside the ledger.
pub fn journal(config: &Config) -> Option<JournalSettings> {
    config.journal.enabled.then(|| JournalSettings {
        folder: config.journal.path.clone(),
        station: config.name.clone(),
        rotate_at: config.journal.rotate_at,
    })
}

fn open_embedded(path: &Path, config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    let opened = match journal(config) {
        Some(journal) => EmbeddedStore::with_journal(path, &journal),
        None => EmbeddedStore::open(path).map(|store| (store, Reconciled::default())),
    };
    match opened {
        Ok((store, found)) => {
            let warnings = reconciled(&found, config, &store.name().id);
            Ok((Arc::new(store), warnings))
        }
        Err(error) => Err(fault(&error)),
    }
}

/// What a start found in the journal, for the log, the numbers and the operator.
fn reconciled(found: &Reconciled, config: &Config, id: &str) -> Vec<Warning> {
    let Reconciled { read, restored, faults, of_another } = found;
    metrics::gauge!("pep_journal_faults").set(faults.len() as f64);
    if *restored > 0 {
        tracing::warn!(
            read,
            restored,
            "the ledger was behind its journal and is brought up to date"
        );
    }
    let warning = |fault: &JournalFault| {
        tracing::error!("the journal is damaged: {fault}");
        Warning { key: "[journal] path".to_owned(), text: fault.to_string() }
    };
    let of_another = of_another.as_ref().map(|of| of_another_ledger(config, of, id));
    faults.iter().map(warning).chain(of_another).collect()
}

/// A journal beside a ledger that is not its own.
pub(super) fn of_another_ledger(config: &Config, of: &str, id: &str) -> Warning {
    let text = format!(
        "the journal in {} belongs to ledger {of}, and this is ledger {id}: the units of that one \
         are brought into this one; give each ledger a journal folder of its own",
        config.journal.path.display()
    );
    Warning { key: "[journal] path".to_owned(), text }
}

#[cfg(feature = "mongodb")]
fn open_mongodb(
    mongodb: &config::MongoDb,
    journal: Option<&JournalSettings>,
    config: &Config,
) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    let settings = settings(mongodb);
    let opened = match journal {
        Some(journal) => MongoDbStore::with_journal(settings, journal),
        None => MongoDbStore::open(settings).map(|store| (store, Reconciled::default())),
    };
    match opened {
        Ok((store, found)) => {
            let warnings = reconciled(&found, config, &store.name().id);
            Ok((Arc::new(store), warnings))
        }
        Err(error) => Err(connect_fault(&error)),
    }
}

/// How to speak to the database.
#[cfg(feature = "mongodb")]
pub(super) fn settings(mongodb: &config::MongoDb) -> MongoDbSettings {
    MongoDbSettings {
        uri: mongodb.uri.clone(),
        database: mongodb.database.clone(),
        username: mongodb.username.clone(),
        password: mongodb.password.as_ref().map(|password| password.reveal().clone()),
        tls_ca_file: mongodb.tls_ca_file.clone(),
        tls_certificate_key_file: mongodb.tls_certificate_key_file.clone(),
        timeout: mongodb.timeout,
    }
}

/// What keeps a database from being used.
#[cfg(feature = "mongodb")]
pub(super) fn connect_fault(error: &ConnectError) -> Fault {
    let key = match error {
        ConnectError::JournalInUse { .. } | ConnectError::Journal(_) => "[journal] path",
        _ => "[store] uri",
    };
    let fix = match error {
        ConnectError::Address(_) => "give an address and TLS files the station can use",
        ConnectError::Silent(_) => {
            "start the database, or give the address where it runs; [store] timeout says how long \
             is waited for it"
        }
        ConnectError::Version(_) => {
            "use a newer server, with the data dumped from the old one and restored there \
             (docs/operating.md, section 9)"
        }
        ConnectError::Refused(_) => {
            "give username and password_file of a user with the role readWrite"
        }
        ConnectError::JournalInUse { .. } => {
            "stop that one first, or give this one a [station] name of its own"
        }
        ConnectError::Journal(_) => "name a folder this station can write",
        ConnectError::Index { .. } => {
            "give every unit one document, and serialNumber a unique index"
        }
    };
    Fault { key: key.to_owned(), problem: error.to_string(), fix: fix.to_owned() }
}

#[cfg(not(feature = "mongodb"))]
fn open_mongodb(
    _: &config::MongoDb,
    _: Option<&JournalSettings>,
    _: &Config,
) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    Err(no_mongodb())
}

#[cfg(not(feature = "mongodb"))]
pub(super) fn no_mongodb() -> Fault {
    Fault {
        key: "[store] kind".to_owned(),
        problem: "this pep-server was built without the MongoDB store".to_owned(),
        fix: "give \"embedded\", or build it with the feature `mongodb`".to_owned(),
    }
}

/// The file systems that must not fill up: the embedded ledger's and the journal's. A database looks
/// after its own.
pub(super) fn disk(config: &Config) -> Option<Disk> {
    let (ledger, min_free) = match &config.store {
        config::Store::Embedded { path, min_free } => (path.parent(), *min_free),
        config::Store::MongoDb(mongodb) => (None, mongodb.min_free),
    };
    let journal = config.journal.enabled.then_some(config.journal.path.as_path());
    let folders: Vec<_> = ledger.into_iter().chain(journal).map(Path::to_owned).collect();
    (!folders.is_empty()).then(|| Disk::new(folders, min_free))
}

/// What keeps an embedded ledger from being opened.
pub(super) fn fault(error: &OpenError) -> Fault {
    let key = match error {
        OpenError::Journal(_) => "[journal] path",
        _ => "[store] path",
    };
    Fault { key: key.to_owned(), problem: error.to_string(), fix: error.fix().to_owned() }
}
