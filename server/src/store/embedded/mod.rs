//! The embedded store: one SQLite file, write-ahead log, every commit on disk before it is
//! acknowledged.

mod about;
mod apply;
mod backup;
mod last_backup;
mod look;
mod lost;
mod open;
mod pages;
mod part;
mod quiet;
mod reconcile;
mod restore;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Change, Filter, JournalSettings, Kept, LedgerName, Operation, PageQuery, Reconciled, Store,
    StoreError,
};
use crate::journal::{self, Journal};
use crate::ra::{Record, UnitId};

pub use backup::{BackedUp, BackupError, backup};
pub use look::{LedgerLook, is_marked_readonly, look};
pub use open::{OpenError, holder};
pub use restore::{RestoreError, Restored, restore};

/// Reading connections kept open between uses.
const IDLE_READERS: usize = 4;

/// A ledger in one SQLite file. Only one station may have it open.
pub struct EmbeddedStore {
    path: PathBuf,
    id: String,
    journal: Option<PathBuf>,
    // Before the writer, since fields are dropped in this order: only the last connection to be
    // closed folds the log into the file, and a reading one cannot.
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: writer::Writer,
    _locks: open::Locks,
}

impl EmbeddedStore {
    /// Opens the ledger at `path`, makes it and its folder where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let opened = open::open(path)?;
        let id = Self::id(&opened, None)?;
        Self::start(opened, id, None)
    }

    /// The same with a journal beside it: what the ledger has forgotten is brought back first, and
    /// whatever is written is journalled.
    ///
    /// # Errors
    /// [`OpenError`]; faults of the journal are none, they are in [`Reconciled`].
    pub fn with_journal(
        path: &Path,
        settings: &JournalSettings,
    ) -> Result<(Self, Reconciled), OpenError> {
        let broken = |error: StoreError| OpenError::Journal(error.to_string());
        let mut opened = open::open(path)?;
        let of = journal::belongs_to(&settings.folder);
        let id = Self::id(&opened, of.clone())?;
        let (journal, mut found) =
            reconcile::reconcile(&mut opened.connection, settings).map_err(broken)?;
        found.of_another = of.filter(|of| *of != id);
        Ok((Self::start(opened, id, Some(journal))?, found))
    }

    fn id(opened: &open::Opened, known: Option<String>) -> Result<String, OpenError> {
        about::id_or(&opened.connection, known)
            .map_err(|error| OpenError::file(&opened.path, &error))
    }

    fn start(
        opened: open::Opened,
        id: String,
        journal: Option<Journal>,
    ) -> Result<Self, OpenError> {
        let open::Opened { connection, locks, path } = opened;
        Ok(Self {
            path,
            id,
            journal: journal.as_ref().map(|journal| journal.folder().to_owned()),
            writer: writer::Writer::start(connection, journal).map_err(OpenError::from)?,
            readers: Arc::default(),
            _locks: locks,
        })
    }

    /// Runs `read` on a reading connection, off the async threads.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => open::reader(&path)?,
            };
            let result = read(&connection);
            let mut idle = readers.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_READERS {
                idle.push(connection);
            }
            result
        });
        reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
        let unit = unit.clone();
        self.reading(move |connection| pages::read(connection, &unit)).await
    }

    async fn write(&self, change: Change) -> Result<u64, StoreError> {
        self.writer.write(change).await
    }

    async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError> {
        self.reading(move |connection| pages::page(connection, &query)).await
    }

    async fn count(&self, filter: Filter) -> Result<u64, StoreError> {
        self.reading(move |connection| pages::count(connection, &filter)).await
    }

    async fn open_units(&self) -> Result<Vec<UnitId>, StoreError> {
        self.reading(pages::open_units).await
    }

    async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        self.writer.note(operation).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.writer.probe().await
    }

    /// Only one station can have the file open, so its name is its own. What a station leaves beside
    /// its ledger is made here: whoever else opens one makes nothing.
    async fn claim_name(&self, _: &str) -> Result<(), StoreError> {
        let made = last_backup::make(&self.path);
        made.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        match &self.journal {
            Some(folder) => journal::say_ledger(folder, &self.id)
                .map_err(|error| StoreError::journal(folder, &error)),
            None => Ok(()),
        }
    }

    async fn release_name(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn name(&self) -> LedgerName {
        LedgerName { place: self.path.display().to_string(), id: self.id.clone() }
    }

    fn last_backup(&self) -> Option<Timestamp> {
        last_backup::read(&self.path)
    }

    async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.reading(pages::newest).await
    }

    async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        self.writer.accept_clock(operation).await
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
