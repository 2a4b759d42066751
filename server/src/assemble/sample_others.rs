//! What else a configuration promises beside its first sample: units of every account it lists,
//! development units, devices of every factory. `check` tries them all.

use std::sync::Arc;

use jiff::Timestamp;

use super::sample::sample;
use super::{developer_credentials, sign};
use crate::ca::Draft;
use crate::config::product::KeyMode;
use crate::config::{Config, Fault};

/// A device that registers itself is known by a UUID.
const DEVICE: &str = "00000000-0000-4000-8000-000000000000";

/// What the others would get, a line each, and what would be refused.
pub fn sample_others(config: &Config, serial: &str, now: Timestamp) -> (Vec<String>, Vec<Fault>) {
    let mut faults = Vec::new();
    // A folder of a key made elsewhere is one account's; a unit that is first to claim is nobody's.
    if config.product.key_mode != KeyMode::Supplied && !super::first_to_claim(&config.product) {
        for (index, account) in config.admission.accounts.iter().enumerate() {
            let refused = match sample(config, serial, Some(account), now) {
                Ok(preview) => {
                    preview.refusal().map(|it| format!("a device would refuse this: {it}"))
                }
                Err(error) => Some(error.to_string()),
            };
            let key = format!("[admission] accounts[{}]", index + 1);
            faults.extend(refused.map(|problem| fault(key, problem)));
        }
    }
    if config.developer.is_some() {
        let made = developer_credentials(config, serial, now);
        let refused = made.err().map(|error| error.to_string());
        faults.extend(refused.map(|problem| fault("[developer] account_id".to_owned(), problem)));
    }
    (registered(config, now, &mut faults), faults)
}

/// One line a factory. What keeps a factory's files from being opened is said by whoever opens them.
fn registered(config: &Config, now: Timestamp, faults: &mut Vec<Fault>) -> Vec<String> {
    let factories = sign::open(&config.sign, now, &mut Vec::new(), &mut Vec::new());
    let mut lines = Vec::new();
    for (name, factory) in factories.issuing {
        let (authority, profile) = (factory.authority, factory.profile);
        match Draft::new(Arc::clone(&authority), profile, DEVICE, now) {
            Ok(draft) => {
                let planned = draft.planned();
                lines.push(format!(
                    "a device of factory {name} would get a certificate of `{}` until {:.0}",
                    planned.issuer, planned.not_after
                ));
            }
            Err(error) => {
                let key = format!("[sign] factories: {name}");
                faults.push(fault(key, error.to_string()));
            }
        }
    }
    lines.sort();
    lines
}

fn fault(key: String, problem: String) -> Fault {
    let problem = format!("such a unit would get nothing: {problem}");
    Fault { key, problem, fix: "correct what is named".to_owned() }
}
