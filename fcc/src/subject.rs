//! What can be said in a CSR request's `Subj` (profile and names 4.3).
//!
//! The device takes broken text silently, so everything is checked before it is sent. Which
//! subject a certificate gets is not decided here: the final certificate's subject may differ.

/// The longest value of one subject attribute, in bytes of UTF-8.
pub const LONGEST_VALUE: usize = 255;

/// Why a name cannot be written in `Subj`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsayable {
    /// The device refuses a backslash however it is written.
    #[error("a backslash cannot be written in a CSR request")]
    Backslash,
    /// A NUL cuts the subject, and the device reports success.
    #[error("a NUL cannot be written in a CSR request")]
    Nul,
    /// Blanks before a value are skipped at some places and refused at others.
    #[error("a leading blank cannot be written in a CSR request")]
    LeadingBlank,
    /// An empty name names nobody.
    #[error("an empty name cannot be written in a CSR request")]
    Empty,
    /// More than [`LONGEST_VALUE`] bytes.
    #[error("a name of {0} bytes is too long for a CSR request, {LONGEST_VALUE} is the most")]
    TooLong(usize),
}

/// `Subj` for a subject that is the common name `name` alone: `CN=` and the name, commas escaped.
///
/// # Errors
/// [`Unsayable`] when the device would refuse or cut it; another subject has to be asked for then.
pub fn common_name(name: &str) -> Result<String, Unsayable> {
    match name {
        "" => Err(Unsayable::Empty),
        _ if name.contains('\\') => Err(Unsayable::Backslash),
        _ if name.contains('\0') => Err(Unsayable::Nul),
        _ if name.starts_with(' ') => Err(Unsayable::LeadingBlank),
        _ if name.len() > LONGEST_VALUE => Err(Unsayable::TooLong(name.len())),
        // Only the comma: the device refuses any other escape.
        _ => Ok(format!("CN={}", name.replace(',', "\\,"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_or_refused() {
        for (name, said) in [
            ("GW 1%41&b", Ok("CN=GW 1%41&b")),
            ("a,b", Ok("CN=a\\,b")),
            (",,", Ok("CN=\\,\\,")),
            ("=+\"'#/", Ok("CN==+\"'#/")),
            ("Ünit-7/Ω", Ok("CN=Ünit-7/Ω")),
            ("a ", Ok("CN=a ")),
            ("a\\b", Err(Unsayable::Backslash)),
            ("a\0b", Err(Unsayable::Nul)),
            (" a", Err(Unsayable::LeadingBlank)),
            ("", Err(Unsayable::Empty)),
        ] {
            assert_eq!(common_name(name), said.map(str::to_owned), "{name:?}");
        }
    }

    #[test]
    fn the_limit_counts_bytes_before_escaping() {
        assert!(common_name(&",".repeat(255)).is_ok());
        assert_eq!(common_name(&"Ω".repeat(128)), Err(Unsayable::TooLong(256)));
    }
}
