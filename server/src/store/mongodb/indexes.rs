//! The indexes: what a promise or a page rests on, made and checked at every start.
//!
//! None is on a field that old documents lack in a way that could refuse one of them.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use tokio::time::timeout;

use super::answers;
use super::collections::{RECORD, SPACE};
use super::document::ADDRESS;
use super::ledger::Ledger;
use super::open::ConnectError;
use crate::ra::Space;

impl Ledger {
    /// Makes the indexes that are missing. Building one takes long where there are many old
    /// documents, so there is no limit to it but that the database goes on answering within
    /// `limit`.
    pub(super) async fn make_indexes(&self, limit: Duration) -> Result<(), ConnectError> {
        for space in Space::ALL {
            self.make_indexes_of(space, limit).await?;
        }
        Ok(())
    }

    /// Whether the indexes that are there keep the promises that rest on them. Makes none.
    pub(super) async fn check_indexes(&self, limit: Duration) -> Result<(), ConnectError> {
        for space in Space::ALL {
            self.missing_indexes(space, limit).await?;
        }
        Ok(())
    }

    async fn make_indexes_of(&self, space: Space, limit: Duration) -> Result<(), ConnectError> {
        let units = self.units(space);
        let unit_name = units.name().to_owned();
        for wanted in self.missing_indexes(space, limit).await? {
            tracing::info!(collection = unit_name, keys = %wanted.keys, "making an index");
            let problem = |error| ConnectError::index(&unit_name, &error);
            let making = async { units.create_index(wanted).await.map(|_| ()).map_err(problem) };
            self.while_it_answers(limit, making).await??;
        }
        Ok(())
    }

    async fn missing_indexes(
        &self,
        space: Space,
        limit: Duration,
    ) -> Result<Vec<IndexModel>, ConnectError> {
        let units = self.units(space);
        let found = timeout(limit, async {
            match units.list_indexes().await {
                Ok(found) => found.try_collect::<Vec<_>>().await,
                // There is no such collection yet.
                Err(error) if answers::is_missing(&error) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        });
        let found = found.await.map_err(|_| ConnectError::silent(limit))??;
        let mut missing = Vec::new();
        for wanted in wanted(space) {
            match found.iter().find(|index| index.keys == wanted.keys) {
                Some(same) if is_unique(same) == is_unique(&wanted) => {}
                Some(_) if is_unique(&wanted) => {
                    return Err(ConnectError::Index {
                        collection: units.name().to_owned(),
                        problem: "its index on serialNumber is not unique".to_owned(),
                    });
                }
                _ => missing.push(wanted),
            }
        }
        Ok(missing)
    }

    /// Does work that may take long, for as long as the database goes on answering within `limit`.
    pub(super) async fn while_it_answers<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = timeout(limit, &mut work).await {
                return Ok(done);
            }
            let ping = timeout(limit, self.database.run_command(doc! { "ping": 1 }));
            ping.await.map_err(|_| ConnectError::silent(limit))??;
        }
    }
}

fn wanted(space: Space) -> Vec<IndexModel> {
    let unique = IndexOptions::builder().unique(true).build();
    let of = |keys: Document| IndexModel::builder().keys(keys).build();
    // Open executions, at every start.
    let open = of(doc! { "_open": 1 });
    match space {
        Space::Pep => vec![
            // One document a serial number: promise 2 rests on it.
            IndexModel::builder().keys(doc! { "serialNumber": 1 }).options(unique).build(),
            // Pages and counts of provisioned units.
            of(doc! { "deployed": 1, "_id": 1 }),
            // Units by where they stand.
            of(doc! { "_standing": 1, "_id": 1 }),
            // Units with one Ethernet address.
            of(doc! { ADDRESS: 1 }),
            open,
        ],
        // There `_id` itself has one document a unit.
        _ => vec![
            of(doc! { SPACE: 1, RECORD: 1 }),
            of(doc! { SPACE: 1, "deployed": 1, RECORD: 1 }),
            of(doc! { SPACE: 1, "_standing": 1, RECORD: 1 }),
            open,
        ],
    }
}

fn is_unique(index: &IndexModel) -> bool {
    index.options.as_ref().and_then(|options| options.unique) == Some(true)
}
