//! Units as a table: for a terminal of some width, or whole for whatever reads a pipe.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::colour::Paint;
use crate::failure::one_line;

/// Columns of the table, with the member of a row that each shows.
const COLUMNS: [(&str, &str); 5] = [
    ("SERIAL", "serialNumber"),
    ("STATE", "state"),
    ("AT", "at"),
    ("STATION", "station"),
    ("REASON", "reason"),
];
/// Characters of a reason that are shown even where the terminal is narrower.
const LEAST: usize = 12;
/// What stands in the place of what was cut.
const CUT: &str = "...";

/// Whom the table is for.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Whole, with times as the station wrote them.
    Piped,
    /// A terminal of this many columns, with times of this zone.
    Terminal(usize, TimeZone),
}

impl Shape {
    /// The terminal at standard output.
    pub fn of_the_terminal() -> Self {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        Self::Terminal(width.unwrap_or(80), TimeZone::system())
    }
}

/// Rows with a header; nothing for no rows.
pub fn table(rows: &[Map<String, Value>], shape: Shape, paint: Paint) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = COLUMNS.map(|(title, _)| title.to_owned());
    let mut cells: Vec<[String; COLUMNS.len()]> =
        rows.iter().map(|row| COLUMNS.map(|(_, member)| shown(row, member, &shape))).collect();
    let mut widths = [0; COLUMNS.len()];
    for line in std::iter::once(&header).chain(&cells) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    if let Shape::Terminal(columns, _) = shape {
        let [before @ .., last] = &mut widths;
        let taken: usize = before.iter().map(|width| width + 2).sum();
        *last = (*last).min(columns.saturating_sub(taken).max(LEAST));
        let room = *last;
        for [.., reason] in &mut cells {
            *reason = cut(reason, room);
        }
    }
    let mut text = String::new();
    let titles = header.iter().zip(widths).map(|(title, width)| format!("{title:<width$}"));
    text.push_str(paint.strong(titles.collect::<Vec<_>>().join("  ").trim_end()).as_str());
    text.push('\n');
    for (line, row) in cells.iter().zip(rows) {
        let padded: Vec<String> = line
            .iter()
            .zip(widths)
            .zip(COLUMNS)
            .map(|((cell, width), (_, member))| match member {
                "state" if is_developer(row) => paint.developer(&format!("{cell:<width$}")),
                "state" => paint.state(cell, &format!("{cell:<width$}")),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// At most `room` characters, with a sign that there were more.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(CUT.len())).collect();
    format!("{}{CUT}", kept.trim_end())
}

/// A development unit says so beside its state, also where there are no colours; one that another
/// tool has provisioned has no station.
fn shown(row: &Map<String, Value>, member: &str, shape: &Shape) -> String {
    let text = cell(row.get(member));
    match (member, shape) {
        ("state", _) if is_developer(row) => format!("{text} developer"),
        ("station", _) if text.is_empty() && row.get("deployed") == Some(&Value::Bool(true)) => {
            "adopted".to_owned()
        }
        ("at", Shape::Terminal(_, zone)) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => at.to_zoned(zone.clone()).strftime("%F %T").to_string(),
            Err(_) => text,
        },
        _ => text,
    }
}

fn is_developer(row: &Map<String, Value>) -> bool {
    row.get("developer") == Some(&Value::Bool(true))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => one_line(text),
        // A reason: its sentence; the number is in `pep show`.
        Some(Value::Object(reason)) => cell(reason.get("text")),
        Some(other) => one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use serde_json::json;

    use super::*;

    fn rows() -> Vec<Map<String, Value>> {
        let rows = json!([
            {"serialNumber": "GW-1", "state": "failed", "at": "2027-01-01T22:30:00.123456789Z",
             "station": "line-1", "reason": {"text": "the device closed the connection", "number": 9}},
            {"serialNumber": "GW-2", "state": "confirmed", "at": "2027-01-01T08:00:00Z",
             "deployed": true},
        ]);
        rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect()
    }

    #[test]
    fn a_terminal_gets_local_times_and_what_fits() {
        let zone = TimeZone::fixed(Offset::from_hours(2).unwrap());
        let text = table(&rows(), Shape::Terminal(70, zone.clone()), Paint::Plain);
        assert_eq!(
            text,
            "\
SERIAL  STATE      AT                   STATION  REASON
GW-1    failed     2027-01-02 00:30:00  line-1   the device closed...
GW-2    confirmed  2027-01-01 10:00:00  adopted
"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 70));
        let wide = table(&rows(), Shape::Terminal(200, zone.clone()), Paint::Plain);
        assert!(wide.contains("the device closed the connection"), "{wide}");
        let narrow = table(&rows(), Shape::Terminal(20, zone), Paint::Plain);
        assert!(narrow.contains("the devic..."), "{narrow}");
    }

    #[test]
    fn a_pipe_gets_everything() {
        let text = table(&rows(), Shape::Piped, Paint::Plain);
        for whole in ["2027-01-01T22:30:00.123456789Z", "the device closed the connection"] {
            assert!(text.contains(whole), "{text}");
        }
        assert_eq!(table(&[], Shape::Piped, Paint::Plain), "");
    }
}
