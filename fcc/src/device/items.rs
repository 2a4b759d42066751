//! Keys, certificates, chains and parameters: how the client reads and stores one item
//! (injection 6).

use super::cbor::Item;
use super::certificate::{Certificate, Unfit};
use super::clock::Clock;
use super::refusal::{GENERAL, Refusal};
use super::store::{Shelf, Store, join};
use crate::names;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroupRef, EcKey, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

type Done = Result<(), Refusal>;

/// The most certificates in a chain (injection 6.4).
const CHAIN: usize = 5;

/// Whether `received` is taken for `known`: the client compares only as many characters as came
/// (injection 5).
pub(super) fn taken_for(received: &[u8], known: &str) -> bool {
    known.as_bytes().starts_with(received)
}

/// The pairs of an item map, with their keys as text.
pub(super) fn fields<'a, 'p>(
    item: &'a Item<'p>,
) -> Result<impl Iterator<Item = Result<(&'p [u8], &'a Item<'p>), Refusal>>, Refusal> {
    let pairs = item.map().ok_or(Refusal::general(20))?;
    Ok(pairs.iter().map(|(key, value)| Ok((key.text().ok_or(Refusal::general(20))?, value))))
}

/// A value of the wrong type: the client names the item if it has read the name (injection 5).
fn wrong_type(name: Option<&[u8]>) -> Refusal {
    Refusal::new(20, GENERAL, name.unwrap_or_default())
}

/// What items share.
#[derive(Default)]
struct Fields<'p> {
    name: Option<&'p [u8]>,
    kind: Option<&'p [u8]>,
    format: Option<&'p [u8]>,
    key_name: Option<&'p [u8]>,
    data: &'p [u8],
}

impl<'p> Fields<'p> {
    fn text(&self, value: &Item<'p>) -> Result<Option<&'p [u8]>, Refusal> {
        value.text().map(Some).ok_or_else(|| wrong_type(self.name))
    }

    fn named(&self) -> Result<&'p [u8], Refusal> {
        self.name.filter(|name| !name.is_empty()).ok_or(Refusal::general(15))
    }

    fn der(&self) -> bool {
        self.format.is_none_or(|format| format == b"der")
    }
}

/// Reads and stores one element of `Keys`.
pub(super) fn key(store: &mut Store, item: &Item<'_>) -> Done {
    let mut key = Fields::default();
    for field in fields(item)? {
        match field? {
            (field, value) if taken_for(field, "Name") => key.name = key.text(value)?,
            (field, value) if taken_for(field, "Type") => key.kind = key.text(value)?,
            (field, value) if taken_for(field, "Format") => key.format = key.text(value)?,
            (field, value) if taken_for(field, "Data") => {
                key.data = value.bytes().ok_or_else(|| wrong_type(key.name))?;
            }
            _ => return Err(Refusal::general(37)),
        }
    }
    let shelf = match key.kind {
        Some(b"ECCPrivate") => Shelf::PrivateKey,
        Some(b"ECCPublic") => Shelf::PublicKey,
        _ => return Err(Refusal::general(37)),
    };
    if !key.der() {
        return Err(Refusal::general(37));
    }
    let name = key.named()?;
    not_empty(key.data, name)?;
    let valid = match shelf {
        Shelf::PrivateKey => is_private(key.data),
        _ => is_public(key.data),
    };
    if !valid {
        return Err(Refusal::new(18, "Public key format invalid", name));
    }
    keep(store, shelf, name, key.data.to_vec())
}

/// Reads and stores one element of `Certificates`.
pub(super) fn certificate(store: &mut Store, item: &Item<'_>) -> Done {
    let mut found = Fields::default();
    for field in fields(item)? {
        match field? {
            (field, value) if taken_for(field, "Name") => found.name = found.text(value)?,
            (field, value) if taken_for(field, "PrKN") => found.key_name = found.text(value)?,
            (field, value) if taken_for(field, "Format") => found.format = found.text(value)?,
            // `Data` and not `DataArray`: a chain is another group.
            (field, value) if taken_for(field, "Data") => {
                found.data = value.bytes().ok_or_else(|| wrong_type(found.name))?;
            }
            _ => return Err(Refusal::general(37)),
        }
    }
    if !found.der() {
        return Err(Refusal::general(37));
    }
    let name = found.named()?;
    if let Some(key_name) = found.key_name {
        belongs(store, found.data, name, key_name)?;
    }
    not_empty(found.data, name)?;
    Certificate::read(found.data).map_err(|unfit| Refusal::new(18, unfit.text(), name))?;
    keep(store, Shelf::Certificate, name, join([found.data]))
}

/// Reads and stores one element of `CertificateChains`.
pub(super) fn chain(store: &mut Store, item: &Item<'_>) -> Done {
    let mut found = Fields::default();
    let mut chain = Vec::new();
    for field in fields(item)? {
        match field? {
            (field, value) if taken_for(field, "Name") => found.name = found.text(value)?,
            (field, value) if taken_for(field, "PrKN") => found.key_name = found.text(value)?,
            (field, value) if taken_for(field, "Format") => found.format = found.text(value)?,
            (field, value) if taken_for(field, "DataArray") => {
                let array = value.counted().ok_or_else(|| wrong_type(found.name))?;
                if array.is_empty() || array.len() > CHAIN {
                    return Err(Refusal::general(20));
                }
                let ders = array.iter().map(Item::bytes).collect::<Option<_>>();
                chain = ders.ok_or_else(|| wrong_type(found.name))?;
            }
            _ => return Err(Refusal::general(37)),
        }
    }
    if !found.der() {
        return Err(Refusal::general(37));
    }
    let name = found.named()?;
    if let (Some(key_name), Some(first)) = (found.key_name, chain.first()) {
        belongs(store, first, name, key_name)?;
    }
    linked(&chain, name)?;
    keep(store, Shelf::Certificate, name, join(chain))
}

/// Each certificate signed by the next (injection 6.4).
fn linked(chain: &[&[u8]], name: &[u8]) -> Done {
    let mut child: Option<Certificate<'_>> = None;
    for der in chain {
        not_empty(der, name)?;
        let parent = match (Certificate::read(der), &child) {
            (Ok(parent), _) => parent,
            // Inside a chain P-384 fails later, at the child's signature (profile and names 8).
            (Err(Unfit::P384), Some(_)) => return Err(Refusal::new(15, GENERAL, name)),
            (Err(unfit), _) => return Err(Refusal::new(18, unfit.text(), name)),
        };
        if let Some(child) = &child
            && !child.signed_by(&parent)?
        {
            return Err(Refusal::new(18, "Chain validation error", name));
        }
        child = Some(parent);
    }
    // A chain without certificates is a bad argument to the key store.
    if child.is_some() { Ok(()) } else { Err(Refusal::new(15, GENERAL, name)) }
}

/// `PrKN`: the certificate must belong to the named key in the store. Every refusal here is 34,
/// the text says what it was (profile and names 0.6).
fn belongs(store: &Store, der: &[u8], name: &[u8], key_name: &[u8]) -> Done {
    let key = std::str::from_utf8(key_name)
        .ok()
        .and_then(|key_name| store.get(Shelf::PrivateKey, key_name))
        .ok_or_else(|| Refusal::new(34, "Item does not exist", key_name))?;
    let certificate =
        Certificate::read(der).map_err(|unfit| Refusal::new(34, unfit.text(), name))?;
    if private_point(key).as_deref() == Some(certificate.point()) {
        Ok(())
    } else {
        Err(Refusal::new(34, "Self-generated certificate validation failed", name))
    }
}

/// Reads and stores one element of `ConfigParams` of the message `payload`.
pub(super) fn param(store: &mut Store, clock: &mut Clock, payload: &[u8], item: &Item<'_>) -> Done {
    let mut name = None;
    let mut value = None;
    for field in fields(item)? {
        match field? {
            (field, text) if taken_for(field, "Name") => {
                name = Some(text.text().ok_or_else(|| wrong_type(name))?);
            }
            (field, data) if taken_for(field, "Data") => {
                value = Some(Datum::read(data).ok_or_else(|| wrong_type(name))?);
            }
            _ => return Err(Refusal::general(37)),
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or(Refusal::general(15))?;
    if taken_for(name, names::CURRENT_TIME) {
        let seconds = value.map_or(0, |value| value.number());
        return clock.set(store, seconds);
    }
    let short = [names::USE_BOOTSTRAP, names::FIRST_TO_CLAIM, names::MEMORY_TOTAL_KB];
    let content = match value {
        None => Vec::new(),
        Some(value) if short.iter().any(|known| taken_for(name, known)) => value.cut(payload),
        Some(value) => value.content(),
    };
    keep(store, Shelf::Param, name, content)
}

/// A parameter's `Data` (injection 5).
enum Datum<'p> {
    Number(u64),
    Run { at: usize, bytes: &'p [u8] },
}

impl<'p> Datum<'p> {
    fn read(item: &Item<'p>) -> Option<Self> {
        match item {
            Item::Unsigned(number) => Some(Self::Number(*number)),
            // -1 - n in two's complement is the complement of n.
            Item::Negative(number) => Some(Self::Number(!number)),
            Item::Bytes(run) | Item::Text(run) => Some(Self::Run { at: run.at, bytes: run.bytes }),
            Item::Tagged(2, inner) if inner.bytes().is_some() => Self::read(inner),
            _ => None,
        }
    }

    /// As the clock takes it: of text the client uses an undefined number, which the clock
    /// refuses all but always (injection 6.6).
    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Run { .. } => 0,
        }
    }

    fn content(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_le_bytes().to_vec(),
            Self::Run { bytes, .. } => bytes.to_vec(),
        }
    }

    /// Four bytes, whatever was sent: of a shorter text the client takes what stands behind it in
    /// the message (injection 6.5, case 15i).
    fn cut(&self, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_le_bytes().into_iter().take(4).collect(),
            Self::Run { at, .. } => payload.iter().skip(*at).take(4).copied().collect(),
        }
    }
}

fn not_empty(content: &[u8], name: &[u8]) -> Done {
    if content.is_empty() { Err(Refusal::new(16, "Item data empty", name)) } else { Ok(()) }
}

/// The last steps of storing: name, then whether it is free (injection 6.1).
fn keep(store: &mut Store, shelf: Shelf, name: &[u8], content: Vec<u8>) -> Done {
    if name.len() > names::LONGEST {
        return Err(Refusal::new(16, "File name too long", name));
    }
    let Some(checked) = std::str::from_utf8(name).ok().filter(|name| names::allowed(name)) else {
        return Err(Refusal::new(16, "File name invalid", name));
    };
    if store.holds(shelf, checked) {
        return Err(Refusal::new(17, "Data already exists", name));
    }
    Ok(store.put(shelf, checked, content)?)
}

/// The public point of a stored private key, 65 bytes.
pub(super) fn private_point(der: &[u8]) -> Option<Vec<u8>> {
    let key = private_key(der)?;
    let mut context = BigNumContext::new().ok()?;
    let form = PointConversionForm::UNCOMPRESSED;
    key.public_key().to_bytes(key.group(), form, &mut context).ok()
}

/// A private key on P-256; `None` for anything else. SEC 1 and PKCS#8, zeros behind them
/// tolerated (injection 6.2).
fn private_key(der: &[u8]) -> Option<EcKey<Private>> {
    let key = EcKey::private_key_from_der(der)
        .or_else(|_| PKey::private_key_from_pkcs8(der).and_then(|key| key.ec_key()))
        .ok()?;
    on_p256(key.group()).then_some(key)
}

fn is_private(der: &[u8]) -> bool {
    private_key(der).is_some_and(|key| key.check_key().is_ok())
}

fn is_public(der: &[u8]) -> bool {
    PKey::public_key_from_der(der)
        .and_then(|key| key.ec_key())
        .is_ok_and(|key| on_p256(key.group()) && key.check_key().is_ok())
}

fn on_p256(group: &EcGroupRef) -> bool {
    group.curve_name() == Some(Nid::X9_62_PRIME256V1)
}
