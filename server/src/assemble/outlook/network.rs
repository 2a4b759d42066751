//! Addresses that could not be listened at, and network interfaces that are not there.

use std::collections::BTreeSet;

use super::fault;
use crate::config::{Config, Fault, Warning};
use crate::front::Listener;

/// Where this kernel lists its network interfaces.
const INTERFACES: &str = "/sys/class/net";

/// Every address of the configuration that cannot be had now.
pub fn addresses(config: &Config) -> Vec<Fault> {
    let beside = config.sign.listen.iter().enumerate();
    let beside = beside.map(|(index, address)| (format!("[sign] listen[{}]", index + 1), *address));
    let own = ("[http] listen".to_owned(), config.http.listen);
    std::iter::once(own)
        .chain(beside)
        .filter_map(|(key, address)| {
            let error = Listener::check_address(address).err()?;
            Some(fault(&key, error.to_string(), error.fix()))
        })
        .collect()
}

/// Interfaces that `[discovery]` names and this machine has not. They may come: no fault.
pub fn interfaces(config: &Config) -> Vec<Warning> {
    if !config.discovery.announce {
        return Vec::new();
    }
    let Ok(there) = std::fs::read_dir(INTERFACES) else { return Vec::new() };
    let there: BTreeSet<String> =
        there.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let named = config.discovery.interfaces.iter().enumerate();
    let strange = named.filter(|(_, name)| !there.contains(*name));
    let known = there.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let warning = |(index, name): (usize, &String)| Warning {
        key: format!("[discovery] interfaces[{}]", index + 1),
        text: format!(
            "this machine has no network interface {name:?} now, and nobody finds the station \
             there; it has {known}"
        ),
    };
    strange.map(warning).collect()
}
