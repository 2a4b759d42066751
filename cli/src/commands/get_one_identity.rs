//! `pep get-one-identity`: the station makes an identity, injects it, and answers with its document.
//!
//! An identity cannot be asked for twice, so whatever could fail on this machine is tried first: the
//! file beside identity.json is opened and its blocks are taken before the station hears anything.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::{Bench, Document, Done};
use crate::client::events::EventReader;
use crate::client::{Answer, Ask, JSON, Query, STEPS, Wait, not_a_station};
use crate::failure::{Failure, Kind, shell_word};
use crate::problem;
use crate::progress::Progress;
use crate::sealing;
use crate::whole_file::{Readers, WholeFile};

/// Names that have an option of their own, or that are no caller's to give.
const OWN_NAMES: [&str; 11] = [
    "serialNumber",
    "ip",
    "port",
    "apiAddress",
    "gatewayServicesAddress",
    "hardwareVersion",
    "radioConfig",
    "ledConfig",
    "category",
    "accountId",
    "verificationKey",
];

/// Disk taken before the station is asked, in bytes: no usual document is longer.
const RESERVED: usize = 16 * 1024;

/// The options of `get-one-identity`.
#[derive(Args)]
#[command(
    long_about = "Ask the station to make one identity, to inject it over TCP into the injection \
        client (FCC) that runs on the unit, and to answer with the identity document.\n\n\
        The document is written to identity.json, exactly as the station sent it, whole or not at \
        all and for the owner alone (mode 0600), and printed. An identity.json that is already there \
        is replaced only by success. Start the injection client first, and give the address and port \
        that it prints.\n\n\
        On a terminal the last line is PASS or FAIL; a program goes by the exit code.\n\n\
        After a failure the same command may be repeated: a failed injection leaves the serial number \
        free. If no answer came at all, `pep get-identity` tells whether the unit got its identity.",
    after_long_help = "\
Examples:
  The client runs on this machine, at its usual port:
    pep get-one-identity -s GW-0001
  Everything named:
    pep get-one-identity -s GW-0001 -i 10.0.0.7 -p 7777 -w rev-c -r 02 -l 01 -c production \\
        --field OU=0159... --field deviceID=0159... -o /userdata/edge_gw_config/identity.json
  With journal sealing:
    pep get-one-identity -s GW-0001 -k -e 15min"
)]
pub struct Options {
    /// The unit's serial number
    ///
    /// It becomes the endpoint name in the device. It may hold any printable characters; the station
    /// refuses more than 64 bytes, an `&`, control characters, and blanks at the ends.
    #[arg(
        short,
        long,
        value_name = "SERIAL",
        allow_hyphen_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub serial_number: String,

    /// Address or name of the machine where the injection client listens [default: this machine's address, as the station sees it]
    #[arg(short, long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub ip: Option<String>,

    /// The injection client's TCP port [default: 7777]
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// The cloud's API address [default: the station's, https://api.us-east-1.mbedcloud.com]
    #[arg(short, long, value_name = "URL")]
    pub api_address: Option<String>,

    /// The cloud's gateway services address [default: the station's, https://gateways.us-east-1.mbedcloud.com]
    #[arg(short, long, value_name = "URL")]
    pub gateway_services_address: Option<String>,

    /// The unit's hardware version [default: the station's, izuma-edge-gateway]
    #[arg(short = 'w', long, value_name = "TEXT", allow_hyphen_values = true)]
    pub hardware_version: Option<String>,

    /// Radio configuration [default: the station's, 00]
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub radio_config: Option<String>,

    /// Status LED configuration [default: the station's, 01]
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub led_config: Option<String>,

    /// What the unit is for: production, development, developer [default: the station's, production]
    #[arg(short, long, value_name = "CATEGORY")]
    pub category: Option<String>,

    /// The account the unit belongs to, where units belong to one [default: the station's]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,

    /// An extra field of the record, such as OU=..., deviceID=..., ethernetMAC=...; repeatable
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = read_field)]
    pub fields: Vec<(String, String)>,

    /// Seal this machine's journal, and send the verification key to the station
    ///
    /// Runs `journalctl --setup-keys --force` with root's rights (through sudo when they are missing)
    /// before the station is asked. Keys made earlier are replaced.
    #[arg(short = 'k', long)]
    pub setup_sealing: bool,

    /// With -k: how often the sealing key changes, in systemd's words such as 10s, 15min, 1h
    #[arg(short = 'e', long, value_name = "TIME", default_value = "10s")]
    pub sealing_interval: String,

    /// On a terminal, ring the bell when it is done: once for PASS, three times for FAIL
    #[arg(long)]
    pub bell: bool,

    /// Where the identity document is written
    #[arg(short, long, value_name = "FILE", default_value = "identity.json")]
    pub output: PathBuf,
}

/// Get one identity, write its document and print it.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    obtain(options, bench, async |query, progress| ask(query, bench, progress).await).await
}

/// The same, by whatever way the gateway is reached: `ask` gives the document.
pub(super) async fn obtain(
    options: &Options,
    bench: &Bench,
    ask: impl AsyncFnOnce(&Query, &Progress) -> Result<Document, Failure>,
) -> Result<Done, Failure> {
    let mut file = WholeFile::begin(&options.output, Readers::Owner)?;
    file.reserve(RESERVED)?;
    let query = query(options, bench, std::env::var_os("PATH"))?;

    let progress = Progress::start(bench.progress);
    let document = ask(&query, &progress)
        .await
        .map_err(|failure| name_the_unit(failure, &options.serial_number))?;

    // From here on the unit has its identity, whatever becomes of the file.
    file.append(document.as_received().as_bytes())
        .and_then(|()| file.publish())
        .map_err(|failure| {
            failure.with_hint(format!(
                "the unit has its identity; fetch its document with `pep get-identity -s {} -o FILE`",
                shell_word(&options.serial_number)
            ))
        })?;
    progress.done();
    Ok(Done {
        stdout: document.shown(bench),
        notes: document.warning(&options.serial_number).into_iter().collect(),
    })
}

/// What to say when a signal ended the command while the station may be at work.
pub fn interrupted(options: &Options, failure: Failure) -> Failure {
    failure.with_hint(format!(
        "the station ends on its own what it began: {}",
        tells(&options.serial_number)
    ))
}

async fn ask(query: &Query, bench: &Bench, progress: &Progress) -> Result<Document, Failure> {
    let ask = Ask { route: "identity", query, accept: if bench.progress { STEPS } else { JSON } };
    let mut answer = bench.client.ask(&ask, Wait::Whole).await?;
    let document = if answer.media_type() == "text/event-stream" {
        follow(&mut answer, progress, bench).await?
    } else {
        answer.body(Document::LONGEST).await?
    };
    Document::read(document)
}

/// Follow the story's steps to the document or the problem at its end.
async fn follow(
    answer: &mut Answer,
    progress: &Progress,
    bench: &Bench,
) -> Result<Vec<u8>, Failure> {
    let mut reader = EventReader::default();
    while let Some(piece) = answer.piece().await? {
        reader.push(piece.as_ref()).map_err(|error| {
            Failure::new(Kind::Unanswered, format!("the station's answer cannot be read: {error}"))
        })?;
        while let Some(event) = reader.next() {
            bench.client.trace().detail(|| format!("event {}", event.name));
            match event.name.as_str() {
                "step" => {
                    if let Ok(step) = serde_json::from_str::<Value>(&event.data)
                        && let Some(step) = step.get("step").and_then(Value::as_str)
                    {
                        progress.step(step);
                    }
                }
                "identity" => return Ok(event.data.into_bytes()),
                "problem" => {
                    return Err(match serde_json::from_str::<Value>(&event.data) {
                        Ok(problem) => problem::read_document(&problem, None),
                        Err(_) => not_a_station(),
                    });
                }
                // An event of tomorrow.
                _ => {}
            }
        }
    }
    Err(Failure::new(Kind::Unanswered, "the station's answer ended without saying how it went"))
}

/// The request's query; with `-k` the sealing is set up here, by a program out of `path`.
fn query(options: &Options, bench: &Bench, path: Option<OsString>) -> Result<Query, Failure> {
    let mut query = Query::new();
    query
        .add("serialNumber", &options.serial_number)
        .add_given("ip", options.ip.as_deref())
        .add_given("port", options.port.map(|port| port.to_string()).as_deref())
        .add_given("apiAddress", options.api_address.as_deref())
        .add_given("gatewayServicesAddress", options.gateway_services_address.as_deref())
        .add_given("hardwareVersion", options.hardware_version.as_deref())
        .add_given("radioConfig", options.radio_config.as_deref())
        .add_given("ledConfig", options.led_config.as_deref())
        .add_given("category", options.category.as_deref())
        .add_given("accountId", options.account.as_deref());
    for (name, value) in &options.fields {
        query.add(name, value);
    }
    if options.setup_sealing {
        let key = sealing::set_up(
            &options.sealing_interval,
            path,
            sealing::is_root(),
            bench.client.trace(),
        )?;
        query.add_secret("verificationKey", key.reveal());
    } else {
        query.add("verificationKey", sealing::NO_KEY);
    }
    Ok(query)
}

fn name_the_unit(failure: Failure, serial_number: &str) -> Failure {
    match (failure.kind(), failure.status(), failure.code()) {
        (Kind::Unanswered, ..) => failure.with_hint(tells(serial_number)),
        (.., Some("serial-taken")) => failure.or_hint(format!(
            "`pep get-identity -s {}` brings the document of its identity",
            shell_word(serial_number)
        )),
        (_, Some(409), None) => failure.or_hint(format!(
            "`pep get-enrollment-id -s {}` tells whether the unit is done",
            shell_word(serial_number)
        )),
        // Old stations answer so to every injection that failed.
        (_, Some(500), None) => failure.or_hint(
            "check that the injection client runs at that address and port, and repeat the command",
        ),
        _ => failure,
    }
}

fn tells(serial_number: &str) -> String {
    format!(
        "`pep get-identity -s {}` tells whether the unit got its identity",
        shell_word(serial_number)
    )
}

fn read_field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("it has to be NAME=VALUE")?;
    if OWN_NAMES.contains(&name) {
        return Err(format!("{name} has an option of its own"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
