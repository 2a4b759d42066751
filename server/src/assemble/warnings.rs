//! What the station can live with and somebody should know before the line starts: a TLS
//! certificate at its end.

use jiff::{SignedDuration, Timestamp};

use crate::ca::{end_of_validity, read_certificates};
use crate::config::{Tls, Warning};

/// With less than this a TLS certificate is about to end.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A warning where gateways will soon refuse the station's own certificate, or do already.
pub fn tls(tls: Option<&Tls>, now: Timestamp) -> Option<Warning> {
    let certificates = read_certificates(&tls?.certificate).ok()?;
    let end = end_of_validity(certificates.first()?)?;
    if end > now.saturating_add(SOON).unwrap_or(Timestamp::MAX) {
        return None;
    }
    let ends = if end < now { "ended" } else { "ends" };
    let text = format!("it {ends} on {end}; whoever checks it refuses the station then");
    Some(Warning { key: "[http] certificate".to_owned(), text })
}
