//! `pep export`: the records of all units, streamed from the station to a file or to standard output.
//!
//! The station makes the formats; this side checks that the stream is whole, counts it, and cuts the
//! cloud's upload into files that the cloud takes. Memory does not grow with the number of units.

mod columns;
mod parts;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Bench, Done};
use crate::client::{Answer, Ask, Query, Wait, not_a_station};
use crate::failure::{Failure, Kind};
use crate::records::{RecordError, Records, Shape};
use parts::Parts;

/// The largest file of the cloud's bulk upload, in bytes: 10 MB (injection 14.2), read as the smaller
/// of its two meanings.
const UPLOAD_LIMIT: u64 = 10_000_000;

/// What the station writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The ten columns of the old list, for inventory
    Csv,
    /// The cloud account's bulk upload of enrollment identities: first-to-claim units only
    Enrollment,
    /// One JSON object a line: the listed document, station, certificate serial, end, attempts
    Jsonl,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Enrollment => "enrollment",
            Self::Jsonl => "jsonl",
        }
    }

    fn shape(self) -> Shape {
        match self {
            Self::Csv | Self::Enrollment => Shape::Rows,
            Self::Jsonl => Shape::Lines,
        }
    }

    /// Whether the first record is a header.
    fn has_header(self) -> bool {
        self != Self::Jsonl
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Time {
    /// 2027-01-31T08:00:00.000Z
    Rfc3339,
    /// Milliseconds since 1970
    Ms,
}

impl Time {
    fn word(self) -> &'static str {
        match self {
            Self::Rfc3339 => "rfc3339",
            Self::Ms => "ms",
        }
    }
}

/// Whose records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Gateways that were given their identity
    Pep,
    /// Devices that registered themselves
    Sign,
}

/// The options of `export`.
#[derive(Args)]
#[command(
    long_about = "Write the records of all provisioned units, for inventory or for the cloud account. \
        Needs an operator's token: --token-file or PEP_OPERATOR_TOKEN_FILE.\n\n\
        csv has the columns of `pep list-enrollment-ids`, or those of --columns. A text that a spreadsheet would run as a \
        formula gets an apostrophe before it, unless --keep-formulas is given; enrollment and jsonl \
        never change a value.\n\n\
        Selftests are in no export, and units on the deny list not in enrollment. --superseded lists \
        certificates that are to be revoked, of all units: serial as OpenSSL prints it, issuer, \
        subject, since when, why, and who released the unit.\n\n\
        enrollment is the file of the cloud account's bulk upload. It takes less than 10 MB at once, \
        so a longer export becomes several files: for `-f upload.csv` upload-1.csv, upload-2.csv and \
        so on, each with its own header line. An export that fits is FILE itself. Standard output is \
        not cut; a warning says when it is too large to upload.\n\n\
        Files are written whole or not at all, and none that is there already is replaced without \
        --force. A stream that breaks off is an error (exit code 3); on \
        standard output its beginning has then already been printed. The number of units is told on \
        standard error at the end.",
    after_long_help = "\
Examples:
  pep export --token-file token -f units.csv
  pep export --token-file token --format enrollment --since 2027-01-01 -f upload.csv
  pep export --columns serialNumber,certificateSerial,notAfter,station,ethernetMAC -f units.csv
  pep export --superseded -f revoke.csv
  pep export --token-file token --format jsonl --hardware-version rev-c | jq .serialNumber"
)]
pub struct Options {
    /// The format
    #[arg(long, value_enum, default_value = "csv", ignore_case = true)]
    pub format: Format,

    /// Whose records; sign is CSV: UUID, public-key hash, certificate serial, dates, cloud
    #[arg(long, value_enum, default_value = "pep", ignore_case = true)]
    pub protocol: Protocol,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Only units provisioned from this time on: 2027-01-31 or 2027-01-31T08:00:00Z
    ///
    /// A date is its beginning in UTC. With --superseded: to be revoked from this time on.
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub since: Option<String>,

    /// Only units provisioned before this time; a date is its beginning in UTC
    ///
    /// `--since 2027-01-31 --until 2027-02-01` is the whole of 31 January.
    #[arg(long, value_name = "TIME", value_parser = NonEmptyStringValueParser::new())]
    pub until: Option<String>,

    /// Only units of this hardware version
    #[arg(short = 'w', long, value_name = "TEXT")]
    pub hardware_version: Option<String>,

    /// Only units of this category
    #[arg(short, long, value_name = "CATEGORY")]
    pub category: Option<String>,

    /// Certificates that are to be revoked, in the place of units: csv or jsonl
    #[arg(long)]
    pub superseded: bool,

    /// With csv: these columns, with commas between them; help lists them all
    ///
    /// Beside them every field that callers gave: its name, or field.NAME where that is also a
    /// column's.
    #[arg(long, value_name = "NAMES", value_parser = NonEmptyStringValueParser::new())]
    pub columns: Option<String>,

    /// With csv: how times are written [default: createdAt in ms, all others rfc3339]
    #[arg(long, value_enum, ignore_case = true, value_name = "FORM")]
    pub time: Option<Time>,

    /// Replace files that are there already
    #[arg(long)]
    pub force: bool,

    /// Leave texts as they are that a spreadsheet would run as formulas (csv)
    #[arg(long)]
    pub keep_formulas: bool,

    /// With enrollment: every file stays below this many bytes
    #[arg(long, value_name = "BYTES", default_value_t = UPLOAD_LIMIT, hide_short_help = true)]
    pub max_bytes: u64,
}

impl Options {
    fn word(&self) -> &'static str {
        match (self.superseded, self.protocol, self.format) {
            (true, _, Format::Jsonl) => "superseded-jsonl",
            (true, ..) => "superseded",
            (false, Protocol::Pep, format) => format.word(),
            (false, Protocol::Sign, _) => "sign",
        }
    }

    /// Fails with [`Kind::Usage`] where options do not go together.
    fn check(&self) -> Result<(), Failure> {
        let wrong =
            |message: &str, hint: &str| Err(Failure::new(Kind::Usage, message).with_hint(hint));
        let csv = self.format == Format::Csv;
        if self.superseded && self.format == Format::Enrollment {
            return wrong(
                "certificates that are to be revoked are never enrolled",
                "--superseded goes with --format csv or jsonl",
            );
        }
        if self.protocol == Protocol::Sign && !self.superseded && !csv {
            return wrong(
                "devices that registered themselves are exported as csv alone",
                "leave --format out",
            );
        }
        if self.columns.is_some() && (!csv || self.superseded || self.protocol == Protocol::Sign) {
            return wrong("--columns goes with csv of gateways alone", "leave it out");
        }
        if self.time.is_some() && (!csv || self.protocol == Protocol::Sign && !self.superseded) {
            return wrong("--time goes with csv alone", "the other formats have one form of time");
        }
        Ok(())
    }
}

/// Stream the export; `stdout` takes it when no file is named.
pub async fn run(
    options: &Options,
    bench: &Bench,
    stdout: &mut dyn Write,
) -> Result<Done, Failure> {
    options.check()?;
    if options.columns.as_deref() == Some("help") {
        return columns::described(bench).await;
    }
    let mut sink = match &options.file {
        Some(path) => {
            let limit = (options.format == Format::Enrollment).then_some(options.max_bytes);
            Sink::Files(Parts::begin(path, limit, options.force)?)
        }
        None => Sink::Output { stdout, written: 0 },
    };
    let mut query = Query::new();
    query
        .add("format", options.word())
        .add_given("since", options.since.as_deref())
        .add_given("until", options.until.as_deref())
        .add_given("hardwareVersion", options.hardware_version.as_deref())
        .add_given("category", options.category.as_deref())
        .add_given("columns", options.columns.as_deref())
        .add_given("time", options.time.map(Time::word))
        .add_given(
            "space",
            (options.superseded && options.protocol == Protocol::Sign).then_some("sign"),
        )
        .add_given("formulas", options.keep_formulas.then_some("keep"));
    let ask = Ask {
        route: "export",
        query: &query,
        accept: match options.format {
            Format::Csv | Format::Enrollment => "text/csv, application/problem+json",
            Format::Jsonl => "application/x-ndjson, application/jsonl, application/problem+json",
        },
    };
    let mut answer = bench.client.ask(&ask, Wait::EachPiece).await?;
    if answer.media_type().contains("html") {
        return Err(not_a_station());
    }
    if !answer.has_an_end() {
        return Err(Failure::new(
            Kind::Unanswered,
            "the station's answer has no length and no chunks, so nobody could tell if it were cut",
        )
        .with_hint("ask the station itself, not through a proxy that speaks HTTP/1.0"));
    }
    let rows = stream(&mut answer, options.format, &mut sink).await?;
    let counted = if options.superseded { certificates(rows) } else { units(rows) };
    sink.end(options, &counted, rows, bench.json)
}

/// Pass every record on and give the number of units.
async fn stream(answer: &mut Answer, format: Format, sink: &mut Sink<'_>) -> Result<u64, Failure> {
    let mut records = Records::new(format.shape());
    let mut header_to_come = format.has_header();
    let mut rows = 0_u64;
    let mut take = |record: &[u8]| {
        if std::mem::take(&mut header_to_come) {
            sink.header(record)
        } else {
            rows += 1;
            sink.row(record)
        }
    };
    while let Some(piece) = answer.piece().await? {
        records.push(piece.as_ref(), &mut take)?;
    }
    let last = records.finish()?;
    if !last.is_empty() {
        take(&last)?;
    }
    Ok(rows)
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::new(Kind::Unanswered, format!("the station's export cannot be read: {error}"))
    }
}

/// Where the export goes.
enum Sink<'a> {
    Output { stdout: &'a mut dyn Write, written: u64 },
    Files(Parts),
}

impl Sink<'_> {
    fn header(&mut self, record: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Files(parts) => parts.header(record),
            Self::Output { .. } => self.row(record),
        }
    }

    fn row(&mut self, record: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Files(parts) => parts.row(record),
            Self::Output { stdout, written } => {
                *written += record.len() as u64;
                stdout.write_all(record).map_err(|error| lost(&error))
            }
        }
    }

    /// Everything came: give the files their names, and tell.
    fn end(
        self,
        options: &Options,
        counted: &str,
        rows: u64,
        as_json: bool,
    ) -> Result<Done, Failure> {
        match self {
            Self::Output { stdout, written } => {
                stdout.flush().map_err(|error| lost(&error))?;
                let mut notes = vec![counted.to_owned()];
                if options.format == Format::Enrollment && written >= options.max_bytes {
                    notes.push(format!(
                        "warning: {written} bytes are too many for one upload; -f FILE writes files below {} bytes",
                        options.max_bytes
                    ));
                }
                Ok(Done { stdout: String::new(), notes })
            }
            Self::Files(parts) => {
                let published = parts.publish()?;
                let names: Vec<String> =
                    published.files.iter().map(|file| file.display().to_string()).collect();
                let mut notes = vec![format!("{counted} in {}", names.join(", "))];
                notes.extend(
                    published
                        .older
                        .iter()
                        .map(|file| format!("warning: {} is of an earlier export", file.display())),
                );
                let stdout = if as_json {
                    format!("{}\n", json!({ "files": names, "rows": rows }))
                } else {
                    String::new()
                };
                Ok(Done { stdout, notes })
            }
        }
    }
}

fn certificates(count: u64) -> String {
    if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") }
}

/// A number of units in words.
pub fn units(count: u64) -> String {
    if count == 1 { "1 unit".to_owned() } else { format!("{count} units") }
}

/// Standard output does not take any more.
pub fn lost(error: &io::Error) -> Failure {
    Failure::new(Kind::Local, format!("cannot write to standard output: {error}"))
        .with_hint("whatever reads the output ended early, or the disk is full")
}

#[cfg(test)]
mod tests;
