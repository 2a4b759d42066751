//! Query strings, decoded once and strictly: a serial number is what the caller meant.
//!
//! Form encoding as browsers and curl write it: `+` and `%20` are a blank, `%xx` in either case.
//! An empty pair (the old command line begins with `?&`) is skipped. Broken escapes, text that is
//! not UTF-8, and a name given twice that names one value are errors, never guesses.

use crate::station::Error;

/// Named values of one request, each name at most once unless it names a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads a query string without its `?`.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with_lists(text, &[])
    }

    /// The same, where `lists` may be given several times: one value each (`a=1&a=2`), also in
    /// the brackets of other libraries (`a[]=1&a[]=2`).
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub(super) fn parse_with_lists(text: &str, lists: &[&str]) -> Result<Self, Error> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            let bare = name.strip_suffix("[]").unwrap_or(&name);
            if lists.contains(&bare) {
                query.pairs.push((bare.to_owned(), value));
                continue;
            }
            if query.pairs.iter().any(|(known, _)| *known == name) {
                return Err(bad(
                    format!("`{}` is given twice", shown(&name)),
                    "give every parameter once",
                ));
            }
            query.pairs.push((name, value));
        }
        Ok(query)
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(at).1)
    }

    /// Takes all values of a list out, in their order.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// What is left, in order of name.
    pub(super) fn rest(mut self) -> Vec<(String, String)> {
        self.pairs.sort();
        self.pairs
    }
}

fn decode(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| (byte as char).to_digit(16));
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let value =
                    high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or_else(|| {
                    bad(
                        format!("`{}` holds a broken % escape", shown(text)),
                        "write a percent sign itself as %25",
                    )
                })?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| {
        bad(format!("`{}` is not UTF-8 once decoded", shown(text)), "send UTF-8, percent-encoded")
    })
}

fn bad(problem: String, hint: &str) -> Error {
    Error::BadRequest { problem, hint: hint.to_owned() }
}

/// Quoted in an error: not longer than a line.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str, name: &str) -> Option<String> {
        Query::parse(text).unwrap().take(name)
    }

    #[test]
    fn decodes_once() {
        for (text, value) in [
            ("s=GW%2541", "GW%41"),
            ("s=x%25", "x%"),
            ("&s=a%2fb", "a/b"),
            ("s=a+b%20c", "a b c"),
            ("s=%C3%9cnit", "Ünit"),
            ("s=a=b", "a=b"),
            ("s", ""),
            ("s=%2B", "+"),
        ] {
            assert_eq!(take(text, "s").as_deref(), Some(value), "{text}");
        }
        assert_eq!(take("", "s"), None);
    }

    #[test]
    fn refuses_what_could_be_meant_in_two_ways() {
        for text in ["s=1&s=2", "s=%", "s=%4", "s=%zz", "s=%ff", "s=1&%73=2", "s=%+1"] {
            assert!(matches!(Query::parse(text), Err(Error::BadRequest { .. })), "{text}");
        }
    }

    #[test]
    fn a_list_keeps_its_order() {
        let text = "a=1&b=x&a=2&a%5B%5D=3";
        let mut query = Query::parse_with_lists(text, &["a"]).unwrap();
        assert_eq!(query.take_all("a"), ["1", "2", "3"]);
        assert_eq!(query.take_all("a"), [""; 0]);
        assert_eq!(query.take("b").as_deref(), Some("x"));
        assert!(Query::parse_with_lists("a=1&b=1&b=2", &["a"]).is_err());
    }

    #[test]
    fn keeps_the_rest() {
        let mut query = Query::parse("b=2&serialNumber[$ne]=&a=1").unwrap();
        assert_eq!(query.take("b").as_deref(), Some("2"));
        let rest: Vec<_> = query.rest();
        assert_eq!(rest, [("a".into(), "1".into()), ("serialNumber[$ne]".into(), String::new())]);
    }
}
