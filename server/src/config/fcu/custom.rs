//! `custom-properties`: the operator's own items, checked as the device will check them.

use std::collections::BTreeSet;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::files::{as_text, read_bounded, warn_if_open_to_others};
use crate::config::section::{Leftover, Section};
use crate::config::words::{described, quoted};
use crate::pem::{self, without_mark};

use super::certificates::{acceptable, is_signed_by, public_key, split};
use super::product::{CustomProperty, CustomValue};

/// Most bytes of a parameter: the largest that a client was seen to store (injection 9).
const PARAM_LIMIT: usize = 2 << 20;
/// Most bytes of a certificate, a chain or a key.
const ITEM_LIMIT: usize = 16 << 10;
/// Most bytes of all items. The station bounds its messages to 4 MiB, of which the rest is for the
/// identity itself.
const ALL_LIMIT: usize = (4 << 20) - (64 << 10);

/// What an item is, as `type` names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Certificate,
    PrivateKey,
    PublicKey,
    Text,
    Integer,
    Bytes,
}

impl Kind {
    const WORDS: [(&str, Self); 6] = [
        ("certificate", Self::Certificate),
        ("private-key", Self::PrivateKey),
        ("public-key", Self::PublicKey),
        ("string", Self::Text),
        ("integer", Self::Integer),
        ("bytes", Self::Bytes),
    ];

    /// Items of different spaces may share a name (injection 6.1).
    fn space(self) -> u8 {
        match self {
            Self::Certificate => 0,
            Self::PrivateKey => 1,
            Self::PublicKey => 2,
            Self::Text | Self::Integer | Self::Bytes => 3,
        }
    }

    /// Most bytes of one item.
    fn limit(self) -> usize {
        match self {
            Self::Certificate | Self::PrivateKey | Self::PublicKey => ITEM_LIMIT,
            Self::Text | Self::Integer | Self::Bytes => PARAM_LIMIT,
        }
    }

    fn fix(self) -> &'static str {
        match self {
            Self::Certificate => "give a P-256 certificate, or a chain of two to five, as PEM",
            Self::PrivateKey => "give a P-256 private key without a password, as PEM or DER",
            Self::PublicKey => "give a P-256 public key, as PEM or DER",
            Self::Text => "give a text, in quotes where it looks like a number",
            Self::Integer => {
                "give a whole number from -9223372036854775808 to 18446744073709551615"
            }
            Self::Bytes => "give hex digits in quotes as `data`, or any bytes in `data-file`",
        }
    }
}

/// Reads all items and adds the keys of theirs that nobody knows to `leftovers`.
pub fn read(sections: Vec<Section<'_>>, leftovers: &mut Vec<Leftover>) -> Vec<CustomProperty> {
    let mut properties = Vec::new();
    let mut names = BTreeSet::new();
    let mut total = 0_usize;
    for mut section in sections {
        let kind = section.one_of("type", &Kind::WORDS);
        if kind.is_none() && !section.was_faulty("type") {
            let words: Vec<_> = Kind::WORDS.iter().map(|(word, _)| *word).collect();
            section.fault("type", "is missing", format!("give one of {}", words.join(", ")));
        }
        let name = name(&mut section);
        let value = value(&mut section, kind);
        if let (Some(kind), Some(name)) = (kind, &name)
            && !names.insert((kind.space(), name.clone()))
        {
            let problem = format!("is {}, a name already given to such an item", quoted(name));
            section.fault("name", problem, "give each item a name of its own");
        }
        if let (Some(name), Some(value)) = (name, value) {
            let before = total;
            total += value.size() + name.len();
            if before <= ALL_LIMIT && total > ALL_LIMIT {
                let problem = format!("brings all items together above {ALL_LIMIT} bytes");
                section.fault("data", problem, "give devices less");
            }
            properties.push(CustomProperty { name, value });
        }
        leftovers.extend(section.leftovers());
    }
    properties
}

/// Names by the rules of injection 6.1, without those that the device would mistake for its own.
fn name(section: &mut Section<'_>) -> Option<String> {
    let name = section.required_text("name", "the item's name on the device")?;
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fix = "give 1 to 100 letters, digits, `.`, `_`, `-`, beginning with your own prefix: \
                acme.Something";
    if !(1..=100).contains(&name.len()) || !name.bytes().all(fit) {
        section.fault("name", format!("is {}", quoted(&name)), fix);
        return None;
    }
    // A name that is a prefix of mbed.CurrentTime and its like is taken for it (injection 6.5):
    // either it begins with `mbed`, or it is the beginning of that.
    if name.starts_with("mbed") || "mbed".starts_with(&name) {
        let problem = format!("is {}, which devices take for a name of their own", quoted(&name));
        section.fault("name", problem, fix);
        return None;
    }
    Some(name)
}

/// The item's content from `data` or from `data-file`.
fn value(section: &mut Section<'_>, kind: Option<Kind>) -> Option<CustomValue> {
    let inline = section.take("data");
    let file = section.file("data-file");
    let kind = kind?;
    let (key, read) = match (inline, file) {
        (Some(_), Some(_)) => {
            section.fault("data", "stands beside data-file", "give one of the two");
            return None;
        }
        (None, None) => {
            if !section.was_faulty("data-file") {
                section.fault("data", "is missing", format!("{}, or `data-file`", kind.fix()));
            }
            return None;
        }
        (Some(given), None) => {
            if kind == Kind::PrivateKey {
                let text = "a private key stands in the configuration; keep it in a data-file";
                section.warn("data", text);
            }
            let written = section.findings().number(&given.key).filter(|_| given.value.is_number());
            let read = from_inline(given.value, kind);
            // A reader of YAML takes 1.10 for 1.1: what is shown is what stands there.
            ("data", read.map_err(|said| written.map_or(said, |it| format!("is the number {it}"))))
        }
        (None, Some(file)) => {
            if kind == Kind::PrivateKey {
                warn_if_open_to_others(&file, section.findings());
            }
            // An armoured item is a third larger, and may have text around it.
            let most = kind.limit() + 3 * ITEM_LIMIT;
            let read = read_bounded(&file, most as u64)
                .and_then(|bytes| from_bytes(&bytes, kind))
                .map_err(|problem| format!("names {}, which {problem}", file.display()));
            ("data-file", read)
        }
    };
    let problem = match read {
        Ok(value) if value.size() <= kind.limit() => return Some(value),
        Ok(value) => {
            format!("holds {} bytes, more than the {} allowed", value.size(), kind.limit())
        }
        Err(problem) => problem,
    };
    section.fault(key, problem, kind.fix());
    None
}

/// Reads `data`. Errors never quote a text: it may be a key.
fn from_inline(value: Value, kind: Kind) -> Result<CustomValue, String> {
    match (kind, value) {
        (Kind::Integer, Value::Number(number)) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            let whole = whole.and_then(CustomValue::integer);
            whole.ok_or_else(|| format!("is the number {number}"))
        }
        (Kind::Text, Value::String(text)) => Ok(CustomValue::Text(text)),
        (Kind::Bytes, Value::String(text)) => hex(&text)
            .map(CustomValue::Bytes)
            .ok_or_else(|| "is a text other than pairs of hex digits".to_owned()),
        (Kind::Certificate | Kind::PrivateKey | Kind::PublicKey, Value::String(text)) => {
            let text = Zeroizing::new(text);
            if text.contains("-----BEGIN ") {
                return from_bytes(text.as_bytes(), kind);
            }
            let packed: String = text.split_ascii_whitespace().collect();
            let der = openssl::base64::decode_block(&Zeroizing::new(packed))
                .map(Zeroizing::new)
                .map_err(|_| "is neither PEM nor DER in base64".to_owned())?;
            from_bytes(&der, kind)
        }
        (_, Value::String(_)) => Err("is a text".to_owned()),
        (_, other) => Err(format!("is {}", described(&other))),
    }
}

/// Reads what stands in a file, or an armoured text.
fn from_bytes(bytes: &[u8], kind: Kind) -> Result<CustomValue, String> {
    match kind {
        Kind::Certificate => certificates(bytes),
        Kind::PrivateKey => private_key(bytes).map(CustomValue::PrivateKey),
        Kind::PublicKey => public_key_of(bytes).map(CustomValue::PublicKey),
        Kind::Bytes => Ok(CustomValue::Bytes(bytes.to_vec())),
        Kind::Text => match as_text(bytes) {
            Some(text) => Ok(CustomValue::Text(text.to_owned())),
            None => Err("is not UTF-8".to_owned()),
        },
        Kind::Integer => as_text(bytes)
            .and_then(|text| text.trim().parse().ok())
            .and_then(CustomValue::integer)
            .ok_or_else(|| "holds no whole number of at most 64 bits".to_owned()),
    }
}

/// One certificate, or a chain whose signatures hold (injection 6.4).
fn certificates(bytes: &[u8]) -> Result<CustomValue, String> {
    let mut chain = split(bytes)?;
    for der in &chain {
        acceptable(der)?;
    }
    if chain.len() > 5 {
        return Err(format!("holds {} certificates", chain.len()));
    }
    if !chain.windows(2).all(|pair| matches!(pair, [one, next] if is_signed_by(one, next))) {
        return Err("holds certificates that are not each signed by the next".to_owned());
    }
    match (chain.len(), chain.pop()) {
        (1, Some(one)) => Ok(CustomValue::Certificate(one)),
        (_, Some(last)) => {
            chain.push(last);
            Ok(CustomValue::CertificateChain(chain))
        }
        (_, None) => Err("holds no certificate".to_owned()),
    }
}

/// A private key on P-256 in the recommended form of injection 6.2: SEC 1, named curve, with its
/// public part.
fn private_key(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = match PKey::private_key_from_der(bytes) {
        Ok(key) => key,
        Err(_) => pem::key(bytes).map_err(|error| {
            format!("is not a private key that opens without a password: it {error}")
        })?,
    };
    let foreign = || "is not a private key on P-256".to_owned();
    let key = key.ec_key().map_err(|_| foreign())?;
    if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
        return Err(foreign());
    }
    let rebuilt = || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = EcKey::from_private_components(&group, key.private_key(), key.public_key())?;
        key.check_key()?;
        key.private_key_to_der()
    };
    rebuilt().map(Zeroizing::new).map_err(|_| "is a broken private key".to_owned())
}

/// A public key on P-256 as 91 bytes of `SubjectPublicKeyInfo`.
fn public_key_of(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = without_mark(bytes);
    let der = match PKey::public_key_from_pem(bytes).and_then(|key| key.public_key_to_der()) {
        Ok(der) => der,
        Err(_) => bytes.to_vec(),
    };
    let key = public_key(&der)?;
    let rebuilt = || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        EcKey::from_public_key(&group, key.public_key())?.public_key_to_der()
    };
    rebuilt().map_err(|_| "is a broken public key".to_owned())
}

/// Pairs of hex digits; blanks and colons between them do not matter.
pub(in crate::config) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let pairs = digits?;
    let pairs = pairs.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}
