//! The rules of the house, read from its own sources: who may know whom, how long a file may be,
//! which words name nothing. What the compiler or clippy can hold is not repeated here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which other rooms of the station each room may name. `assemble` and `main` put them together.
const MAY_NAME: [(&str, &[&str]); 12] = [
    ("ra", &[]),
    ("pem", &[]),
    ("ca", &["ra", "pem"]),
    ("journal", &["ra"]),
    ("store", &["ra", "journal"]),
    ("export", &["ra"]),
    ("supply", &[]),
    ("station", &["ra", "ca", "store", "supply"]),
    ("config", &["pem"]),
    ("init", &[]),
    ("serve", &[]),
    ("front", &["ra", "ca", "store", "export", "station", "config", "pem"]),
];

/// What belongs to one place. `serve` starts the runtime that `front` runs on.
const BELONGS_TO: [(&str, &[&str]); 8] = [
    (
        "rustix::fs",
        &[
            "station/disk.rs",
            "supply/",
            "assemble/outlook/owners.rs",
            "store/embedded/last_backup.rs",
            "store/embedded/restore.rs",
        ],
    ),
    ("rusqlite::", &["store/"]),
    ("mongodb::", &["store/"]),
    ("bson::", &["store/"]),
    ("actix_web::", &["front/", "serve/"]),
    ("TcpLink", &["front/injection/"]),
    // The second is a wire between a database and its tests.
    ("TcpStream", &["front/injection/", "store/mongodb/tests/"]),
    ("UdpSocket", &[]),
];

/// Longer than this, a file most likely has two jobs.
const LONGEST: usize = 400;

/// Files that are longer all the same, and why.
const EXCUSED: [(&str, &str); 0] = [];

/// Words that say nothing about what a thing is for. (A process is also one of the system's, and
/// the common name of a certificate is called so.)
const EMPTY_WORDS: [&str; 9] =
    ["manager", "service", "helper", "util", "utils", "common", "data", "info", "handle"];

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below a folder with its text, by its path from the tree's root. What is not text, and
/// what is not kept in the tree, is left out.
fn texts(folder: &str) -> BTreeMap<String, String> {
    fn walk(tree: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if ["target", ".git", ".demo", ".dist", ".cache"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                walk(tree, &path, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let from_root = path.strip_prefix(tree).unwrap().to_str().unwrap();
                found.insert(from_root.to_owned(), text);
            }
        }
    }
    let (tree, mut found) = (tree(), BTreeMap::new());
    walk(&tree, &tree.join(folder), &mut found);
    assert!(!found.is_empty(), "nothing below {folder}");
    found
}

pub fn sources(folder: &str) -> BTreeMap<String, String> {
    texts(folder).into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

/// A source's lines without its comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The station's sources by their path below `server/src`.
fn station() -> BTreeMap<String, String> {
    let below = |path: &str| path.strip_prefix("server/src/").unwrap().to_owned();
    sources("server/src").into_iter().map(|(path, text)| (below(&path), text)).collect()
}

/// A room's own tests may borrow from anybody.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// The names that follow `before` in a line: `crate::ra::Record` gives `ra` behind `crate::`.
fn names_behind<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(before).skip(1).map(|rest| {
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}

/// `front` knows everybody, `ra` nobody: the direction of house rule 2.
#[test]
fn rooms_name_only_the_rooms_below_them() {
    let mut broken = Vec::new();
    let sources = station();
    for (room, allowed) in MAY_NAME {
        let folder = format!("{room}/");
        let files = sources.iter().filter(|(path, _)| path.starts_with(&folder));
        let files: Vec<_> = files.filter(|(path, _)| !is_test(path)).collect();
        assert!(!files.is_empty(), "the room {room} is gone");
        for (path, text) in files {
            for (number, line) in code(text) {
                for named in names_behind(line, "crate::") {
                    let is_room = MAY_NAME.iter().any(|(other, _)| *other == named);
                    let outside = is_room || ["assemble", "main"].contains(&named);
                    if outside && named != room && !allowed.contains(&named) {
                        broken.push(format!("{path}:{number} names {named}"));
                    }
                }
                // Out of the window: as many steps up as the file is deep lead out of the room.
                let depth = path.trim_end_matches("/mod.rs").split('/').count();
                let of_inner_tests = line.trim() == "use super::*;";
                if line.contains(&"super::".repeat(depth)) && !of_inner_tests {
                    broken.push(format!("{path}:{number} climbs out of {room}"));
                }
            }
        }
    }
    let rooms: Vec<_> = sources.keys().filter_map(|path| path.split_once('/')).collect();
    // The composition root knows everybody.
    for (room, _) in rooms.into_iter().filter(|(room, _)| *room != "assemble") {
        assert!(MAY_NAME.iter().any(|(known, _)| *known == room), "{room} has no rule");
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A protocol's folder knows the station and the common part of `front`, never another protocol.
#[test]
fn protocols_do_not_know_each_other() {
    let sources = station();
    let folder =
        |path: &str| path.strip_prefix("front/")?.split_once('/').map(|(it, _)| it.to_owned());
    let mut protocols: Vec<_> = sources.keys().filter_map(|path| folder(path)).collect();
    protocols.dedup();
    assert!(protocols.len() > 1, "{protocols:?}");
    for (path, text) in &sources {
        let Some(own) = folder(path) else { continue };
        for (number, line) in code(text) {
            for other in protocols.iter().filter(|other| **other != own) {
                for way in ["front::", "super::"] {
                    let named = names_behind(line, way).any(|name| name == other);
                    assert!(!named, "front/{path}:{number} names {other}");
                }
            }
        }
    }
}

/// Nobody but `store` knows a database, nobody but `front` knows the web, and nobody but the
/// injection front end opens a socket to a device.
#[test]
fn libraries_stay_where_they_belong() {
    for (path, text) in station().into_iter().filter(|(path, _)| !is_test(path)) {
        for (number, line) in code(&text) {
            for (named, places) in BELONGS_TO {
                // `store::mongodb::` is a room of ours, `mongodb::` the library.
                let begins = |at: usize| {
                    let before = line[..at].chars().last().unwrap_or(' ');
                    !before.is_ascii_alphanumeric() && !['_', ':'].contains(&before)
                };
                let named_here = line.match_indices(named).any(|(at, _)| begins(at));
                let at_home = places.iter().any(|place| path.starts_with(place));
                assert!(at_home || !named_here, "{path}:{number} names {named}");
            }
        }
    }
}

/// The command line knows the station by its wire only.
#[test]
fn the_command_line_does_not_know_the_station() {
    for (path, text) in sources("cli/src").into_iter().chain(sources("fcc")) {
        assert!(!text.contains("pep_server::"), "{path}");
    }
}

#[test]
fn files_have_one_job() {
    for folder in ["server", "cli", "fcc", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            let excused = EXCUSED.iter().any(|(known, _)| *known == path);
            assert!(lines <= LONGEST || excused, "{path} has {lines} lines: two jobs?");
            assert!(lines > LONGEST || !excused, "{path} needs no excuse any more");
            let first = text.lines().next().unwrap_or_default();
            assert!(first.starts_with("//!"), "{path} does not say what it is for");
        }
    }
}

/// Names say what a thing is for.
#[test]
fn names_are_not_empty_words() {
    const DEFINE: [&str; 8] = ["fn", "struct", "enum", "trait", "mod", "const", "static", "type"];
    for folder in ["server", "cli", "fcc", "tests"] {
        for (path, text) in sources(folder) {
            for (number, line) in code(&text) {
                let mut words = line.split_whitespace();
                let Some(name) = words.find(|word| DEFINE.contains(word)).and(words.next()) else {
                    continue;
                };
                let name =
                    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
                let parts = words_of(name).replace("common name", "");
                for empty in EMPTY_WORDS {
                    let says_nothing = parts.split(' ').any(|part| part == empty);
                    assert!(!says_nothing, "{path}:{number}: {name}");
                }
            }
            let file = Path::new(&path).file_stem().unwrap().to_str().unwrap();
            assert!(!EMPTY_WORDS.contains(&file), "{path}");
        }
    }
}

/// `StationProcess` and `STATION_PROCESS` as `station process`.
fn words_of(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for sign in name.chars() {
        if sign == '_' {
            words.push(' ');
        } else {
            if sign.is_uppercase() && before.is_lowercase() {
                words.push(' ');
            }
            words.extend(sign.to_lowercase());
        }
        before = sign;
    }
    words
}

/// A clone anywhere is as good as any: nothing names a place on the machine it was written on.
#[test]
fn nothing_names_a_place_of_one_machine() {
    let own = tree().to_str().unwrap().to_owned();
    let places = ["home", "Users", "work", "root"].map(|word| format!("/{word}/"));
    for (path, text) in texts("") {
        for place in places.iter().chain([&own]) {
            assert!(!text.contains(place.as_str()), "{path} names {place}");
        }
    }
}
