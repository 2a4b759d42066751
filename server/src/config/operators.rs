//! `[operators]`: the tokens that open the routes which are not for gateways.
//!
//! Who may call which route is not decided here; this file only knows which tokens exist.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::faults::Findings;
use super::files::{as_text, read_bounded, warn_if_open_to_others};
use super::section::Section;

/// A token an operator presents, and the name it stands for in records.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// Whose token it is; recorded with what was done.
    pub name: String,
    /// The bearer token itself (RFC 6750 2.1), to be compared in constant time.
    pub token: Zeroizing<String>,
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorToken({})", self.name)
    }
}

const KEY: &str = "token_file";
/// The name of a token that stands alone on its line.
const NAMELESS: &str = "operator";
/// Most bytes of a token file.
const FILE_LIMIT: u64 = 64 << 10;
const SHORTEST: usize = 16;
const LONGEST: usize = 512;

/// Reads `[operators]` and the token file it names. No tokens: the operators' routes stay closed.
///
/// Only the default file may be missing: who names another one means it to be there.
pub fn read(mut section: Section<'_>) -> Vec<OperatorToken> {
    let default = section.folder().join("operator.token");
    let file = section.file_or(KEY, "operator.token");
    let findings = section.findings();
    if file == default && file.symlink_metadata().is_err() {
        section
            .warn(KEY, format!("there is no {}: the operators' routes are closed", file.display()));
        section.finish();
        return Vec::new();
    }
    let key = section.key(KEY);
    section.finish();
    let tokens = match read_bounded(&file, FILE_LIMIT) {
        Ok(bytes) => {
            warn_if_open_to_others(&file, findings);
            tokens_of(&bytes, (&key, &file), findings)
        }
        Err(problem) => {
            let problem = format!("{} {problem}", file.display());
            findings.fault(&key, problem, "put one `name:token` a line there, mode 600");
            return Vec::new();
        }
    };
    if tokens.is_empty() {
        let text = format!("{} holds no token: the operators' routes are closed", file.display());
        findings.warn(&key, text);
    }
    tokens
}

/// Reads the lines of a token file. Faults name the line, never what stands on it.
fn tokens_of(bytes: &[u8], (key, file): (&str, &Path), findings: &Findings) -> Vec<OperatorToken> {
    let shown = findings.shown(file);
    let Some(text) = as_text(bytes) else {
        findings.fault(key, format!("{shown} is not UTF-8 text"), "save it as UTF-8");
        return Vec::new();
    };
    let mut tokens: Vec<OperatorToken> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, token) = line.split_once(':').unwrap_or((NAMELESS, line));
        let (name, token) = (name.trim(), token.trim());
        let problem = if !fit_name(name) {
            "the name has characters other than letters, digits, `.`, `_` and `-`, or more than 64"
        } else if token.len() < SHORTEST {
            "the token has fewer than 16 characters"
        } else if token.len() > LONGEST {
            "the token has more than 512 characters"
        } else if !token.bytes().all(fit_in_token) {
            "the token has characters that a bearer token cannot have"
        } else if tokens.iter().any(|other| other.token.as_str() == token) {
            "the token stands in an earlier line as well"
        } else {
            tokens.push(OperatorToken {
                name: name.to_owned(),
                token: Zeroizing::new(token.to_owned()),
            });
            continue;
        };
        findings.fault(
            key,
            format!("{shown}:{}: {problem}", index + 1),
            "write `name:token`, the token random and of 32 characters or more",
        );
    }
    tokens
}

fn fit_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The signs of a bearer token: RFC 6750 2.1, `b64token`.
fn fit_in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> (Vec<OperatorToken>, String) {
        let findings = Findings::default();
        let file = ("[operators] token_file", Path::new("operator.token"));
        let tokens = tokens_of(text.as_bytes(), file, &findings);
        let faults = findings.conclude(Some(())).map_or_else(|f| f.to_string(), |_| String::new());
        (tokens, faults)
    }

    #[test]
    fn names_and_bare_tokens_are_read() {
        let (tokens, faults) =
            faults("# the line's people\n\nanna : 0123456789abcdef\r\nABCDEFGHIJKLMNOPQR\n");
        assert_eq!(faults, "");
        let read: Vec<_> = tokens.iter().map(|t| (t.name.as_str(), t.token.as_str())).collect();
        assert_eq!(read, [("anna", "0123456789abcdef"), ("operator", "ABCDEFGHIJKLMNOPQR")]);
    }

    #[test]
    fn bad_lines_are_named_and_their_tokens_are_not_shown() {
        for line in [
            "anna:0123456789abcde",
            "0123456789abcde",
            "anna:0123456789 abcdef",
            "an na:0123456789abcdef",
            ":0123456789abcdef",
            "anna:0123456789abcdef:x",
        ] {
            let (tokens, faults) = faults(&format!("\n{line}\n"));
            assert!(tokens.is_empty(), "{line}");
            assert!(faults.contains("token_file: operator.token:2: "), "{faults}");
            assert!(!faults.contains("012345"), "{faults}");
        }
        let (tokens, faults) = faults("a:0123456789abcdef\nb:0123456789abcdef");
        assert_eq!(tokens.len(), 1);
        assert!(faults.contains(":2: the token stands in an earlier line"), "{faults}");
    }

    #[test]
    fn a_token_is_not_in_its_debug_form() {
        let (tokens, _) = faults("anna:0123456789abcdef");
        assert_eq!(format!("{tokens:?}"), "[OperatorToken(anna)]");
    }
}
