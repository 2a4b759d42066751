//! At a start: what this station's journal knows and the database does not is brought back before
//! anything is served. After a clean stop nothing is read; after a crash, what was on its way;
//! after an old dump was restored, everything since.
//!
//! A database that has forgotten what it had said it has seen was restored. Then the journals of
//! all its stations are needed: each is awaited until its own station has started.

use std::collections::{BTreeSet, HashMap};
use std::io;

use futures_util::{StreamExt, stream};
use mongodb::bson::{Document, doc};
use tokio::runtime::Handle;

use super::ledger::Ledger;
use super::{document, journals};
use crate::journal::{Event, Journal, Position, read_station_after};
use crate::ra::{Record, UnitId};
use crate::store::{Change, Claim, JournalSettings, Operation, Reconciled, StoreError};

/// Events brought back at a time; of a unit's in them the last counts.
const CHUNK: usize = 1000;
/// Units written side by side.
const SIDE_BY_SIDE: usize = 32;
/// Tries of one record that somebody else is at as well.
const ROUNDS: usize = 8;

/// A record's event.
struct Told {
    sequence: u64,
    version: u64,
    record: Record,
}

/// What a first reading finds.
#[derive(Default)]
struct Survey {
    voids: BTreeSet<u64>,
    /// Up to where the database had said it has seen the journal.
    seen: u64,
}

/// Reads what follows the database's position, writes it into the database, and opens the journal
/// behind it.
pub(super) async fn replay(
    ledger: &Ledger,
    settings: &JournalSettings,
) -> Result<(Journal, Reconciled), StoreError> {
    let broken = |error: io::Error| StoreError::journal(&settings.folder, &error);
    let from = journals::position(ledger, &settings.station).await?;
    let survey = apart(settings, move |settings| survey(&settings, from)).await?;
    if survey.seen > from.sequence {
        tracing::warn!(
            seen = survey.seen,
            knows = from.sequence,
            "the database has gone back to an older state: it is brought up to date from this \
             station's journal, and those of its other stations are needed as well"
        );
        journals::await_others(ledger, &settings.station).await?;
    }
    let bringing = ledger.clone();
    let (end, found) =
        apart(settings, move |settings| Bringing::new(bringing, survey.voids).all(&settings, from))
            .await?;
    journals::compared(ledger, &settings.station, end).await?;
    let journal = Journal::open(&settings.folder, &settings.station, settings.rotate_at, end);
    Ok((journal.map_err(broken)?, found))
}

/// Reads files where that holds nobody up.
async fn apart<T: Send + 'static>(
    settings: &JournalSettings,
    read: impl FnOnce(JournalSettings) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let (folder, settings) = (settings.folder.clone(), settings.clone());
    let done = tokio::task::spawn_blocking(move || read(settings)).await;
    done.map_err(io::Error::other).flatten().map_err(|error| StoreError::journal(&folder, &error))
}

fn survey(settings: &JournalSettings, from: Position) -> io::Result<Survey> {
    let mut survey = Survey::default();
    read_station_after(&settings.folder, &settings.station, from, |_, event| {
        match event {
            Event::Void { sequence } => drop(survey.voids.insert(sequence)),
            Event::Seen { sequence } => survey.seen = survey.seen.max(sequence),
            Event::Record { .. } | Event::Operation { .. } => {}
        }
        Ok(())
    })?;
    Ok(survey)
}

/// Events on their way back, from a thread that may wait for the database.
struct Bringing {
    ledger: Ledger,
    voids: BTreeSet<u64>,
    chunk: HashMap<UnitId, Told>,
    found: Reconciled,
}

impl Bringing {
    fn new(ledger: Ledger, voids: BTreeSet<u64>) -> Self {
        Self { ledger, voids, chunk: HashMap::new(), found: Reconciled::default() }
    }

    fn all(
        mut self,
        settings: &JournalSettings,
        from: Position,
    ) -> io::Result<(Position, Reconciled)> {
        let station = &settings.station;
        let (end, faults) =
            read_station_after(&settings.folder, station, from, |sequence, event| {
                self.one(station, sequence, event)
            })?;
        self.write(station)?;
        self.found.faults = faults;
        Ok((end, self.found))
    }

    fn one(&mut self, station: &str, sequence: u64, event: Event) -> io::Result<()> {
        let (version, record) = match event {
            Event::Record { version, record } => (version, *record),
            Event::Operation { at, operator, act, request_id } => {
                self.found.read += 1;
                let at = at.parse().map_err(io::Error::other)?;
                let operation = Operation { at, operator, act, request_id };
                let noted = Handle::current().block_on(self.ledger.note_once(operation));
                return noted.map_err(io::Error::other);
            }
            Event::Void { .. } | Event::Seen { .. } => return Ok(()),
        };
        self.found.read += 1;
        if self.voids.contains(&sequence) {
            return Ok(());
        }
        // Events of one station come in order, so of two with one version the later is what was
        // acknowledged.
        let known = self.chunk.get(&record.unit).map_or(0, |told| told.version);
        if version >= known {
            self.chunk.insert(record.unit.clone(), Told { sequence, version, record });
        }
        if self.chunk.len() >= CHUNK {
            self.write(station)?;
            tracing::info!(read = self.found.read, restored = self.found.restored, "comparing");
        }
        Ok(())
    }

    fn write(&mut self, station: &str) -> io::Result<()> {
        let ledger = &self.ledger;
        let bringing = self.chunk.drain().map(|(_, told)| ledger.bring_back(station, told));
        let brought = stream::iter(bringing).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>();
        for brought in Handle::current().block_on(brought) {
            self.found.restored += u64::from(brought.map_err(io::Error::other)?);
        }
        Ok(())
    }
}

impl Ledger {
    /// Brings one record back where the database has an older one; whether it did.
    async fn bring_back(&self, station: &str, told: Told) -> Result<bool, StoreError> {
        for _ in 0..ROUNDS {
            let before = self.document_of(&told.record.unit).await?;
            match self.bring_back_over(station, &told, before.as_ref()).await {
                Err(StoreError::Stale) => {}
                Err(StoreError::ClaimTaken { name, by }) => {
                    tracing::error!(
                        unit.serial = %told.record.unit.serial_number,
                        "a record of the journal is left out: {name} is held by unit {by}"
                    );
                    return Ok(false);
                }
                result => return result,
            }
        }
        Err(StoreError::Unavailable(format!(
            "{} is changed by others at the same time",
            told.record.unit.serial_number
        )))
    }

    async fn bring_back_over(
        &self,
        station: &str,
        told: &Told,
        before: Option<&Document>,
    ) -> Result<bool, StoreError> {
        let Told { sequence, version, record } = told;
        let mut record = record.clone();
        if let Some(before) = before {
            let known = document::version(before).unwrap_or(0);
            if known > *version || known == *version && !is_replayed(before, station, *sequence) {
                return Ok(false);
            }
            let (kept, _) = document::read(before)?;
            if kept.id != record.id {
                tracing::error!(
                    unit.serial = %record.unit.serial_number,
                    "a record of the journal is left out: the database has another one of this unit"
                );
                return Ok(false);
            }
            // A journal holds no sealing keys; the database's own stays.
            record.sealing_key = record.sealing_key.or(kept.sealing_key);
        }
        let claims = claims(&record);
        let seen = before.map(|before| document::version(before).unwrap_or(0));
        let change = Change { record: record.clone().into(), seen, claims: claims.clone() };
        self.take_claims(&change).await?;
        if let Some(newest) = record.newest() {
            self.set_newest(doc! { "$max": { "at": newest.as_millisecond() } }).await?;
        }
        let mut document = document::write(&record, *version, &claims, before)?;
        let from = doc! { "station": station, "sequence": sequence.cast_signed() };
        document.insert(document::REPLAYED, from);
        self.put_document(record.space(), document, before).await?;
        Ok(true)
    }
}

/// Whether a document comes from an earlier event of this journal.
fn is_replayed(document: &Document, station: &str, sequence: u64) -> bool {
    let from = document.get_document(document::REPLAYED).ok();
    from.is_some_and(|from| {
        from.get_str("station").is_ok_and(|it| it == station)
            && from.get_i64("sequence").is_ok_and(|it| it < sequence.cast_signed())
    })
}

/// Every claim a record shows.
fn claims(record: &Record) -> Vec<Claim> {
    let of = |execution: &crate::ra::Execution| {
        let names = execution.certificate.as_ref()?.claims(&execution.planned);
        let execution = execution.id.clone();
        Some(names.map(|name| Claim { name, execution: execution.clone() }))
    };
    record.executions.iter().filter_map(of).flatten().collect()
}
