//! `pep release`: lets a unit that has its identity be done again.

use clap::Args;

use super::unit::{OfSpace, Unit, UnitRecord, read_reason};
use super::{Bench, Done};
use crate::client::{Ask, JSON, Query, Wait};
use crate::failure::{Failure, Kind, one_line, shell_word};

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
}

/// Release the unit and say what it had.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let serial = options.unit.serial_number();
    let mut query = Query::new();
    query.add("serialNumber", serial).add("reason", &options.reason);
    options.of.add_to(&mut query);
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
    Ok(Done::printed(format!("{} is released{had}\n", shell_word(serial))))
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
