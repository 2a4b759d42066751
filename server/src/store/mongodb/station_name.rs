//! A station's name, claimed while the station runs.
//!
//! The document of a name says who holds it and is written again and again while the holder runs
//! (`beat`). A second station of the name sees it move and refuses to start. When it has stood
//! still for as long as its holder asked for (`silence`), the holder is taken for dead and the
//! name taken over, by a write conditional on the document as it was found. No station's clock is
//! compared with another's.
//!
//! The name is for people and for recovery; no promise about a unit rests on it. A station whose
//! name was taken, because it stood still itself, writes nothing until it has the name again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use tokio::time::{Instant, sleep, timeout};

use super::holder::Holder;
use super::ledger::Ledger;
use super::{answers, collections};
use crate::store::StoreError;

/// How often a holder writes, and how often somebody waiting looks.
const BEAT: Duration = Duration::from_secs(1);
/// Longest silence another station may ask for, should its document be damaged.
const LONGEST_SILENCE: u64 = 300;

/// A name and the one who claims it.
#[derive(Clone)]
pub(super) struct StationName {
    ledger: Ledger,
    name: String,
    run: String,
    limit: Duration,
    lost: Arc<AtomicBool>,
}

impl StationName {
    /// `run` names this run of the station and no other; `limit` is what one call may take.
    pub(super) fn new(ledger: Ledger, name: String, run: String, limit: Duration) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        Self { ledger, name, run, limit, lost }
    }

    /// Claims the name, waiting where its last holder may still run.
    pub(super) async fn claim(&self) -> Result<(), StoreError> {
        let mut first: Option<(Document, Instant)> = None;
        while let Some(held) = self.within(self.attempt()).await? {
            let (seen, since) = first.get_or_insert_with(|| {
                tracing::info!(
                    station = self.name,
                    "waiting to see whether the name's holder runs"
                );
                (held.clone(), Instant::now())
            });
            // It was written meanwhile, by its holder or by another that waited: somebody runs.
            if held != *seen {
                return Err(self.taken(&held));
            }
            if (since.elapsed() >= silence(&held) || has_ended(&held))
                && self.within(self.take_over(held)).await?
            {
                return Ok(());
            }
            sleep(BEAT / 2).await;
        }
        Ok(())
    }

    /// Gives the name back, if it is ours.
    pub(super) async fn release(&self) -> Result<(), StoreError> {
        let mine = doc! { "_id": &self.name, "run": &self.run };
        self.within(async { Ok(self.names().delete_one(mine).await.map(|_| ())?) }).await
    }

    /// Whether the name is another's now.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(StoreError::NameTaken {
                name: self.name.clone(),
                by: "another station".to_owned(),
            });
        }
        Ok(())
    }

    /// Keeps the name for as long as the task runs.
    pub(super) async fn keep(self) {
        loop {
            sleep(BEAT).await;
            match self.within(self.beat()).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::error!(
                        station = self.name,
                        "another station has taken this station's name; nothing is written until \
                         that one has stopped"
                    );
                    self.lost.store(true, Ordering::Relaxed);
                    self.regain().await;
                    self.lost.store(false, Ordering::Relaxed);
                    tracing::warn!(station = self.name, "this station has its name again");
                }
                // The same database would refuse every other write as well, and says so there.
                Err(error) => tracing::debug!(%error, "the station's name could not be renewed"),
            }
        }
    }

    async fn regain(&self) {
        while let Err(error) = self.claim().await {
            tracing::debug!(%error, "the station's name is not to be had yet");
            sleep(BEAT).await;
        }
    }

    async fn beat(&self) -> Result<bool, StoreError> {
        let mine = doc! { "_id": &self.name, "run": &self.run };
        let beat = doc! { "$inc": { "beat": 1_i64 } };
        Ok(self.names().update_one(mine, beat).await?.matched_count == 1)
    }

    /// Inserts the name; gives the document that stands in the way.
    pub(super) async fn attempt(&self) -> Result<Option<Document>, StoreError> {
        loop {
            match self.names().insert_one(self.document()).await {
                Ok(_) => return Ok(None),
                Err(error) if answers::is_duplicate(&error) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(held) = self.names().find_one(doc! { "_id": &self.name }).await? {
                // Our own, from an attempt whose answer was lost.
                let mine = held.get_str("run").is_ok_and(|run| run == self.run);
                return Ok((!mine).then_some(held));
            }
            // Given back at this moment, or not known to a majority yet.
            sleep(BEAT / 10).await;
        }
    }

    /// Takes the name over from a holder, if it has not written since.
    pub(super) async fn take_over(&self, held: Document) -> Result<bool, StoreError> {
        Ok(self.names().replace_one(held, self.document()).await?.matched_count == 1)
    }

    fn document(&self) -> Document {
        // Long enough for a beat that is itself cut off, and for the one after it.
        let silence = 2 * (self.limit + BEAT);
        let mut document = doc! {
            "_id": &self.name,
            "run": &self.run,
            "beat": 0_i64,
            "silence": silence.as_secs().cast_signed(),
        };
        if let Some(Holder { host, place, pid, began }) = Holder::this() {
            document.extend(doc! { "host": host, "place": place, "pid": pid, "began": began });
        }
        document
    }

    fn taken(&self, held: &Document) -> StoreError {
        let by = holder(held).map_or_else(
            || "another station".to_owned(),
            |holder| format!("process {} on {}", holder.pid, holder.host),
        );
        StoreError::NameTaken { name: self.name.clone(), by }
    }

    fn names(&self) -> Collection<Document> {
        self.ledger.collection(collections::STATIONS)
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match timeout(self.limit, work).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unavailable(super::slowness(self.limit))),
        }
    }
}

fn silence(held: &Document) -> Duration {
    let seconds = held.get_i64("silence").unwrap_or_default().cast_unsigned();
    Duration::from_secs(seconds.min(LONGEST_SILENCE))
}

fn has_ended(held: &Document) -> bool {
    holder(held).is_some_and(|holder| holder.has_ended())
}

fn holder(held: &Document) -> Option<Holder> {
    Some(Holder {
        host: held.get_str("host").ok()?.to_owned(),
        place: held.get_str("place").ok()?.to_owned(),
        pid: held.get_i64("pid").ok()?,
        began: held.get_i64("began").ok()?,
    })
}
