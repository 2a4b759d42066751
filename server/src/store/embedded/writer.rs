//! The one writer: takes what is queued, commits it as one group, then answers everybody.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{apply, reconcile};
use crate::journal::Journal;
use crate::store::{Change, Operation, StoreError};

/// Jobs committed together at most.
const GROUP: usize = 256;
/// Jobs waiting at most; beyond it callers wait for a place.
const QUEUE: usize = 4096;

/// Jobs between two looks at the log's length.
const LOOK_AT_LOG: usize = 512;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Job {
    Write(Box<Change>, Answer<u64>),
    Note(Operation, Answer<()>),
    AcceptClock(Operation, Answer<()>),
    Probe(Answer<()>),
}

/// What a job will be answered once its group is on disk.
enum Done {
    Version(Answer<u64>, Result<u64, StoreError>),
    Plain(Answer<()>, Result<(), StoreError>),
}

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the writer; with a journal, what it writes is journalled before it is committed.
    pub(super) fn start(connection: Connection, journal: Option<Journal>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let ledger = Ledger { connection, journal };
        let thread = std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || run(ledger, queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn write(&self, change: Change) -> Result<u64, StoreError> {
        self.ask(|answer| Job::Write(Box::new(change), answer)).await
    }

    pub(super) async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        self.ask(|answer| Job::Note(operation, answer)).await
    }

    pub(super) async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        self.ask(|answer| Job::AcceptClock(operation, answer)).await
    }

    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(Job::Probe).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("its writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job(answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// What is queued is written and the file closed before the store is gone.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to close.
            drop(thread.join());
        }
    }
}

/// What the writer writes to.
struct Ledger {
    connection: Connection,
    journal: Option<Journal>,
}

fn run(mut ledger: Ledger, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::new();
    let mut since_look = 0;
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        let begun = Instant::now();
        let jobs = group.len();
        if let Err(error) = commit(&mut ledger, std::mem::take(&mut group)) {
            // Who has queued meanwhile has waited as well.
            while let Ok(job) = queue.try_recv() {
                answer(job, Err(error.clone()));
            }
        }
        record(jobs, begun.elapsed());
        since_look += jobs;
        if queue.is_empty() && since_look >= LOOK_AT_LOG {
            since_look = 0;
            fold_log(&ledger.connection);
        }
    }
}

fn record(jobs: usize, took: Duration) {
    metrics::histogram!("pep_store_commit_seconds").record(took.as_secs_f64());
    metrics::counter!("pep_store_writes_total").increment(jobs as u64);
}

/// Commits jobs as one group. When the group as a whole fails, each is tried on its own, so that
/// one that cannot be written does not take its neighbours with it. Where not even a transaction
/// can begin, for somebody else holds the file, no job is to blame: all are answered at once, and
/// none waits for the others' tries.
fn commit(ledger: &mut Ledger, jobs: Vec<Job>) -> Result<(), StoreError> {
    let Ledger { connection, journal } = ledger;
    let together = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => together(transaction, journal.as_mut(), &jobs),
        Err(error) => {
            let error = StoreError::from(error);
            for job in jobs {
                answer(job, Err(error.clone()));
            }
            return Err(error);
        }
    };
    match together {
        Ok(results) => {
            for (job, result) in jobs.into_iter().zip(results) {
                answer(job, result);
            }
        }
        Err(error) if jobs.len() == 1 => {
            for job in jobs {
                answer(job, Err(error.clone()));
            }
        }
        Err(_) => {
            let mut jobs = jobs.into_iter();
            while let Some(job) = jobs.next() {
                if let Err(error) = commit(ledger, vec![job]) {
                    jobs.for_each(|job| answer(job, Err(error.clone())));
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Runs jobs in one transaction: statements, journal, how far the journal goes, commit. So the
/// journal holds nothing that lost a race, and the ledger nothing that the journal does not. A
/// job's own refusal (stale, claim taken) has changed nothing and does not fail the group; an
/// error of the database or of the journal does.
fn together(
    transaction: Transaction<'_>,
    journal: Option<&mut Journal>,
    jobs: &[Job],
) -> Result<Vec<Result<u64, StoreError>>, StoreError> {
    let mut results = Vec::with_capacity(jobs.len());
    let mut events = Vec::with_capacity(jobs.len());
    for job in jobs {
        let result = match job {
            Job::Write(change, _) => apply::write(&transaction, change).map(|written| {
                events.push(written.event);
                written.version
            }),
            Job::Note(operation, _) => {
                events.push(operation.event()?);
                apply::note(&transaction, operation).map(|()| 0)
            }
            Job::AcceptClock(operation, _) => {
                events.push(operation.event()?);
                apply::accept_clock(&transaction, operation).map(|()| 0)
            }
            Job::Probe(_) => apply::probe(&transaction).map(|()| 0),
        };
        match result {
            Err(error @ (StoreError::Full(_) | StoreError::Unavailable(_))) => return Err(error),
            result => results.push(result),
        }
    }
    if let Some(journal) = journal
        && !events.is_empty()
    {
        let end = journal.append(&events).map_err(|e| StoreError::journal(journal.folder(), &e))?;
        reconcile::remember(&transaction, journal.station(), end)?;
    }
    transaction.commit()?;
    Ok(results)
}

fn answer(job: Job, result: Result<u64, StoreError>) {
    // A caller that has gone away does not want its answer; what it asked for is done.
    let done = match job {
        Job::Write(_, answer) => Done::Version(answer, result),
        Job::Note(_, answer) | Job::AcceptClock(_, answer) | Job::Probe(answer) => {
            Done::Plain(answer, result.map(|_| ()))
        }
    };
    match done {
        Done::Version(answer, result) => drop(answer.send(result)),
        Done::Plain(answer, result) => drop(answer.send(result)),
    }
}

/// Folds the log into the file while nobody waits: at a commit it would cost the caller
/// milliseconds.
fn fold_log(connection: &Connection) {
    let pages = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1));
    if pages.is_ok_and(|pages| pages > 4000) {
        let folded = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the ledger's log could not be folded in; it will be tried again");
        }
    }
}
