//! When certificates end, as metrics: CAs and roots by their subject, and the station's own for TLS.

use std::path::Path;

use jiff::Timestamp;

use crate::ca::{Readable, end_of_validity, read_certificates};

/// Records the ends of CAs, DER each. CAs of one name are one: the first to end counts.
pub(super) fn of_ca(ders: &[Vec<u8>]) {
    for der in ders {
        let Some(subject) = Readable::of(der).map(|it| it.subject) else { continue };
        let same = ders
            .iter()
            .filter(|other| Readable::of(other).is_some_and(|other| other.subject == subject));
        if let Some(end) = same.filter_map(|der| end_of_validity(der)).min() {
            metrics::gauge!("pep_ca_not_after_seconds", "ca" => subject).set(seconds(end));
        }
    }
}

/// Records the end of the certificate for TLS in this file: of its chain, whatever ends first.
pub fn record_tls_end(certificate: &Path) {
    let ders = read_certificates(certificate).unwrap_or_default();
    if let Some(end) = ders.iter().filter_map(|der| end_of_validity(der)).min() {
        metrics::gauge!("pep_tls_not_after_seconds").set(seconds(end));
    }
}

/// Seconds since 1970, as metrics have them. They fit a float's 53 bits.
fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}
