//! Keys made on the device and their CSRs (injection 7, profile and names 5.1).

mod subject;

use super::cbor::Item;
use super::certificate::p256;
use super::der;
use super::items::{fields, taken_for};
use super::refusal::{GENERAL, Refusal};
use super::store::{Shelf, Store};
use crate::names;
use crate::reply::Csr;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::pkey::Private;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The most requests in one message (injection 7).
const REQUESTS: usize = 5;

/// The largest CSR the client has room for, in bytes: 2,415 pass, about 2,525 do not (profile and
/// names 4.3).
const LARGEST: usize = 2_500;

/// Private keys stand in the store filled with zeros to this size (profile and names 5.2).
const KEY_ROOM: usize = 150;

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];

/// Makes the keys and CSRs of a whole `CsrReqs`. Keys of requests before a failing one stay
/// (injection 8, case 20u).
pub(super) fn make(store: &mut Store, requests: &Item<'_>) -> Result<Vec<Csr>, Refusal> {
    let requests = requests.counted().ok_or(Refusal::general(20))?;
    if requests.len() > REQUESTS {
        // The constant's name stands in the text because of a mistake in the client.
        return Err(Refusal {
            status: 36,
            message: "Too many CSR requests. Maximum CSR requests supported is \
                      CSR_MAX_NUMBER_OF_CSRS"
                .to_owned(),
        });
    }
    requests.iter().map(|request| make_one(store, &Request::read(request)?)).collect()
}

struct Request<'p> {
    key_name: &'p [u8],
    subject: &'p [u8],
    digest: u64,
    key_usage: u64,
    extended_key_usage: u64,
    public_key_too: bool,
}

impl<'p> Request<'p> {
    fn read(item: &Item<'p>) -> Result<Self, Refusal> {
        let wrong = Refusal::general(20);
        let (mut key_name, mut subject, mut digest) = (None, None, None);
        let (mut usages, mut public_key_too) = ((0, 0), false);
        for field in fields(item)? {
            match field? {
                (field, value) if taken_for(field, "PrKN") => {
                    key_name = Some(value.text().ok_or(wrong.clone())?);
                }
                (field, value) if taken_for(field, "Subj") => {
                    subject = Some(value.text().ok_or(wrong.clone())?);
                }
                (field, value) if taken_for(field, "MD") => {
                    digest = Some(unsigned(value)?);
                }
                (field, value) if taken_for(field, "Ext") => usages = extensions(value)?,
                (field, value) if taken_for(field, "SM") => public_key_too = media(value)?,
                _ => return Err(Refusal::general(37)),
            }
        }
        Ok(Self {
            key_name: key_name.ok_or(wrong.clone())?,
            subject: subject.ok_or(wrong.clone())?,
            digest: digest.ok_or(wrong)?,
            key_usage: usages.0,
            extended_key_usage: usages.1,
            public_key_too,
        })
    }
}

fn unsigned(item: &Item<'_>) -> Result<u64, Refusal> {
    match item {
        Item::Unsigned(number) => Ok(*number),
        _ => Err(Refusal::general(20)),
    }
}

fn extensions(item: &Item<'_>) -> Result<(u64, u64), Refusal> {
    let (mut key_usage, mut extended) = (0, 0);
    for field in fields(item)? {
        match field? {
            (field, value) if taken_for(field, "KU") => key_usage = unsigned(value)?,
            (field, value) if taken_for(field, "EKU") => extended = unsigned(value)?,
            (field, _) if taken_for(field, "Trust") => {}
            _ => return Err(Refusal::general(37)),
        }
    }
    Ok((key_usage, extended))
}

/// Where the key pair lives; whether its public half is stored too. This device has no secure
/// element (case 20h).
fn media(item: &Item<'_>) -> Result<bool, Refusal> {
    let mut public_key_too = false;
    for field in fields(item)? {
        let (field, value) = field?;
        if value.text().ok_or(Refusal::general(20))? != b"Device" {
            return Err(Refusal::general(37));
        }
        match field {
            field if taken_for(field, "Prv") => {}
            field if taken_for(field, "Pub") => public_key_too = true,
            _ => return Err(Refusal::general(37)),
        }
    }
    Ok(public_key_too)
}

fn make_one(store: &mut Store, request: &Request<'_>) -> Result<Csr, Refusal> {
    let name = free_name(store, request)?;
    let key = EcKey::generate(p256()?)?;
    let der = csr(&key, request)?;
    let sec1 = Zeroizing::new(key.private_key_to_der()?);
    let mut private = Zeroizing::new(vec![0; KEY_ROOM.max(sec1.len())]);
    private.iter_mut().zip(sec1.iter()).for_each(|(room, byte)| *room = *byte);
    store.put(Shelf::PrivateKey, &name, private)?;
    if request.public_key_too {
        store.put(Shelf::PublicKey, &name, key.public_key_to_der()?)?;
    }
    Ok(Csr { key_name: name, der })
}

fn free_name(store: &Store, request: &Request<'_>) -> Result<String, Refusal> {
    if request.key_name.len() > names::LONGEST {
        return Err(Refusal::new(16, "File name too long", b""));
    }
    let name = std::str::from_utf8(request.key_name).ok().filter(|name| names::allowed(name));
    let name = name.ok_or_else(|| Refusal::new(16, "File name invalid", b""))?;
    let taken = store.holds(Shelf::PrivateKey, name)
        || (request.public_key_too && store.holds(Shelf::PublicKey, name));
    if taken {
        return Err(Refusal::new(17, "Desired generated key name already exists", b""));
    }
    Ok(name.to_owned())
}

/// RFC 2986 4.1, but for the NULL in the signature algorithm (injection 7).
fn csr(key: &EcKey<Private>, request: &Request<'_>) -> Result<Vec<u8>, Refusal> {
    let extensions = [
        key_usage(request.key_usage).ok_or(Refusal::general(15))?,
        extended_key_usage(request.extended_key_usage).ok_or(Refusal::general(15))?,
    ];
    let subject = subject::name(request.subject).ok_or(Refusal::general(18))?;
    if request.digest != 1 {
        return Err(Refusal::new(18, GENERAL, b""));
    }
    let asked: Vec<u8> = extensions.concat();
    let attributes = if asked.is_empty() {
        Vec::new()
    } else {
        let values = der::set(&der::value(0x30, &asked));
        der::sequence(&[&der::oid(EXTENSION_REQUEST), &values])
    };
    let version = [0x02, 1, 0];
    let signed = der::sequence(&[
        &version,
        &subject,
        &key.public_key_to_der()?,
        &der::value(0xa0, &attributes),
    ]);
    let algorithm = der::sequence(&[&der::oid(ECDSA_SHA256), &[0x05, 0]]);
    let signature = sign(key, &signed)?;
    let csr = der::sequence(&[&signed, &algorithm, &der::bits(&signature)]);
    if csr.len() > LARGEST { Err(Refusal::general(15)) } else { Ok(csr) }
}

fn sign(key: &EcKey<Private>, content: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    EcdsaSig::sign(&Sha256::digest(content), key)?.to_der()
}

fn extension(oid: &[u8], content: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(oid), &der::value(0x04, content)])
}

/// The key usage extension for the bits of `KU`: empty for none, `None` for unknown bits.
fn key_usage(asked: u64) -> Option<Vec<u8>> {
    if asked == 0 {
        return Some(Vec::new());
    }
    if asked & !15 != 0 {
        return None;
    }
    // digitalSignature, nonRepudiation, keyCertSign, keyAgreement (RFC 5280 4.2.1.3).
    let bits = [(1, 0x80), (2, 0x40), (4, 0x04), (8, 0x08)];
    let byte = bits.iter().filter(|(bit, _)| asked & bit != 0).fold(0u8, |all, (_, one)| all | one);
    let unused = u8::try_from(byte.trailing_zeros()).unwrap_or(0);
    Some(extension(KEY_USAGE, &der::named_bits(&[byte], unused)))
}

/// The extended key usage extension for the bits of `EKU`: empty for none, `None` for unknown
/// bits.
fn extended_key_usage(asked: u64) -> Option<Vec<u8>> {
    const PURPOSES: [(u64, &[u8]); 7] = [
        (1, &[0x55, 0x1d, 37, 0]),
        (2, &[0x2b, 6, 1, 5, 5, 7, 3, 1]),
        (4, &[0x2b, 6, 1, 5, 5, 7, 3, 2]),
        (8, &[0x2b, 6, 1, 5, 5, 7, 3, 3]),
        (16, &[0x2b, 6, 1, 5, 5, 7, 3, 4]),
        (256, &[0x2b, 6, 1, 5, 5, 7, 3, 8]),
        (512, &[0x2b, 6, 1, 5, 5, 7, 3, 9]),
    ];
    if asked == 0 {
        return Some(Vec::new());
    }
    if asked & !PURPOSES.iter().fold(0, |all, (bit, _)| all | bit) != 0 {
        return None;
    }
    let purposes: Vec<u8> = PURPOSES
        .iter()
        .filter(|(bit, _)| asked & bit != 0)
        .flat_map(|(_, oid)| der::oid(oid))
        .collect();
    Some(extension(EXTENDED_KEY_USAGE, &der::value(0x30, &purposes)))
}
