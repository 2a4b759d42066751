//! `pep status`: how the station is, for a person and for scripts.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use super::{Bench, Done};
use crate::client::{Ask, JSON, Query, Wait, not_a_station};
use crate::colour::Paint;
use crate::failure::{Failure, Kind, one_line};

/// The longest status, in bytes: a line of text for every factory fits many times.
const LONGEST: usize = 1024 * 1024;
const MIB: f64 = 1_048_576.0;

/// The options of `status`.
#[derive(Args)]
#[command(
    long_about = "Print how the station is: ready or not and why, its name, version and uptime. With \
        an operator's token (--token-file or PEP_OPERATOR_TOKEN_FILE) also what is in flight, its \
        ledger, the room on its disk, and when its certificates end.\n\n\
        Exit code 0: the station is ready. 5: it answers and is not ready; the status is printed all \
        the same, and the error says what is in the way. 3: no answer. With --json the document is \
        printed as the station sends it.",
    after_long_help = "\
Examples:
  pep status
  pep status --token-file token
  pep status --json | jq '.certificates[] | select(.daysLeft < 30)'
  until pep status --quiet; do sleep 5; done"
)]
pub struct Options {}

/// Ask, print, and fail where the station is not ready.
pub async fn run(_: &Options, bench: &Bench, stdout: &mut impl Write) -> Result<Done, Failure> {
    let query = Query::new();
    let ask = Ask { route: "/status", query: &query, accept: JSON };
    let asked = bench.client.ask(&ask, Wait::Whole).await;
    let mut answer = asked.map_err(|failure| match failure.status() {
        Some(404) => Failure::new(Kind::Refused, "this station has no /status: it is an older one")
            .with_hint("ask its /readyz and /metrics instead"),
        _ => failure,
    })?;
    let text = String::from_utf8(answer.body(LONGEST).await?).map_err(|_| not_a_station())?;
    let status: Value = serde_json::from_str(&text).map_err(|_| not_a_station())?;
    let ready = status.get("ready").and_then(Value::as_bool).ok_or_else(not_a_station)?;
    // The status of a station that is not ready is printed too, beside the failure.
    let shown = if bench.json { format!("{}\n", text.trim()) } else { shown(&status, bench.paint) };
    stdout
        .write_all(shown.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| super::export::lost(&error))?;
    if ready {
        return Ok(Done::default());
    }
    let reasons: Vec<_> = obstacles(&status).collect();
    Err(Failure::new(
        Kind::Unavailable,
        format!("the station is not ready: {}", reasons.join("; ")),
    )
    .with_hint("docs/errors.md says what each of these means"))
}

fn obstacles(status: &Value) -> impl Iterator<Item = String> {
    let all = status.get("obstacles").and_then(Value::as_array).into_iter().flatten();
    all.map(|it| text(it, "reason"))
}

/// The status for a person: one line a thing.
fn shown(status: &Value, paint: Paint) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, said: String| lines.push(format!("{name:<11}{said}\n"));
    let is_ready = status.get("ready").and_then(Value::as_bool) == Some(true);
    let condition = if is_ready {
        paint.state("confirmed", "ready")
    } else {
        paint.state("failed", "not ready")
    };
    let simulated = status.get("simulated").and_then(Value::as_bool) == Some(true);
    let simulated = if simulated { ", simulated" } else { "" };
    line("station", format!("{}, {condition}{simulated}", paint.strong(&text(status, "station"))));
    for reason in obstacles(status) {
        line("", reason);
    }
    let commit = status.get("commit").and_then(Value::as_str);
    let commit = commit.map(|it| format!(" ({})", one_line(it))).unwrap_or_default();
    line("version", format!("{}{commit}", text(status, "version")));
    let up = status.get("uptimeSeconds").and_then(Value::as_u64).unwrap_or_default();
    line("up", format!("{}, since {}", duration(up), text(status, "startedAt")));
    let Some(in_flight) = status.get("inFlight").and_then(Value::as_u64) else {
        line("", "more is told with an operator's token: --token-file".to_owned());
        return lines.concat();
    };
    let queued = status.get("queued").and_then(Value::as_u64).unwrap_or_default();
    line("in flight", format!("{in_flight}, {queued} waiting"));
    if let Some(ledger) = status.get("ledger") {
        ledger_lines(ledger, &mut line);
    }
    if let Some(disk) = status.get("disk") {
        let room = |name| disk.get(name).and_then(Value::as_f64).unwrap_or_default() / MIB;
        let (free, least) = (room("freeBytes"), room("minFreeBytes"));
        line("disk", format!("{free:.0} MiB free; below {least:.0} MiB nothing is issued"));
    }
    let certificates = status.get("certificates").and_then(Value::as_array);
    for certificate in certificates.into_iter().flatten() {
        let days = certificate.get("daysLeft").and_then(Value::as_i64).unwrap_or_default();
        let subject = certificate.get("subject").and_then(Value::as_str);
        let subject = subject.map(|it| format!(", {}", one_line(it))).unwrap_or_default();
        let end = text(certificate, "notAfter");
        let said = format!("until {end}, {days} days{subject}");
        line(&format!("{} ", text(certificate, "of")), said);
    }
    lines.concat()
}

fn ledger_lines(ledger: &Value, line: &mut impl FnMut(&str, String)) {
    line("ledger", format!("{}, {}", text(ledger, "place"), text(ledger, "kind")));
    if let Some(id) = ledger.get("id").and_then(Value::as_str) {
        line("", format!("id {}", one_line(id)));
    }
    let units = ledger.get("units").and_then(Value::as_u64);
    let units = units.map_or("it cannot be counted".to_owned(), |units| format!("{units} units"));
    let newest = ledger.get("newestRecord").and_then(Value::as_str);
    let newest = newest.map(|it| format!(", the newest record of {}", one_line(it)));
    line("", format!("{units}{}", newest.unwrap_or_default()));
    if let Some(backup) = ledger.get("lastBackup") {
        let backup = backup.as_str().map_or("none is known".to_owned(), one_line);
        line("backup", backup);
    }
    let faults = ledger.get("journalFaults").and_then(Value::as_u64).unwrap_or_default();
    if faults > 0 {
        line("journal", format!("{faults} damages were met at the start; the log names them"));
    }
}

/// A member that is a text, as one printable line.
fn text(object: &Value, name: &str) -> String {
    one_line(object.get(name).and_then(Value::as_str).unwrap_or("-"))
}

fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canned::{Canned, answer};

    #[tokio::test]
    async fn a_station_that_is_not_ready_is_shown_and_fails() {
        let status = r#"{"ready":false,"obstacles":[{"code":"stopped","reason":"no room\u001b[31m"}],
            "station":"line-1","version":"3.0.0","simulated":false,"startedAt":"2026-12-01T00:00:00Z",
            "uptimeSeconds":90061}"#;
        let station = Canned::answering([answer(200, "application/json", status)]);
        let mut printed = Vec::new();
        let failure = run(&Options {}, &station.bench(), &mut printed).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Unavailable);
        assert_eq!(failure.message(), "the station is not ready: no room [31m");
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.starts_with("station    line-1, not ready\n"), "{printed}");
        assert!(printed.contains("up         1 d 1 h, since 2026-12-01T00:00:00Z\n"), "{printed}");
        assert!(!printed.contains('\u{1b}'), "{printed:?}");
        assert!(station.heads()[0].starts_with("GET /status HTTP/1.1\r\n"));
    }

    #[tokio::test]
    async fn what_answers_otherwise_is_no_station() {
        for body in ["<p>ready</p>", "{}", r#"{"ready":"yes"}"#] {
            let station = Canned::answering([answer(200, "application/json", body)]);
            let mut printed = Vec::new();
            let failure = run(&Options {}, &station.bench(), &mut printed).await.unwrap_err();
            assert_eq!(failure.kind(), Kind::Unanswered, "{body}");
            assert_eq!(printed, b"");
        }
        let old = Canned::answering([answer(404, "text/html", "<h1>404</h1>")]);
        let failure = run(&Options {}, &old.bench(), &mut Vec::new()).await.unwrap_err();
        assert!(failure.message().contains("older"), "{failure}");
    }

    #[test]
    fn durations_are_short() {
        for (seconds, shown) in
            [(59, "59 s"), (61, "1 min"), (3_720, "1 h 2 min"), (200_000, "2 d 7 h")]
        {
            assert_eq!(duration(seconds), shown);
        }
    }
}
