//! Writes with a journal beside the database: each is on this station's disk before the database is
//! asked, so that whoever restores an old dump gets back from here what it has forgotten.
//!
//! Once a second the database is told how far it has seen the journal. That write is conditional on
//! what it was told last: a database that was put back to an older state under a running station is
//! found out, and the station writes nothing more until it has been restarted and has compared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::ledger::Ledger;
use super::{journals, replay};
use crate::journal::{self, Entry, Event, JournalWriter, Position, record_event};
use crate::state::{Held, Holder, Lock};
use crate::store::{Change, JournalSettings, Operation, Reconciled, StoreError};

/// How often the database is told.
const BEAT: Duration = Duration::from_secs(1);

/// A database and the journal beside it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Journalled(Arc<Parts>);

struct Parts {
    ledger: Ledger,
    settings: JournalSettings,
    writer: JournalWriter,
    /// What the database was told last.
    told: tokio::sync::Mutex<Told>,
    awaited: Mutex<Vec<String>>,
    has_gone_back: AtomicBool,
    _lock: Held,
}

#[derive(Clone, Copy)]
struct Told {
    position: Position,
    arrived: u64,
}

/// Why there is no journal.
pub(super) enum NoJournal {
    /// Another process has it.
    InUse(Holder),
    /// It cannot be read or written, or the database not.
    Broken(StoreError),
}

impl Journalled {
    /// Brings the database up to date from this station's journal, and opens it.
    pub(super) async fn begin(
        ledger: Ledger,
        settings: JournalSettings,
    ) -> Result<(Self, Reconciled), NoJournal> {
        let broken = |error| NoJournal::Broken(StoreError::journal(&settings.folder, &error));
        let lock = journal::lock(&settings.folder, &settings.station).map_err(broken)?;
        let lock = match lock {
            Lock::Ours(held) => held,
            Lock::Theirs(holder) => return Err(NoJournal::InUse(holder)),
        };
        let (journal, found) =
            replay::replay(&ledger, &settings).await.map_err(NoJournal::Broken)?;
        let awaited =
            journals::awaited(&ledger, &settings.station).await.map_err(NoJournal::Broken)?;
        let told = Told { position: journal.end(), arrived: 0 };
        let writer = JournalWriter::start(journal).map_err(broken)?;
        let parts = Parts {
            ledger,
            settings,
            writer,
            told: told.into(),
            awaited: awaited.into(),
            has_gone_back: AtomicBool::new(false),
            _lock: lock,
        };
        Ok((Self(Arc::new(parts)), found))
    }

    /// Says in the journal's folder which ledger it belongs to.
    pub(super) fn say_ledger(&self, id: &str) -> Result<(), StoreError> {
        let folder = &self.0.settings.folder;
        journal::say_ledger(folder, id).map_err(|error| StoreError::journal(folder, &error))
    }

    /// Takes the claims and writes the record, once the journal has it.
    pub(super) async fn write(&self, change: Change) -> Result<u64, StoreError> {
        let version = change.seen.unwrap_or(0) + 1;
        let entry = self.enter(&record_json(&change, version)?).await?;
        let record = change.record.clone();
        let written = self.0.ledger.write(change).await;
        match &written {
            Ok(_) | Err(StoreError::Unavailable(_)) => {}
            // A lost answer may have been asked for again by the driver, and the record be ours.
            Err(StoreError::Stale) => match self.0.ledger.read(&record.unit).await {
                Ok(Some(kept)) if kept.version == version && kept.record == record => {}
                Ok(_) => self.void(&entry).await?,
                Err(_) => {}
            },
            Err(_) => self.void(&entry).await?,
        }
        written
    }

    /// Writes down what an operator did.
    pub(super) async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        let _entry = self.enter(&operation.event()?).await?;
        self.0.ledger.note(operation).await
    }

    /// Takes an operator's word for the clock.
    pub(super) async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        let _entry = self.enter(&operation.event()?).await?;
        self.0.ledger.accept_clock(operation).await
    }

    /// Whether the database still stands where this station left it.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.0.has_gone_back.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable(
                "the database was put back to an older state while this station ran; restart the \
                 station, which brings it up to date from its journal"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The stations whose journals a restored database still lacks.
    pub(super) fn awaited(&self) -> Vec<String> {
        self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the database how far it has seen the journal, for as long as somebody has it.
    pub(super) async fn keep(self, limit: Duration) {
        let parts = Arc::downgrade(&self.0);
        drop(self);
        loop {
            sleep(BEAT).await;
            let Some(parts) = parts.upgrade() else { return };
            match timeout(limit, Self(parts).beat()).await {
                Ok(Ok(())) => {}
                // The same database would refuse every other write as well, and says so there.
                Ok(Err(error)) => tracing::debug!(%error, "the journal's place was not told"),
                Err(_) => tracing::debug!("the journal's place was not told in time"),
            }
        }
    }

    /// Tells the database for the last time, so that the next start has nothing to read.
    pub(super) async fn end(&self) -> Result<(), StoreError> {
        self.beat().await
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let Parts { ledger, settings, writer, .. } = &*self.0;
        let mut told = self.0.told.lock().await;
        let reached = writer.reached();
        let moved = reached.arrived != told.arrived;
        let to = if moved { reached.position } else { told.position };
        // Where nothing has moved this says that the journal is compared, should another station
        // have asked for it.
        if !journals::advance(ledger, &settings.station, told.position, to).await? {
            // Told in vain, as it seemed, and it came true all the same. Nobody else writes this
            // station's place, so one that is further on is our own.
            let found = journals::position(ledger, &settings.station).await?;
            if told.position.sequence < found.sequence {
                told.position = found;
                return Ok(());
            }
            if !self.0.has_gone_back.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    "the database was put back to an older state while this station ran; nothing \
                     is written until the station has been restarted"
                );
            }
            return Ok(());
        }
        *told = Told { position: to, arrived: reached.arrived };
        if moved {
            let marked = writer.mark(to).await;
            marked.map_err(|error| StoreError::journal(&settings.folder, &error))?;
        }
        drop(told);
        if !self.awaited().is_empty() {
            let awaited = journals::awaited(ledger, &settings.station).await?;
            *self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner) = awaited;
        }
        Ok(())
    }

    async fn enter(&self, event: &str) -> Result<Entry, StoreError> {
        self.check()?;
        let entered = self.0.writer.append(event.to_owned()).await;
        entered.map_err(|error| StoreError::journal(&self.0.settings.folder, &error))
    }

    /// Writes down that an event never came into the database, before its writer hears of it.
    async fn void(&self, entry: &Entry) -> Result<(), StoreError> {
        let void = Event::Void { sequence: entry.sequence() };
        let json = void.to_json().map_err(|error| StoreError::Unreadable(error.to_string()))?;
        self.enter(&json).await.map(drop)
    }
}

fn record_json(change: &Change, version: u64) -> Result<String, StoreError> {
    let document = serde_json::to_string(&*change.record);
    let event = document.and_then(|document| record_event(version, &change.record, &document));
    event.map_err(|error| StoreError::Unreadable(error.to_string()))
}
