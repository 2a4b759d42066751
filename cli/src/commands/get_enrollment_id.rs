//! `pep get-enrollment-id`: the 97 characters by which the cloud account claims a unit.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use super::{Bench, Done};
use crate::client::Query;
use crate::failure::{Failure, Kind, shell_word};

/// The options of `get-enrollment-id`.
#[derive(Args)]
#[command(
    long_about = "Print the enrollment identity of a unit that has its identity: what the cloud \
        account needs to claim it.",
    after_long_help = "\
Examples:
  pep get-enrollment-id -s GW-0001
  pep get-enrollment-id -s 'GW 1/#7' --json"
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
    one_value(&options.serial_number, bench, "enrollment-id", "enrollmentID", "enrollment identity")
        .await
}

/// One value of a unit from a route that answers plain text; `member` is its name in JSON.
pub async fn one_value(
    serial_number: &str,
    bench: &Bench,
    route: &str,
    member: &str,
    words: &str,
) -> Result<Done, Failure> {
    let mut query = Query::new();
    query.add("serialNumber", serial_number);
    let value = bench.client.text(route, &query).await.map_err(|failure| {
        // That is all an old station says; another 404 is of something that is no station.
        if failure.status() == Some(404) && failure.message().ends_with("Not found!") {
            absent(serial_number, words)
        } else {
            failure
        }
    })?;
    if value.is_empty() {
        return Err(absent(serial_number, words));
    }
    Ok(Done::printed(if bench.json {
        format!("{}\n", json!({ "serialNumber": serial_number, member: value }))
    } else {
        format!("{value}\n")
    }))
}

fn absent(serial_number: &str, words: &str) -> Failure {
    Failure::new(
        Kind::Refused,
        format!("the station has no {words} for serial number {}", shell_word(serial_number)),
    )
    .with_hint(
        "check the serial number; `pep list-enrollment-ids` writes the list of provisioned units",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canned::{Canned, answer};

    const ID: &str = "A-07:1B:33:88:7A:06:38:DE:B0:4B:EA:A6:49:19:9F:92:6E:08:2B:A3:5E:58:0F:D0:84:AF:D5:11:FC:1F:0D:3A";

    fn options() -> Options {
        Options { serial_number: "GW %41/$ne".to_owned() }
    }

    #[tokio::test]
    async fn the_value_alone_or_as_json() {
        let station = Canned::answering([
            answer(200, "text/plain; charset=utf-8", ID),
            // A media type that Express gives to any text.
            answer(200, "text/html; charset=utf-8", ID),
        ]);
        let mut bench = station.bench();
        let done = run(&options(), &bench).await.unwrap();
        assert_eq!(done.stdout, format!("{ID}\n"));
        bench.json = true;
        let done = run(&options(), &bench).await.unwrap();
        assert_eq!(
            done.stdout,
            format!("{{\"serialNumber\":\"GW %41/$ne\",\"enrollmentID\":\"{ID}\"}}\n")
        );
        assert!(
            station.heads()[0]
                .starts_with("GET /v3/enrollment-id?serialNumber=GW%20%2541%2F%24ne HTTP/1.1\r\n")
        );
    }

    #[tokio::test]
    async fn an_unknown_unit_is_named() {
        let station = Canned::answering([
            answer(404, "text/plain", "Not found!"),
            answer(
                404,
                "application/problem+json",
                r#"{"title":"Not found","status":404,"code":"not-found","detail":"no such unit","hint":"look"}"#,
            ),
            answer(200, "text/plain", ""),
        ]);
        let bench = station.bench();
        let old = run(&options(), &bench).await.unwrap_err();
        assert_eq!(
            old.message(),
            "the station has no enrollment identity for serial number 'GW %41/$ne'"
        );
        let ours = run(&options(), &bench).await.unwrap_err();
        assert_eq!(ours.to_string(), "error: no such unit\nhint: look");
        let empty = run(&options(), &bench).await.unwrap_err();
        assert_eq!(empty.kind(), Kind::Refused);
    }

    #[tokio::test]
    async fn a_page_is_no_enrollment_identity() {
        let station = Canned::answering([
            answer(200, "text/html", "<p>Welcome</p>"),
            answer(404, "text/html", "<h1>404 Not Found</h1><hr>nginx"),
        ]);
        let bench = station.bench();
        let failure = run(&options(), &bench).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Unanswered);
        let failure = run(&options(), &bench).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.hint().unwrap().contains("PEP_SERVER_URL"), "{failure}");
    }
}
