//! `pep denied`: the deny list, and how it compares with the platform's.

mod decoded;
mod reconciled;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Bench, Done};
use crate::client::{Ask, Query, Wait, not_a_station};
use crate::failure::{Failure, Kind, one_line};
use crate::records::{Records, Shape};
use decoded::decoded;
use reconciled::{Known, compare, uuids_in};

/// The largest file of the platform's list, in bytes.
const LONGEST_FILE: u64 = 64 * 1024 * 1024;

/// The options of `denied`.
#[derive(Args)]
#[command(
    long_about = "Print the deny list: every unit an operator has refused, since when and why. Needs \
        an operator's token: --token-file or PEP_OPERATOR_TOKEN_FILE.\n\n\
        With --reconcile the devices that registered themselves are compared with the platform's own \
        deny list: FILE is what `fioctl devices list-denied` printed, or any text with UUIDs in it \
        (a table, CSV, JSON; UTF-8 or UTF-16), with or without hyphens. A file without any is refused. \
        Each UUID that is on one of the lists is printed with what is known of it here, what the \
        platform says, and what would fix a difference. A device that is denied there and \
        registered here will never connect: take it off there with `fioctl devices delete-denied`.\n\n\
        With --uuids only those are printed, one a line.",
    after_long_help = "\
Examples:
  pep denied --token-file token
  fioctl devices list-denied > denied.txt; pep denied --reconcile denied.txt --token-file token
  pep denied --reconcile denied.txt --uuids | xargs fioctl devices delete-denied"
)]
pub struct Options {
    /// Compare with the platform's list in this file; - is standard input
    #[arg(long, value_name = "FILE")]
    pub reconcile: Option<PathBuf>,

    /// Print the UUIDs alone that are registered here and denied on the platform
    #[arg(long, requires = "reconcile", conflicts_with = "json")]
    pub uuids: bool,
}

/// Print the list or the comparison.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let Some(path) = &options.reconcile else { return list(bench).await };
    let text = read(path)?;
    let platform = uuids_in(&text);
    if platform.is_empty() {
        return Err(no_uuid(path, &text));
    }
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for line in denials(bench).await? {
        let is = |member: &str| line.get(member).and_then(Value::as_str).unwrap_or_default();
        if is("space") == "sign" {
            known.entry(is("serialNumber").to_owned()).or_default().denied =
                Some(is("reason").to_owned());
        }
    }
    for uuid in registered(bench).await? {
        known.entry(uuid).or_default().registered = true;
    }
    let rows = compare(&known, &platform);
    if options.uuids {
        let fixed = rows.iter().filter(|row| row.is_lost());
        return Ok(Done::printed(fixed.map(|row| format!("{}\n", row.uuid)).collect()));
    }
    if bench.json {
        let rows: Vec<_> = rows.iter().map(reconciled::Row::as_json).collect();
        return Ok(Done::printed(format!("{}\n", json!({ "results": rows }))));
    }
    let count = |what: &str, number: usize| format!("{what}: {number}");
    let notes = vec![
        count("on the platform's list", platform.len()),
        count("denied there and registered here", rows.iter().filter(|row| row.is_lost()).count()),
    ];
    Ok(Done { stdout: rows.iter().map(reconciled::Row::as_text).collect(), notes })
}

/// Print the list.
pub async fn list(bench: &Bench) -> Result<Done, Failure> {
    let lines = denials(bench).await?;
    if bench.json {
        return Ok(Done::printed(format!("{}\n", json!({ "results": lines }))));
    }
    let notes = vec![super::export::units(lines.len() as u64)];
    let text = |line: &Value, member: &str| {
        one_line(line.get(member).and_then(Value::as_str).unwrap_or_default())
    };
    let told = lines.iter().map(|line| {
        let members = ["space", "serialNumber", "at", "operator", "reason"];
        let [space, serial, at, operator, reason] = members.map(|member| text(line, member));
        format!("{space:<4}  {serial:<36}  {at}  {operator}  {reason}\n")
    });
    Ok(Done { stdout: told.collect(), notes })
}

/// The station's list.
async fn denials(bench: &Bench) -> Result<Vec<Value>, Failure> {
    let query = Query::new();
    let accept = "application/x-ndjson, application/problem+json";
    let ask = Ask { route: "denied", query: &query, accept };
    let mut lines = Vec::new();
    records(bench, &ask, Shape::Lines, |line| {
        lines.push(serde_json::from_slice(line).map_err(|_| not_a_station())?);
        Ok(())
    })
    .await?;
    Ok(lines)
}

/// The UUIDs of all devices that are registered.
async fn registered(bench: &Bench) -> Result<BTreeSet<String>, Failure> {
    let mut query = Query::new();
    query.add("format", "sign");
    let accept = "text/csv, application/problem+json";
    let ask = Ask { route: "export", query: &query, accept };
    let mut found = BTreeSet::new();
    records(bench, &ask, Shape::Rows, |row| {
        let text = std::str::from_utf8(row).map_err(|_| not_a_station())?;
        let first = text.split(',').next().unwrap_or_default();
        found.extend(uuids_in(first));
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn records(
    bench: &Bench,
    ask: &Ask<'_>,
    shape: Shape,
    mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut answer = bench.client.ask(ask, Wait::EachPiece).await?;
    if answer.media_type().contains("html") || !answer.has_an_end() {
        return Err(not_a_station());
    }
    let mut records = Records::new(shape);
    while let Some(piece) = answer.piece().await? {
        records.push(piece.as_ref(), &mut each)?;
    }
    let last = records.finish()?;
    if last.is_empty() { Ok(()) } else { each(&last) }
}

fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |problem: String| {
        Failure::new(Kind::Local, format!("cannot read {}: {problem}", path.display())).with_hint(
            "give what `fioctl devices list-denied` printed, in a file or with - as input",
        )
    };
    let mut bytes = Vec::new();
    let mut source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?)
    };
    source
        .by_ref()
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(unreadable("it is larger than 64 MiB".to_owned()));
    }
    Ok(decoded(&bytes))
}

/// A file without a UUID is no list, and nothing can be compared with it.
fn no_uuid(path: &Path, text: &str) -> Failure {
    let shown: String = one_line(text).chars().take(60).collect();
    let found = if shown.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it has {} lines and begins with `{shown}`", text.lines().count())
    };
    Failure::new(Kind::Local, format!("there is no UUID in {}: {found}", path.display())).with_hint(
        "give what `fioctl devices list-denied` printed; if that denies nobody, there is nothing to \
         compare",
    )
}
