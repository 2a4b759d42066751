//! `since` and `until`, which mean the same wherever they are asked for: from this moment on, and
//! before this moment. A date is its beginning in UTC, so the day of `until` is not in it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::front::query::Query;
use crate::station::Error;

/// A span of time, open at either end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Between {
    /// From this moment on.
    pub(super) since: Option<Timestamp>,
    /// Before this moment.
    pub(super) until: Option<Timestamp>,
}

impl Between {
    /// Takes both out of a query.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub(super) fn take(query: &mut Query) -> Result<Self, Error> {
        let found = Self { since: moment(query, "since")?, until: moment(query, "until")? };
        match (found.since, found.until) {
            (Some(since), Some(until)) if until <= since => Err(bad(
                "`until` is not after `since`, so nothing lies between them".to_owned(),
                "until means before: for a single day send the next day as `until`",
            )),
            _ => Ok(found),
        }
    }

    /// Whether a moment lies within.
    pub(super) fn holds(self, at: Option<Timestamp>) -> bool {
        self == Self::default()
            || at.is_some_and(|at| {
                self.since.is_none_or(|since| at >= since)
                    && self.until.is_none_or(|until| at < until)
            })
    }
}

fn moment(query: &mut Query, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = query.take(name) else { return Ok(None) };
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let day = text.parse::<Date>().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    moment.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        bad(
            format!("`{name}`: `{}` is neither a moment nor a date", shown.escape_debug()),
            "write 2027-01-31T08:00:00Z or 2027-01-31",
        )
    })
}

/// Refuses a request, and says what to do.
pub(super) fn bad(problem: String, hint: impl Into<String>) -> Error {
    Error::BadRequest { problem, hint: hint.into() }
}

/// Refuses what is left of a query: a misspelt name would filter nothing.
///
/// # Errors
/// [`Error::BadRequest`].
pub(super) fn nothing_else(query: Query, of: &str) -> Result<(), Error> {
    match query.rest().first() {
        None => Ok(()),
        Some((name, _)) => {
            let shown: String = name.chars().take(80).collect();
            Err(bad(
                format!("`{}` is not a parameter of {of}", shown.escape_debug()),
                "check its spelling; nothing is filtered by it",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Between, Error> {
        Between::take(&mut Query::parse(text).unwrap())
    }

    #[test]
    fn until_means_before() {
        let day = read("since=2027-01-31&until=2027-02-01").unwrap();
        for (at, within) in [
            ("2027-01-30T23:59:59.999Z", false),
            ("2027-01-31T00:00:00Z", true),
            ("2027-01-31T23:59:59.999Z", true),
            ("2027-02-01T00:00:00Z", false),
        ] {
            assert_eq!(day.holds(at.parse().ok()), within, "{at}");
        }
        assert!(!day.holds(None));
        assert!(read("").unwrap().holds(None));
        for text in
            ["since=tomorrow", "until=", "since=2027-02-30", "since=2027-01-31&until=2027-01-31"]
        {
            assert!(matches!(read(text), Err(Error::BadRequest { .. })), "{text}");
        }
    }
}
