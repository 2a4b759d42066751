//! What a database holds, found out without making anything there.

use jiff::Timestamp;
use mongodb::bson::doc;
use tokio::time::timeout;
use uuid::Uuid;

use super::open::{self, ConnectError, MongoDbSettings};
use super::{answers, collections, journals, ledger::Ledger};
use crate::journal::Position;
use crate::ra::Space;
use crate::store::{Filter, StoreError};

/// A ledger as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoDbLook {
    /// Its id; none before a station that knows of ids has opened it.
    pub id: Option<String>,
    /// Units in it, of all spaces.
    pub units: u64,
    /// The newest moment in any record.
    pub newest: Option<Timestamp>,
    /// How far it has seen the journal of the station that looks.
    pub seen: Position,
}

/// Looks at a database as the station `station` would find it; none where there is no ledger yet.
/// May be called from anywhere, and waits.
///
/// # Errors
/// [`ConnectError`] says why the station could not use it, within the time limit.
pub fn look(
    settings: MongoDbSettings,
    station: String,
) -> Result<Option<MongoDbLook>, ConnectError> {
    let runtime = super::runtime()?;
    let found = super::wait_on(&runtime, async move { find(&settings, &station).await });
    runtime.shutdown_background();
    found
}

async fn find(
    settings: &MongoDbSettings,
    station: &str,
) -> Result<Option<MongoDbLook>, ConnectError> {
    let limit = settings.timeout;
    let ledger = open::connect(settings).await?;
    let asked = ledger.database.clone();
    let names = open::reach(limit, move || {
        let database = asked.clone();
        async move { database.list_collection_names().await }
    });
    let names = names.await?;
    let own = Space::ALL.map(collections::units).into_iter().chain([
        collections::LEDGER,
        collections::CLAIMS,
        collections::JOURNALS,
        collections::OPERATIONS,
    ]);
    if !own.into_iter().any(|own| names.iter().any(|name| name == own)) {
        return Ok(None);
    }
    ledger.check_indexes(limit).await?;
    let reading = async {
        ledger.try_write().await?;
        Ok::<_, ConnectError>(ledger.holdings(station).await?)
    };
    let found = timeout(limit, reading).await;
    found.map_err(|_| ConnectError::silent(limit))?.map(Some)
}

impl Ledger {
    /// A write that changes something only where a station has written before.
    async fn try_write(&self) -> Result<(), mongodb::error::Error> {
        let raise = doc! { "$inc": { "times": 1_i64 } };
        self.collection(collections::PROBE).update_one(doc! { "_id": 1 }, raise).await.map(drop)
    }

    async fn holdings(&self, station: &str) -> Result<MongoDbLook, StoreError> {
        let mut units = 0;
        for space in Space::ALL {
            units += self.count(Filter { space, ..Filter::default() }).await?;
        }
        let seen = journals::position(self, station).await?;
        Ok(MongoDbLook { id: self.id().await?, units, newest: self.newest().await?, seen })
    }

    async fn id(&self) -> Result<Option<String>, StoreError> {
        let found = self.collection(collections::LEDGER).find_one(doc! { "_id": 1 }).await?;
        Ok(found.and_then(|found| found.get_str("id").ok().map(str::to_owned)))
    }

    /// The ledger's id: the one it has, else `known`, else a new one. Of stations that give it one
    /// at the same moment the first counts.
    pub(super) async fn id_or(&self, known: Option<String>) -> Result<String, StoreError> {
        let id = known.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        let give = doc! { "$setOnInsert": { "id": id } };
        let ledgers = self.collection(collections::LEDGER);
        match ledgers.update_one(doc! { "_id": 1 }, give).upsert(true).await {
            Err(error) if !answers::is_duplicate(&error) => return Err(error.into()),
            _ => {}
        }
        let lost = || StoreError::Unreadable("its id is not text".to_owned());
        self.id().await?.ok_or_else(lost)
    }
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Silent(error.to_string())
    }
}
