//! `pep deny`: puts units on the deny list and takes them off.

use clap::{Args, Subcommand};

use super::unit::{OfSpace, Unit, UnitRecord, read_reason};
use super::{Bench, Done, denied};
use crate::client::{Ask, JSON, Query, Wait};
use crate::failure::{Failure, Kind, shell_word};

/// The options of `deny`.
#[derive(Args)]
#[command(
    long_about = "Refuse units from now on, and let them in again. Needs an operator's token: \
        --token-file or PEP_OPERATOR_TOKEN_FILE. Who denied what, when and why is kept in the \
        unit's record and in the station's book, and told to whoever asks for the unit.\n\n\
        A denied unit is given nothing, whatever way it comes in; what it has already it keeps. A \
        unit may be denied before anybody has asked for it.",
    after_long_help = "\
Examples:
  pep deny add GW-0001 --reason 'board was stolen' --token-file token
  pep deny add --space sign f12d0304-0506-0708-090a-0b0c0d0e0f10 --reason scrapped
  pep deny remove GW-0001 --token-file token
  pep deny list --token-file token"
)]
pub struct Options {
    /// What to do with the list.
    #[command(subcommand)]
    pub act: Act,
}

/// What to do with the list.
#[derive(Subcommand)]
pub enum Act {
    /// Refuse a unit from now on, whether it is known or not
    Add(Add),
    /// Let a unit come in again
    Remove(Remove),
    /// Print the list, as `pep denied` does
    List,
}

/// The options of `deny add`.
#[derive(Args)]
pub struct Add {
    /// Which unit.
    #[command(flatten)]
    pub unit: Unit,

    /// Whose serial number it is.
    #[command(flatten)]
    pub of: OfSpace,

    /// Why it is refused: a line of at most 500 characters
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: String,
}

/// The options of `deny remove`.
#[derive(Args)]
pub struct Remove {
    /// Which unit.
    #[command(flatten)]
    pub unit: Unit,

    /// Whose serial number it is.
    #[command(flatten)]
    pub of: OfSpace,
}

/// Change or print the list.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    match &options.act {
        Act::Add(Add { unit, of, reason }) => change(unit, *of, Some(reason), bench).await,
        Act::Remove(Remove { unit, of }) => change(unit, *of, None, bench).await,
        Act::List => denied::list(bench).await,
    }
}

async fn change(
    unit: &Unit,
    of: OfSpace,
    reason: Option<&String>,
    bench: &Bench,
) -> Result<Done, Failure> {
    let serial = unit.serial_number();
    let mut query = Query::new();
    query.add("serialNumber", serial).add_given("reason", reason.map(String::as_str));
    of.add_to(&mut query);
    let ask = Ask { route: "denied", query: &query, accept: JSON };
    let changed = async {
        let mut answer = match reason {
            Some(_) => bench.client.change(&ask, Wait::Whole).await?,
            None => bench.client.remove(&ask, Wait::Whole).await?,
        };
        UnitRecord::read(&mut answer).await
    };
    let record = changed.await.map_err(|failure| match failure.kind() {
        Kind::Unanswered => failure.with_hint("`pep denied` tells what came of it"),
        _ => failure,
    })?;
    if bench.json {
        return Ok(Done::printed(record.text));
    }
    let word = if reason.is_some() { "is denied" } else { "may come in again" };
    Ok(Done::printed(format!("{} {word}\n", shell_word(serial))))
}

#[cfg(test)]
mod tests;
