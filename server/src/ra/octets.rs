//! Hardware addresses and hashes, however a caller writes them: the programs that read
//! identity.json read bytes, and load nothing where they find a text.

use serde_json::Value;

use super::{Facts, FieldError, Record};

/// A field that holds bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// `ethernetMAC`: EUI-48, 6 bytes.
    EthernetMac,
    /// `sixBMAC`: EUI-64, 8 bytes, or EUI-48.
    SixBMac,
    /// `hash`: up to 64 bytes, or none.
    Hash,
}

impl Octets {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EthernetMac, Self::SixBMac, Self::Hash];

    /// The field's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EthernetMac => "ethernetMAC",
            Self::SixBMac => "sixBMAC",
            Self::Hash => "hash",
        }
    }

    /// The field of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    fn fits(self, count: usize) -> bool {
        match self {
            Self::EthernetMac => count == 6,
            Self::SixBMac => count == 6 || count == 8,
            Self::Hash => count <= 64,
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::EthernetMac => "6 bytes",
            Self::SixBMac => "8 bytes (or 6)",
            Self::Hash => "at most 64 bytes",
        }
    }

    /// Reads what a caller said: decimal numbers, each in a value of its own or with commas between
    /// them, or pairs of hexadecimal digits, which `:` or `-` may separate.
    ///
    /// # Errors
    /// [`FieldError::Octets`] with what is wrong.
    pub fn read(self, values: &[String]) -> Result<Vec<u8>, FieldError> {
        let problem = |problem: String| FieldError::Octets { name: self.name(), problem };
        let bytes = match values {
            [one] => one_value(one.trim()),
            many => many.iter().map(|value| number(value.trim())).collect(),
        };
        let bytes = bytes.map_err(problem)?;
        if !self.fits(bytes.len()) {
            let (count, wanted) = (bytes.len(), self.wanted());
            let s = if count == 1 { "" } else { "s" };
            return Err(problem(format!("has {count} byte{s}, and takes {wanted}")));
        }
        Ok(bytes)
    }

    /// A kept value as readers want it. A text of an older record becomes bytes where it is
    /// understood; everything else stays as it is.
    pub fn shown(self, kept: &Value) -> Value {
        match kept {
            Value::String(text) => match self.read(std::slice::from_ref(text)) {
                Ok(bytes) => bytes.into(),
                Err(_) => kept.clone(),
            },
            other => other.clone(),
        }
    }
}

impl Facts {
    /// The Ethernet address that the caller named.
    pub fn ethernet_mac(&self) -> Option<Vec<u8>> {
        address(self.extra.get(Octets::EthernetMac.name())?)
    }
}

impl Record {
    /// The unit's Ethernet address, from its caller or an older system.
    pub fn ethernet_mac(&self) -> Option<Vec<u8>> {
        let adopted = || address(self.adopted.get(Octets::EthernetMac.name())?);
        self.facts.ethernet_mac().or_else(adopted)
    }
}

fn address(kept: &Value) -> Option<Vec<u8>> {
    serde_json::from_value(Octets::EthernetMac.shown(kept)).ok()
}

/// Bytes as people write an address: `00:a5:09:6a:6e:94`. None for what is no list of bytes.
pub fn in_pairs(kept: &Value) -> Option<String> {
    let bytes = kept.as_array()?.iter().map(|byte| {
        let whole = byte.as_f64().filter(|byte| byte.fract() == 0.0)?;
        (0.0..=255.0).contains(&whole).then_some(whole as u8)
    });
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

fn one_value(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.contains(',') {
        let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        return list.split(',').map(|part| number(part.trim())).collect();
    }
    // The old server took one number for a list of one.
    if text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(vec![number(text)?]);
    }
    pairs(text)
}

fn number(text: &str) -> Result<u8, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let byte = text.parse().ok().filter(|_| digits);
    byte.ok_or_else(|| format!("holds `{}`, which is not a number from 0 to 255", short(text)))
}

/// Hexadecimal digits, two a byte: all of them together, or with one separator between all bytes.
fn pairs(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || {
        format!(
            "is `{}`; give its bytes as numbers from 0 to 255 (`0,165,9`), or as pairs of \
             hexadecimal digits (`00:a5:09`)",
            short(text)
        )
    };
    let separator = text.chars().find(|c| matches!(c, ':' | '-'));
    let digits: Vec<char> = match separator {
        None => text.chars().collect(),
        Some(separator) => {
            let parts: Vec<&str> = text.split(separator).collect();
            if !parts.iter().all(|part| part.chars().count() == 2) {
                return Err(wrong());
            }
            parts.concat().chars().collect()
        }
    };
    if digits.len() % 2 == 1 && digits.iter().all(char::is_ascii_hexdigit) {
        return Err(format!("is `{}`, an odd number of hexadecimal digits", short(text)));
    }
    let pair = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(pair).collect::<Option<_>>().ok_or_else(wrong)
}

fn short(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MAC: [u8; 6] = [0, 165, 9, 106, 110, 148];

    fn read(field: Octets, values: &[&str]) -> Result<Vec<u8>, String> {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        field.read(&values).map_err(|error| error.to_string())
    }

    #[test]
    fn every_spelling_is_the_same_bytes() {
        for values in [
            &["0", "165", "9", "106", "110", "148"][..],
            &["000", "165", "09", "106", "110", "148"],
            &["0,165,9,106,110,148"],
            &["[0, 165, 9, 106, 110, 148]"],
            &["00:a5:09:6a:6e:94"],
            &["00-A5-09-6A-6E-94"],
            &["00a5096a6e94"],
            &[" 00:a5:09:6a:6e:94 "],
        ] {
            assert_eq!(read(Octets::EthernetMac, values), Ok(MAC.to_vec()), "{values:?}");
        }
        assert_eq!(read(Octets::SixBMac, &["00a50900016a6e94"]).map(|it| it.len()), Ok(8));
        assert_eq!(read(Octets::Hash, &[""]), Ok(Vec::new()));
        assert_eq!(read(Octets::Hash, &["12"]), Ok(vec![12]));
        assert_eq!(read(Octets::Hash, &["1234"]), Ok(vec![0x12, 0x34]));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_name() {
        for (field, values, said) in [
            (Octets::EthernetMac, &["0", "165"][..], "`ethernetMAC` has 2 bytes, and takes 6"),
            (Octets::EthernetMac, &["7"], "`ethernetMAC` has 1 byte, and takes 6 bytes"),
            (Octets::EthernetMac, &[""], "has 0 bytes"),
            (Octets::EthernetMac, &["0", "256", "9", "1", "2", "3"], "`256`, which is not a num"),
            (Octets::EthernetMac, &["0,-1,9,1,2,3"], "`-1`, which is not a number from 0 to 255"),
            (Octets::EthernetMac, &["0", "a5", "9", "1", "2", "3"], "`a5`, which is not"),
            (Octets::EthernetMac, &["0,165,9,,110,148"], "``, which is not"),
            (Octets::EthernetMac, &["00a5096a6e9"], "an odd number of hexadecimal digits"),
            (Octets::EthernetMac, &["00:a5:9:6a:6e:94"], "is `00:a5:9:6a:6e:94`; give"),
            (Octets::EthernetMac, &["00:a5-09:6a:6e:94"], "give its bytes"),
            (Octets::EthernetMac, &["00:a5:09:6a:6e:94:01:02"], "has 8 bytes"),
            (Octets::EthernetMac, &["unknown"], "is `unknown`; give"),
            (Octets::EthernetMac, &["００a5096a6e94"], "give its bytes"),
            (Octets::SixBMac, &["00:a5:09:6a:6e:94:01"], "`sixBMAC` has 7 bytes, and takes 8"),
            (Octets::Hash, &["zz"], "`hash` is `zz`"),
        ] {
            let error = read(field, values).unwrap_err();
            assert!(error.contains(said), "{values:?}: {error}");
        }
        let long = vec!["1"; 65];
        assert!(read(Octets::Hash, &long).unwrap_err().contains("at most 64 bytes"));
    }

    #[test]
    fn older_records_are_shown_as_bytes_where_they_are_understood() {
        let shown = |value| Octets::EthernetMac.shown(&value);
        assert_eq!(shown(json!("00:a5:09:6a:6e:94")), json!(MAC));
        assert_eq!(shown(json!(MAC)), json!(MAC));
        assert_eq!(shown(json!("a label")), json!("a label"));
        assert_eq!(shown(json!([0, 165])), json!([0, 165]));
    }

    #[test]
    fn bytes_as_people_write_them() {
        assert_eq!(in_pairs(&json!(MAC)).as_deref(), Some("00:a5:09:6a:6e:94"));
        assert_eq!(in_pairs(&json!([0.0, 165.0])).as_deref(), Some("00:a5"));
        for other in [json!([256]), json!([1.5]), json!("00:a5"), json!(["0"]), json!(7)] {
            assert_eq!(in_pairs(&other), None, "{other}");
        }
    }
}
