//! The certificate request in a registration: found in its PEM, read, and its subject checked
//! (sign 3, steps 7 to 11). Whether the unit may have a certificate is `ra`'s.

use std::net::IpAddr;

use super::members::{Members, bad};
use super::{Factory, sota};
use crate::ca::{
    BUSINESS_CATEGORY, COMMON_NAME, CertificateSerial, Csr, CsrError, KeyKind, ORGANIZATIONAL_UNIT,
};
use crate::ra::{Ask, Facts, SerialNumber, UnitId};
use crate::station::{Error, Order};

/// The one business category there is; without one a device is of development.
const PRODUCTION: &str = "production";
const DEVELOPMENT: &str = "development";

/// A registration that is well formed.
pub(super) struct Heard {
    pub(super) ask: Ask,
    pub(super) order: Order,
    pub(super) sota: String,
}

/// Reads the request and finds its factory.
///
/// # Errors
/// [`Error::BadRequest`], the first rule broken, with what would be right.
pub(super) fn hear<'a>(
    factories: &'a [Factory],
    members: &Members,
    caller: IpAddr,
) -> Result<(&'a Factory, Heard), Error> {
    let csr = read(&members.csr, factories)?;
    let unit_name = only(&csr, ORGANIZATIONAL_UNIT, "OU", "the factory's name")?;
    let common_name = only(&csr, COMMON_NAME, "CN", "the device's UUID")?;
    let factory = find(factories, unit_name)?;
    let (uuid, first_serial) = uuid(common_name)?;
    if !factory.keys.contains(&csr.key().kind()) {
        let taken: Vec<_> = factory.keys.iter().map(|kind| kind.as_str()).collect();
        return Err(bad(
            format!("Invalid key: it is {}", csr.key().kind().as_str()),
            &format!("let the device make a key of these: {}", taken.join(", ")),
        ));
    }
    let category = category(&csr, factory)?;
    factory.overrides.check(&members.overrides)?;
    let mut facts = Facts {
        hardware_version: members.hardware_id.clone(),
        category: category.to_owned(),
        ..Facts::default()
    };
    let extra = [("factory", Some(&factory.name)), ("name", members.name.as_ref())];
    for (name, value) in extra {
        let Some(value) = value else { continue };
        facts.extra.add(name, value).map_err(|error| bad(error.to_string(), "shorten it"))?;
    }
    let serial =
        SerialNumber::parse(uuid).map_err(|error| bad(error.to_string(), "send a UUID"))?;
    let ask = Ask {
        unit: UnitId::sign(serial),
        facts,
        sealing_key: None,
        caller: caller.to_string(),
        address: caller.to_string(),
    };
    let order = Order {
        factory: factory.name.clone(),
        may_change_key: factory.fixed_uuid.contains(&members.hardware_id),
        csr,
        first_serial,
    };
    Ok((factory, Heard { ask, order, sota: sota::text(factory, members) }))
}

fn read(pem: &str, factories: &[Factory]) -> Result<Csr, Error> {
    let der = der(pem)?;
    let any = |kind: &KeyKind| factories.iter().any(|factory| factory.keys.contains(kind));
    let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa];
    let taken: Vec<KeyKind> = kinds.into_iter().filter(any).collect();
    Csr::read_taking(&der, &taken).map_err(|error| match error {
        CsrError::Key(_) => bad(format!("Invalid key: {error}"), "let the device make a new key"),
        _ => bad(error.to_string(), "let the device make and sign a new request"),
    })
}

/// The first request in a text. Text around it does not matter, nor how its lines are cut.
fn der(pem: &str) -> Result<Vec<u8>, Error> {
    let malformed = || {
        bad(
            "Unable to load PEM file. The CSR is not PEM",
            "send a PKCS#10 request between its BEGIN and END lines",
        )
    };
    let labels = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
    let begins = |label: &'static str| {
        let line = format!("-----BEGIN {label}-----");
        pem.find(&line).map(|at| (at + line.len(), label))
    };
    let Some((start, label)) = labels.into_iter().filter_map(begins).min() else {
        if pem.contains("-----BEGIN ") && pem.contains("-----END ") {
            return Err(bad(
                "Valid PEM but no BEGIN CERTIFICATE REQUEST/END CERTIFICATE REQUEST delimiters. \
                 Are you sure this is a CSR?",
                "send the request, not a certificate or a key",
            ));
        }
        return Err(malformed());
    };
    let rest = pem.get(start..).unwrap_or_default();
    let (text, _) = rest.split_once(&format!("-----END {label}-----")).ok_or_else(malformed)?;
    let letters: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = openssl::base64::decode_block(&letters).map_err(|_| malformed())?;
    if der.is_empty() { Err(malformed()) } else { Ok(der) }
}

/// The one attribute of a type. A second one is refused: gateways read the last, people the first.
fn only<'a>(csr: &'a Csr, kind: &'a str, name: &str, what: &str) -> Result<&'a str, Error> {
    let mut found = csr.attributes_of(kind);
    let hint = format!("the CSR's subject must have one {name}: {what}");
    match (found.next(), found.next()) {
        (None, _) => Err(bad(format!("the CSR's subject has no {name}"), &hint)),
        (Some(_), Some(_)) => {
            Err(bad(format!("the CSR's subject has more than one {name}"), &hint))
        }
        (Some(one), None) => one
            .value
            .as_deref()
            .ok_or_else(|| bad(format!("the {name} of the CSR's subject is not text"), &hint)),
    }
}

fn find<'a>(factories: &'a [Factory], name: &str) -> Result<&'a Factory, Error> {
    factories.iter().find(|factory| factory.name == name).ok_or_else(|| {
        let known: Vec<_> = factories.iter().map(|factory| factory.name.as_str()).collect();
        let known = known.join(" or ");
        let shown: String = name.chars().take(80).collect();
        bad(
            format!("Invalid factory({shown}) must be {known}"),
            "start the client with -f FACTORY as the station knows it",
        )
    })
}

/// A UUID in lower case, and the certificate serial it is.
fn uuid(text: &str) -> Result<(String, CertificateSerial), Error> {
    let shown: String = text.chars().take(80).collect();
    let hint = "start the client with -u UUID: 8-4-4-4-12 hexadecimal digits";
    let well_formed = text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !well_formed {
        let alike = SerialNumber::adopted(text).look_alikes();
        let alike = alike.map(|alike| format!(": {alike}")).unwrap_or_default();
        return Err(bad(format!("the CN {shown:?} is not a UUID{alike}"), hint));
    }
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |sum: u32, digit| sum * 16 + digit) as u8;
    }
    let serial = CertificateSerial::of_uuid(bytes)
        .ok_or_else(|| bad("The serial number should be positive.", hint))?;
    Ok((text.to_ascii_lowercase(), serial))
}

/// Production or development; and nothing in the subject that nobody asked for.
fn category(csr: &Csr, factory: &Factory) -> Result<&'static str, Error> {
    let known = [COMMON_NAME, ORGANIZATIONAL_UNIT, BUSINESS_CATEGORY];
    let stray = csr.attributes().iter().find(|attribute| {
        !known.contains(&attribute.kind.as_str()) && !factory.attributes.contains(&attribute.kind)
    });
    if let Some(stray) = stray {
        return Err(bad(
            format!("the CSR's subject has the attribute {}", stray.kind),
            "leave it out, or allow it under `attributes` of the factory in station.toml",
        ));
    }
    let categories: Vec<_> = csr.attributes_of(BUSINESS_CATEGORY).collect();
    match categories.as_slice() {
        [] => Ok(DEVELOPMENT),
        [one] if one.value.as_deref() == Some(PRODUCTION) => Ok(PRODUCTION),
        _ => Err(bad(
            "the CSR's subject has a businessCategory other than production",
            "set PRODUCTION=1 for the client, or leave it unset",
        )),
    }
}

#[cfg(test)]
mod tests;
