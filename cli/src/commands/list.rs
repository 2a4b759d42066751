//! `pep list`: units by where they stand, to find those in doubt.

mod sorted;
mod table;

use std::io::Write as _;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::pages::Pages;
use super::unit::OfSpace;
use super::{Bench, Done};
use crate::failure::Failure;
use sorted::{Kept, Sort};
use table::{Shape, table};

/// Rows a page when all have to be read.
const ROWS_A_PAGE: u32 = 500;
/// Rows when nothing else is asked.
const USUAL_ROWS: u32 = 50;

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
#[derive(Args, Default)]
#[command(
    long_about = "Print the units whose last attempt is in this state, newest first. Needs an \
        operator's token: --token-file or PEP_OPERATOR_TOKEN_FILE.\n\n\
        Units in doubt are those that are `sent`: the identity has left the station and the device \
        did not answer. They and those that `failed` are finished with `pep get-one-identity`, as \
        if they were new; `pep show SERIAL` tells what happened to one.\n\n\
        On a terminal times are local, and reasons are cut to its width: `pep show` has all of \
        them. In a pipe nothing is cut, and times are RFC 3339 in UTC. With --json the rows are \
        printed as one document.",
    after_long_help = "\
Examples:
  pep list --state sent --token-file token
  pep list --state failed --since 2027-01-31 --until 2027-02-01     the whole of 31 January, UTC
  pep list --prefix GW-7 --sort serial
  pep list --state open --watch
  pep list --state failed --all --json | jq -r '.results[].serialNumber'"
)]
pub struct Options {
    /// Only units in this state [default: all units]
    #[arg(long, value_enum, ignore_case = true)]
    pub state: Option<State>,

    /// Only units of which the last was heard from this time on: 2027-01-31 or 2027-01-31T08:00:00Z
    ///
    /// A date is its beginning in UTC.
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub since: Option<String>,

    /// Only units of which the last was heard before this time; a date is its beginning in UTC
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub until: Option<String>,

    /// Only units whose serial number begins so
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub prefix: Option<String>,

    /// Only units whose last attempt ran at the station of this name
    // The same option is every command's, and another one there: it never searches here.
    #[arg(id = "station", long = "station", value_name = "NAME",
          value_parser = NonEmptyStringValueParser::new())]
    pub of_station: Option<String>,

    /// Whose units.
    #[command(flatten)]
    pub of: OfSpace,

    /// In this order: serial, time or state, with a dash before it the other way round
    ///
    /// Without it, newest records first. With it everything that fits is read, and the first rows
    /// are shown.
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = sorted::read)]
    pub sort: Option<Sort>,

    /// Units at most, up to 1000 [default: 50; with --all units a page, 500]
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,

    /// All of them
    #[arg(long)]
    pub all: bool,

    /// Print the list again every few seconds, until it is ended
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          conflicts_with = "json", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub watch: Option<u64>,
}

impl Options {
    fn only(&self) -> Vec<(&'static str, String)> {
        let given = |name, value: Option<&str>| value.map(|value| (name, value.to_owned()));
        [
            given("state", self.state.map(State::word)),
            given("space", self.of.word()),
            given("prefix", self.prefix.as_deref()),
            given("station", self.of_station.as_deref()),
            given("since", self.since.as_deref()),
            given("until", self.until.as_deref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Read the page or the pages and print the table.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let Some(seconds) = options.watch else { return once(options, bench).await };
    loop {
        let Done { stdout, notes } = once(options, bench).await?;
        let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::system());
        // The screen is cleared for a person; a program gets one list behind the other.
        let clear = if bench.to_person { "\x1b[H\x1b[2J" } else { "" };
        let head = format!("{clear}{}  {}\n", now.strftime("%F %T"), notes.join("; "));
        let mut out = std::io::stdout().lock();
        out.write_all(head.as_bytes())
            .and_then(|()| out.write_all(stdout.as_bytes()))
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush())
            .map_err(|error| super::export::lost(&error))?;
        drop(out);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn once(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let (rows, more) = read(options, bench).await?;
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
        let shape = if bench.to_person { Shape::of_the_terminal() } else { Shape::Piped };
        table(&rows, shape, bench.paint)
    };
    Ok(Done { stdout, notes })
}

/// The rows, and whether there may be more.
async fn read(
    options: &Options,
    bench: &Bench,
) -> Result<(Vec<Map<String, Value>>, bool), Failure> {
    let all = options.all || options.sort.is_some();
    let usual = if all { ROWS_A_PAGE } else { USUAL_ROWS };
    let limit = if options.sort.is_some() && !options.all {
        ROWS_A_PAGE
    } else {
        options.limit.unwrap_or(usual)
    };
    // With --all the limit is the page's.
    let most = (!options.all).then(|| options.limit.unwrap_or(USUAL_ROWS) as usize);
    let mut pages = Pages::from(&bench.client, "units", limit, "DESC", None).only(options.only());
    let mut kept = Kept::new(options.sort, most);
    loop {
        let page = pages.next().await?;
        let full = page.rows.len() as u64 == u64::from(limit);
        let empty = page.rows.is_empty();
        kept.add(page.rows);
        if !all {
            return Ok((kept.rows(), full));
        }
        if empty {
            break;
        }
    }
    let more = kept.dropped();
    Ok((kept.rows(), more))
}

#[cfg(test)]
mod tests;
