//! Rows in an order of one's own. Of a long list only the first are kept while it is read, so
//! that memory does not grow with the ledger.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    by: By,
    reversed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Serial,
    Time,
    State,
}

/// Reads `serial`, `time` or `state`, with a dash before it the other way round.
pub fn read(text: &str) -> Result<Sort, String> {
    let (reversed, word) = match text.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, text),
    };
    let by = match word.to_ascii_lowercase().as_str() {
        "serial" => By::Serial,
        "time" => By::Time,
        "state" => By::State,
        _ => return Err("it has to be serial, time or state, or one of them behind a dash".into()),
    };
    Ok(Sort { by, reversed })
}

impl Sort {
    fn compare(self, one: &Map<String, Value>, other: &Map<String, Value>) -> Ordering {
        let (a, b) = (key(one), key(other));
        let by = match self.by {
            By::Serial => natural(a.serial, b.serial),
            By::Time => a.time.cmp(&b.time),
            By::State => a.state.cmp(b.state),
        };
        // Equal ones by serial number, whichever way round the rest is.
        if self.reversed { by.reverse() } else { by }.then_with(|| natural(a.serial, b.serial))
    }
}

struct Key<'a> {
    serial: &'a str,
    state: &'a str,
    time: Option<jiff::Timestamp>,
}

fn key(row: &Map<String, Value>) -> Key<'_> {
    let text = |member: &str| row.get(member).and_then(Value::as_str).unwrap_or_default();
    Key { serial: text("serialNumber"), state: text("state"), time: text("at").parse().ok() }
}

/// Numbers in a text count as numbers: GW-9 comes before GW-10.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    loop {
        let (first, second) = (piece(&mut a), piece(&mut b));
        let ordered = match (number(first), number(second)) {
            (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)),
            _ => first.cmp(second),
        };
        if ordered != Ordering::Equal {
            return ordered;
        }
        if first.is_empty() {
            return one.cmp(other);
        }
    }
}

/// Takes digits, or what stands before the next digit.
fn piece<'a>(text: &mut &'a str) -> &'a str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (piece, rest) = text.split_at(end);
    *text = rest;
    piece
}

fn number(piece: &str) -> Option<&str> {
    piece.starts_with(|c: char| c.is_ascii_digit()).then(|| piece.trim_start_matches('0'))
}

/// The rows that are shown.
pub struct Kept {
    sort: Option<Sort>,
    most: Option<usize>,
    rows: Vec<Map<String, Value>>,
    dropped: bool,
}

impl Kept {
    /// None yet; at most so many of them.
    pub fn new(sort: Option<Sort>, most: Option<usize>) -> Self {
        Self { sort, most, rows: Vec::new(), dropped: false }
    }

    /// Take a page in.
    pub fn add(&mut self, page: Vec<Map<String, Value>>) {
        self.rows.extend(page);
        if let Some(sort) = self.sort {
            self.rows.sort_by(|one, other| sort.compare(one, other));
        }
        if let Some(most) = self.most {
            self.dropped |= self.rows.len() > most;
            self.rows.truncate(most);
        }
    }

    /// Whether some had no room.
    pub fn dropped(&self) -> bool {
        self.dropped
    }

    /// The rows in their order.
    pub fn rows(self) -> Vec<Map<String, Value>> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(serial: &str, state: &str, at: &str) -> Map<String, Value> {
        let row = json!({ "serialNumber": serial, "state": state, "at": at });
        row.as_object().unwrap().clone()
    }

    fn sorted(order: &str, most: Option<usize>) -> (Vec<String>, bool) {
        let mut kept = Kept::new(Some(read(order).unwrap()), most);
        kept.add(vec![
            row("GW-10", "sent", "2027-01-01T08:00:00Z"),
            row("GW-9", "confirmed", "2027-01-01T08:00:00.5Z"),
        ]);
        kept.add(vec![row("A-1", "sent", "2026-12-31T08:00:00Z")]);
        let dropped = kept.dropped();
        let serials = kept.rows().into_iter();
        (serials.map(|row| row["serialNumber"].as_str().unwrap().to_owned()).collect(), dropped)
    }

    #[test]
    fn every_order_both_ways() {
        for (order, serials) in [
            ("serial", ["A-1", "GW-9", "GW-10"]),
            ("-serial", ["GW-10", "GW-9", "A-1"]),
            ("time", ["A-1", "GW-10", "GW-9"]),
            ("-time", ["GW-9", "GW-10", "A-1"]),
            ("state", ["GW-9", "A-1", "GW-10"]),
            ("-State", ["A-1", "GW-10", "GW-9"]),
        ] {
            assert_eq!(sorted(order, None), (serials.map(str::to_owned).to_vec(), false));
        }
        assert_eq!(sorted("serial", Some(2)), (vec!["A-1".into(), "GW-9".into()], true));
        for wrong in ["", "-", "date", "--time"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_count_as_numbers() {
        for (one, other) in
            [("GW-9", "GW-10"), ("a1b2", "a1b10"), ("007", "8"), ("", "a"), ("a", "a1")]
        {
            assert_eq!(natural(one, other), Ordering::Less, "{one} {other}");
        }
        assert_eq!(natural("GW-1", "GW-1"), Ordering::Equal);
        // Not the same text, so not the same place.
        assert_ne!(natural("01", "1"), Ordering::Equal);
    }
}
