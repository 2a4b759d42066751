//! `pep show`: everything that happened to one unit, for whoever has to know.

mod told;

use clap::Args;

use super::unit::{OfSpace, Unit, UnitRecord};
use super::{Bench, Done};
use crate::client::{Ask, JSON, Query, Wait};
use crate::failure::Failure;

/// The options of `show`.
#[derive(Args)]
#[command(
    long_about = "Print everything the station keeps of one unit: every attempt with its steps, \
        times, certificate and end, and every release. Needs an operator's token: --token-file or \
        PEP_OPERATOR_TOKEN_FILE.\n\n\
        An attempt that `failed` cannot have put its identity into the device (the device may have \
        been erased); one that is `sent` may have; one that is `confirmed` has. A unit that is not \
        confirmed is finished with `pep get-one-identity`, as if it were new.\n\n\
        With --json the record is printed as the station sends it, certificates included. The \
        sealing verification key is in neither.",
    after_long_help = "\
Examples:
  pep show GW-0001 --token-file token
  pep show --space sign f12d0304-0506-0708-090a-0b0c0d0e0f10
  pep show -s 'GW 1/#7' --json | jq '.executions[].state'"
)]
pub struct Options {
    /// Which unit.
    #[command(flatten)]
    pub unit: Unit,

    /// Whose serial number it is.
    #[command(flatten)]
    pub of: OfSpace,
}

/// Ask for the record and print it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let mut query = Query::new();
    query.add("serialNumber", options.unit.serial_number());
    options.of.add_to(&mut query);
    let ask = Ask { route: "unit", query: &query, accept: JSON };
    let mut answer = bench.client.ask(&ask, Wait::Whole).await?;
    let record = UnitRecord::read(&mut answer).await?;
    Ok(Done::printed(if bench.json { record.text } else { told::record(&record, bench.paint) }))
}

#[cfg(test)]
mod tests;
