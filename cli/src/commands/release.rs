//! `pep release`: lets a unit that has its identity be done again.

use clap::Args;
use serde_json::Value;

use super::unit::{OfSpace, Unit, UnitRecord, read_reason};
use super::{Bench, Done};
use crate::client::{Ask, JSON, Query, Wait};
use crate::failure::{Failure, Kind, one_line, shell_word};
use crate::question;
use crate::serial::as_openssl;
use crate::trace::note;

/// The options of `release`.
#[derive(Args)]
#[command(
    long_about = "Let a unit that has its identity be done again: rework. Needs a reason and an \
        operator's token (--token-file or PEP_OPERATOR_TOKEN_FILE); who released what, when and why \
        is kept in the unit's record and in the station's book.\n\n\
        The unit's certificate is to be revoked from now on, its enrollment identity is no longer \
        answered or exported, and its history stays. The next `pep get-one-identity` gives it a new \
        identity. Take the old enrollment identity out of the cloud account: the device holds it \
        until then.\n\n\
        On a terminal it shows what the unit has now, and asks before it releases it; --yes does \
        not ask. A script, which has no terminal, is never asked: the reason is its consent.\n\n\
        A unit whose last attempt failed or was not answered needs no release; a device that \
        registered itself (--space sign) does, before it may come with another key.",
    after_long_help = "\
Examples:
  pep release GW-0001 --reason 'new main board, ticket 4711' --token-file token
  pep release --space sign f12d0304-0506-0708-090a-0b0c0d0e0f10 --reason 'answer was lost'"
)]
pub struct Options {
    /// Which unit.
    #[command(flatten)]
    pub unit: Unit,

    /// Whose serial number it is.
    #[command(flatten)]
    pub of: OfSpace,

    /// Why it is done again: a line of at most 500 characters
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: String,

    /// Do not ask, also on a terminal
    #[arg(short, long)]
    pub yes: bool,
}

/// Release the unit and say what it had.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let serial = options.unit.serial_number();
    let mut query = Query::new();
    query.add("serialNumber", serial).add("reason", &options.reason);
    options.of.add_to(&mut query);
    if !options.yes && !bench.json && question::somebody_is_there() {
        confirm(options, bench).await?;
    }
    let ask = Ask { route: "release", query: &query, accept: JSON };
    let released = async {
        let mut answer = bench.client.change(&ask, Wait::Whole).await?;
        UnitRecord::read(&mut answer).await
    };
    let record = released.await.map_err(|failure| match failure.kind() {
        Kind::Unanswered => failure.with_hint(tells(options)),
        _ => failure,
    })?;
    if bench.json {
        return Ok(Done::printed(record.text));
    }
    let last = record.value.get("releases").and_then(|all| all.as_array()?.last());
    let had = last.and_then(|release| release.get("enrollmentID")?.as_str()).map(one_line);
    let had = had.map(|id| format!("; it had {id}")).unwrap_or_default();
    let execution = last.and_then(|release| release.get("execution"));
    let revoked = certificate_serial(&record.value, execution);
    Ok(Done {
        stdout: format!("{} is released{had}\n", shell_word(serial)),
        notes: revoked
            .map(|serial| format!("its certificate is to be revoked: serial {serial}"))
            .into_iter()
            .collect(),
    })
}

/// Shows what the release undoes, and asks.
async fn confirm(options: &Options, bench: &Bench) -> Result<(), Failure> {
    let mut query = Query::new();
    query.add("serialNumber", options.unit.serial_number());
    options.of.add_to(&mut query);
    let ask = Ask { route: "unit", query: &query, accept: JSON };
    let mut answer = bench.client.ask(&ask, Wait::Whole).await?;
    let record = UnitRecord::read(&mut answer).await?;
    for line in undone(&record.value) {
        note(&line);
    }
    if question::is_yes(&format!("Release {}?", one_line(options.unit.serial_number()))).await {
        return Ok(());
    }
    Err(Failure::new(Kind::Local, "nothing was released")
        .with_hint("answer y to release it, or give --yes"))
}

/// What a unit has now, in lines.
fn undone(unit: &Value) -> Vec<String> {
    let text = |member: &str| unit.get(member).and_then(Value::as_str).map(one_line);
    let mut lines = Vec::new();
    let serial = text("serialNumber").unwrap_or_default();
    if unit.get("deployed") != Some(&Value::Bool(true)) {
        lines.push(format!(
            "{serial} has no identity to undo: its last attempt is {}",
            text("state").unwrap_or_default()
        ));
        return lines;
    }
    let since = text("provisionedAt").unwrap_or_else(|| "an unknown time".to_owned());
    let station = text("station").map(|name| format!(", from station {name}"));
    lines.push(format!(
        "{serial} has had its identity since {since}{}",
        station.unwrap_or_default()
    ));
    if let Some(id) = text("enrollmentID") {
        lines.push(format!("enrollment identity {id}: no longer answered or exported"));
    }
    if let Some(serial) = certificate_serial(unit, None) {
        lines.push(format!("certificate {serial}: to be revoked"));
    }
    lines
}

/// The serial, as OpenSSL prints it, of the certificate that the unit has, or that an execution gave.
fn certificate_serial(unit: &Value, execution: Option<&Value>) -> Option<String> {
    let identity = unit.get("enrollmentID");
    let executions = unit.get("executions")?.as_array()?;
    let certificate = executions.iter().rev().find_map(|attempt| {
        let certificate = attempt.get("certificate")?;
        let is_it = match execution {
            Some(id) => attempt.get("id") == Some(id),
            None => identity.is_some() && certificate.get("enrollmentID") == identity,
        };
        is_it.then_some(certificate)
    })?;
    certificate.get("serial")?.as_str().map(|serial| as_openssl(&one_line(serial)))
}

/// What to say when a signal ended the command while the station may be at work.
pub fn interrupted(options: &Options, failure: Failure) -> Failure {
    failure.with_hint(tells(options))
}

fn tells(options: &Options) -> String {
    let (serial, space) = (shell_word(options.unit.serial_number()), options.of.typed());
    format!("`pep show{space} -s {serial}` tells whether the unit was released")
}

#[cfg(test)]
mod tests;
