//! `pep yield`: how many attempts ended how, by hour, day or station, and the first-pass yield.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::unit::OfSpace;
use super::{Bench, Done};
use crate::client::{Ask, JSON, Query, Wait, not_a_station};
use crate::failure::{Failure, one_line};

/// The longest table, in bytes: decades of hours.
const LONGEST: usize = 64 * 1024 * 1024;

/// Columns, with the member of a row that each shows.
const COLUMNS: [(&str, &str); 7] = [
    ("ATTEMPTS", "attempts"),
    ("CONFIRMED", "confirmed"),
    ("SENT", "sent"),
    ("FAILED", "failed"),
    ("UNITS", "units"),
    ("FIRST PASS", "firstPass"),
    ("YIELD", "yield"),
];

/// What attempts are counted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The hour in which they ended
    #[default]
    Hour,
    /// The day
    Day,
    /// The station that ran them
    Station,
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Station => "station",
        }
    }
}

/// The options of `yield`.
#[derive(Args, Default)]
#[command(
    long_about = "Count the attempts that ended: how many confirmed, sent without an answer, and \
        failed, by the hour, the day or the station. Needs an operator's token: --token-file or \
        PEP_OPERATOR_TOKEN_FILE.\n\n\
        The first-pass yield is the share of units that had their identity after their first \
        attempt ever, among those whose first attempt ended there. Selftests do not count, nor does \
        what still runs. A device that registered itself (--space sign) confirms nothing: what was \
        sent to it counts as confirmed.\n\n\
        Hours and days are those of this machine's time zone, or of --time-zone.",
    after_long_help = "\
Examples:
  pep yield --since 2027-01-31 --until 2027-02-01 --token-file token
  pep yield --by station
  pep yield --by day --csv > yield.csv"
)]
pub struct Options {
    /// What is counted together
    #[arg(long, value_enum, ignore_case = true, default_value = "hour")]
    pub by: By,

    /// Only attempts that ended from this time on: 2027-01-31 or 2027-01-31T08:00:00Z
    ///
    /// A date is its beginning in UTC.
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub since: Option<String>,

    /// Only attempts that ended before this time; a date is its beginning in UTC
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub until: Option<String>,

    /// Only units of this category
    #[arg(short, long, value_name = "CATEGORY")]
    pub category: Option<String>,

    /// Whose units.
    #[command(flatten)]
    pub of: OfSpace,

    /// Whose hours and days, such as Europe/Helsinki or UTC [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = NonEmptyStringValueParser::new())]
    pub time_zone: Option<String>,

    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Ask for the counts and print them.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let zone = options.time_zone.clone().unwrap_or_else(own_zone);
    let mut query = Query::new();
    query
        .add("by", options.by.word())
        .add("timeZone", &zone)
        .add_given("since", options.since.as_deref())
        .add_given("until", options.until.as_deref())
        .add_given("category", options.category.as_deref());
    options.of.add_to(&mut query);
    let ask = Ask { route: "yield", query: &query, accept: JSON };
    let mut answer = bench.client.ask(&ask, Wait::Whole).await?;
    let text = String::from_utf8(answer.body(LONGEST).await?).map_err(|_| not_a_station())?;
    let document: Value = serde_json::from_str(&text).map_err(|_| not_a_station())?;
    let (Some(rows), Some(total)) =
        (document.get("rows").and_then(Value::as_array), document.get("total"))
    else {
        return Err(not_a_station());
    };
    Ok(if bench.json {
        Done::printed(format!("{}\n", text.trim()))
    } else if options.csv {
        Done::printed(csv(options.by, rows))
    } else {
        let notes = vec![format!("by {} in {zone}", options.by.word())];
        Done { stdout: table(options.by, rows, total), notes }
    })
}

/// The name of this machine's time zone; UTC where it has no name that others know.
fn own_zone() -> String {
    TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}

fn cells(row: &Value) -> [String; COLUMNS.len()] {
    COLUMNS.map(|(_, member)| match (member, row.get(member)) {
        (_, None | Some(Value::Null)) => String::new(),
        ("yield", Some(share)) => {
            share.as_f64().map(|share| format!("{:.1} %", share * 100.0)).unwrap_or_default()
        }
        (_, Some(count)) => one_line(&count.to_string()),
    })
}

fn table(by: By, rows: &[Value], total: &Value) -> String {
    let shown = |row: &Value| {
        let key = one_line(row.get("key").and_then(Value::as_str).unwrap_or_default());
        // Offset and seconds are in the CSV.
        match by {
            By::Hour => key.get(..16).unwrap_or(&key).replace('T', " "),
            By::Day => key.get(..10).unwrap_or(&key).to_owned(),
            By::Station => key,
        }
    };
    let mut lines = vec![(by.word().to_uppercase(), COLUMNS.map(|(title, _)| title.to_owned()))];
    lines.extend(rows.iter().map(|row| (shown(row), cells(row))));
    lines.push(("all".to_owned(), cells(total)));
    let first = lines.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default();
    let mut widths = [0; COLUMNS.len()];
    for (_, cells) in &lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |(key, cells): &(String, [String; COLUMNS.len()])| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{key:<first$}{}", cells.collect::<String>()).trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

fn csv(by: By, rows: &[Value]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let names: Vec<String> =
        std::iter::once(by.word()).chain(COLUMNS.map(|(_, member)| member)).map(quoted).collect();
    let mut text = names.join(",") + "\n";
    for row in rows {
        let key = row.get("key").and_then(Value::as_str).unwrap_or_default();
        // A station's name is an operator's own; no spreadsheet may run it all the same.
        let runs = key.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let key = if runs { format!("'{key}") } else { key.to_owned() };
        let counts = COLUMNS.map(|(_, member)| row.get(member).map(Value::to_string));
        let counts = counts.map(Option::unwrap_or_default).join(",");
        text.push_str(&format!("{},{counts}\n", quoted(&key)));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, answer};

    fn document() -> String {
        let counts = |attempts: u32, share: Option<f64>| {
            let mut row = json!({"attempts": attempts, "confirmed": 2, "sent": 0, "failed": 1,
                                 "units": 2, "firstPass": 1});
            if let Some(share) = share {
                row["yield"] = json!(share);
            }
            row
        };
        let mut row = counts(3, Some(0.5));
        row["key"] = json!("2027-01-31T08:00:00+02:00");
        json!({"by": "hour", "timeZone": "Europe/Helsinki", "rows": [row], "total": counts(3, None)})
            .to_string()
    }

    async fn printed(options: Options, json: bool) -> (Done, String) {
        let station = Canned::answering([answer(200, "application/json", document())]);
        let mut bench = station.bench();
        bench.json = json;
        let done = run(&options, &bench).await.unwrap();
        (done, station.heads()[0].lines().next().unwrap().to_owned())
    }

    fn options() -> Options {
        Options { time_zone: Some("Europe/Helsinki".to_owned()), ..Options::default() }
    }

    #[tokio::test]
    async fn a_table_a_csv_and_the_document() {
        let (done, asked) = printed(options(), false).await;
        assert_eq!(
            done.stdout,
            "\
HOUR              ATTEMPTS  CONFIRMED  SENT  FAILED  UNITS  FIRST PASS   YIELD
2027-01-31 08:00         3          2     0       1      2           1  50.0 %
all                      3          2     0       1      2           1
"
        );
        assert_eq!(asked, "GET /v3/yield?by=hour&timeZone=Europe%2FHelsinki HTTP/1.1");
        assert_eq!(done.notes, ["by hour in Europe/Helsinki"]);
        let (done, _) = printed(Options { csv: true, ..options() }, false).await;
        assert_eq!(
            done.stdout,
            "\"hour\",\"attempts\",\"confirmed\",\"sent\",\"failed\",\"units\",\"firstPass\",\"yield\"\n\
             \"2027-01-31T08:00:00+02:00\",3,2,0,1,2,1,0.5\n"
        );
        let (done, _) = printed(options(), true).await;
        assert_eq!(done, Done::printed(document() + "\n"));
    }
}
