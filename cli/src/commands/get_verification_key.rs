//! `pep get-verification-key`: the key that checks the seals of a unit's journal.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::get_enrollment_id::one_value;
use super::{Bench, Done};
use crate::failure::Failure;

/// The options of `get-verification-key`.
#[derive(Args)]
#[command(
    long_about = "Print the journal sealing verification key that a unit sent with \
        `pep get-one-identity -k`. With it `journalctl --verify-key` finds changed entries.",
    after_long_help = "\
Examples:
  pep get-verification-key -s GW-0001
  journalctl --verify --verify-key=\"$(pep get-verification-key -s GW-0001)\" -D ./journal-of-GW-0001"
)]
pub struct Options {
    /// The unit's serial number
    #[arg(
        short,
        long,
        value_name = "SERIAL",
        allow_hyphen_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub serial_number: String,
}

/// Ask for it and print it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    one_value(
        &options.serial_number,
        bench,
        "verification-key",
        "verificationKey",
        "verification key",
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canned::{Canned, answer};

    #[tokio::test]
    async fn the_key_and_its_route() {
        let station = Canned::answering([answer(200, "text/plain", "aa-bb/1-2")]);
        let options = Options { serial_number: "GW-1".to_owned() };
        let done = run(&options, &station.bench()).await.unwrap();
        assert_eq!(done.stdout, "aa-bb/1-2\n");
        assert!(station.heads()[0].starts_with("GET /v3/verification-key?serialNumber=GW-1 "));
    }
}
