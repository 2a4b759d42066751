//! The ledger, read beside the station: what is kept, not what the station says. One thing is
//! written: how new the ledger takes itself to be.

use std::path::{Path, PathBuf};

use mongodb::bson::{Document, doc, oid::ObjectId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::Value;

/// Where a station's records are.
#[derive(Clone)]
pub enum Ledger {
    /// In this file.
    Embedded(PathBuf),
    /// In a database of this name, at this address.
    MongoDb { address: String, database: String },
}

impl Ledger {
    /// A database nobody else uses.
    pub fn new_database(address: &str) -> Self {
        let database = format!("pep_test_{}", ObjectId::new().to_hex());
        Self::MongoDb { address: address.to_owned(), database }
    }

    /// The record of a unit; the names of what both ledgers keep are the embedded one's.
    pub fn record(&self, serial: &str) -> Option<Value> {
        match self {
            Self::Embedded(path) => record(path, serial),
            Self::MongoDb { address, database } => {
                let mut found = found(address, database, doc! { "serialNumber": serial });
                assert!(found.len() < 2, "two records of {serial}");
                found.pop()
            }
        }
    }

    /// Every record.
    pub fn records(&self) -> Vec<Value> {
        match self {
            Self::Embedded(path) => {
                let ledger = open(path);
                let mut statement = ledger.prepare("SELECT document FROM units").unwrap();
                let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
                rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
            }
            Self::MongoDb { address, database } => found(address, database, doc! {}),
        }
    }

    /// The states of a unit's executions in their order.
    pub fn states(&self, serial: &str) -> Vec<String> {
        let executions = self.record(serial).map(|record| record["executions"].clone());
        let executions = executions.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        executions.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    }

    fn file(&self) -> &Path {
        match self {
            Self::Embedded(path) => path,
            Self::MongoDb { .. } => panic!("this ledger is not a file"),
        }
    }

    pub fn operations(&self) -> Vec<(String, String)> {
        let ledger = open(self.file());
        let mut statement =
            ledger.prepare("SELECT operator, act FROM operations ORDER BY at").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Says that the newest record is this many seconds newer than now. The station must not run.
    pub fn newer_than_now(&self, seconds: i64) {
        let ledger = Connection::open(self.file()).unwrap();
        let changed =
            ledger.execute("UPDATE newest SET at = 1000 * (unixepoch() + ?1)", [seconds]).unwrap();
        assert_eq!(changed, 1);
    }
}

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ledger = Connection::open_with_flags(path, flags).unwrap();
    ledger.busy_timeout(super::PATIENCE).unwrap();
    ledger
}

fn record(path: &Path, serial: &str) -> Option<Value> {
    let document: Option<String> = open(path)
        .query_row("SELECT document FROM units WHERE serial = ?1", [serial], |row| row.get(0))
        .optional()
        .unwrap();
    document.map(|document| serde_json::from_str(&document).unwrap())
}

/// The units' documents, as any program of an operator would read them.
fn found(address: &str, database: &str, which: Document) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let documents = runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(format!("mongodb://{address}")).await?;
        let units = client.database(database).collection::<Document>("edge_identities");
        let mut cursor = units.find(which).batch_size(10_000).await?;
        let mut documents = Vec::new();
        while cursor.advance().await? {
            documents.push(cursor.deserialize_current()?);
        }
        Ok::<_, mongodb::error::Error>(documents)
    });
    let as_json = |document: Document| {
        let mut record = serde_json::to_value(document).unwrap();
        record["enrollmentId"] = record["enrollmentID"].take();
        record
    };
    documents.unwrap().into_iter().map(as_json).collect()
}
