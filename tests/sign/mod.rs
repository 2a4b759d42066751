//! Devices of Foundries.io factories register themselves: the real client's requests, byte for
//! byte, and everything the reference answered with 201 and should not have.

/// Tells stories on both ledgers.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $story() { super::$story(&super::On::Embedded); })*
        }
        mod mongodb {
            $(#[test] fn $story() {
                if let Some(on) = super::On::a_database() { super::$story(&on); }
            })*
        }
    };
}

mod api;
mod cloud;
mod crowd;
mod deny;
mod factories;
mod honest;
mod on;
pub mod pki;
mod power;
mod rows;

use std::net::SocketAddr;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509NameBuilder, X509ReqBuilder};
use serde_json::{Value, json};

use crate::kit::{Answer, Kit, Setup, send};
use on::On;

const UUID: &str = "F12d0304-0506-0708-090a-0b0c0d0e0f10";

/// A station as `pep-server init --sign acme` leaves it.
fn kit() -> Kit {
    kit_with(|_| {})
}

fn kit_with(change: impl FnOnce(&mut Setup)) -> Kit {
    On::Embedded.kit_with(change)
}

/// The states of a device's executions, as the station tells them to operators.
fn states(kit: &Kit, uuid: &str) -> Vec<String> {
    let unit = kit.get_as_operator(&format!("/v3/unit?space=sign&serialNumber={uuid}"));
    if unit.status == 404 {
        return Vec::new();
    }
    let document = unit.document();
    let executions = document["executions"].as_array().unwrap();
    executions.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

fn key() -> PKey<Private> {
    let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap()
}

fn csr_of(key: &PKey<Private>, names: &[(&str, &str)]) -> String {
    let mut name = X509NameBuilder::new().unwrap();
    for (attribute, value) in names {
        name.append_entry_by_text(attribute, value).unwrap();
    }
    let mut builder = X509ReqBuilder::new().unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
}

/// The request of a production unit with this key.
fn honest(uuid: &str, key: &PKey<Private>) -> Value {
    let names = [("CN", uuid), ("OU", "acme"), ("businessCategory", "production")];
    of_csr(&csr_of(key, &names))
}

fn of_csr(csr: &str) -> Value {
    json!({
        "use-ostree-server": "true",
        "sota-config-dir": "/var/sota",
        "hardware-id": "imx8mm-lpddr4-evk",
        "name": "unit-1",
        "uuid": "ignored",
        "csr": csr,
        "overrides": {
            "pacman": { "type": "\"ostree+compose_apps\"", "tags": "\"main\"", "reset_apps": "\" \"" }
        },
    })
}

/// The head the real client sends, and a body.
fn post(address: SocketAddr, body: &[u8]) -> Answer {
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: station\r\nAccept: */*\r\nContent-type: application/json\r\n\
         OSF-TOKEN: na\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    send(address, &[head.as_bytes(), body].concat())
}

fn register(kit: &Kit, body: &Value) -> Answer {
    post(kit.address(), serde_json::to_string_pretty(body).unwrap().as_bytes())
}

/// A UUID of its own for each number.
fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000001")
}
