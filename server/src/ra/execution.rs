//! One attempt for one unit: its state, its steps with their times, its certificate, its end.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnrollmentIdentity;

/// How far an execution came.
///
/// `Failed`: this execution's identity cannot be on the device. `Sent`: it may be. `Confirmed`:
/// the device said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The serial number is claimed; nothing is signed.
    Reserved,
    /// A certificate exists and has not left the station.
    Issued,
    /// The identity is on its way, or went without an answer.
    Sent,
    /// The device holds the identity.
    Confirmed,
    /// The identity never left the station, or was refused before it could.
    Failed,
}

impl State {
    /// The word stored, logged and counted for this state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Issued => "issued",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        }
    }
}

/// Names an execution: 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(String);

impl ExecutionId {
    /// An id from 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits: the `SID` of an injection, short so that replies fit their 512 bytes
    /// (injection protocol, section 9).
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The profile's name of certificates for development units (injection 14.6).
pub const DEVELOPER_PROFILE: &str = "developer";

/// What will be signed, written down before it is: the draft in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The issuer's subject, in words.
    pub issuer: String,
    /// SHA-256 of the issuer's subject DER, 64 lower-case hexadecimal digits: names the issuer in
    /// claims.
    pub issuer_hash: String,
    /// SHA-256 of the issuer's SubjectPublicKeyInfo, 64 lower-case hexadecimal digits: CAs of one
    /// name and two keys are two CAs. Records of earlier versions do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_key: Option<String>,
    /// The certificate serial, lower-case hexadecimal without leading zeros.
    pub certificate_serial: String,
    /// The subject, in words.
    pub subject: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// The profile's name.
    pub profile: String,
}

impl Planned {
    /// The end of validity for people and other systems. That without end (RFC 5280 4.1.2.5), which
    /// a timestamp cannot hold, is written as certificates write it.
    pub fn end(&self) -> String {
        shown(self.not_after)
    }
}

/// See [`Planned::end`].
pub fn shown(at: Timestamp) -> String {
    if at.as_second() >= Timestamp::MAX.as_second() {
        return "9999-12-31T23:59:59Z".to_owned();
    }
    at.to_string()
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// The certificate, DER in base64.
    pub der: String,
    /// SHA-256 of the public key's SubjectPublicKeyInfo, 64 lower-case hexadecimal digits.
    pub public_key_hash: String,
    /// The enrollment identity of this certificate.
    pub enrollment_id: EnrollmentIdentity,
    /// Set when a later certificate of the unit was confirmed: this one must never be enrolled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
    /// Since when it is to be revoked: it was superseded, or an operator released the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Timestamp>,
}

impl CertificateFacts {
    /// Whether it must not be given to anybody any more.
    pub fn is_to_be_revoked(&self) -> bool {
        // Records written before releases existed know `superseded` alone.
        self.superseded || self.revoke.is_some()
    }
}

impl CertificateFacts {
    /// What the certificate takes for its unit alone: the public key, and the certificate serial
    /// under its issuer.
    pub fn claims(&self, planned: &Planned) -> [String; 2] {
        let Planned { issuer_hash, certificate_serial, .. } = planned;
        [
            format!("key:{}", self.public_key_hash),
            format!("cert:{issuer_hash}:{certificate_serial}"),
        ]
    }
}

/// A certificate that the unit had for the same key and did not get once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewal {
    /// The earlier certificate's serial, lower-case hexadecimal without leading zeros.
    pub certificate_serial: String,
    /// Why it is worth nothing any more, a sentence.
    pub reason: String,
}

/// Why an execution ended as it did, for the person at the bench.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// A sentence.
    pub text: String,
    /// The number the device gave, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

impl Reason {
    /// A reason without a number.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How an execution ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The device holds the identity; its warnings are kept.
    Confirmed {
        /// The device's own warnings, one a line.
        warnings: Vec<String>,
    },
    /// The identity may be on the device.
    Unanswered(Reason),
    /// The identity cannot be on the device.
    Failed(Reason),
}

/// One step of an execution and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state reached.
    pub state: State,
    /// When it was written down.
    pub at: Timestamp,
}

/// One attempt for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its name.
    pub id: ExecutionId,
    /// The station that ran it.
    pub station: String,
    /// Who asked.
    pub caller: String,
    /// Where the unit was reached.
    pub address: String,
    /// The account the unit is bound to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// How far it came.
    pub state: State,
    /// Every state it reached, with times.
    pub steps: Vec<Step>,
    /// After this moment and a minute's grace any station may close it.
    pub deadline: Timestamp,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What was to be signed.
    pub planned: Planned,
    /// What was signed, once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateFacts>,
    /// The certificate that it takes the place of, where the unit came again with its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<Renewal>,
    /// Why it ended without being confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The device's warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Execution {
    /// A reservation, made at `at`.
    pub fn reserved(
        id: ExecutionId,
        station: String,
        caller: String,
        address: String,
        planned: Planned,
        at: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        Self {
            id,
            station,
            caller,
            address,
            account: None,
            state: State::Reserved,
            steps: vec![Step { state: State::Reserved, at }],
            deadline,
            ended: None,
            planned,
            certificate: None,
            renews: None,
            reason: None,
            warnings: Vec::new(),
        }
    }

    /// The same, bound to an account.
    #[must_use]
    pub fn bound_to(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// When it was reserved.
    pub fn begun(&self) -> Timestamp {
        self.steps.first().map_or(self.deadline, |step| step.at)
    }

    /// Whether its identity is a developer's: it signs itself, and nobody can claim it.
    pub fn is_developer(&self) -> bool {
        self.planned.profile == DEVELOPER_PROFILE
    }

    /// Whether it still runs, as far as the ledger knows.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether its certificate may have left the station.
    pub fn certificate_left(&self) -> bool {
        matches!(self.state, State::Sent | State::Confirmed)
    }

    pub(super) fn reach(&mut self, state: State, at: Timestamp) {
        self.state = state;
        self.steps.push(Step { state, at });
    }
}
