//! The MongoDB store: one document a unit, every move one conditional write of that document,
//! acknowledged by a majority of the servers with their journals. No transactions.
//!
//! `edge_identities` has the old system's shape, so that a station pointed at an old database
//! works at once. What a document looks like is `document`'s, how a claim is held without a
//! transaction is `claims`'s, how a name is held while a station runs is `station_name`'s.

mod adopted;
mod answers;
mod claims;
mod collections;
mod document;
mod holder;
mod indexes;
mod journalled;
mod journals;
mod ledger;
mod look;
mod open;
mod replay;
mod standings;
mod station_name;
mod value;

use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::{
    Change, Filter, JournalSettings, Kept, LedgerName, Operation, PageQuery, Reconciled, Store,
    StoreError,
};
use crate::ra::{Record, UnitId};
use journalled::{Journalled, NoJournal};
use ledger::Ledger;
use station_name::StationName;

pub use look::{MongoDbLook, look};
pub use open::{ConnectError, MongoDbSettings};

/// Threads that speak to the database.
const THREADS: usize = 2;

/// A ledger in a MongoDB. Several stations may share one.
pub struct MongoDbStore {
    ledger: Ledger,
    ledger_name: LedgerName,
    limit: Duration,
    /// The driver's connections and their upkeep live here and not with whoever asks: callers come
    /// from several runtimes, some of which end before the last write is done.
    runtime: Option<Runtime>,
    name: Mutex<Option<(StationName, AbortHandle)>>,
    journal: Option<Journalled>,
}

impl MongoDbStore {
    /// Connects to the database and makes what is missing there. May be called from anywhere, and
    /// waits.
    ///
    /// # Errors
    /// [`ConnectError`] says what is in the way, within the time limit unless indexes are being
    /// made.
    pub fn open(settings: MongoDbSettings) -> Result<Self, ConnectError> {
        Self::open_as(settings, None)
    }

    /// The same for a ledger whose id is known, should it have lost it.
    fn open_as(settings: MongoDbSettings, known: Option<String>) -> Result<Self, ConnectError> {
        let runtime = runtime()?;
        let (limit, place) = (settings.timeout, settings.place());
        let opened = wait_on(&runtime, async move { open::open(&settings, known).await });
        match opened {
            Ok((ledger, id)) => {
                let (runtime, name) = (Some(runtime), Mutex::default());
                let ledger_name = LedgerName { place, id };
                Ok(Self { ledger, ledger_name, limit, runtime, name, journal: None })
            }
            Err(error) => {
                // A runtime must not be waited for from within another.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// The same with a journal beside it: what the database has forgotten is brought back first,
    /// and whatever this station writes is journalled. However long that takes.
    ///
    /// # Errors
    /// [`ConnectError`]; faults of the journal are none, they are in [`Reconciled`].
    pub fn with_journal(
        settings: MongoDbSettings,
        journal: &JournalSettings,
    ) -> Result<(Self, Reconciled), ConnectError> {
        let of = crate::journal::belongs_to(&journal.folder);
        let mut store = Self::open_as(settings, of.clone())?;
        let (ledger, journal, limit) = (store.ledger.clone(), journal.clone(), store.limit);
        let (shown, id) = (journal.folder.display().to_string(), store.ledger_name.id.clone());
        let Some(runtime) = &store.runtime else {
            return Err(ConnectError::Silent("its connection is closed".to_owned()));
        };
        let (journalled, mut found) = wait_on(runtime, async move {
            let beginning = Journalled::begin(ledger.clone(), journal);
            match ledger.while_it_answers(limit, beginning).await? {
                Ok((journalled, found)) => {
                    tokio::spawn(journalled.clone().keep(limit));
                    Ok((journalled, found))
                }
                Err(NoJournal::InUse(holder)) => {
                    Err(ConnectError::JournalInUse { folder: shown, holder })
                }
                Err(NoJournal::Broken(error)) => Err(ConnectError::Journal(error.to_string())),
            }
        })?;
        found.of_another = of.filter(|of| *of != id);
        store.journal = Some(journalled);
        Ok((store, found))
    }

    /// Does one call's work within the time limit. It goes on to its end when the caller does not
    /// wait.
    async fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let limited = async move {
            match timeout(limit, work).await {
                Ok(result) => result,
                Err(_) => Err(StoreError::Unavailable(slowness(limit))),
            }
        };
        self.apart(limited).await
    }

    /// Does work on the store's own runtime.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("its connection is closed".to_owned());
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        runtime.spawn(work).await.map_err(|_| stopped())?
    }

    /// A write without an answer is followed by a look at what became of it; the caller hears of
    /// both within the limit.
    fn half(&self) -> Duration {
        self.limit / 2
    }

    /// A station whose name was taken, or whose database is no longer what it was, writes nothing.
    fn check(&self) -> Result<(), StoreError> {
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        name.as_ref().map_or(Ok(()), |(name, _)| name.check())?;
        self.journal.as_ref().map_or(Ok(()), Journalled::check)
    }

    fn swap_name(&self, name: Option<(StationName, AbortHandle)>) -> Option<StationName> {
        let mut held = self.name.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, keeping) = std::mem::replace(&mut *held, name)?;
        keeping.abort();
        Some(name)
    }
}

fn runtime() -> Result<Runtime, ConnectError> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).thread_name("ledger").enable_all();
    runtime.build().map_err(|error| ConnectError::Silent(error.to_string()))
}

/// Waits for work on a runtime, from anywhere.
fn wait_on<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T, ConnectError>> + Send + 'static,
) -> Result<T, ConnectError> {
    let (answer, answered) = mpsc::channel();
    runtime.spawn(async move {
        // Who asked waits for it.
        drop(answer.send(work.await));
    });
    answered.recv().map_err(|error| ConnectError::Silent(error.to_string())).flatten()
}

impl Drop for MongoDbStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[async_trait]
impl Store for MongoDbStore {
    async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
        let (ledger, unit) = (self.ledger.clone(), unit.clone());
        self.within(self.half(), async move { ledger.read(&unit).await }).await
    }

    async fn write(&self, change: Change) -> Result<u64, StoreError> {
        self.check()?;
        let (ledger, journal) = (self.ledger.clone(), self.journal.clone());
        let begun = Instant::now();
        let write = async move {
            match journal {
                Some(journal) => journal.write(change).await,
                None => ledger.write(change).await,
            }
        };
        let written = self.within(self.half(), write).await;
        metrics::histogram!("pep_store_commit_seconds").record(begun.elapsed().as_secs_f64());
        metrics::counter!("pep_store_writes_total").increment(1);
        written
    }

    async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError> {
        let ledger = self.ledger.clone();
        self.within(self.limit, async move { ledger.page(query).await }).await
    }

    async fn count(&self, filter: Filter) -> Result<u64, StoreError> {
        let ledger = self.ledger.clone();
        self.within(self.limit, async move { ledger.count(filter).await }).await
    }

    async fn open_units(&self) -> Result<Vec<UnitId>, StoreError> {
        let ledger = self.ledger.clone();
        self.within(self.limit, async move { ledger.open_units().await }).await
    }

    async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        let (ledger, journal) = (self.ledger.clone(), self.journal.clone());
        let note = async move {
            match journal {
                Some(journal) => journal.note(operation).await,
                None => ledger.note(operation).await,
            }
        };
        self.within(self.limit, note).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.check()?;
        let ledger = self.ledger.clone();
        self.within(self.limit, async move { Ok(ledger.write_probe().await?) }).await
    }

    async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let ledger = self.ledger.clone();
        self.within(self.limit, async move { ledger.newest().await }).await
    }

    fn name(&self) -> LedgerName {
        self.ledger_name.clone()
    }

    fn awaited(&self) -> Vec<String> {
        self.journal.as_ref().map(Journalled::awaited).unwrap_or_default()
    }

    async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        let (ledger, journal) = (self.ledger.clone(), self.journal.clone());
        let accept = async move {
            match journal {
                Some(journal) => journal.accept_clock(operation).await,
                None => ledger.accept_clock(operation).await,
            }
        };
        self.within(self.limit, accept).await
    }

    async fn claim_name(&self, station: &str) -> Result<(), StoreError> {
        if let Some(journal) = &self.journal {
            journal.say_ledger(&self.ledger_name.id)?;
        }
        let run = ObjectId::new().to_hex();
        let name = StationName::new(self.ledger.clone(), station.to_owned(), run, self.limit);
        let claiming = name.clone();
        self.apart(async move { claiming.claim().await }).await?;
        if let Some(runtime) = &self.runtime {
            let keeping = runtime.spawn(name.clone().keep()).abort_handle();
            self.swap_name(Some((name, keeping)));
        }
        Ok(())
    }

    async fn release_name(&self) -> Result<(), StoreError> {
        if let Some(journal) = self.journal.clone() {
            self.within(self.limit, async move { journal.end().await }).await?;
        }
        match self.swap_name(None) {
            Some(name) => self.apart(async move { name.release().await }).await,
            None => Ok(()),
        }
    }
}

fn slowness(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs_f64())
}

#[cfg(test)]
pub(super) mod tests;
