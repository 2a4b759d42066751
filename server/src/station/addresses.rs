//! Two units that say they have one network address: no reason to refuse either, since the callers
//! say it and not the devices, but one of the two labels or boards is wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Station;
use crate::ra::{Record, UnitId};

/// Who writes into the audit log here: no operator, the station itself.
const STATION: &str = "station";
/// The field that holds it.
const FIELD: &str = "ethernetMAC";
/// How many addresses are remembered: more units than a line does between two starts.
const MOST: usize = 500_000;

/// The addresses of the units that got their identity since the start.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<String, UnitId>>>);

impl Addresses {
    /// Remembers a unit's address; another unit that has said the same, if there is one.
    fn held_by_another(&self, record: &Record) -> Option<UnitId> {
        let address = record.facts.extra.get(FIELD).and_then(plain)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let before = known.insert(address, record.unit.clone());
        before.filter(|unit| *unit != record.unit)
    }
}

/// An address in one spelling: its digits alone. None for what is empty or all zeros.
fn plain(value: &Value) -> Option<String> {
    let digits: String = match value {
        Value::String(text) => text.chars().filter(char::is_ascii_alphanumeric).collect(),
        Value::Array(bytes) => {
            bytes.iter().filter_map(Value::as_u64).map(|byte| format!("{byte:02x}")).collect()
        }
        _ => return None,
    };
    let says_something = digits.chars().any(|digit| digit != '0');
    says_something.then(|| digits.to_ascii_lowercase())
}

impl Station {
    /// Says in the log and the audit log that two units have one address.
    pub(super) async fn compare_addresses(&self, record: &Record) {
        let Some(other) = self.addresses.held_by_another(record) else { return };
        let (serial, other) = (record.unit.serial_number.as_str(), other.serial_number);
        tracing::warn!(
            unit.serial = serial,
            other.serial = %other,
            "two units have one {FIELD}: look at both labels"
        );
        let act = format!("two units have one {FIELD}: `{other}` and `{serial}`");
        if let Err(unwritten) = self.note(STATION, &act, record.id.as_str()).await {
            tracing::warn!(error = %unwritten, "this is not in the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::plain;

    #[test]
    fn one_address_in_every_spelling() {
        for value in [
            json!("00:A5:09:6a:6e:94"),
            json!("00-a5-09-6A-6E-94"),
            json!("00a5096a6e94"),
            json!([0, 165, 9, 106, 110, 148]),
        ] {
            assert_eq!(plain(&value).as_deref(), Some("00a5096a6e94"));
        }
        for value in [json!(""), json!("00:00:00:00:00:00"), json!([0, 0]), json!(7), json!(null)] {
            assert_eq!(plain(&value), None);
        }
    }
}
