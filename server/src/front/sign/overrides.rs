//! What a device may say about its own sota.toml: keys from a list, values that are TOML.

use super::members::{Keys, bad};
use crate::station::Error;

/// Longest value, in bytes.
const LONGEST: usize = 4096;

/// What the real client sends, with and without a hardware key (sign 1).
const OF_THE_CLIENT: [&str; 12] = [
    "pacman.type",
    "pacman.compose_apps_root",
    "pacman.compose_apps",
    "pacman.reset_apps_root",
    "pacman.reset_apps",
    "pacman.tags",
    "tls.pkey_source",
    "tls.cert_source",
    "storage.tls_pkey_path",
    "storage.tls_clientcert_path",
    "import.tls_pkey_path",
    "import.tls_clientcert_path",
];

/// The keys that may be overridden, as `section.key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Vec<(String, String)>);

impl Default for Allowed {
    fn default() -> Self {
        Self(OF_THE_CLIENT.iter().filter_map(|word| Self::split(word)).collect())
    }
}

impl Allowed {
    /// A list of `section.key`. The error is the first word that is none.
    ///
    /// # Errors
    /// The word.
    pub fn read(words: &[String]) -> Result<Self, String> {
        let split = |word: &String| Self::split(word).ok_or_else(|| word.clone());
        words.iter().map(split).collect::<Result<_, _>>().map(Self)
    }

    fn split(word: &str) -> Option<(String, String)> {
        let (section, key) = word.split_once('.')?;
        (is_bare(section) && is_bare(key)).then(|| (section.to_owned(), key.to_owned()))
    }

    /// Checks a request's overrides.
    ///
    /// # Errors
    /// [`Error::BadRequest`] names the key and what is wrong.
    pub(super) fn check(&self, overrides: &[(String, Keys)]) -> Result<(), Error> {
        for (section, keys) in overrides {
            if !self.0.iter().any(|(known, _)| known == section) {
                return Err(not_allowed(section));
            }
            for (key, value) in keys {
                if !self.0.iter().any(|(s, k)| s == section && k == key) {
                    return Err(not_allowed(&format!("{section}.{key}")));
                }
                if value.as_ref().is_some_and(|value| !is_toml(value)) {
                    let shown: String =
                        value.iter().flat_map(|text| text.chars()).take(80).collect();
                    return Err(bad(
                        format!("the override {section}.{key} is not a TOML value: {shown:?}"),
                        "send one TOML value on one line, texts in their quotes",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn not_allowed(what: &str) -> Error {
    let shown: String = what.chars().take(80).collect();
    bad(
        format!("a device may not set {shown:?} in its sota.toml"),
        "leave it out, or allow it under `overrides` of the factory in station.toml",
    )
}

/// A bare key of TOML: nothing in it could end a line or open a section.
fn is_bare(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fit)
}

/// Whether a text is one TOML value on one line, and nothing behind it.
fn is_toml(value: &str) -> bool {
    if value.len() > LONGEST || value.chars().any(|c| c.is_control() && c != '\t') {
        return false;
    }
    let Ok(table) = toml::from_str::<toml::Table>(&format!("v = {value}")) else { return false };
    let only = table.len() == 1;
    // A comment is no part of a value; with one, the text would still be a line of TOML.
    only && table.get("v").is_some_and(is_plain) && !has_comment(value)
}

fn is_plain(value: &toml::Value) -> bool {
    match value {
        toml::Value::Table(_) | toml::Value::Datetime(_) => false,
        toml::Value::Array(values) => values.iter().all(is_plain),
        _ => true,
    }
}

/// Whether the line goes on being TOML when something that is none is written behind it.
fn has_comment(value: &str) -> bool {
    toml::from_str::<toml::Table>(&format!("v = {value} \"")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: &str, key: &str, value: &str) -> Result<(), Error> {
        let keys = vec![(key.to_owned(), Some(value.to_owned()))];
        Allowed::default().check(&[(section.to_owned(), keys)])
    }

    #[test]
    fn what_the_client_sends_is_taken() {
        for (section, key, value) in [
            ("pacman", "type", "\"ostree+compose_apps\""),
            ("pacman", "compose_apps_root", "\"/var/sota/compose-apps\""),
            ("pacman", "reset_apps", "\" \""),
            ("pacman", "reset_apps", "\"\""),
            ("pacman", "tags", "\"main, devel\""),
            ("tls", "pkey_source", "\"pkcs11\""),
            ("pacman", "compose_apps", "[\"a\", 1, true]"),
            ("pacman", "tags", "\"{hardware_id:>400000000}\""),
            ("pacman", "tags", "\"a # b\""),
        ] {
            assert_eq!(check(section, key, value), Ok(()), "{section}.{key} = {value}");
        }
    }

    #[test]
    fn what_would_be_something_else_than_a_value_is_refused() {
        for value in [
            "x",
            "\"x",
            "\"x\"\n[pacman]\npackages_file = \"/evil\"",
            "1\nk = 2",
            "\"a\" # b",
            "{hardware_id:>400000000}",
            "{hardware_id.__class__.__mro__}",
            "{0}",
            "{",
            "{{}}",
            "{ a = 1 }",
            "[1",
            "1 2",
            "\"a\"\r\n",
            "\"\"\"a\nb\"\"\"",
        ] {
            assert!(check("pacman", "tags", value).is_err(), "{value:?}");
        }
        assert!(check("pacman", "tags", &format!("\"{}\"", "x".repeat(5000))).is_err());
    }

    #[test]
    fn other_keys_and_sections_are_refused() {
        for (section, key) in [
            ("tls", "server"),
            ("uptane", "repo_server"),
            ("a]\nk = 1\n[b", "k"),
            ("a b", "k"),
            ("pacman", "tags\nk"),
            ("pacman", "packages_file"),
        ] {
            assert!(check(section, key, "\"x\"").is_err(), "{section}.{key}");
        }
        assert!(Allowed::default().check(&[("evil".to_owned(), vec![])]).is_err());
        for word in ["", "a", "a.", ".b", "a.b.c", "a b.c", "a.b\n"] {
            assert_eq!(Allowed::read(&[word.to_owned()]), Err(word.to_owned()));
        }
        let wider = Allowed::read(&["tls.server".to_owned()]).unwrap();
        let keys = vec![("server".to_owned(), Some("\"https://x\"".to_owned()))];
        assert_eq!(wider.check(&[("tls".to_owned(), keys)]), Ok(()));
    }
}
