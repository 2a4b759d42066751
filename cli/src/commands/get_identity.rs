//! `pep get-identity`: the recorded document of a unit that has its identity.
//!
//! For an answer that was lost on the wire: the identity is on the device, only the document is missing.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::{Bench, Document, Done};
use crate::client::{Ask, JSON, Query, Wait};
use crate::failure::{Failure, shell_word};
use crate::whole_file::{Readers, WholeFile};

/// The options of `get-identity`.
#[derive(Args)]
#[command(
    long_about = "Print the identity document of a unit that has its identity, as the station \
        recorded it. It is the document that `pep get-one-identity` writes to identity.json; this \
        command brings it again when that answer was lost. Nothing is made and nothing injected.",
    after_long_help = "\
Examples:
  pep get-identity -s GW-0001
  pep get-identity -s GW-0001 -o identity.json"
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

    /// Write the document to this file too, whole or not at all, mode 0600
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Ask for it, write it where a file is named, and print it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let file = match &options.output {
        Some(path) => Some(WholeFile::begin(path, Readers::Owner)?),
        None => None,
    };
    let mut query = Query::new();
    query.add("serialNumber", &options.serial_number);
    let ask = Ask { route: "identity-record", query: &query, accept: JSON };
    let mut answer = bench
        .client
        .ask(&ask, Wait::Whole)
        .await
        .map_err(|failure| name_the_unit(failure, &options.serial_number))?;
    let document = Document::read(answer.body(Document::LONGEST).await?)?;
    if let Some(mut file) = file {
        file.append(document.as_received().as_bytes())?;
        file.publish()?;
    }
    Ok(Done {
        stdout: document.shown(bench),
        notes: document.warning(&options.serial_number).into_iter().collect(),
    })
}

fn name_the_unit(failure: Failure, serial_number: &str) -> Failure {
    match (failure.status(), failure.code()) {
        (Some(404), None) => failure.with_hint(format!(
            "no unit of that serial number has its identity, or the station is an old one that keeps \
             no documents: `pep get-enrollment-id -s {}` tells",
            shell_word(serial_number)
        )),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canned::{Canned, answer};
    use crate::failure::Kind;

    const DOCUMENT: &str = r#"{"serialNumber":"GW-1","deployed":true,"createdAt":1795000000123}"#;

    fn options(output: Option<PathBuf>) -> Options {
        Options { serial_number: "GW-1".to_owned(), output }
    }

    #[tokio::test]
    async fn the_document_is_printed_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.json");
        let station = Canned::answering([
            answer(200, "application/json", DOCUMENT),
            answer(200, "application/json", DOCUMENT),
        ]);
        let mut bench = station.bench();
        let done = run(&options(Some(path.clone())), &bench).await.unwrap();
        assert_eq!(done, Done::printed(format!("{DOCUMENT}\n")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), done.stdout);

        bench.to_person = true;
        let done = run(&options(None), &bench).await.unwrap();
        assert!(done.stdout.starts_with("{\n  \"serialNumber\": \"GW-1\",\n"));
    }

    #[tokio::test]
    async fn an_unknown_unit_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.json");
        let station = Canned::answering([answer(
            404,
            "text/html; charset=utf-8",
            "<pre>Cannot GET /v3/identity-record</pre>",
        )]);
        let failure = run(&options(Some(path.clone())), &station.bench()).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.hint().unwrap().contains("get-enrollment-id -s GW-1"));
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
