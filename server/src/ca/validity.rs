//! When a certificate begins and ends.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

pub(super) use crate::ra::shown_moment as shown;

/// Start and end; those beyond a timestamp's range are cut to it.
pub(super) fn of(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    let read = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    (read(validity.not_before.timestamp()), read(validity.not_after.timestamp()))
}

/// The end of a certificate in DER; `None` when it is not a certificate.
pub fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(of(&certificate).1)
}
