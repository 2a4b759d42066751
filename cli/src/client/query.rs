//! A request's query, encoded so that every value arrives as it was meant.
//!
//! Everything but the unreserved characters of RFC 3986 2.3 is percent-encoded, byte by byte. Nothing
//! is left to chance: a `+` is `%2B`, so no server reads a blank; a `%41` in a serial number is `%2541`.

use std::fmt::Write as _;

/// Names and values in the order in which they were added.
///
/// It has no `Debug`: one of the values can be the sealing verification key.
#[derive(Default)]
pub struct Query {
    pairs: Vec<Pair>,
}

struct Pair {
    name: String,
    value: String,
    secret: bool,
}

impl Query {
    /// An empty query.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a field.
    pub fn add(&mut self, name: &str, value: &str) -> &mut Self {
        self.pairs.push(Pair { name: name.to_owned(), value: value.to_owned(), secret: false });
        self
    }

    /// Add a field when there is a value for it.
    pub fn add_given(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// Add a field whose value is sent and never shown.
    pub fn add_secret(&mut self, name: &str, value: &str) -> &mut Self {
        self.add(name, value);
        if let Some(pair) = self.pairs.last_mut() {
            pair.secret = true;
        }
        self
    }

    /// The query as it goes over the wire, without the question mark.
    pub fn encoded(&self) -> String {
        self.written(|pair| encode(&pair.value))
    }

    /// The query for traces: the same, secrets replaced by `...`.
    pub fn shown(&self) -> String {
        self.written(|pair| if pair.secret { "...".to_owned() } else { encode(&pair.value) })
    }

    fn written(&self, value: impl Fn(&Pair) -> String) -> String {
        self.pairs
            .iter()
            .map(|pair| format!("{}={}", encode(&pair.name), value(pair)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

/// Percent-encode everything that RFC 3986 2.3 does not call unreserved.
pub fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_serial_numbers_arrive_as_they_were_meant() {
        for (value, encoded) in [
            ("GW-1_a.b~c", "GW-1_a.b~c"),
            ("GW 1", "GW%201"),
            ("GW%41", "GW%2541"),
            ("a#b+c,d", "a%23b%2Bc%2Cd"),
            (r#"\ " ' /"#, "%5C%20%22%20%27%20%2F"),
            ("Größe", "Gr%C3%B6%C3%9Fe"),
            ("$ne", "%24ne"),
            ("; rm -rf /", "%3B%20rm%20-rf%20%2F"),
            ("a&b=c?d[e]", "a%26b%3Dc%3Fd%5Be%5D"),
            ("\u{1f600}", "%F0%9F%98%80"),
        ] {
            assert_eq!(encode(value), encoded);
        }
    }

    #[test]
    fn a_secret_is_sent_and_not_shown() {
        let mut query = Query::new();
        query
            .add("serialNumber", "GW 1")
            .add_secret("verificationKey", "aa-bb/1")
            .add_given("ip", None)
            .add_given("port", Some("7777"));
        assert_eq!(query.encoded(), "serialNumber=GW%201&verificationKey=aa-bb%2F1&port=7777");
        assert_eq!(query.shown(), "serialNumber=GW%201&verificationKey=...&port=7777");
    }
}
