//! What the device checks at the end of a message, in its order (injection 10).
//!
//! The first failure decides the reply; warnings collected until then go with it.

mod uri;

use super::certificate::{Attribute, Certificate};
use super::clock::Clock;
use super::items::private_point;
use super::refusal::{GENERAL, Refusal};
use super::store::{SERVER_CA, Shelf, Store};
use crate::names;

/// Ten years as the client counts them, in seconds (injection 8.3).
const TEN_YEARS: i64 = 315_360_000;

/// A certificate may begin this much after the device's time, in seconds (injection 8.3).
const EARLY: i64 = 60;

/// The item names of one mode (injection 10.1).
struct Names {
    private_key: &'static str,
    certificate: &'static str,
    server_ca: &'static str,
    server_uri: &'static str,
}

const BOOTSTRAP: Names = Names {
    private_key: names::BOOTSTRAP_PRIVATE_KEY,
    certificate: names::BOOTSTRAP_CERTIFICATE,
    server_ca: names::BOOTSTRAP_SERVER_CA,
    server_uri: names::BOOTSTRAP_SERVER_URI,
};

const LWM2M: Names = Names {
    private_key: names::LWM2M_PRIVATE_KEY,
    certificate: names::LWM2M_CERTIFICATE,
    server_ca: names::LWM2M_SERVER_CA,
    server_uri: names::LWM2M_SERVER_URI,
};

fn missing(name: &str) -> Refusal {
    Refusal::new(25, "Item does not exist", name.as_bytes())
}

/// `mbed.UseBootstrap`: whether the device is in bootstrap mode.
fn bootstrap_mode(store: &Store) -> Result<bool, Refusal> {
    let name = names::USE_BOOTSTRAP;
    match flag(store, name)?.ok_or_else(|| missing(name))? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refusal::new(30, "Bootstrap mode value incorrect", name.as_bytes())),
    }
}

/// A parameter of four bytes, if it is there.
fn flag(store: &Store, name: &str) -> Result<Option<u32>, Refusal> {
    store
        .get(Shelf::Param, name)
        .map(|bytes| {
            let bytes = bytes.try_into();
            bytes.map_err(|_| Refusal::new(27, "Item size is wrong", name.as_bytes()))
        })
        .transpose()
        .map(|bytes| bytes.map(u32::from_le_bytes))
}

/// The identifier of the bootstrap server's CA, which the last message pins; `None` in direct
/// LwM2M mode (injection 10.3).
pub(super) fn server_ca(store: &Store) -> Result<Option<Vec<u8>>, Refusal> {
    if !bootstrap_mode(store)? {
        return Ok(None);
    }
    let name = names::BOOTSTRAP_SERVER_CA;
    let chain = store.certificates(name).ok_or_else(|| missing(name))?;
    identifier(&chain, name).map(Some)
}

fn identifier(chain: &[&[u8]], name: &str) -> Result<Vec<u8>, Refusal> {
    let der = chain.first().ok_or_else(|| missing(name))?;
    let certificate =
        Certificate::read(der).map_err(|unfit| Refusal::new(18, unfit.text(), name.as_bytes()))?;
    Ok(certificate.compressed()?)
}

/// Runs all checks; warnings go to `warnings`, one a line.
pub(super) fn verify(
    store: &Store,
    clock: &Clock,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    Verification { store, now: clock.now(), warnings }.run()
}

struct Verification<'s> {
    store: &'s Store,
    now: Option<u64>,
    warnings: &'s mut Vec<String>,
}

impl<'s> Verification<'s> {
    fn run(&mut self) -> Result<(), Refusal> {
        self.time()?;
        let bootstrap = bootstrap_mode(self.store)?;
        if !bootstrap {
            self.warn("Bootstrap mode not activated", names::USE_BOOTSTRAP);
        }
        self.device()?;
        let (mode, other) = if bootstrap { (BOOTSTRAP, LWM2M) } else { (LWM2M, BOOTSTRAP) };
        self.server(&mode, &other, bootstrap)?;
        self.identity(&mode, &other, bootstrap)?;
        self.update()
    }

    fn warn(&mut self, text: &str, name: &str) {
        self.warnings.push(format!("{text}:{name}"));
    }

    fn param(&self, name: &str) -> Option<&'s [u8]> {
        self.store.get(Shelf::Param, name)
    }

    /// Check 1.
    fn time(&mut self) -> Result<(), Refusal> {
        if self.now.is_none() {
            self.warn("Item not set", names::CURRENT_TIME);
        }
        if self.param(names::TIMEZONE).is_none_or(<[u8]>::is_empty) {
            self.warn("Item not set", names::TIMEZONE);
        }
        match self.param(names::UTC_OFFSET) {
            None => self.warn("Item not set", names::UTC_OFFSET),
            Some([b'+' | b'-', hours @ .., b':', tens, ones])
                if hours.len() == 2 && hours.iter().chain([tens, ones]).all(u8::is_ascii_digit) => {
            }
            Some(_) => {
                let name = names::UTC_OFFSET.as_bytes();
                return Err(Refusal::new(33, "UTC offset incorrect", name));
            }
        }
        Ok(())
    }

    /// Checks 3 and 4.
    fn device(&self) -> Result<(), Refusal> {
        let name = names::ENDPOINT_NAME;
        if self.param(name).ok_or_else(|| missing(name))?.is_empty() {
            return Err(Refusal::new(26, "Item empty", name.as_bytes()));
        }
        [
            names::MANUFACTURER,
            names::MODEL_NUMBER,
            names::DEVICE_TYPE,
            names::HARDWARE_VERSION,
            names::MEMORY_TOTAL_KB,
            names::SERIAL_NUMBER,
        ]
        .into_iter()
        .try_for_each(|name| self.param(name).map(drop).ok_or_else(|| missing(name)))
    }

    /// Checks 5 and 6.
    fn server(&mut self, mode: &Names, other: &Names, bootstrap: bool) -> Result<(), Refusal> {
        let chain =
            self.store.certificates(mode.server_ca).ok_or_else(|| missing(mode.server_ca))?;
        if bootstrap {
            let ours = identifier(&chain, mode.server_ca)?;
            if self.store.get(Shelf::Once, SERVER_CA) != Some(&ours) {
                self.warn("CA identifier wasn't set properly", mode.server_ca);
            }
        }
        if self.store.holds(Shelf::Certificate, other.server_ca) {
            self.warn("Item redundant", other.server_ca);
        }
        let uri = self.param(mode.server_uri).ok_or_else(|| missing(mode.server_uri))?;
        let claim = flag(self.store, names::FIRST_TO_CLAIM)? == Some(1);
        uri::check(uri, mode.server_uri, bootstrap, claim)?;
        if self.store.holds(Shelf::Param, other.server_uri) {
            self.warn("Item redundant", other.server_uri);
        }
        Ok(())
    }

    /// Checks 7 to 14.
    fn identity(&mut self, mode: &Names, other: &Names, bootstrap: bool) -> Result<(), Refusal> {
        let key = self.store.get(Shelf::PrivateKey, mode.private_key);
        let key = key.ok_or_else(|| missing(mode.private_key))?;
        if self.store.holds(Shelf::PrivateKey, other.private_key) {
            self.warn("Item redundant", other.private_key);
        }
        let chain =
            self.store.certificates(mode.certificate).ok_or_else(|| missing(mode.certificate))?;
        if self.store.holds(Shelf::Certificate, other.certificate) {
            self.warn("Item redundant", other.certificate);
        }
        let name = mode.certificate.as_bytes();
        let der = chain.first().ok_or_else(|| missing(mode.certificate))?;
        let own = Certificate::read(der).map_err(|unfit| Refusal::new(18, unfit.text(), name))?;
        if private_point(key).as_deref() != Some(own.point()) {
            return Err(Refusal::new(34, "Certificate public key validation failed", name));
        }
        if !own.for_clients() {
            return Err(Refusal::new(10, "Certificate invalid", name));
        }
        let endpoint = self.param(names::ENDPOINT_NAME).unwrap_or_default();
        self.matches(own.attribute("CN"), endpoint, name)?;
        if !bootstrap {
            let uri = self.param(mode.server_uri).unwrap_or_default();
            let account = uri::account(uri).ok_or_else(|| uri::wrong(mode.server_uri))?;
            self.matches(own.attribute("OU"), account, name)?;
        }
        if own.self_signed() {
            self.warn("Certificate is self signed", mode.certificate);
        }
        self.validity(&chain, mode.certificate)
    }

    fn matches(&self, found: Attribute<'_>, expected: &[u8], name: &[u8]) -> Result<(), Refusal> {
        match found {
            Attribute::Missing => Err(Refusal::new(11, GENERAL, name)),
            Attribute::Found(value) if value == expected => Ok(()),
            Attribute::Found(_) => Err(Refusal::new(14, "Certificate CN attribute invalid", name)),
        }
    }

    /// Every certificate of a chain against the device's time.
    fn validity(&mut self, chain: &[&[u8]], name: &str) -> Result<(), Refusal> {
        for der in chain {
            let certificate = Certificate::read(der)
                .map_err(|unfit| Refusal::new(18, unfit.text(), name.as_bytes()))?;
            let (start, end) = certificate.validity();
            match self.now.and_then(|now| i64::try_from(now).ok()) {
                None => self.warn("Certificate validity cannot be checked", name),
                Some(now) if end < now => {
                    return Err(Refusal::new(13, "Certificate expired", name.as_bytes()));
                }
                Some(now) if start > now.saturating_add(EARLY) => {
                    self.warn("Certificate validity cannot be checked", name);
                }
                Some(now) if end < now.saturating_add(TEN_YEARS) => {
                    self.warn("Certificate validity is less than 10 years", name);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Checks 15 and 16.
    fn update(&mut self) -> Result<(), Refusal> {
        match self.store.certificates(names::UPDATE_CERTIFICATE) {
            None => self.warn("Item not set", names::UPDATE_CERTIFICATE),
            Some(chain) => self.validity(&chain, names::UPDATE_CERTIFICATE)?,
        }
        for name in [names::CLASS_ID, names::VENDOR_ID] {
            match self.param(name).map(<[u8]>::len) {
                None => self.warn("Item not set", name),
                Some(16) => {}
                Some(_) => return Err(Refusal::new(27, "Item size is wrong", name.as_bytes())),
            }
        }
        Ok(())
    }
}
