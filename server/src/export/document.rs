//! The record as the v3 interface shows it (pep v3 interface, section 1).

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ra::{Octets, Record};

/// Extra fields that are part of the identity document itself.
const KNOWN_EXTRAS: [&str; 5] = ["OU", "deviceID", "ethernetMAC", "hash", "sixBMAC"];

/// The identity document: what the gateway stores as `identity.json`. Absent optional fields are
/// left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityDocument {
    /// The unit's serial number, which is its endpoint name.
    serial_number: String,
    /// As the caller gave it.
    #[serde(rename = "OU", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    ou: Option<Value>,
    /// As the caller gave it.
    #[serde(rename = "deviceID", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    device_id: Option<Value>,
    /// Whether the unit has its identity.
    deployed: bool,
    /// The bytes of the Ethernet address, whatever way the caller wrote them.
    #[serde(rename = "ethernetMAC", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, min_items = 6, max_items = 6)]
    ethernet_mac: Option<Value>,
    /// As the caller gave it.
    hardware_version: String,
    /// As the caller gave it.
    radio_config: String,
    /// As the caller gave it.
    led_config: String,
    /// As the caller gave it.
    category: String,
    /// Always the same as `gatewayServicesAddress`.
    cloud_address: String,
    /// As the caller gave it.
    api_address: String,
    /// As the caller gave it.
    gateway_services_address: String,
    /// Bytes, whatever way the caller wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, max_items = 64)]
    hash: Option<Value>,
    /// The bytes of the 6LoWPAN border router's address, whatever way the caller wrote them.
    #[serde(rename = "sixBMAC", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<u8>>, min_items = 6, max_items = 8)]
    six_b_mac: Option<Value>,
    /// The enrollment identity, 97 characters.
    #[serde(rename = "enrollmentID", skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^A-([0-9A-F]{2}:){31}[0-9A-F]{2}$")]
    enrollment_id: Option<String>,
    /// The moment of provisioning, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<i64>,
}

impl IdentityDocument {
    /// The document of a record.
    pub fn of(record: &Record) -> Self {
        let facts = &record.facts;
        let extra =
            |name: &str| facts.extra.get(name).or_else(|| record.adopted.get(name)).cloned();
        // What this system kept as text comes out as bytes; what it adopted stays as it is.
        let octets = |field: Octets| {
            let said = facts.extra.get(field.name()).map(|kept| field.shown(kept));
            said.or_else(|| record.adopted.get(field.name()).cloned())
        };
        Self {
            serial_number: record.unit.serial_number.to_string(),
            ou: extra("OU"),
            device_id: extra("deviceID"),
            deployed: record.deployed,
            ethernet_mac: octets(Octets::EthernetMac),
            hardware_version: facts.hardware_version.clone(),
            radio_config: facts.radio_config.clone(),
            led_config: facts.led_config.clone(),
            category: facts.category.clone(),
            cloud_address: facts.gateway_services_address.clone(),
            api_address: facts.api_address.clone(),
            gateway_services_address: facts.gateway_services_address.clone(),
            hash: octets(Octets::Hash),
            six_b_mac: octets(Octets::SixBMac),
            enrollment_id: record.enrollment_id.as_ref().map(ToString::to_string),
            created_at: record.created_at.map(|at| at.as_millisecond()),
        }
    }
}

/// A row of a list: the identity document, the record's id, and all the caller's extra fields.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedDocument {
    /// The record's id, 24 hexadecimal digits.
    #[serde(rename = "_id")]
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    #[serde(flatten)]
    document: IdentityDocument,
    #[serde(flatten)]
    #[schema(additional_properties)]
    extra: Map<String, Value>,
}

impl ListedDocument {
    /// The row of a record.
    pub fn of(record: &Record) -> Self {
        let extras = record.adopted.iter().chain(record.facts.extra.iter());
        let others = extras.filter(|(name, _)| !KNOWN_EXTRAS.contains(name));
        Self {
            id: record.id.to_string(),
            document: IdentityDocument::of(record),
            extra: others.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        }
    }
}
