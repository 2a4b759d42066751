//! Where units stand, derived anew: older stations wrote the state of the last attempt, though an
//! earlier one may have put an identity on the device.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use tokio::time::timeout;

use super::document;
use super::ledger::Ledger;
use super::open::ConnectError;
use crate::ra::{Space, Standing};

impl Ledger {
    /// Corrects `_standing` where it is not what the record says. There are few such units: those
    /// that were sent, and tried again in vain. Whoever writes one meanwhile writes it as well.
    pub(super) async fn derive_standings(&self, limit: Duration) -> Result<(), ConnectError> {
        let written = [Standing::Reserved, Standing::Issued, Standing::Failed];
        let written: Vec<Bson> = written.iter().map(|it| it.as_str().into()).collect();
        let in_doubt = doc! {
            "_standing": { "$in": written },
            "deployed": { "$ne": true },
            "executions.state": Standing::Sent.as_str(),
        };
        let units = self.units(Space::Pep);
        let silent = |_| ConnectError::silent(limit);
        let found = timeout(limit, async { units.find(in_doubt).await });
        let mut found = found.await.map_err(silent)??;
        while let Some(old) = timeout(limit, found.try_next()).await.map_err(silent)?? {
            // What cannot be read is reported when somebody asks for it.
            let Ok((record, _)) = document::read(&old) else { continue };
            let standing = record.standing().as_str();
            if old.get_str("_standing").ok() != Some(standing) {
                let this = same(&old);
                let correct = doc! { "$set": { "_standing": standing } };
                timeout(limit, async { units.update_one(this, correct).await })
                    .await
                    .map_err(silent)??;
            }
        }
        Ok(())
    }
}

/// The document as it was read, and no later version of it.
fn same(old: &Document) -> Document {
    let member = |name: &str| old.get(name).cloned().unwrap_or(Bson::Null);
    doc! { "_id": member("_id"), "_version": member("_version") }
}
