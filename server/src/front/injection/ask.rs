//! The query of `GET /v3/identity`, read for form (pep v3 interface, section 1).

use std::net::IpAddr;

use utoipa::IntoParams;

use super::super::query::Query;
use super::address::Target;
use super::place::Place;
use crate::ra::{Ask, Facts, FieldError, Fields, Octets, SealingKey, SerialNumber, UnitId};
use crate::station::Error;

/// What the old command line sends when there is no sealing key.
const NO_SEALING_KEY: &str = "verification-key-does-not-exist";

/// Where the gateway is, as documented.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `read` reads it strictly")]
pub(crate) struct PlaceQuery {
    /// Where the injection client listens: an address or a name. Default: the caller's address. Not
    /// together with `line`.
    #[param(
        example = "127.0.0.1",
        min_length = 1,
        max_length = 253,
        pattern = "^[A-Za-z0-9._-]+$"
    )]
    ip: Option<String>,
    /// Its TCP port. Not together with `line`.
    #[param(default = 7777, minimum = 1, maximum = 65535)]
    port: Option<u16>,
    /// A serial line of the station's by its name in station.toml, in place of `ip` and `port`.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    line: Option<String>,
}

/// What is said of the unit, as documented. Further parameters are kept as text fields.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for OpenAPI; `read` reads it strictly")]
pub(crate) struct IdentityQuery {
    /// The unit's serial number: 1 to 64 bytes of UTF-8 (NFC), no control or format characters,
    /// no blank at either end, no `&`; and what `[admission] serial_pattern` says. It becomes the
    /// endpoint name.
    #[param(
        rename = "serialNumber",
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f&]+$",
        example = "GW-0001"
    )]
    serial_number: String,
    /// Kept and returned.
    #[param(
        rename = "apiAddress",
        max_length = 1024,
        default = "https://api.us-east-1.mbedcloud.com"
    )]
    api_address: Option<String>,
    /// Kept and returned, also as `cloudAddress`.
    #[param(
        rename = "gatewayServicesAddress",
        max_length = 1024,
        default = "https://gateways.us-east-1.mbedcloud.com"
    )]
    gateway_services_address: Option<String>,
    /// Kept and returned; the device is given fcu.yml's.
    #[param(rename = "hardwareVersion", max_length = 1024, default = "izuma-edge-gateway")]
    hardware_version: Option<String>,
    /// Kept and returned.
    #[param(rename = "radioConfig", max_length = 1024, default = "00")]
    radio_config: Option<String>,
    /// Kept and returned.
    #[param(rename = "ledConfig", max_length = 1024, default = "01")]
    led_config: Option<String>,
    /// One of the station's categories.
    #[param(default = "production", min_length = 1, max_length = 64)]
    category: Option<String>,
    /// Kept and returned.
    #[param(rename = "OU", max_length = 1024)]
    ou: Option<String>,
    /// Kept and returned.
    #[param(rename = "deviceID", max_length = 1024)]
    device_id: Option<String>,
    /// The bytes of the Ethernet address, each in a parameter of its own; or one text,
    /// `00:a5:09:6a:6e:94`. Returned as bytes.
    #[param(rename = "ethernetMAC", style = Form, explode = true, min_items = 6, max_items = 6)]
    ethernet_mac: Option<Vec<u8>>,
    /// The bytes of the 6LoWPAN border router's address (8, or 6), given in the same ways.
    #[param(rename = "sixBMAC", style = Form, explode = true, min_items = 8, max_items = 8)]
    six_b_mac: Option<Vec<u8>>,
    /// Bytes, at most 64, given in the same ways.
    #[param(style = Form, explode = true, max_items = 64)]
    hash: Option<Vec<u8>>,
    /// The account the unit is bound to, where units are (first-to-claim: false); one of the
    /// station's. Default: fcu.yml's.
    #[param(rename = "accountId", max_length = 64, pattern = "^[A-Za-z0-9_-]*$")]
    account_id: Option<String>,
    /// The journald sealing verification key; stored, answered by its own route only.
    #[param(rename = "verificationKey", max_length = 1024)]
    verification_key: Option<String>,
}

/// A well-formed request.
pub(super) struct Read {
    pub(super) target: Target,
    pub(super) line: Option<String>,
    unit: UnitId,
    facts: Facts,
    sealing_key: Option<SealingKey>,
    account: Option<String>,
}

impl Read {
    /// What is asked of the station, and the account the unit is to be bound to.
    pub(super) fn into_ask(self, caller: IpAddr, place: &Place) -> (Ask, Option<String>) {
        let ask = Ask {
            unit: self.unit,
            facts: self.facts,
            sealing_key: self.sealing_key,
            caller: caller.to_string(),
            address: place.to_string(),
        };
        (ask, self.account)
    }
}

/// Reads the query.
///
/// # Errors
/// [`Error::BadRequest`] names the parameter and what would be right.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut query = Query::parse_with_lists(text, &Octets::ALL.map(Octets::name))?;
    let serial = query
        .take("serialNumber")
        .ok_or_else(|| bad("the serial number is missing", "send it as `serialNumber`, once"))?;
    let serial = SerialNumber::parse(serial)
        .map_err(|error| bad(error.to_string(), "give the serial number as it is on the label"))?;
    let (ip, port, line) = (query.take("ip"), query.take("port"), query.take("line"));
    if line.is_some() && (ip.is_some() || port.is_some()) {
        let hint = "give the line's name, or the gateway's address and port";
        return Err(bad("`line` is given together with `ip` or `port`", hint));
    }
    let target = Target::read(ip, port)?;
    let mut text = |name: &str, default: &str| {
        let value = query.take(name).unwrap_or_else(|| default.to_owned());
        crate::ra::check_value(name, &value).map(|()| value).map_err(field)
    };
    let mut facts = Facts {
        api_address: text("apiAddress", "https://api.us-east-1.mbedcloud.com")?,
        gateway_services_address: text(
            "gatewayServicesAddress",
            "https://gateways.us-east-1.mbedcloud.com",
        )?,
        hardware_version: text("hardwareVersion", "izuma-edge-gateway")?,
        radio_config: text("radioConfig", "00")?,
        led_config: text("ledConfig", "01")?,
        category: text("category", "production")?,
        extra: Fields::default(),
    };
    let account = Some(text("accountId", "")?).filter(|account| !account.is_empty());
    let sealing_key = text("verificationKey", "")?;
    for octets in Octets::ALL {
        let values = query.take_all(octets.name());
        if !values.is_empty() {
            facts.extra.add_octets(octets, &values).map_err(field)?;
        }
    }
    for (name, value) in query.rest() {
        facts.extra.add(&name, &value).map_err(field)?;
    }
    let sealing_key = match sealing_key.as_str() {
        "" | NO_SEALING_KEY => None,
        _ => Some(SealingKey::new(sealing_key)),
    };
    Ok(Read { target, line, unit: UnitId::pep(serial), facts, sealing_key, account })
}

fn field(error: FieldError) -> Error {
    bad(error.to_string(), "see docs/protocols/pep-v3.md for what may be sent")
}

fn bad(problem: impl Into<String>, hint: &str) -> Error {
    Error::BadRequest { problem: problem.into(), hint: hint.to_owned() }
}
