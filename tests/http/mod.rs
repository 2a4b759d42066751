//! The v3 interface as gateways, QA scripts and inventory call it, byte by byte.

mod asks;
mod condition;
mod octets;
mod old_callers;
mod operators;
mod records;
mod secrets;
mod serials;
mod sizes;
mod steps;
mod tls;

use crate::kit::{Device, Kit};

/// Provisions units of these serial numbers, one after the other.
fn provision_all<'a>(kit: &Kit, serials: impl IntoIterator<Item = &'a str>) {
    let device = Device::with(&["--keep"]);
    for serial in serials {
        kit.get(&Kit::query(&encode(serial), &device.port())).document();
    }
}

/// Percent-encodes everything that is not plainly harmless.
fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}
