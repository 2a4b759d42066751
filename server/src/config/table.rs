//! station.toml as a tree of values, with the line of every key in it.
//!
//! Every place that is not TOML is named, and of what stands twice the first place: somebody who
//! uncomments a section has to find the other one.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::faults::Findings;
use super::places::{in_toml, station_line};

/// How the reader calls what stands twice.
const TWICE: &str = "duplicate key";
/// Faults in the form of a file beyond this many are most likely what the first ones lead to.
const MOST: usize = 10;

/// Reads the outermost table. A text that is not TOML ends the reading: nothing in it can be relied
/// upon. What stands twice is a fault, and the reading goes on.
pub fn read(text: &str, findings: &Findings) -> Option<Map<String, Value>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let (twice, broken): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.message() == TWICE);
    let mut firsts = BTreeMap::new();
    for error in twice {
        say_twice(text, error, &mut firsts, findings);
    }
    let mut lines = Vec::new();
    for error in &broken {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        if !lines.contains(&line) && lines.len() < MOST {
            lines.push(line);
            let problem = format!("not valid TOML: {}", error.message().trim());
            findings.fault(station_line(line), problem, "correct this line");
        }
    }
    let values = entries(table.get_ref(), &[], &|at| line_at(text, at), findings);
    broken.is_empty().then_some(values)
}

/// The line, counted from 1, in which the byte at `offset` stands.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn entries(
    table: &DeTable<'_>,
    path: &[String],
    line: &dyn Fn(usize) -> usize,
    findings: &Findings,
) -> Map<String, Value> {
    let mut entries = Map::new();
    for (key, value) in table {
        let (name, at) = (key.get_ref().to_string(), line(key.span().start));
        findings.stands(in_toml(path, &name), at);
        let below: Vec<_> = path.iter().cloned().chain([name.clone()]).collect();
        if matches!(value.get_ref(), DeValue::Table(_)) {
            findings.stands(format!("[{}]", below.join(".")), at);
        }
        entries.insert(name, value_of(value.get_ref(), &below, line, findings));
    }
    entries
}

fn value_of(
    value: &DeValue<'_>,
    path: &[String],
    line: &dyn Fn(usize) -> usize,
    findings: &Findings,
) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            let unsigned = u64::from_str_radix(digits, radix).ok().map(Value::from);
            let signed = || i64::from_str_radix(digits, radix).ok().map(Value::from);
            unsigned.or_else(signed).unwrap_or_else(|| float(digits))
        }
        DeValue::Float(number) => float(number.as_str()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        // Readers say what it is, and take it for nothing else.
        DeValue::Datetime(time) => Value::Object(Map::from_iter([(
            super::words::TIME.to_owned(),
            time.to_string().into(),
        )])),
        DeValue::Array(values) => {
            let element = |(index, value): (usize, &Spanned<DeValue<'_>>)| {
                let position = format!("[{}]", index + 1);
                findings.stands(in_toml(path, &position), line(value.span().start));
                let below: Vec<_> = path.iter().cloned().chain([position]).collect();
                value_of(value.get_ref(), &below, line, findings)
            };
            Value::Array(values.iter().enumerate().map(element).collect())
        }
        DeValue::Table(table) => Value::Object(entries(table, path, line, findings)),
    }
}

/// A number with a fraction; infinity and its like, which no key takes, as their words.
fn float(text: &str) -> Value {
    let number = text.parse().ok().and_then(Number::from_f64);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// Says of a key or a section that stands twice where it stands first.
fn say_twice(text: &str, error: &Error, firsts: &mut BTreeMap<usize, usize>, findings: &Findings) {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or_default();
    let begins = before.rfind('\n').map_or(0, |end| end + 1);
    let line = line_at(text, at);
    let written = text.get(begins..).unwrap_or_default();
    let is_header = written.trim_start().starts_with('[');
    let written = if is_header { written.lines().next().unwrap_or_default() } else { written };
    let (alone, _) = DeTable::parse_recoverable(written);
    let (above, _) = DeTable::parse_recoverable(text.get(..begins).unwrap_or_default());
    let section = if is_header {
        Vec::new()
    } else {
        last_section(above.get_ref(), text).unwrap_or_default()
    };
    let within = path_to(alone.get_ref(), at.saturating_sub(begins));
    // A key between braces, whose first place is between the same ones, is named alone.
    let path: Vec<String> =
        within.map(|within| section.into_iter().chain(within).collect()).unwrap_or_default();
    let first = place_of(above.get_ref(), &path).map(|at| line_at(text, at));
    let first = first.map(|first| firsts.get(&first).copied().unwrap_or(first));
    let name = match path.split_last() {
        Some(_) if is_header => format!("[{}]", path.join(".")),
        Some((key, [])) => key.clone(),
        Some((key, section)) => in_toml(section, key),
        None => text.get(error.span().unwrap_or_default()).unwrap_or("a key").to_owned(),
    };
    let problem = format!("{name} stands twice");
    let fix = match first {
        Some(first) => {
            firsts.insert(line, first);
            format!("the first is in line {first}; keep one of them")
        }
        None => "keep one of them".to_owned(),
    };
    findings.fault(station_line(line), problem, fix);
}

/// The section whose header stands last in `table`: the one that the end of its text belongs to.
/// Tables between braces have no header.
fn last_section(table: &DeTable<'_>, text: &str) -> Option<Vec<String>> {
    let mut last: Option<(usize, Vec<String>)> = None;
    let mut open: Vec<(Vec<String>, &DeTable<'_>)> = vec![(Vec::new(), table)];
    while let Some((path, table)) = open.pop() {
        for (key, value) in table {
            let below = |part: Option<String>| -> Vec<String> {
                path.iter().cloned().chain([key.get_ref().to_string()]).chain(part).collect()
            };
            let tables: Vec<_> = match value.get_ref() {
                DeValue::Table(table) => vec![(below(None), value.span().start, table)],
                DeValue::Array(values) => values
                    .iter()
                    .enumerate()
                    .filter_map(|(index, value)| {
                        let position = Some(format!("[{}]", index + 1));
                        let DeValue::Table(table) = value.get_ref() else { return None };
                        Some((below(position), value.span().start, table))
                    })
                    .collect(),
                _ => Vec::new(),
            };
            for (path, at, table) in tables {
                let has_header = text.get(at..).is_some_and(|rest| rest.starts_with('['));
                if has_header && last.as_ref().is_none_or(|(known, _)| *known < at) {
                    last = Some((at, path.clone()));
                }
                open.push((path, table));
            }
        }
    }
    last.map(|(_, path)| path)
}

/// The path of the key that stands at `at`.
fn path_to(table: &DeTable<'_>, at: usize) -> Option<Vec<String>> {
    for (key, value) in table {
        let own = vec![key.get_ref().to_string()];
        if key.span().contains(&at) {
            return Some(own);
        }
        let below = match value.get_ref() {
            DeValue::Table(table) => path_to(table, at),
            _ => None,
        };
        if let Some(below) = below {
            return Some(own.into_iter().chain(below).collect());
        }
    }
    None
}

/// Where the key with this path stands; a position in a list is passed, the last element where a
/// header names none.
fn place_of(table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (name, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    let position = rest.first().filter(|part| part.starts_with('['));
    let rest = if position.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
    if rest.is_empty() {
        return Some(key.span().start);
    }
    match value.get_ref() {
        DeValue::Table(table) => place_of(table, rest),
        DeValue::Array(values) => match values.last()?.get_ref() {
            DeValue::Table(table) => place_of(table, rest),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::places::Places;

    fn said(text: &str) -> (Option<Map<String, Value>>, String) {
        let findings = Findings::default();
        findings.set_places(Places::of(Path::new("station.toml"), Path::new("/etc/pep")));
        let values = read(text, &findings);
        let faults = findings.conclude(Some(())).map_or_else(|f| f.to_string(), |_| String::new());
        (values, faults)
    }

    #[test]
    fn values_are_those_of_the_file() {
        let text = "a = 0x1f\nb = -1\nc = 1_000\nd = 1.5\ne = inf\nf = 18446744073709551615\n\
                    [g.h]\ni = [true, {j = 'k'}]\n[[l]]\n[[l]]\nm = 2026-01-01\n";
        let wanted = serde_json::json!({
            "a": 31, "b": -1, "c": 1000, "d": 1.5, "e": "inf", "f": u64::MAX,
            "g": {"h": {"i": [true, {"j": "k"}]}},
            "l": [{}, {"m": {"$__toml_private_datetime": "2026-01-01"}}],
        });
        let (values, faults) = said(text);
        assert_eq!((values.map(Value::Object), faults.as_str()), (Some(wanted), ""));
    }

    #[test]
    fn what_stands_twice_names_its_first_place() {
        for (text, wanted) in [
            ("[http]\na = 1\n\n[http]\nb = 1\n", "4: [http] stands twice; the first is in line 1"),
            ("[http]\na = 1\na = 2\n", "3: [http] a stands twice; the first is in line 2"),
            ("a = 1\n\"a\" = 2\n", "2: a stands twice; the first is in line 1"),
            (
                "[[s.f]]\nn = 1\n[[s.f]]\nn = 1\nn = 2",
                "5: [s] f[2].n stands twice; the first is in line 4",
            ),
            (
                "[[s.f]]\n[s.f.c]\nu = 1\n[s.f.c]\n",
                "4: [s.f.c] stands twice; the first is in line 2",
            ),
            (
                "[a]\nb = \"\"\"\n[x]\n\"\"\"\nb = 1\n",
                "5: [a] b stands twice; the first is in line 2",
            ),
            ("[s]\nf = []\n[[s.f]]\n", "3: [s.f] stands twice; the first is in line 2"),
        ] {
            let (values, faults) = said(text);
            assert!(values.is_some());
            assert!(faults.starts_with(&format!("station.toml:{wanted}")), "{text}: {faults}");
        }
        let (_, faults) = said("[http]\n[log]\n[http]\n[http]\n");
        assert_eq!(faults.matches("the first is in line 1").count(), 2, "{faults}");
    }

    #[test]
    fn everything_that_is_no_toml_is_named_with_its_line() {
        let (values, faults) = said("[http]\nlisten = \nlevel = info\na = 1 2\n[log\n");
        assert_eq!(values, None);
        for line in ["station.toml:2: not valid TOML: ", "station.toml:3: ", "station.toml:5: "] {
            assert!(faults.contains(line), "{line}: {faults}");
        }
    }
}
