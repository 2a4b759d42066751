//! Documents the old system wrote, read as records: no version, no executions, no certificate.
//!
//! It kept few rules, so few are asked for here: a field that is missing or of another type is
//! read as absent. Serial numbers are taken as they stand, whatever they hold: such a unit is
//! listed, exported, answered and protected like any other. Only a document whose `_id` is no
//! ObjectId is left out; it has no place in an order of pages, and the old system made none.

use jiff::Timestamp;
use mongodb::bson::{Bson, Document};

use super::value::{integer, to_json};
use super::{collections, document};
use crate::ra::{EnrollmentIdentity, Facts, Fields, Record, SealingKey, SerialNumber};
use crate::store::StoreError;

/// Reads an old document. One with an enrollment identity is first-to-claim: the old system knew
/// no other units.
pub(super) fn read(old: &Document) -> Result<Record, StoreError> {
    let enrollment_id = text(old, "enrollmentID").and_then(|text| {
        serde_json::from_value::<EnrollmentIdentity>(serde_json::Value::String(text)).ok()
    });
    let fact = |name| text(old, name).unwrap_or_default();
    let created_at = old.get("createdAt").and_then(integer);
    Ok(Record {
        id: document::id(old)?,
        unit: collections::pep(SerialNumber::adopted(fact("serialNumber"))),
        facts: Facts {
            api_address: fact("apiAddress"),
            gateway_services_address: fact("gatewayServicesAddress"),
            hardware_version: fact("hardwareVersion"),
            radio_config: fact("radioConfig"),
            led_config: fact("ledConfig"),
            category: fact("category"),
            extra: Fields::default(),
        },
        adopted: Fields::adopted(document::extra_fields(old)),
        sealing_key: text(old, "verificationKey").map(SealingKey::new),
        deployed: old.get("deployed") == Some(&Bson::Boolean(true)),
        first_to_claim: enrollment_id.is_some(),
        enrollment_id,
        created_at: created_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        executions: Vec::new(),
        releases: Vec::new(),
        dropped_executions: 0,
        denial: None,
    })
}

/// A text; a number as its digits. Empty counts as absent.
fn text(old: &Document, name: &str) -> Option<String> {
    let text = match to_json(old.get(name)?) {
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}
