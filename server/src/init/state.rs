//! Where ledger and journal are kept, written into station.toml: so that the service and every
//! command find the same ones, whatever their environment says.

use std::path::Path;

use zeroize::Zeroizing;

use super::InitError;

/// The two lines of the text of record, and what stands in their place below a state folder.
const LINES: [(&str, &str); 2] = [
    ("\npath = \"store/ledger.sqlite\"\n", "ledger.sqlite"),
    ("\npath = \"store/journal\"\n", "journal"),
];

/// station.toml with its ledger and journal in `state`.
pub(super) fn place(text: &[u8], state: &Path) -> Result<Zeroizing<Vec<u8>>, InitError> {
    let refuse =
        |problem: &str| InitError::State { path: state.to_owned(), problem: problem.to_owned() };
    let absolute = std::path::absolute(state).map_err(|error| refuse(&error.to_string()))?;
    if absolute.exists() && !absolute.is_dir() {
        return Err(refuse("it is not a folder"));
    }
    let mut text =
        String::from_utf8(text.to_vec()).map_err(|_| refuse("station.toml is not text"))?;
    for (line, name) in LINES {
        let path = written(&absolute.join(name)).ok_or_else(|| refuse("it is not UTF-8"))?;
        if text.matches(line).count() != 1 {
            return Err(refuse("station.toml has no place for it"));
        }
        text = text.replace(line, &format!("\npath = {path}\n"));
    }
    Ok(Zeroizing::new(text.into_bytes()))
}

/// A path as a value of TOML.
fn written(path: &Path) -> Option<String> {
    Some(toml::Value::String(path.to_str()?.to_owned()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../keystore.example/station.toml");

    #[test]
    fn both_paths_are_written_and_nothing_else() {
        let placed = place(TEXT.as_bytes(), Path::new("/var/lib/pep")).unwrap();
        let placed = std::str::from_utf8(&placed).unwrap();
        let changed: Vec<_> =
            placed.lines().zip(TEXT.lines()).filter(|(now, was)| now != was).collect();
        assert_eq!(
            changed,
            [
                ("path = \"/var/lib/pep/ledger.sqlite\"", "path = \"store/ledger.sqlite\""),
                ("path = \"/var/lib/pep/journal\"", "path = \"store/journal\""),
            ]
        );
        let placed = place(TEXT.as_bytes(), Path::new("/a \"b\"\\c")).unwrap();
        let read: toml::Table = toml::from_str(std::str::from_utf8(&placed).unwrap()).unwrap();
        assert_eq!(read["store"]["path"].as_str(), Some("/a \"b\"\\c/ledger.sqlite"));
    }
}
