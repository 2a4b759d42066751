//! The ledger a configuration names, opened and brought up to date from its journal.

use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, Fault, Warning};
use crate::journal::{self, JournalFault};
use crate::station::Disk;
#[cfg(feature = "mongodb")]
use crate::store::{ConnectError, MongoDbSettings, MongoDbStore};
use crate::store::{EmbeddedStore, JournalSettings, OpenError, Reconciled, Store};

/// Opens the ledger alone, brought up to date from its journal. A station that runs on an embedded
/// one has it locked.
///
/// # Errors
/// The [`Fault`] of `[store]`.
pub(super) fn ledger(config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    match &config.store {
        config::Store::Embedded { path, .. } => open_embedded(path, config),
        config::Store::MongoDb(mongodb) => open_mongodb(mongodb, journal(config).as_ref()),
    }
}

/// The same for who looks at it, or writes a word beside a station that runs on a database: that
/// station's journal is left alone.
///
/// # Errors
/// The [`Fault`] of `[store]`.
pub fn ledger_beside(config: &Config) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    match &config.store {
        config::Store::MongoDb(mongodb) if is_journal_in_use(config) => open_mongodb(mongodb, None),
        _ => ledger(config),
    }
}

/// Whether a station that runs beside this has the journal.
pub(super) fn is_journal_in_use(config: &Config) -> bool {
    config.journal.enabled && journal::is_in_use(&config.journal.path, &config.name)
}

fn journal(config: &Config) -> Option<JournalSettings> {
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
        Ok((store, found)) => Ok((Arc::new(store), reconciled(&found))),
        Err(error) => Err(fault(&error)),
    }
}

/// What a start found in the journal, for the log, the numbers and the operator.
fn reconciled(found: &Reconciled) -> Vec<Warning> {
    let Reconciled { read, restored, faults } = found;
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
    faults.iter().map(warning).collect()
}

#[cfg(feature = "mongodb")]
fn open_mongodb(
    mongodb: &config::MongoDb,
    journal: Option<&JournalSettings>,
) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    let settings = MongoDbSettings {
        uri: mongodb.uri.clone(),
        database: mongodb.database.clone(),
        username: mongodb.username.clone(),
        password: mongodb.password.as_ref().map(|password| password.reveal().clone()),
        tls_ca_file: mongodb.tls_ca_file.clone(),
        tls_certificate_key_file: mongodb.tls_certificate_key_file.clone(),
        timeout: mongodb.timeout,
    };
    let opened = match journal {
        Some(journal) => MongoDbStore::with_journal(settings, journal),
        None => MongoDbStore::open(settings).map(|store| (store, Reconciled::default())),
    };
    match opened {
        Ok((store, found)) => Ok((Arc::new(store), reconciled(&found))),
        Err(error) => Err(Fault {
            key: match error {
                ConnectError::JournalInUse { .. } | ConnectError::Journal(_) => "[journal] path",
                _ => "[store] uri",
            }
            .to_owned(),
            problem: error.to_string(),
            mend: match error {
                ConnectError::Address(_) => "give an address and TLS files the station can use",
                ConnectError::Silent(_) => {
                    "start the database, or give the address where it runs; [store] timeout says \
                     how long is waited for it"
                }
                ConnectError::Refused(_) => {
                    "give username and password_file of a user with the role readWrite"
                }
                ConnectError::JournalInUse { .. } => {
                    "stop the station that has it, or give this one a [station] name of its own"
                }
                ConnectError::Journal(_) => "name a folder this station can write",
                ConnectError::Index { .. } => {
                    "give every unit one document, and serialNumber a unique index"
                }
            }
            .to_owned(),
        }),
    }
}

#[cfg(not(feature = "mongodb"))]
fn open_mongodb(
    _: &config::MongoDb,
    _: Option<&JournalSettings>,
) -> Result<(Arc<dyn Store>, Vec<Warning>), Fault> {
    Err(Fault {
        key: "[store] kind".to_owned(),
        problem: "this pep-server was built without the MongoDB store".to_owned(),
        mend: "give \"embedded\", or build it with the feature `mongodb`".to_owned(),
    })
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

/// Which ledger a configuration names, in words.
pub(super) fn place(config: &Config) -> (&'static str, String) {
    match &config.store {
        config::Store::Embedded { path, .. } => ("embedded", path.display().to_string()),
        config::Store::MongoDb(it) => ("mongodb", format!("{} in {}", it.database, it.uri)),
    }
}

/// What keeps an embedded ledger from being opened.
pub(super) fn fault(error: &OpenError) -> Fault {
    let (key, mend) = match error {
        OpenError::Journal(_) => ("[journal] path", "name a folder this station can write"),
        _ => ("[store] path", "name a ledger this station can open and write"),
    };
    Fault { key: key.to_owned(), problem: error.to_string(), mend: mend.to_owned() }
}
