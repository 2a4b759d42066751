//! Everything kept of one unit, and one line of it, for operators who ask what happened.
//!
//! Never the sealing key: whether there is one is all that is said of it. Moments are RFC 3339.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ra::{self, Record, UnitId};

/// Everything kept of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitDocument {
    #[serde(flatten)]
    row: UnitRow,
    /// Whether a cloud account may claim it by its enrollment identity.
    first_to_claim: bool,
    /// Whether the unit brought a sealing verification key; the key has a route of its own.
    has_sealing_key: bool,
    facts: UnitFacts,
    /// Other gateways with the same Ethernet address, by their serial numbers, at most ten.
    #[serde(rename = "sameEthernetMAC", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    same_ethernet_mac: Vec<String>,
    /// Every attempt whose certificate left, and the last 50 others, oldest first.
    executions: Vec<Attempt>,
    /// Older attempts without a certificate that are no longer listed.
    dropped_executions: u64,
    /// Every time an operator let the unit be done again, oldest first.
    releases: Vec<Rework>,
}

/// One line of a list of units.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitRow {
    /// The record's id, 24 hexadecimal digits.
    #[serde(rename = "_id")]
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// The unit's serial number.
    serial_number: String,
    /// The protocol whose serial number it is.
    space: &'static str,
    /// The state of the last execution, `released` after it, or `denied` before there was one;
    /// `sent` as long as any identity may be on the device and none was confirmed since.
    #[schema(example = "confirmed")]
    state: &'static str,
    /// Whether another attempt is running.
    open: bool,
    /// Whether the unit has its identity.
    deployed: bool,
    /// Whether its last attempt's identity is a developer's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    developer: bool,
    /// The last moment written: a step, an end, a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// How often somebody has tried.
    attempts: u64,
    /// The station of the last execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<String>,
    /// Why the last execution ended without being confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Why>,
    /// When the unit got the identity it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_at: Option<Timestamp>,
    /// The enrollment identity it has.
    #[serde(rename = "enrollmentID", skip_serializing_if = "Option::is_none")]
    enrollment_id: Option<String>,
    /// Present while it is on the deny list.
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<Refusal>,
}

/// Why a unit is on the deny list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Refusal {
    at: Timestamp,
    /// Whose token.
    operator: String,
    reason: String,
}

/// What the latest caller said of the unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnitFacts {
    api_address: String,
    gateway_services_address: String,
    hardware_version: String,
    radio_config: String,
    led_config: String,
    category: String,
    /// Every other field, as it was given.
    #[serde(flatten)]
    #[schema(additional_properties)]
    extra: Map<String, Value>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    /// Its name, 32 hexadecimal digits.
    id: String,
    /// `failed`: its identity cannot be on the device; `sent`: it may be; `confirmed`: it is.
    state: &'static str,
    /// Whether it still runs, as far as the ledger knows.
    open: bool,
    /// The station that ran it.
    station: String,
    /// Who asked.
    caller: String,
    /// Where the unit was reached.
    address: String,
    /// The account the unit is bound to, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Every state it reached.
    steps: Vec<Reached>,
    /// After this moment and a minute any station may close it.
    deadline: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    certificate: CertificateDocument,
    /// The certificate it takes the place of: the unit came again with its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    renews: Option<RenewalDocument>,
    /// Why it ended without being confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Why>,
    /// What the device warned of.
    warnings: Vec<String>,
}

/// A state and when it was written down.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Reached {
    state: &'static str,
    at: Timestamp,
}

/// The certificate of an attempt: planned from the beginning, signed once `der` is there.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CertificateDocument {
    issuer: String,
    /// Lower-case hexadecimal without leading zeros.
    serial: String,
    subject: String,
    not_before: Timestamp,
    #[schema(format = DateTime)]
    not_after: String,
    profile: String,
    /// A later certificate of the unit was confirmed.
    superseded: bool,
    /// Whether it is to be revoked.
    to_be_revoked: bool,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_be_revoked_since: Option<Timestamp>,
    /// Its enrollment identity.
    #[serde(rename = "enrollmentID", skip_serializing_if = "Option::is_none")]
    enrollment_id: Option<String>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_hash: Option<String>,
    /// The certificate, DER in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    der: Option<String>,
}

/// A certificate that was worth nothing any more.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RenewalDocument {
    /// Its serial, lower-case hexadecimal without leading zeros.
    serial: String,
    /// Why it was not given once more.
    reason: String,
}

/// Why something ended as it did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Why {
    /// A sentence.
    text: String,
    /// The number the device gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rework {
    at: Timestamp,
    /// Whose token.
    operator: String,
    reason: String,
    /// The execution whose identity the unit had.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<String>,
    /// The enrollment identity it had.
    #[serde(rename = "enrollmentID", skip_serializing_if = "Option::is_none")]
    enrollment_id: Option<String>,
    /// Since when it had that.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_at: Option<Timestamp>,
}

impl UnitDocument {
    /// The document of a record.
    pub fn of(record: &Record) -> Self {
        let facts = &record.facts;
        let extra = facts.extra.shown().map(|(name, value)| (name.to_owned(), value));
        Self {
            row: UnitRow::of(record),
            first_to_claim: record.first_to_claim,
            has_sealing_key: record.sealing_key.is_some(),
            facts: UnitFacts {
                api_address: facts.api_address.clone(),
                gateway_services_address: facts.gateway_services_address.clone(),
                hardware_version: facts.hardware_version.clone(),
                radio_config: facts.radio_config.clone(),
                led_config: facts.led_config.clone(),
                category: facts.category.clone(),
                extra: extra.collect(),
            },
            same_ethernet_mac: Vec::new(),
            executions: record.executions.iter().map(Attempt::of).collect(),
            dropped_executions: record.dropped_executions,
            releases: record.releases.iter().map(Rework::of).collect(),
        }
    }
}

impl UnitDocument {
    /// The same, with the units that have its Ethernet address as well.
    #[must_use]
    pub fn beside(self, others: &[UnitId]) -> Self {
        let same_ethernet_mac = others.iter().map(|it| it.serial_number.to_string()).collect();
        Self { same_ethernet_mac, ..self }
    }
}

impl UnitRow {
    /// The line of a record.
    pub fn of(record: &Record) -> Self {
        let last = record.executions.last();
        Self {
            id: record.id.to_string(),
            serial_number: record.unit.serial_number.to_string(),
            space: record.space().as_str(),
            state: record.standing().as_str(),
            open: record.is_open(),
            deployed: record.deployed,
            developer: last.is_some_and(ra::Execution::is_developer),
            at: record.newest(),
            attempts: record.attempts(),
            station: last.map(|last| last.station.clone()),
            reason: last.and_then(|last| last.reason.as_ref()).map(Why::of),
            provisioned_at: record.created_at,
            enrollment_id: record.enrollment_id.as_ref().map(ToString::to_string),
            denied: record.denial.as_ref().map(Refusal::of),
        }
    }
}

impl Refusal {
    fn of(denial: &ra::Denial) -> Self {
        let ra::Denial { at, operator, reason } = denial;
        Self { at: *at, operator: operator.clone(), reason: reason.clone() }
    }
}

impl Attempt {
    fn of(execution: &ra::Execution) -> Self {
        let steps = execution.steps.iter();
        Self {
            id: execution.id.to_string(),
            state: execution.state.as_str(),
            open: execution.is_open(),
            station: execution.station.clone(),
            caller: execution.caller.clone(),
            address: execution.address.clone(),
            account: execution.account.clone(),
            steps: steps.map(|it| Reached { state: it.state.as_str(), at: it.at }).collect(),
            deadline: execution.deadline,
            ended: execution.ended,
            certificate: CertificateDocument::of(execution),
            renews: execution.renews.as_ref().map(|it| RenewalDocument {
                serial: it.certificate_serial.clone(),
                reason: it.reason.clone(),
            }),
            reason: execution.reason.as_ref().map(Why::of),
            warnings: execution.warnings.clone(),
        }
    }
}

impl CertificateDocument {
    fn of(execution: &ra::Execution) -> Self {
        let (planned, signed) = (&execution.planned, execution.certificate.as_ref());
        Self {
            issuer: planned.issuer.clone(),
            serial: planned.certificate_serial.clone(),
            subject: planned.subject.clone(),
            not_before: planned.not_before,
            not_after: planned.end(),
            profile: planned.profile.clone(),
            superseded: signed.is_some_and(|it| it.superseded),
            to_be_revoked: signed.is_some_and(ra::CertificateFacts::is_to_be_revoked),
            to_be_revoked_since: signed.and_then(|it| it.revoke),
            enrollment_id: signed.map(|it| it.enrollment_id.to_string()),
            public_key_hash: signed.map(|it| it.public_key_hash.clone()),
            der: signed.map(|it| it.der.clone()),
        }
    }
}

impl Why {
    fn of(reason: &ra::Reason) -> Self {
        Self { text: reason.text.clone(), number: reason.number }
    }
}

impl Rework {
    fn of(release: &ra::Release) -> Self {
        Self {
            at: release.at,
            operator: release.operator.clone(),
            reason: release.reason.to_string(),
            execution: release.execution.as_ref().map(ToString::to_string),
            enrollment_id: release.enrollment_id.as_ref().map(ToString::to_string),
            provisioned_at: release.provisioned_at,
        }
    }
}
