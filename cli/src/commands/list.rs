//! `pep list`: units by where they stand, to find those in doubt.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::pages::Pages;
use super::unit::OfSpace;
use super::{Bench, Done};
use crate::colour::Paint;
use crate::failure::{Failure, one_line};

/// Rows a page when `--all` reads everything.
const ROWS_A_PAGE: u32 = 500;
/// Rows when nothing else is asked.
const USUAL_ROWS: u32 = 50;
/// Columns of the table, with the member of a row that each shows.
const COLUMNS: [(&str, &str); 5] = [
    ("SERIAL", "serialNumber"),
    ("STATE", "state"),
    ("AT", "at"),
    ("STATION", "station"),
    ("REASON", "reason"),
];

/// Where units stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Claimed, nothing signed
    Reserved,
    /// Signed, and nothing has left the station
    Issued,
    /// The identity may be on the device: in doubt
    Sent,
    /// The device holds its identity
    Confirmed,
    /// The last attempt failed
    Failed,
    /// Somebody is at it now, or was when a station died
    Open,
    /// An operator has let it be done again, and nobody has tried since
    Released,
    /// It is on the deny list, wherever else it stands
    Denied,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Issued => "issued",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Open => "open",
            Self::Released => "released",
            Self::Denied => "denied",
        }
    }
}

/// The options of `list`.
#[derive(Args)]
#[command(
    long_about = "Print the units whose last attempt is in this state, newest first. Needs an \
        operator's token: --token-file or PEP_OPERATOR_TOKEN_FILE.\n\n\
        Units in doubt are those that are `sent`: the identity has left the station and the device \
        did not answer. They and those that `failed` are finished with `pep get-one-identity`, as \
        if they were new; `pep show SERIAL` tells what happened to one.\n\n\
        With --json the rows are printed as one document.",
    after_long_help = "\
Examples:
  pep list --state sent --token-file token
  pep list --state failed --all --json | jq -r '.results[].serialNumber'"
)]
pub struct Options {
    /// Only units in this state [default: all units]
    #[arg(long, value_enum, ignore_case = true)]
    pub state: Option<State>,

    /// Whose units.
    #[command(flatten)]
    pub of: OfSpace,

    /// Units at most, up to 1000 [default: 50; with --all units a page, 500]
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,

    /// All of them
    #[arg(long)]
    pub all: bool,
}

/// Read the page or the pages and print the table.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let usual = if options.all { ROWS_A_PAGE } else { USUAL_ROWS };
    let limit = options.limit.unwrap_or(usual);
    let state = options.state.map(|state| ("state", state.word()));
    let space = options.of.word().map(|space| ("space", space));
    let only = state.into_iter().chain(space).collect();
    let mut pages = Pages::from(&bench.client, "units", limit, "DESC", None).only(only);
    let mut rows = Vec::new();
    let mut more = false;
    loop {
        let page = pages.next().await?;
        let full = page.rows.len() as u64 == u64::from(limit);
        let empty = page.rows.is_empty();
        rows.extend(page.rows);
        if !options.all {
            more = full;
            break;
        }
        if empty {
            break;
        }
    }
    let mut notes = Vec::new();
    if !bench.json {
        let which = options.state.map(|state| format!(" {}", state.word())).unwrap_or_default();
        notes.push(format!("{}{which}", super::export::units(rows.len() as u64)));
    }
    if more {
        notes.push("there may be more: --all lists all of them".to_owned());
    }
    let stdout = if bench.json {
        let results: Vec<_> = rows.into_iter().map(Value::Object).collect();
        format!("{}\n", json!({ "results": results }))
    } else {
        table(&rows, bench.paint)
    };
    Ok(Done { stdout, notes })
}

/// Rows with a header; nothing for no rows.
fn table(rows: &[Map<String, Value>], paint: Paint) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = COLUMNS.map(|(title, _)| title.to_owned());
    let cells: Vec<[String; COLUMNS.len()]> =
        rows.iter().map(|row| COLUMNS.map(|(_, member)| shown(row, member))).collect();
    let mut widths = [0; COLUMNS.len()];
    for line in std::iter::once(&header).chain(&cells) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
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

/// A development unit says so beside its state, also where there are no colours.
fn shown(row: &Map<String, Value>, member: &str) -> String {
    let text = cell(row.get(member));
    // An older system provisioned it, or claimed it: no station of this one has been at it.
    if member == "station" && text.is_empty() && row.get("state") != Some(&json!("denied")) {
        return "adopted".to_owned();
    }
    if member == "state" && is_developer(row) { format!("{text} developer") } else { text }
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
mod tests;
