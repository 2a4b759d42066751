//! Appending for many callers at once: what is queued is one group. And which events are still on
//! their way into the ledger, so that the ledger can be told how far it has seen the journal.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::{Event, Journal, Position};

/// Events appended together at most.
const GROUP: usize = 256;
/// Events waiting at most; beyond it callers wait for a place.
const QUEUE: usize = 4096;

struct Job {
    event: String,
    is_mark: bool,
    answer: oneshot::Sender<io::Result<Entry>>,
}

/// A journal and the thread that appends to it.
pub struct JournalWriter {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    passage: Arc<Mutex<Passage>>,
}

/// An event that is on disk and on its way into the ledger; whoever drops it says that it has
/// arrived, or never will.
pub struct Entry {
    sequence: u64,
    group: u64,
    is_mark: bool,
    passage: Arc<Mutex<Passage>>,
}

/// How far a journal's events have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// No event before this place is on its way any more.
    pub position: Position,
    /// Events that have arrived or never will, marks ([`Event::Seen`]) left out.
    pub arrived: u64,
}

/// Groups on disk with events on their way, in order.
struct Passage {
    groups: VecDeque<Group>,
    reached: Reached,
}

struct Group {
    end: Position,
    open: usize,
}

impl JournalWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub fn start(journal: Journal) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let reached = Reached { position: journal.end(), arrived: 0 };
        let passage = Arc::new(Mutex::new(Passage { groups: VecDeque::new(), reached }));
        let shared = passage.clone();
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || run(journal, queue, &shared))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), passage })
    }

    /// Appends an event, given as JSON; once it is on disk, its entry.
    ///
    /// # Errors
    /// The system's; nothing was appended then.
    pub async fn append(&self, event: String) -> io::Result<Entry> {
        self.ask(event, false).await
    }

    async fn ask(&self, event: String, is_mark: bool) -> io::Result<Entry> {
        let stopped = || io::Error::other("the journal's writer has stopped");
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job { event, is_mark, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Appends the mark that the ledger has seen the journal up to `position`.
    ///
    /// # Errors
    /// The system's.
    pub async fn mark(&self, position: Position) -> io::Result<()> {
        let mark = Event::Seen { sequence: position.sequence };
        self.ask(mark.to_json()?, true).await.map(drop)
    }

    /// How far the events have come.
    pub fn reached(&self) -> Reached {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner).reached
    }
}

/// What is queued is on disk before the journal is gone.
impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to write.
            drop(thread.join());
        }
    }
}

impl Entry {
    /// Number of the event.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner).arrive(self);
    }
}

impl Passage {
    /// One event of a group has arrived.
    fn arrive(&mut self, entry: &Entry) {
        self.reached.arrived += u64::from(!entry.is_mark);
        let place = self.groups.binary_search_by_key(&entry.group, |group| group.end.sequence);
        if let Some(group) = place.ok().and_then(|place| self.groups.get_mut(place)) {
            group.open -= 1;
        }
        while let Some(first) = self.groups.front().filter(|group| group.open == 0) {
            self.reached.position = first.end;
            self.groups.pop_front();
        }
    }
}

fn run(mut journal: Journal, mut queue: mpsc::Receiver<Job>, passage: &Arc<Mutex<Passage>>) {
    let mut jobs = Vec::new();
    while queue.blocking_recv_many(&mut jobs, GROUP) > 0 {
        let (events, callers): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|job| (job.event, (job.is_mark, job.answer))).unzip();
        let first = journal.end().sequence + 1;
        match journal.append(&events) {
            Ok(end) => {
                let group = Group { end, open: events.len() };
                let mut held = passage.lock().unwrap_or_else(PoisonError::into_inner);
                held.groups.push_back(group);
                drop(held);
                for (sequence, (is_mark, answer)) in (first..).zip(callers) {
                    let (group, passage) = (end.sequence, passage.clone());
                    // That of a caller that has gone away is dropped here.
                    drop(answer.send(Ok(Entry { sequence, group, is_mark, passage })));
                }
            }
            Err(error) => {
                let text = format!("the journal in {}: {error}", journal.folder().display());
                for (_, answer) in callers {
                    drop(answer.send(Err(io::Error::new(error.kind(), text.clone()))));
                }
            }
        }
    }
}
