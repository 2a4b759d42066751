//! A record as a document in the old system's shape, and back.
//!
//! The fields of the old system stand at the top level under their old names and types, the
//! caller's extra fields among them (pep v3 interface, section 2). What this station adds stands
//! beside them: `executions`, which no caller may name, and names that begin with an underscore,
//! which no caller can. Fields with an underscore that this version does not know are carried from
//! one version of a document to the next.
//!
//! A document without `_version` was written by the old system; `adopted` reads those.

use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::adopted;
use super::collections::{self, RECORD};
use super::value::{integer, to_bson, to_json};
use crate::ra::{Facts, Fields, Record, RecordId, SealingKey, SerialNumber, Space, UnitId};
use crate::store::{Claim, StoreError};

/// Raised when documents change so that older stations cannot read them.
const SCHEMA: i64 = 1;

/// Where a document comes from a journal: which one's, and its event. The next write takes it out.
pub(super) const REPLAYED: &str = "_replayed";

/// A unit's Ethernet address as a text, to find units that share one: an index of an array is one of
/// its bytes.
pub(super) const ADDRESS: &str = "_ethernetMAC";

/// The old system's fields, apart from what a caller may add.
const KNOWN: [&str; 13] = [
    "_id",
    "serialNumber",
    "deployed",
    "hardwareVersion",
    "radioConfig",
    "ledConfig",
    "category",
    "cloudAddress",
    "apiAddress",
    "gatewayServicesAddress",
    "verificationKey",
    "enrollmentID",
    "createdAt",
];

/// Reads any document of a unit; 0 is the version of one the old system wrote.
pub(super) fn read(document: &Document) -> Result<(Record, u64), StoreError> {
    match version(document) {
        None => Ok((adopted::read(document)?, 0)),
        Some(version) => Ok((ours(document)?, version)),
    }
}

/// The version of a document; `None` for one the old system wrote.
pub(super) fn version(document: &Document) -> Option<u64> {
    document.get("_version").and_then(integer).map(i64::cast_unsigned)
}

/// The claims a document shows.
pub(super) fn claims(document: &Document) -> impl Iterator<Item = &str> {
    optional_array(document, "_claims").filter_map(Bson::as_str)
}

/// Names the record of a document.
pub(super) fn id(document: &Document) -> Result<RecordId, StoreError> {
    let name = if document.contains_key(RECORD) { RECORD } else { "_id" };
    let id = document.get_object_id(name).ok();
    id.and_then(|id| RecordId::parse(&id.to_hex())).ok_or_else(|| {
        StoreError::Unreadable(format!("its `{name}` is {:?}, no ObjectId", document.get(name)))
    })
}

/// What names a record's document: the old system's `_id`, or that of a unit of another space,
/// with the record's id beside it.
pub(super) fn key(record: &Record) -> Result<Document, StoreError> {
    let id = object_id(&record.id)?;
    Ok(match collections::id(&record.unit) {
        None => doc! { "_id": id },
        Some(name) => {
            doc! { "_id": name, RECORD: id, collections::SPACE: record.space().as_str() }
        }
    })
}

/// A record's id as the database has it.
pub(super) fn object_id(id: &RecordId) -> Result<ObjectId, StoreError> {
    ObjectId::parse_str(id.as_str()).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// The document of `record` at `version`, with the claims it takes now. `before` is the document
/// it takes the place of.
pub(super) fn write(
    record: &Record,
    version: u64,
    claims: &[Claim],
    before: Option<&Document>,
) -> Result<Document, StoreError> {
    let facts = &record.facts;
    let mut document = key(record)?;
    document.insert("serialNumber", record.unit.serial_number.as_str());
    for (name, value) in record.adopted.iter() {
        // The very value the old system wrote, where it still stands there.
        let kept =
            before.and_then(|before| before.get(name)).filter(|kept| to_json(kept) == *value);
        document.insert(name, kept.cloned().unwrap_or_else(|| to_bson(value.clone())));
    }
    for (name, value) in facts.extra.iter() {
        document.insert(name, to_bson(value.clone()));
    }
    document.extend(doc! {
        "deployed": record.deployed,
        "hardwareVersion": &facts.hardware_version,
        "radioConfig": &facts.radio_config,
        "ledConfig": &facts.led_config,
        "category": &facts.category,
        "cloudAddress": &facts.gateway_services_address,
        "apiAddress": &facts.api_address,
        "gatewayServicesAddress": &facts.gateway_services_address,
    });
    if let Some(key) = &record.sealing_key {
        document.insert("verificationKey", key.reveal());
    }
    if let Some(identity) = &record.enrollment_id {
        document.insert("enrollmentID", identity.as_str());
    }
    if let Some(at) = record.created_at {
        document.insert("createdAt", milliseconds(at));
        document.insert("_createdAt", at.to_string());
    }
    let executions = serde_json::to_value(&record.executions).map_err(|e| unfit(&record.id, e))?;
    let mut shown: Vec<&str> =
        before.map(|before| self::claims(before).collect()).unwrap_or_default();
    for claim in claims {
        if !shown.contains(&claim.name.as_str()) {
            shown.push(&claim.name);
        }
    }
    let releases = serde_json::to_value(&record.releases).map_err(|e| unfit(&record.id, e))?;
    document.extend(doc! {
        "executions": to_bson(executions),
        "_releases": to_bson(releases),
        "_standing": record.standing().as_str(),
        "_schema": SCHEMA,
        "_version": version.cast_signed(),
        "_open": record.is_open(),
        "_firstToClaim": record.first_to_claim,
        "_droppedExecutions": record.dropped_executions.cast_signed(),
        "_adopted": record.adopted.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "_claims": shown,
    });
    if let Some(bytes) = record.ethernet_mac() {
        document.insert(ADDRESS, address(&bytes));
    }
    if let Some(denial) = &record.denial {
        let denial = serde_json::to_value(denial).map_err(|error| unfit(&record.id, error))?;
        document.insert("_denial", to_bson(denial));
    }
    for (name, value) in before.into_iter().flatten() {
        let ours = ["_createdAt", "_denial", ADDRESS, REPLAYED].contains(&name.as_str());
        let unknown = name.starts_with('_') && !ours || *value == Bson::Null;
        if unknown && !document.contains_key(name) {
            document.insert(name, value.clone());
        }
    }
    Ok(document)
}

/// An Ethernet address as it is looked for.
pub(super) fn address(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `createdAt` as the old server wrote it, a double; every millisecond until the year 287396 fits.
pub(super) fn milliseconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

/// Reads a document a station wrote. Nothing is guessed.
fn ours(document: &Document) -> Result<Record, StoreError> {
    let id = id(document)?;
    let schema = document.get("_schema").and_then(integer);
    if schema.is_none_or(|schema| schema > SCHEMA) {
        return Err(unfit(&id, "a newer station wrote it"));
    }
    let text = |name: &str| {
        let text = document.get_str(name).map_err(|error| unfit(&id, error))?;
        Ok::<_, StoreError>(text.to_owned())
    };
    let optional = |name: &str| document.contains_key(name).then(|| text(name)).transpose();
    let number = |name: &str| {
        let number = document.get(name).and_then(integer);
        number.ok_or_else(|| unfit(&id, format!("`{name}` is not a number")))
    };
    let flag = |name: &str| document.get_bool(name).map_err(|error| unfit(&id, error));
    let created_at = optional("_createdAt")?.map(|at| at.parse::<Timestamp>());
    let executions = document.get_array("executions").map_err(|error| unfit(&id, error))?;
    let (adopted, extra) = extras(document);
    let space = match optional(collections::SPACE)? {
        None => Space::Pep,
        Some(word) => Space::parse(&word).ok_or_else(|| unfit(&id, "its space is not known"))?,
    };
    let denial = document.get("_denial").map(|denial| read_json(&id, to_json(denial)));
    Ok(Record {
        unit: UnitId { space, serial_number: SerialNumber::adopted(text("serialNumber")?) },
        facts: Facts {
            api_address: text("apiAddress")?,
            gateway_services_address: text("gatewayServicesAddress")?,
            hardware_version: text("hardwareVersion")?,
            radio_config: text("radioConfig")?,
            led_config: text("ledConfig")?,
            category: text("category")?,
            extra,
        },
        adopted,
        sealing_key: optional("verificationKey")?.map(SealingKey::new),
        deployed: flag("deployed")?,
        first_to_claim: flag("_firstToClaim")?,
        enrollment_id: optional("enrollmentID")?.map(|it| read_json(&id, it.into())).transpose()?,
        created_at: created_at.transpose().map_err(|error| unfit(&id, error))?,
        executions: executions
            .iter()
            .map(|execution| read_json(&id, to_json(execution)))
            .collect::<Result<_, _>>()?,
        dropped_executions: number("_droppedExecutions")?.cast_unsigned(),
        denial: denial.transpose()?,
        releases: optional_array(document, "_releases")
            .map(|release| read_json(&id, to_json(release)))
            .collect::<Result<_, _>>()?,
        id,
    })
}

fn optional_array<'a>(document: &'a Document, name: &str) -> impl Iterator<Item = &'a Bson> {
    document.get_array(name).ok().into_iter().flatten()
}

/// The fields that are neither the old system's own nor ours: adopted ones, and the latest
/// caller's.
fn extras(document: &Document) -> (Fields, Fields) {
    let names = document.get_array("_adopted").ok();
    let is_adopted = |name: &str| {
        names.is_some_and(|names| names.iter().any(|adopted| adopted.as_str() == Some(name)))
    };
    let (adopted, said) = extra_fields(document).partition(|(name, _)| is_adopted(name));
    let (adopted, said): (Vec<_>, Vec<_>) = (adopted, said);
    (Fields::adopted(adopted), Fields::adopted(said))
}

/// Every field of a document that is a caller's own.
pub(super) fn extra_fields(document: &Document) -> impl Iterator<Item = (String, Value)> {
    let extra = document.iter().filter(|(name, value)| {
        let known = KNOWN.contains(&name.as_str()) || *name == "executions";
        !known && !name.starts_with('_') && **value != Bson::Null
    });
    extra.map(|(name, value)| (name.clone(), to_json(value)))
}

fn read_json<T: DeserializeOwned>(id: &RecordId, value: Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| unfit(id, error))
}

fn unfit(id: &RecordId, problem: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("{id}: {problem}"))
}
