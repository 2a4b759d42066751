//! The store of a simulated station: in memory, gone with the process. It keeps the contract but
//! for its first promise, since nothing of it survives anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Change, Filter, Kept, LedgerName, Operation, Order, PageQuery, Store, StoreError};
use crate::ra::{Record, UnitId};

/// A ledger that nobody keeps.
pub struct MemoryStore {
    id: String,
    tables: Mutex<Tables>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { id: uuid::Uuid::new_v4().simple().to_string(), tables: Mutex::default() }
    }
}

#[derive(Default)]
struct Tables {
    /// By space and serial number.
    units: BTreeMap<(&'static str, String), Kept>,
    claims: BTreeMap<String, UnitId>,
    newest: Option<Timestamp>,
}

fn key(unit: &UnitId) -> (&'static str, String) {
    (unit.space.as_str(), unit.serial_number.as_str().to_owned())
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn write(&mut self, change: Change) -> Result<u64, StoreError> {
        let record = change.record;
        for claim in &change.claims {
            if let Some(by) = self.claims.get(&claim.name).filter(|by| **by != record.unit) {
                return Err(StoreError::ClaimTaken { name: claim.name.clone(), by: by.clone() });
            }
        }
        let place = key(&record.unit);
        if self.units.get(&place).map(|kept| kept.version) != change.seen {
            return Err(StoreError::Stale);
        }
        let version = change.seen.map_or(1, |seen| seen + 1);
        self.newest = self.newest.max(record.newest());
        let names = change.claims.into_iter().map(|claim| (claim.name, record.unit.clone()));
        self.claims.extend(names);
        self.units.insert(place, Kept { record, version });
        Ok(version)
    }

    fn found(&self, filter: &Filter) -> impl Iterator<Item = &Arc<Record>> {
        self.units.values().map(|kept| &kept.record).filter(|record| holds(filter, record))
    }
}

/// Whether every condition of the filter holds, to the millisecond as in the other stores.
fn holds(filter: &Filter, record: &Record) -> bool {
    let created = record.created_at.map(Timestamp::as_millisecond);
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|it| it == found);
    let since = |bound: Timestamp| created.is_some_and(|at| at >= bound.as_millisecond());
    let until = |bound: Timestamp| created.is_some_and(|at| at < bound.as_millisecond());
    record.space() == filter.space
        && !(filter.may_meet_blanks() && record.is_blank())
        && (!filter.denied || record.denial.is_some())
        && (!filter.not_denied || record.denial.is_none())
        && (!filter.no_selftests || !record.is_selftest())
        && (!filter.provisioned || record.deployed)
        && (!filter.open || record.is_open())
        && (!filter.lower_case || has_lower_case(record))
        && (filter.ethernet_mac.is_none() || filter.ethernet_mac == record.ethernet_mac())
        && filter.standing.is_none_or(|standing| record.standing() == standing)
        && (!filter.first_to_claim || record.first_to_claim)
        && filter.since.is_none_or(since)
        && filter.until.is_none_or(until)
        && is(&filter.hardware_version, &record.facts.hardware_version)
        && is(&filter.category, &record.facts.category)
        && filter
            .prefix
            .as_ref()
            .is_none_or(|it| record.unit.serial_number.as_str().starts_with(it))
}

fn has_lower_case(record: &Record) -> bool {
    record.unit.serial_number.as_str().bytes().any(|byte| byte.is_ascii_lowercase())
}

#[async_trait]
impl Store for MemoryStore {
    fn name(&self) -> LedgerName {
        LedgerName { place: "memory".to_owned(), id: self.id.clone() }
    }

    async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
        Ok(self.tables().units.get(&key(unit)).cloned())
    }

    async fn write(&self, change: Change) -> Result<u64, StoreError> {
        self.tables().write(change)
    }

    async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError> {
        let tables = self.tables();
        let mut found: Vec<_> = tables.found(&query.filter).collect();
        found.sort_by(|one, other| match query.order {
            Order::Ascending => one.id.cmp(&other.id),
            Order::Descending => other.id.cmp(&one.id),
        });
        let behind = |record: &Record| match (&query.after, query.order) {
            (None, _) => true,
            (Some(after), Order::Ascending) => record.id > *after,
            (Some(after), Order::Descending) => record.id < *after,
        };
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let page = found.into_iter().filter(|record| behind(record)).take(limit);
        Ok(page.map(|record| Record::clone(record)).collect())
    }

    async fn count(&self, filter: Filter) -> Result<u64, StoreError> {
        Ok(self.tables().found(&filter).count() as u64)
    }

    async fn open_units(&self) -> Result<Vec<UnitId>, StoreError> {
        let open = Filter { open: true, ..Filter::default() };
        Ok(self.tables().found(&open).map(|record| record.unit.clone()).collect())
    }

    /// Nobody asks for the audit log of a simulation.
    async fn note(&self, _: Operation) -> Result<(), StoreError> {
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn claim_name(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn release_name(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().newest)
    }

    async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        self.tables().newest = Some(operation.at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    macro_rules! keeps {
        ($($promise:ident),* $(,)?) => {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                contract::$promise(Arc::new(MemoryStore::default())).await;
            }
        )*};
    }

    contract::every_promise!(keeps);
}
