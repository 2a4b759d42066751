//! `pep`: the command line of the identity station.
//!
//! This file reads the command line, runs the chosen command until it ends or a signal ends it, and
//! turns the outcome into output and an exit code. Everything else has its own room: each command its
//! file in `commands`, the station in `client`.

mod agent;
mod args;
#[cfg(test)]
mod canned;
mod client;
mod colour;
mod columns;
mod commands;
mod failure;
mod junit;
mod movable;
mod on_path;
mod platform;
mod problem;
mod progress;
mod question;
mod records;
mod sealing;
mod serial;
mod swap;
mod trace;
mod usage;
mod verdict;
mod whole_file;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use tokio::signal::unix::{SignalKind, signal};

use args::{Arguments, Chosen, Every};
use client::Client;
use client::discovery::Found;
use colour::Paint;
use commands::{Bench, Done};
use failure::{Failure, Kind};
use trace::Trace;
use verdict::Verdict;

fn main() -> ExitCode {
    let (outcome, verdict, as_json) = match Arguments::read() {
        Ok(arguments) => {
            let (verdict, as_json) = (Verdict::on(&arguments), arguments.every.json);
            (run(arguments), verdict, as_json)
        }
        // Nobody has read the option yet; a program that gave it reads the failure all the same.
        Err(error) => {
            let as_json = std::env::args_os().any(|word| word == "--json");
            (usage::read(&error).map(Done::printed), None, as_json)
        }
    };
    let ended = outcome.and_then(|done| print(&done));
    if let Err(failure) = &ended {
        // A closed stderr is nobody's failure; the exit code still tells.
        let _ = if as_json {
            writeln!(io::stderr(), "{}", failure.document())
        } else {
            writeln!(io::stderr(), "{failure}")
        };
    }
    if let Some(verdict) = verdict {
        verdict.show(ended.is_ok());
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.kind().exit_code()),
    }
}

fn print(done: &Done) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(done.stdout.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| commands::export::lost(&error))?;
    done.notes.iter().for_each(|line| trace::note(line));
    Ok(())
}

fn run(arguments: Arguments) -> Result<Done, Failure> {
    let Arguments { every, command } = arguments;
    let Some(command) = command else {
        return Ok(Done::printed(Arguments::command().render_help().to_string()));
    };
    if let Chosen::Completions(options) = &command {
        return Ok(commands::completions::run(options, Arguments::command()));
    }
    if let Chosen::Manual(options) = &command {
        return commands::manual::run(options, Arguments::command());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Local, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        // A signal ends a search as it ends any program: there is nothing to explain yet.
        let (bench, found) = bench(&every, &command).await?;
        let mut outcome = if leaves_signals_alone(&command) {
            perform(&command, &bench).await
        } else {
            tokio::select! {
                biased;
                // Dropping the command takes its temporary files away.
                failure = ended_by_signal() => Err(explain(&command, failure)),
                outcome = perform(&command, &bench) => outcome,
            }
        };
        if let (Ok(done), Some(found)) = (&mut outcome, found)
            && !every.quiet
            && !every.json
        {
            done.notes.push(format!("found the station {found}"));
        }
        if bench.client.is_simulated() && !every.json {
            trace::note("simulated: this station signs with an EXAMPLE CA and forgets everything");
        }
        outcome
    })
}

/// Commands that leave no files, and that a signal has to end at once: an export while a full pipe
/// blocks it, a list that is printed again and again.
fn leaves_signals_alone(command: &Chosen) -> bool {
    match command {
        Chosen::Export(options) => options.file.is_none(),
        Chosen::List(options) => options.watch.is_some(),
        _ => false,
    }
}

async fn perform(command: &Chosen, bench: &Bench) -> Result<Done, Failure> {
    match command {
        Chosen::GetOneIdentity(options) => commands::get_one_identity::run(options, bench).await,
        Chosen::InjectSerial(options) => commands::inject_serial::run(options, bench).await,
        Chosen::GetIdentity(options) => commands::get_identity::run(options, bench).await,
        Chosen::GetEnrollmentId(options) => commands::get_enrollment_id::run(options, bench).await,
        Chosen::GetVerificationKey(options) => {
            commands::get_verification_key::run(options, bench).await
        }
        Chosen::ListEnrollmentIds(options) => {
            commands::list_enrollment_ids::run(options, bench).await
        }
        Chosen::Export(options) => {
            let mut stdout = io::BufWriter::new(io::stdout());
            commands::export::run(options, bench, &mut stdout).await
        }
        Chosen::Show(options) => commands::show::run(options, bench).await,
        Chosen::List(options) => commands::list::run(options, bench).await,
        Chosen::Yield(options) => commands::yields::run(options, bench).await,
        Chosen::Release(options) => commands::release::run(options, bench).await,
        Chosen::Deny(options) => commands::deny::run(options, bench).await,
        Chosen::Denied(options) => commands::denied::run(options, bench).await,
        Chosen::Status(options) => commands::status::run(options, bench, &mut io::stdout()).await,
        Chosen::Selftest(options) => commands::selftest::run(options, bench).await,
        Chosen::Prepare(options) => commands::prepare::run(options, bench).await,
        Chosen::InstallIdentity(options) => commands::install_identity::run(options, bench).await,
        Chosen::Completions(options) => {
            Ok(commands::completions::run(options, Arguments::command()))
        }
        Chosen::Manual(options) => commands::manual::run(options, Arguments::command()),
    }
}

/// What the command works with, and which station was found where it had to be searched for.
async fn bench(every: &Every, command: &Chosen) -> Result<(Bench, Option<String>), Failure> {
    let debug = std::env::var("DEBUG").ok();
    let trace = Trace::chosen(every.verbose, debug.as_deref());
    let to_person = io::stdout().is_terminal();
    let variable = |name| std::env::var(name).ok();
    let (no_color, terminal) = (variable("NO_COLOR"), variable("TERM"));
    // The gateway's own commands ask no station.
    let asks = !matches!(command, Chosen::Prepare(_) | Chosen::InstallIdentity(_));
    let search = every.search(variable("PEP_DISCOVERY")).filter(|_| asks);
    let wait = match command {
        Chosen::Selftest(options) => options.wait,
        _ => 0,
    };
    let until = (wait > 0).then(|| tokio::time::Instant::now() + Duration::from_secs(wait));
    let (server, fingerprint, found) = match search {
        None => (every.server.clone().unwrap_or_default(), None, None),
        Some(search) => {
            let Found { name, url, fingerprint } = search.find_until(trace, until).await?;
            let found = name.map(|name| format!("{name} at {url}"));
            (url, fingerprint, found)
        }
    };
    let bench = Bench {
        client: Client::new(&every.settings(server), trace)?.announced_with(fingerprint),
        json: every.json,
        quiet: every.quiet,
        // Trace lines and a line that is drawn over and over do not go together.
        progress: io::stderr().is_terminal() && !every.json && !every.quiet && trace == Trace::Off,
        to_person,
        until,
        paint: Paint::chosen(to_person, no_color.as_deref(), terminal.as_deref()),
    };
    Ok((bench, found))
}

/// Ends when somebody interrupts or terminates this program, or its terminal goes away.
async fn ended_by_signal() -> Failure {
    let (Ok(mut hang_up), Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::hangup()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Then signals end the program as they always do.
        return std::future::pending().await;
    };
    let number = tokio::select! {
        _ = hang_up.recv() => 1,
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    };
    Failure::new(Kind::Interrupted(number), "ended by a signal")
}

fn explain(command: &Chosen, failure: Failure) -> Failure {
    match command {
        Chosen::GetOneIdentity(options) => {
            commands::get_one_identity::interrupted(options, failure)
        }
        Chosen::InjectSerial(options) => {
            commands::get_one_identity::interrupted(&options.unit, failure)
        }
        Chosen::Release(options) => commands::release::interrupted(options, failure),
        _ => failure,
    }
}
