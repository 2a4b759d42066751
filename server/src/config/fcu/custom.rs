//! `custom-properties`: the operator's own items, checked as the device will check them.

use std::collections::BTreeSet;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::files::{read_bounded, warn_if_open_to_others};
use crate::config::section::Section;
use crate::config::words::{described, quoted};
use crate::pem::{self, without_mark};

use super::certificates::{acceptable, is_signed_by, public_key, split};
use super::product::{CustomProperty, CustomValue};

/// Most bytes of one item.
const ITEM_LIMIT: usize = 16 << 10;
/// Most bytes of all items. A station bounds its frames to 64 KiB (injection 11.4 rule 1), of which
/// the rest is for the identity itself.
const ALL_LIMIT: usize = 40 << 10;

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

    fn mend(self) -> &'static str {
        match self {
            Self::Certificate => "give a P-256 certificate, or a chain of two to five, as PEM",
            Self::PrivateKey => "give a P-256 private key without a password, as PEM or DER",
            Self::PublicKey => "give a P-256 public key, as PEM or DER",
            Self::Text => "give a text, in quotes where it looks like a number",
            Self::Integer => "give a whole number of at most 64 bits",
            Self::Bytes => "give hex digits in quotes as `data`, or any bytes in `data-file`",
        }
    }
}

/// Reads all items and adds the keys of theirs that nobody knows to `leftovers`.
pub fn read(sections: Vec<Section<'_>>, leftovers: &mut Vec<String>) -> Vec<CustomProperty> {
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
            total += size(&value) + name.len();
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
    let mend = "give 1 to 100 letters, digits, `.`, `_`, `-`, beginning with your own prefix: \
                acme.Something";
    if !(1..=100).contains(&name.len()) || !name.bytes().all(fit) {
        section.fault("name", format!("is {}", quoted(&name)), mend);
        return None;
    }
    // A name that is a prefix of mbed.CurrentTime and its like is taken for it (injection 6.5):
    // either it begins with `mbed`, or it is the beginning of that.
    if name.starts_with("mbed") || "mbed".starts_with(&name) {
        let problem = format!("is {}, which devices take for a name of their own", quoted(&name));
        section.fault("name", problem, mend);
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
                section.fault("data", "is missing", format!("{}, or `data-file`", kind.mend()));
            }
            return None;
        }
        (Some(given), None) => {
            if kind == Kind::PrivateKey {
                let text = "a private key stands in the configuration; keep it in a data-file";
                section.warn("data", text);
            }
            ("data", from_inline(given.value, kind))
        }
        (None, Some(file)) => {
            if kind == Kind::PrivateKey {
                warn_if_open_to_others(&file, section.findings());
            }
            let read = read_bounded(&file, 4 * ITEM_LIMIT as u64)
                .and_then(|bytes| from_bytes(&bytes, kind))
                .map_err(|problem| format!("names {}, which {problem}", file.display()));
            ("data-file", read)
        }
    };
    let problem = match read {
        Ok(value) if size(&value) <= ITEM_LIMIT => return Some(value),
        Ok(value) => format!("holds {} bytes, more than the {ITEM_LIMIT} allowed", size(&value)),
        Err(problem) => problem,
    };
    section.fault(key, problem, kind.mend());
    None
}

/// Bytes the item takes in a bundle.
fn size(value: &CustomValue) -> usize {
    match value {
        CustomValue::Certificate(bytes)
        | CustomValue::PublicKey(bytes)
        | CustomValue::Bytes(bytes) => bytes.len(),
        CustomValue::CertificateChain(chain) => chain.iter().map(Vec::len).sum(),
        CustomValue::PrivateKey(key) => key.len(),
        CustomValue::Text(text) => text.len(),
        CustomValue::Integer(_) => 9,
    }
}

/// Reads `data`. Errors never quote a text: it may be a key.
fn from_inline(value: Value, kind: Kind) -> Result<CustomValue, String> {
    match (kind, value) {
        (Kind::Integer, Value::Number(number)) => number
            .as_i64()
            .map(CustomValue::Integer)
            .ok_or_else(|| format!("is the number {number}")),
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
        Kind::Text => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(CustomValue::Text(text.to_owned())),
            Err(_) => Err("is not UTF-8".to_owned()),
        },
        Kind::Integer => std::str::from_utf8(without_mark(bytes))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .map(CustomValue::Integer)
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
            format!("is no private key that opens without a password: it {error}")
        })?,
    };
    let foreign = || "is no private key on P-256".to_owned();
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
