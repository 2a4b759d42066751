//! The columns an inventory can have: everything recorded of a unit but its sealing key, each by
//! its name, and every field that callers gave of their own.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::cell::{self, Cells, Moments};
use super::csv::OLD_COLUMNS;
use super::near::nearest;
use crate::ra::{Execution, Record, State};

/// What stands before the name of a field that callers gave, where it is named in full.
const FIELD: &str = "field.";

/// Every column but the callers' own, with what is in it.
const KNOWN: [(&str, &str); 44] = [
    ("enrollmentID", "enrollment identity, 97 characters"),
    ("serialNumber", "the unit's serial number"),
    ("gatewayServicesAddress", "address of the gateway services"),
    ("apiAddress", "address of the cloud's API"),
    ("hardwareVersion", "hardware version, as the caller said"),
    ("radioConfig", "radio configuration"),
    ("ledConfig", "LED configuration"),
    ("category", "production, development, developer"),
    ("deployed", "true: the unit has its identity"),
    ("createdAt", "when it got it"),
    ("cloudAddress", "the same as gatewayServicesAddress"),
    ("OU", "extra field OU"),
    ("deviceID", "extra field deviceID"),
    ("ethernetMAC", "extra field ethernetMAC; bytes as pairs of digits"),
    ("hash", "extra field hash"),
    ("sixBMAC", "extra field sixBMAC"),
    ("id", "the record's id, 24 digits"),
    ("space", "pep, or sign for devices that registered themselves"),
    ("state", "state of the last attempt"),
    ("attempts", "how often it was tried"),
    ("firstToClaim", "whether an account may claim it by its enrollment identity"),
    ("selftest", "what made it, where a selftest did"),
    ("station", "the station that gave it its identity"),
    ("account", "the account it is bound to"),
    ("caller", "who asked"),
    ("address", "where the unit was reached"),
    ("execution", "id of the attempt that succeeded"),
    ("warnings", "what the device warned of"),
    ("reservedAt", "when that attempt began"),
    ("issuedAt", "when its certificate was signed, where a cloud is told first"),
    ("sentAt", "when its identity was about to leave the station"),
    ("confirmedAt", "when the device had confirmed it"),
    ("certificateSerial", "certificate serial, as OpenSSL prints it"),
    ("issuer", "issuer of the certificate"),
    ("subject", "subject of the certificate"),
    ("notBefore", "beginning of the certificate's validity"),
    ("notAfter", "its end"),
    ("profile", "profile of the certificate"),
    ("publicKeyHash", "SHA-256 of the public key"),
    ("deniedAt", "since when it is on the deny list"),
    ("deniedBy", "whose token put it there"),
    ("deniedReason", "why"),
    ("releasedAt", "when it was last let be done again"),
    ("hasSealingKey", "whether it brought a sealing verification key"),
];

/// A column as it is described to whoever asks which there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ColumnDescription {
    /// Its name.
    name: &'static str,
    /// What is in it.
    holds: &'static str,
}

/// Columns in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Known(&'static str),
    /// A field that callers gave: what it is called here, and its name.
    Field {
        shown: String,
        name: String,
    },
}

/// Why a list of columns cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// Nothing, or nothing between two commas.
    #[error("a column has no name")]
    NoName,
    /// One column twice.
    #[error("the column `{0}` is asked for twice")]
    Twice(String),
}

impl Columns {
    /// Reads names with commas between them. A name that is none of ours is a field of the
    /// callers'; whether there is such a field, see [`Columns::to_be_looked_for`].
    ///
    /// # Errors
    /// [`ColumnError`].
    pub fn parse(text: &str) -> Result<Self, ColumnError> {
        let mut columns = Vec::new();
        for word in text.split(',').map(str::trim) {
            if word.is_empty() || word == FIELD {
                return Err(ColumnError::NoName);
            }
            let known = KNOWN.iter().find(|(name, _)| *name == word).map(|(name, _)| *name);
            let column = known.map_or_else(
                || Column::Field {
                    shown: word.to_owned(),
                    name: word.strip_prefix(FIELD).unwrap_or(word).to_owned(),
                },
                Column::Known,
            );
            if columns.contains(&column) {
                return Err(ColumnError::Twice(word.to_owned()));
            }
            columns.push(column);
        }
        Ok(Self(columns))
    }

    /// The ten columns of the old tool.
    pub fn old() -> Self {
        Self(OLD_COLUMNS.map(Column::Known).to_vec())
    }

    /// Every column there is but the callers' own.
    pub fn described() -> Vec<ColumnDescription> {
        KNOWN.iter().map(|(name, holds)| ColumnDescription { name, holds }).collect()
    }

    /// Fields of callers, by name: a mistake, unless a record has them.
    pub fn to_be_looked_for(&self) -> Vec<String> {
        let own = self.0.iter().filter_map(|column| match column {
            Column::Known(_) => None,
            Column::Field { name, .. } => Some(name.clone()),
        });
        own.collect()
    }

    /// What to say of a column that is neither ours nor in any record; `others` are the callers'
    /// fields that were seen.
    pub fn suggestion(unknown: &str, others: &[String]) -> String {
        let names: Vec<&str> =
            KNOWN.iter().map(|(name, _)| *name).chain(others.iter().map(String::as_str)).collect();
        let meant = nearest(unknown, &names).map(|name| format!("did you mean {name}? "));
        format!("{}the columns are {}", meant.unwrap_or_default(), names.join(", "))
    }

    /// Their names, as they were asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|column| match column {
            Column::Known(name) => *name,
            Column::Field { shown, .. } => shown.as_str(),
        })
    }

    /// A record's cells.
    pub(super) fn cells(
        &self,
        record: &Record,
        cells: Cells,
        moments: Option<Moments>,
    ) -> Vec<String> {
        let unit = Unit { record, live: record.live_execution(), cells, moments };
        let cell = |column: &Column| match column {
            Column::Known(name) => unit.cell(name),
            Column::Field { name, .. } => unit.field(name),
        };
        self.0.iter().map(cell).collect()
    }
}

/// The fields callers gave of their own, in a record.
pub fn own_fields(record: &Record) -> impl Iterator<Item = &str> {
    let all = record.facts.extra.iter().chain(record.adopted.iter());
    all.map(|(name, _)| name)
}

struct Unit<'a> {
    record: &'a Record,
    /// The attempt that gave it its identity; none where another tool did.
    live: Option<&'a Execution>,
    cells: Cells,
    moments: Option<Moments>,
}

impl Unit<'_> {
    fn cell(&self, column: &str) -> String {
        let (record, facts) = (self.record, &self.record.facts);
        let execution = |value: fn(&Execution) -> String| self.live.map(value);
        let text = match column {
            "createdAt" => {
                return self.moments.unwrap_or(Moments::Milliseconds).cell(record.created_at);
            }
            "deployed" => return record.deployed.to_string(),
            "attempts" => return record.attempts().to_string(),
            "firstToClaim" => return record.first_to_claim.to_string(),
            "hasSealingKey" => return record.sealing_key.is_some().to_string(),
            "OU" | "deviceID" | "ethernetMAC" | "hash" | "sixBMAC" | "selftest" => {
                return self.field(column);
            }
            "reservedAt" => return self.moment(self.step(State::Reserved)),
            "issuedAt" => return self.moment(self.step(State::Issued)),
            "sentAt" => return self.moment(self.step(State::Sent)),
            "confirmedAt" => return self.moment(self.step(State::Confirmed)),
            "notBefore" => return self.moment(self.live.map(|it| it.planned.not_before)),
            "notAfter" => return self.moment(self.live.map(|it| it.planned.not_after)),
            "deniedAt" => return self.moment(record.denial.as_ref().map(|it| it.at)),
            "releasedAt" => return self.moment(record.releases.last().map(|it| it.at)),
            "enrollmentID" => record.enrollment_id.as_ref().map(ToString::to_string),
            "serialNumber" => Some(record.unit.serial_number.to_string()),
            "gatewayServicesAddress" | "cloudAddress" => {
                Some(facts.gateway_services_address.clone())
            }
            "apiAddress" => Some(facts.api_address.clone()),
            "hardwareVersion" => Some(facts.hardware_version.clone()),
            "radioConfig" => Some(facts.radio_config.clone()),
            "ledConfig" => Some(facts.led_config.clone()),
            "category" => Some(facts.category.clone()),
            "id" => Some(record.id.to_string()),
            "space" => Some(record.space().as_str().to_owned()),
            "state" => Some(record.standing().as_str().to_owned()),
            "station" => execution(|it| it.station.clone()),
            "account" => self.live.and_then(|it| it.account.clone()),
            "caller" => execution(|it| it.caller.clone()),
            "address" => execution(|it| it.address.clone()),
            "execution" => execution(|it| it.id.to_string()),
            "warnings" => execution(|it| it.warnings.join("; ")),
            "certificateSerial" => execution(Execution::serial_as_openssl),
            "issuer" => execution(|it| it.planned.issuer.clone()),
            "subject" => execution(|it| it.planned.subject.clone()),
            "profile" => execution(|it| it.planned.profile.clone()),
            "publicKeyHash" => {
                let certificate = self.live.and_then(|it| it.certificate.as_ref());
                certificate.map(|it| it.public_key_hash.clone())
            }
            "deniedBy" => record.denial.as_ref().map(|it| it.operator.clone()),
            "deniedReason" => record.denial.as_ref().map(|it| it.reason.clone()),
            _ => None,
        };
        text.map(|text| cell::quoted(&text, self.cells)).unwrap_or_default()
    }

    fn step(&self, state: State) -> Option<Timestamp> {
        self.live.and_then(|live| live.reached(state))
    }

    fn moment(&self, at: Option<Timestamp>) -> String {
        self.moments.unwrap_or(Moments::Rfc3339).cell(at)
    }

    fn field(&self, name: &str) -> String {
        let value: Option<&Value> =
            self.record.facts.extra.get(name).or_else(|| self.record.adopted.get(name));
        value.map(|value| cell::value(value, self.cells)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_columns_come_first_and_no_name_comes_twice() {
        let names: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..OLD_COLUMNS.len()], OLD_COLUMNS);
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    }

    #[test]
    fn lists_of_columns() {
        let columns = Columns::parse("serialNumber, acme ,field.OU").unwrap();
        assert_eq!(columns.names().collect::<Vec<_>>(), ["serialNumber", "acme", "field.OU"]);
        assert_eq!(columns.to_be_looked_for(), ["acme", "OU"]);
        for (text, error) in [
            ("", ColumnError::NoName),
            ("a,", ColumnError::NoName),
            ("field.", ColumnError::NoName),
            ("id,id", ColumnError::Twice("id".to_owned())),
        ] {
            assert_eq!(Columns::parse(text), Err(error), "{text}");
        }
        let said = Columns::suggestion("serialnumber", &["acme".to_owned()]);
        assert!(said.starts_with("did you mean serialNumber? the columns are enrollmentID, "));
        assert!(said.ends_with(", acme"), "{said}");
        assert!(Columns::suggestion("xyzzy", &[]).starts_with("the columns are "));
    }
}
