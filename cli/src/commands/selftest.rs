//! `pep selftest`: a simulated gateway of this program goes through a station, step by step.
//!
//! On a real station this makes a real record with a real certificate. It says so, and labels it:
//! the serial number begins with SELFTEST-, the category is `development`, and the record has a
//! field `selftest`.

mod trial;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Bench, Done};
use crate::failure::{Failure, Kind};
use crate::junit::{self, Outcome, Step};
use crate::whole_file::{Readers, WholeFile, random_name};
use trial::Trial;

/// The steps in their order.
const STEPS: [&str; 10] = [
    "the station is ready",
    "a simulated gateway waits",
    "an unused serial number is unknown",
    "a serial number that breaks the rules is refused",
    "the gateway gets its identity",
    "the identity document is whole",
    "the gateway holds the certificate of the document",
    "the enrollment identity is answered",
    "the same serial number is refused",
    "the document is brought again",
];

/// The options of `selftest`.
#[derive(Args)]
#[command(
    long_about = "Let a simulated gateway of this program go through the station, and report step \
        by step. For CI and for a look at a new station.\n\n\
        It asks as any gateway does. On a real station a real record with a real certificate stays: \
        its serial number begins with SELFTEST-, its category is `development` (or --category), and \
        it has a field `selftest`: no export and no enrollment list has it. A station \
        started with `pep-server --simulate` forgets it.\n\n\
        The station has to reach this machine at a TCP port, as it reaches a gateway.",
    after_long_help = "\
Examples:
  pep-server --simulate &
  pep selftest --wait 30 --junit selftest.xml
  pep selftest --server http://10.0.0.2:5151 --listen 0.0.0.0:7777"
)]
pub struct Options {
    /// Write the report as JUnit XML to this file, also when a step failed
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Where the simulated gateway listens [default: a free port, on this machine alone where the station is here too]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// The gateway's address as the station shall call it [default: as the station sees it]
    #[arg(short, long, value_name = "ADDRESS")]
    pub ip: Option<String>,

    /// Wait so long for a station that is still starting, until it is found and ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub wait: u64,

    /// The unit's category, which the station's [admission] has to allow
    #[arg(short, long, value_name = "CATEGORY", default_value = "development")]
    pub category: String,
}

/// What was done so far.
struct Report {
    steps: Vec<Step>,
    shown: bool,
}

impl Report {
    /// Do the next step and write down how it ended.
    async fn step<T>(
        &mut self,
        doing: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let name = STEPS.get(self.steps.len()).copied().unwrap_or_default();
        let begun = Instant::now();
        let ended = doing.await;
        let seconds = begun.elapsed().as_secs_f64();
        let outcome = match &ended {
            Ok(_) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure.clone()),
        };
        if self.shown {
            let (number, all, word) = (self.steps.len() + 1, STEPS.len(), outcome.word());
            crate::trace::note(&format!("{number}/{all} {word} {seconds:.3} s: {name}"));
        }
        self.steps.push(Step { name, seconds, outcome });
        ended
    }

    /// The steps that were never begun.
    fn skip_the_rest(&mut self) {
        let rest = STEPS.iter().skip(self.steps.len());
        let rest = rest.map(|name| Step { name, seconds: 0.0, outcome: Outcome::Skipped });
        self.steps.extend(rest.collect::<Vec<_>>());
    }

    fn passed(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Passed)).count()
    }
}

/// Go through all steps, or to the first that fails.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let file = match &options.junit {
        Some(path) => Some(WholeFile::begin(path, Readers::Everybody)?),
        None => None,
    };
    let now = Timestamp::now();
    let serial = serial_number(now)?;
    let trial = Trial { client: &bench.client, options, serial: &serial, until: bench.until };
    let mut report = Report { steps: Vec::new(), shown: !bench.quiet && !bench.json };
    let ended = go_through(&trial, &mut report).await;
    report.skip_the_rest();

    let station = bench.client.shown_base();
    let simulated = bench.client.is_simulated();
    if let Some(mut file) = file {
        let simulated = simulated.to_string();
        let properties =
            [("station", station.as_str()), ("serialNumber", &serial), ("simulated", &simulated)];
        let xml = junit::report("pep selftest", &format!("{now:.0}"), &properties, &report.steps);
        file.append(xml.as_bytes())?;
        file.publish()?;
    }
    ended?;
    if bench.json {
        let steps: Vec<Value> = report
            .steps
            .iter()
            .map(|it| json!({"name": it.name, "seconds": it.seconds, "outcome": it.outcome.word()}))
            .collect();
        let told = json!({
            "station": station, "simulated": simulated, "serialNumber": serial, "steps": steps,
        });
        return Ok(Done::printed(format!("{told}\n")));
    }
    let remains = if simulated {
        "nothing stays: the station is simulated".to_owned()
    } else {
        format!("unit {serial} (category {}) stays on record there", options.category)
    };
    let (passed, all) = (report.passed(), STEPS.len());
    Ok(Done::printed(format!("{passed} of {all} steps passed at {station}; {remains}\n")))
}

async fn go_through(trial: &Trial<'_>, report: &mut Report) -> Result<(), Failure> {
    report.step(trial.ready()).await?;
    if report.shown && !trial.client.is_simulated() {
        crate::trace::note(&format!(
            "this station is a real one: it makes a real certificate and keeps the unit {}",
            trial.serial
        ));
    }
    let gateway = report.step(async { trial.gateway() }).await?;
    report.step(trial.unknown()).await?;
    report.step(trial.not_admitted(&gateway)).await?;
    let document = report.step(trial.provide(&gateway)).await?;
    let document = document.value();
    report.step(async { trial.whole(document) }).await?;
    report.step(trial.held(gateway, document)).await?;
    report.step(trial.enrolled(document)).await?;
    report.step(trial.taken()).await?;
    report.step(trial.again(document)).await
}

/// A serial number that nobody else has: what it is, the moment, three random bytes.
fn serial_number(now: Timestamp) -> Result<String, Failure> {
    let random = random_name()
        .map_err(|error| Failure::new(Kind::Local, format!("there is no randomness: {error}")))?;
    // In capitals, as a station may write every serial number.
    let random: String = random.chars().take(6).collect::<String>().to_ascii_uppercase();
    Ok(format!("SELFTEST-{}-{random}", now.strftime("%Y%m%d-%H%M%S")))
}
