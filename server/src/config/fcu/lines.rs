//! The line of every key of fcu.yml, and the keys that stand twice.
//!
//! The YAML reader gives values without their places; this goes through the same text once more
//! and keeps nothing of it but paths, lines, and how numbers are written.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

use crate::config::faults::Findings;
use crate::config::places::{PRODUCT, dotted, product_line};

/// Deeper than this nothing is looked for; the reader refuses it.
const DEEPEST: usize = 32;

enum Frame {
    /// A mapping: the key whose value comes next, and the lines of those seen.
    Mapping { path: String, key: Option<String>, seen: BTreeMap<String, usize>, is_key: bool },
    /// A list and how many elements it has so far.
    List { path: String, count: usize, is_key: bool },
}

/// Records where the keys of `text` stand, and a fault for each that stands twice.
pub fn find(text: &str, findings: &Findings) {
    let mut frames: Vec<Frame> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { return };
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, ..) => {
                if let Some((path, is_key)) = place(&mut frames, Some(&text), line, findings)
                    && !is_key
                    && style == ScalarStyle::Plain
                    && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
                {
                    findings.is_written(format!("{PRODUCT}{path}"), text.into_owned());
                }
            }
            Event::Alias(_) => {
                let placed = place(&mut frames, None, line, findings);
                end_of_node(&mut frames, placed.is_some_and(|(_, is_key)| is_key));
            }
            Event::MappingStart(..) | Event::SequenceStart(..) if frames.len() >= DEEPEST => return,
            Event::MappingStart(..) => {
                let placed = place(&mut frames, None, line, findings);
                let (path, is_key) = placed.unwrap_or_default();
                frames.push(Frame::Mapping { path, key: None, seen: BTreeMap::new(), is_key });
            }
            Event::SequenceStart(..) => {
                let placed = place(&mut frames, None, line, findings);
                let (path, is_key) = placed.unwrap_or_default();
                frames.push(Frame::List { path, count: 0, is_key });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let ended = frames.pop();
                let Some(Frame::Mapping { is_key, .. } | Frame::List { is_key, .. }) = ended else {
                    return;
                };
                end_of_node(&mut frames, is_key);
            }
            _ => {}
        }
    }
}

/// A value ends its key; a key that is no word is one all the same.
fn end_of_node(frames: &mut [Frame], is_key: bool) {
    if let Some(Frame::Mapping { key, .. }) = frames.last_mut() {
        *key = is_key.then(|| "?".to_owned());
    }
}

/// The path of the node that begins now, and whether it is the key of a mapping. For a word that is
/// a key nothing else is to be done; a word that is a value ends its key.
fn place(
    frames: &mut [Frame],
    word: Option<&str>,
    line: usize,
    findings: &Findings,
) -> Option<(String, bool)> {
    match frames.last_mut()? {
        Frame::List { path, count, .. } => {
            *count += 1;
            let element = format!("{path}[{count}]");
            findings.stands(format!("{PRODUCT}{element}"), line);
            Some((element, false))
        }
        Frame::Mapping { path, key: key @ None, seen, .. } => {
            let name = word.unwrap_or("?");
            let own = dotted(&[path, name]);
            if let (Some(first), Some(_)) = (seen.get(name), word) {
                let fix = format!("the first is in line {first}; keep one of them");
                findings.fault(product_line(line), format!("{own} stands twice"), fix);
            }
            seen.entry(name.to_owned()).or_insert(line);
            findings.stands(format!("{PRODUCT}{own}"), line);
            *key = word.map(str::to_owned);
            Some((own, true))
        }
        Frame::Mapping { path, key, .. } => {
            let own = dotted(&[path, key.as_deref().unwrap_or_default()]);
            if word.is_some() {
                *key = None;
            }
            Some((own, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::places::Places;

    #[test]
    fn every_key_has_its_line() {
        let findings = Findings::default();
        findings.set_places(Places::of(Path::new("station.toml"), Path::new("/etc")));
        let text = "# comment\na: 1\nb:\n  c: &x [u, v]\n  d: {e: 0755, f: *x}\n? [k, l]\n: m\n\
                    g:\n  - h: 1\n    i: 2\n  -\n    h: 3\nlast: \"2\"\n";
        find(text, &findings);
        for (key, line) in [
            ("a", 2),
            ("b", 3),
            ("b.c", 4),
            ("b.c[2]", 4),
            ("b.d.f", 5),
            ("g", 8),
            ("g[1].h", 9),
            ("g[1].i", 10),
            ("g[2].h", 12),
            ("last", 13),
        ] {
            let place = findings.place(&format!("{PRODUCT}{key}"));
            assert_eq!(place, format!("fcu.yml:{line}: {key}"));
        }
        assert_eq!(findings.number("fcu.yml: b.d.e").as_deref(), Some("0755"));
        assert_eq!(findings.number("fcu.yml: last"), None);
    }

    #[test]
    fn what_stands_twice_names_its_first_place() {
        let findings = Findings::default();
        findings.set_places(Places::of(Path::new("station.toml"), Path::new("/etc")));
        find("a: 1\nb: {c: 1}\nd:\n  c: 1\na: 2\nd: 3\nb: {c: 1, c: 2}\n", &findings);
        let faults = findings.conclude(Some(())).map_or_else(|f| f.to_string(), |_| String::new());
        let lines: Vec<_> = faults.lines().collect();
        assert_eq!(
            lines,
            [
                "fcu.yml:5: a stands twice; the first is in line 1; keep one of them",
                "fcu.yml:6: d stands twice; the first is in line 3; keep one of them",
                "fcu.yml:7: b stands twice; the first is in line 2; keep one of them",
                "fcu.yml:7: b.c stands twice; the first is in line 7; keep one of them",
            ]
        );
    }
}
