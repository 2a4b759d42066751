//! How many attempts ended how: by hour, by day or by station, with the first-pass yield.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, Zoned};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ra::{Execution, Record, State};

/// What attempts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The hour in which they ended.
    Hour,
    /// The day.
    Day,
    /// The station that ran them.
    Station,
}

/// What was counted under one heading.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Attempts that ended.
    attempts: u64,
    /// Of these, those after which the unit had its identity.
    confirmed: u64,
    /// Those in doubt: sent, and not confirmed.
    sent: u64,
    /// Those that failed.
    failed: u64,
    /// Units whose first attempt ever ended here.
    units: u64,
    /// Of these, those that had their identity after it.
    first_pass: u64,
    /// `firstPass` of `units`, from 0 to 1; absent where there were none.
    #[serde(rename = "yield", skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
}

/// One heading and its counts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TallyRow {
    /// The beginning of the hour or day, RFC 3339 with its offset; or the station's name.
    key: String,
    #[serde(flatten)]
    counts: Counts,
}

/// Counts on their way.
pub struct Tally {
    by: By,
    zone: TimeZone,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    rows: BTreeMap<(Option<Timestamp>, String), Counts>,
    total: Counts,
}

impl Counts {
    fn add(&mut self, outcome: State, is_first: bool) {
        self.attempts += 1;
        match outcome {
            State::Confirmed => self.confirmed += 1,
            State::Sent => self.sent += 1,
            State::Reserved | State::Issued | State::Failed => self.failed += 1,
        }
        if is_first {
            self.units += 1;
            self.first_pass += u64::from(outcome == State::Confirmed);
        }
    }

    fn shared(mut self) -> Self {
        // Counts of units are far below what a double holds exactly.
        let share = self.first_pass as f64 / self.units as f64;
        self.share = (self.units > 0).then(|| (share * 10_000.0).round() / 10_000.0);
        self
    }
}

impl Tally {
    /// Nothing counted yet. Attempts that ended before `since`, or at or after `until`, do not
    /// count; hours and days are those of `zone`.
    pub fn new(by: By, zone: TimeZone, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { by, zone, since, until, rows: BTreeMap::new(), total: Counts::default() }
    }

    /// Counts a unit's attempts. What still runs does not count, nor does a selftest.
    pub fn add(&mut self, record: &Record) {
        if record.is_selftest() {
            return;
        }
        for (number, execution) in record.executions.iter().enumerate() {
            let Some(at) = execution.ended else { continue };
            let within = self.since.is_none_or(|since| at >= since)
                && self.until.is_none_or(|until| at < until);
            if !within {
                continue;
            }
            let outcome =
                if record.has_succeeded(execution) { State::Confirmed } else { execution.state };
            let is_first = number == 0 && record.dropped_executions == 0;
            let key = self.key(execution, at);
            self.rows.entry(key).or_default().add(outcome, is_first);
            self.total.add(outcome, is_first);
        }
    }

    fn key(&self, execution: &Execution, at: Timestamp) -> (Option<Timestamp>, String) {
        let begins = |unit: Unit| {
            let moment = at.to_zoned(self.zone.clone());
            let round = jiff::ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Trunc);
            let begins = moment.round(round).unwrap_or(moment);
            (Some(begins.timestamp()), shown(&begins))
        };
        match self.by {
            By::Hour => begins(Unit::Hour),
            By::Day => begins(Unit::Day),
            By::Station => (None, execution.station.clone()),
        }
    }

    /// The rows in their order, and all of them together.
    pub fn counted(self) -> (Vec<TallyRow>, Counts) {
        let row = |((_, key), counts): (_, Counts)| TallyRow { key, counts: counts.shared() };
        (self.rows.into_iter().map(row).collect(), self.total.shared())
    }
}

fn shown(at: &Zoned) -> String {
    at.strftime("%FT%T%:z").to_string()
}
