//! What a power cut, a bad disk and a careless hand do to a journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;

fn event(number: u64) -> Event {
    Event::Operation {
        at: "2027-01-01T00:00:00Z".to_owned(),
        operator: "line".to_owned(),
        act: format!("act {number}"),
        request_id: String::new(),
    }
}

fn append(journal: &mut Journal, numbers: std::ops::RangeInclusive<u64>) -> Position {
    let events: Vec<_> = numbers.map(|n| serde_json::to_string(&event(n)).unwrap()).collect();
    journal.append(&events).unwrap()
}

/// A journal of `one` with ten events in files of about three.
fn ten(folder: &Path) -> Position {
    let mut journal = Journal::open(folder, "one", 300, Position::default()).unwrap();
    (1..=10).map(|number| append(&mut journal, number..=number)).last().unwrap()
}

fn read(folder: &Path, seen: &[(&str, Position)]) -> (Vec<Event>, Position, Vec<JournalFault>) {
    let seen: BTreeMap<_, _> = seen.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
    let mut events = Vec::new();
    let read = read_after(folder, &seen, |_, event| {
        events.push(event);
        Ok(())
    });
    let (ends, faults) = read.unwrap();
    (events, ends.get("one").copied().unwrap_or_default(), faults)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_appended_is_read_over_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let end = ten(folder.path());
    assert!(files(folder.path()).len() >= 3);
    let (events, found, faults) = read(folder.path(), &[]);
    assert_eq!((events, found, faults), ((1..=10).map(event).collect(), end, vec![]));
    let (events, found, faults) = read(folder.path(), &[("one", end)]);
    assert_eq!((events, found, faults), (vec![], end, vec![]));
}

#[test]
fn a_start_reads_only_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "one", 300, Position::default()).unwrap();
    let middle = append(&mut journal, 1..=4);
    let end = append(&mut journal, 5..=6);
    let (events, found, faults) = read(folder.path(), &[("one", middle)]);
    assert_eq!((events, found, faults), (vec![event(5), event(6)], end, vec![]));
}

/// Cut, or never written, from any byte of the last line on: normal, and appended behind as if it
/// had never been.
#[test]
fn a_torn_last_line_is_normal() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "one", 1 << 20, Position::default()).unwrap();
    let before = append(&mut journal, 1..=2);
    let end = append(&mut journal, 3..=3);
    drop(journal);
    let file = files(folder.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    assert!(whole.len() as u64 > end.offset, "no room was made");
    for cut in before.offset..end.offset {
        let cut = cut as usize;
        let mut never_written = whole.clone();
        never_written[cut..].fill(0);
        for torn in [&whole[..cut], &never_written] {
            std::fs::write(&file, torn).unwrap();
            let (events, found, faults) = read(folder.path(), &[]);
            assert_eq!((events.len(), found, faults), (2, before, vec![]), "cut at {cut}");
            let mut journal = Journal::open(folder.path(), "one", 1 << 20, found).unwrap();
            append(&mut journal, 7..=7);
            let (events, _, faults) = read(folder.path(), &[]);
            assert_eq!((events, faults), (vec![event(1), event(2), event(7)], vec![]));
        }
    }
}

/// A disk writes the pieces of a group in any order: whatever is missing of the last group is
/// normal, and what is missing of one that was followed by another is not.
#[test]
fn a_hole_is_normal_in_the_last_group_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "one", 4096, Position::default()).unwrap();
    let before = append(&mut journal, 1..=2);
    let end = append(&mut journal, 3..=6);
    let file = files(folder.path()).remove(0);
    let last = std::fs::read(&file).unwrap();
    append(&mut journal, 7..=8);
    drop(journal);
    let followed = std::fs::read(&file).unwrap();
    for hole in (before.offset as usize..end.offset as usize).step_by(3) {
        for length in [1, 60, 150, 400] {
            let hole = hole..(hole + length).min(end.offset as usize);
            let mut torn = last.clone();
            torn[hole.clone()].fill(0);
            std::fs::write(&file, torn).unwrap();
            let (events, found, faults) = read(folder.path(), &[]);
            assert_eq!(faults, vec![], "{hole:?}");
            assert!(events.len() >= 2 && events.len() < 6, "{hole:?}: {events:?}");
            let mut journal = Journal::open(folder.path(), "one", 4096, found).unwrap();
            append(&mut journal, 9..=9);
            let (again, _, faults) = read(folder.path(), &[]);
            assert_eq!(
                (again.len(), again.last(), faults),
                (events.len() + 1, Some(&event(9)), vec![])
            );

            let mut damaged = followed.clone();
            damaged[hole.clone()].fill(0);
            std::fs::write(&file, damaged).unwrap();
            let (events, _, faults) = read(folder.path(), &[]);
            assert!(!faults.is_empty() && events.contains(&event(8)), "{hole:?}: {faults:?}");
        }
    }
}

/// What stands behind the last group of a file that was followed by another was never begun.
#[test]
fn an_ended_file_may_keep_its_room() {
    let folder = tempfile::tempdir().unwrap();
    let end = ten(folder.path());
    let first = files(folder.path()).remove(0);
    let length = std::fs::metadata(&first).unwrap().len();
    std::fs::File::options().write(true).open(&first).unwrap().set_len(length + 5000).unwrap();
    let (events, found, faults) = read(folder.path(), &[]);
    assert_eq!((events.len(), found, faults), (10, end, vec![]));
}

/// A flipped bit is reported with the place of its line; the rest is read.
#[test]
fn a_flipped_bit_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "one", 1 << 20, Position::default()).unwrap();
    let first = append(&mut journal, 1..=1);
    let second = append(&mut journal, 2..=2);
    append(&mut journal, 3..=3);
    let file = files(folder.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    for at in first.offset..second.offset {
        let mut bytes = whole.clone();
        bytes[at as usize] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let (events, _, faults) = read(folder.path(), &[]);
        assert!(!faults.is_empty(), "byte {at}");
        assert!(faults[0].to_string().contains("byte "), "{faults:?}");
        assert!(events.contains(&event(1)) && !events.contains(&event(2)), "byte {at}");
        assert!(events.contains(&event(3)) || at + 1 == second.offset, "byte {at}: {events:?}");
    }
}

#[test]
fn what_is_missing_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let end = ten(folder.path());
    let all = files(folder.path());
    std::fs::remove_file(&all[1]).unwrap();
    let (events, found, faults) = read(folder.path(), &[]);
    assert!(matches!(faults[0], JournalFault::Missing { .. }), "{faults:?}");
    assert!(matches!(faults[1], JournalFault::Gap { .. }), "{faults:?}");
    assert_eq!(found, end);
    assert!(events.contains(&event(1)) && events.contains(&event(10)));

    // A line taken out of the middle.
    let text = std::fs::read_to_string(&all[0]).unwrap();
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| l).collect();
    std::fs::write(&all[0], without.join("\n") + "\n").unwrap();
    let (_, _, faults) = read(folder.path(), &[]);
    assert!(matches!(faults[0], JournalFault::Gap { wanted: 2, found: 3, .. }), "{faults:?}");

    // A file shorter than what the ledger has seen, and one that is gone.
    let seen = Position { file: end.file, offset: end.offset + 1, ..end };
    let (_, _, faults) = read(folder.path(), &[("one", seen)]);
    assert!(matches!(faults[0], JournalFault::Short { .. }), "{faults:?}");
    let (_, _, faults) =
        read(folder.path(), &[("two", Position { file: 1, offset: 9, sequence: 1 })]);
    assert!(faults.iter().any(|fault| matches!(fault, JournalFault::Missing { .. })), "{faults:?}");
}

#[test]
fn stations_of_any_name_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "Linie 7/Ω", "one-2", "%41"] {
        let mut journal = Journal::open(folder.path(), name, 300, Position::default()).unwrap();
        append(&mut journal, 1..=2);
    }
    let mut stations = Vec::new();
    let read = read_after(folder.path(), &BTreeMap::new(), |station, _| {
        stations.push(station.to_owned());
        Ok(())
    });
    let (ends, faults) = read.unwrap();
    assert_eq!((ends.len(), stations.len(), faults), (4, 8, vec![]));
    assert!(stations.contains(&"Linie 7/Ω".to_owned()));
}

#[test]
fn no_sealing_key_stands_in_an_event() {
    let record = crate::store::contract::reserved("GW-1", 1);
    assert!(record.sealing_key.is_some());
    let document = serde_json::to_string(&record).unwrap();
    let event = record_event(3, &record, &document).unwrap();
    assert!(document.contains("sealed") && !event.contains("sealed"), "{event}");
    let Event::Record { version, record: read } = serde_json::from_str(&event).unwrap() else {
        panic!("{event}")
    };
    assert_eq!((version, read.executions), (3, record.executions.clone()));

    let bare = Record { sealing_key: None, ..record };
    let document = serde_json::to_string(&bare).unwrap();
    let event = record_event(4, &bare, &document).unwrap();
    let read: Event = serde_json::from_str(&event).unwrap();
    assert_eq!(read, Event::Record { version: 4, record: Box::new(bare) });
}
