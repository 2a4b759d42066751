//! Two deny lists beside each other: the station's and the platform's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::failure::one_line;

/// What the station knows of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether it has a live certificate.
    pub registered: bool,
    /// Why it is denied here.
    pub denied: Option<String>,
}

/// A device that is on one of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its UUID, in lower case.
    pub uuid: String,
    known: Known,
    on_platform: bool,
}

impl Row {
    /// Whether it is registered here, may come in here, and will be refused there.
    pub fn is_lost(&self) -> bool {
        self.on_platform && self.known.registered && self.known.denied.is_none()
    }

    fn here(&self) -> &'static str {
        match (&self.known.denied, self.known.registered) {
            (Some(_), true) => "denied, registered",
            (Some(_), false) => "denied",
            (None, true) => "registered",
            (None, false) => "unknown",
        }
    }

    fn there(&self) -> &'static str {
        if self.on_platform { "denied" } else { "not denied" }
    }

    /// What would fix a difference.
    fn fix(&self) -> String {
        let uuid = &self.uuid;
        match (self.on_platform, &self.known.denied, self.known.registered) {
            (true, None, true) => format!("fioctl devices delete-denied {uuid}"),
            (true, None, false) => "nothing, unless it is to be registered here".to_owned(),
            (true, Some(_), _) => "nothing: both refuse it".to_owned(),
            (false, Some(_), true) => format!("fioctl devices delete {uuid}"),
            (false, Some(_), false) => "nothing: it was never registered here".to_owned(),
            (false, None, _) => String::new(),
        }
    }

    /// A line for a person.
    pub fn as_text(&self) -> String {
        let (uuid, here, there) = (&self.uuid, self.here(), self.there());
        format!("{uuid}  here: {here:<18}  platform: {there:<10}  {}\n", self.fix())
    }

    /// An object for a program.
    pub fn as_json(&self) -> Value {
        let mut row = json!({
            "uuid": self.uuid,
            "registered": self.known.registered,
            "denied": self.known.denied.is_some(),
            "deniedOnPlatform": self.on_platform,
            "fix": self.fix(),
        });
        if let (Some(reason), Some(members)) = (&self.known.denied, row.as_object_mut()) {
            members.insert("reason".to_owned(), one_line(reason).into());
        }
        row
    }
}

/// Every device that is on one of the lists, by UUID.
pub fn compare(known: &BTreeMap<String, Known>, platform: &BTreeSet<String>) -> Vec<Row> {
    let denied = known.iter().filter(|(_, known)| known.denied.is_some()).map(|(uuid, _)| uuid);
    let all: BTreeSet<&String> = denied.chain(platform).collect();
    let row = |uuid: &String| Row {
        uuid: uuid.clone(),
        known: known.get(uuid).cloned().unwrap_or_default(),
        on_platform: platform.contains(uuid),
    };
    all.into_iter().map(row).collect()
}

/// Every UUID in a text, in lower case and with hyphens: whatever table or document it stands in,
/// and whatever an office program has made of its hyphens.
pub fn uuids_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && !is_hyphen(c));
    words.filter_map(uuid).collect()
}

/// A word as a UUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12, or all in one.
fn uuid(word: &str) -> Option<String> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let mut given = Vec::new();
    for group in word.split(is_hyphen) {
        given.push(group.len());
    }
    if given != GROUPS && given != [32] {
        return None;
    }
    let mut digits = word.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase());
    let groups = GROUPS.map(|length| digits.by_ref().take(length).collect::<String>());
    Some(groups.join("-"))
}

/// The hyphen, and what office programs and web pages put in its place.
fn is_hyphen(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(number: u32) -> String {
        format!("{number:08x}-0000-4000-8000-00000000000a")
    }

    #[test]
    fn uuids_are_found_in_any_table() {
        let text = format!(
            "UUID      FACTORY\n----      -------\n{}  acme\r\n{{\"uuid\": \"{}\"}},{}x,{}-1",
            uuid(1).to_uppercase(),
            uuid(2),
            uuid(3),
            uuid(4),
        );
        let found: Vec<_> = uuids_in(&text).into_iter().collect();
        assert_eq!(
            found,
            [uuid(1), uuid(2), uuid(3)],
            "x is not a digit, so the third ends before it"
        );
    }

    #[test]
    fn uuids_in_every_spelling() {
        let plain = uuid(1).replace('-', "");
        let other = |hyphen: char| uuid(1).replace('-', &hyphen.to_string());
        for text in [
            plain.clone(),
            plain.to_uppercase(),
            other('\u{2010}'),
            other('\u{2011}'),
            other('\u{2013}'),
            other('\u{2212}'),
            other('\u{ff0d}'),
            other('\u{ad}'),
            format!("{{{}}}", uuid(1)),
            format!("urn:uuid:{}", uuid(1)),
            format!("\"{plain}\",acme"),
            format!("[\"{}\"]", uuid(1)),
        ] {
            assert_eq!(uuids_in(&text).into_iter().collect::<Vec<_>>(), [uuid(1)], "{text}");
        }
        for text in [
            &format!("{plain}0"),
            &plain[1..],
            &format!("{}-", uuid(1)),
            &plain.replacen('0', "0-", 1),
            "HTTP_401 unauthorized",
            "",
        ] {
            assert!(uuids_in(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn each_difference_says_what_fixes_it() {
        let known = |registered, denied: Option<&str>| Known {
            registered,
            denied: denied.map(str::to_owned),
        };
        let here = BTreeMap::from([
            (uuid(1), known(true, None)),
            (uuid(2), known(true, Some("stolen"))),
            (uuid(3), known(false, Some("scrap"))),
            (uuid(4), known(true, Some("stolen"))),
            (uuid(5), known(true, None)),
        ]);
        let there = BTreeSet::from([uuid(1), uuid(2), uuid(6)]);
        let rows = compare(&here, &there);
        let told: Vec<_> = rows.iter().map(|row| (row.here(), row.there(), row.fix())).collect();
        let both = "nothing: both refuse it".to_owned();
        assert_eq!(
            told,
            [
                ("registered", "denied", format!("fioctl devices delete-denied {}", uuid(1))),
                ("denied, registered", "denied", both),
                ("denied", "not denied", "nothing: it was never registered here".to_owned()),
                ("denied, registered", "not denied", format!("fioctl devices delete {}", uuid(4))),
                ("unknown", "denied", "nothing, unless it is to be registered here".to_owned()),
            ]
        );
        assert_eq!(rows.iter().filter(|row| row.is_lost()).count(), 1);
    }
}
