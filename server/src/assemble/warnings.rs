//! What the station can live with and somebody should know before the line starts: EXAMPLE
//! certificates left in place, a TLS certificate at its end.

use jiff::{SignedDuration, Timestamp};

use crate::ca::{Readable, end_of_validity, read_certificates};
use crate::config::product::{Mode, Product};
use crate::config::{Config, Signer, Tls, Warning};

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

/// A warning for every EXAMPLE certificate among what the station signs with and gives out.
pub fn examples(config: &Config) -> Vec<Warning> {
    let Signer::File { certificate, .. } = &config.signer;
    let ca = read_certificates(certificate).unwrap_or_default();
    let (key, server_ca) = server_ca(&config.product);
    let signer = ca.iter().map(|der| ("[signer] certificate", der.as_slice()));
    let given = [(key, Some(server_ca)), (UPDATE, config.product.update.as_deref())];
    let given = given.into_iter().filter_map(|(key, der)| Some((key, der?)));
    signer.chain(given).filter_map(|(key, der)| warning(key, der)).collect()
}

const UPDATE: &str = "fcu.yml: update-auth-certificate-file";

fn server_ca(product: &Product) -> (&'static str, &[u8]) {
    match &product.mode {
        Mode::Bootstrap { server_ca, .. } => ("fcu.yml: bootstrap-server-ca-file", server_ca),
        Mode::Lwm2m { server_ca, .. } => ("fcu.yml: lwm2m-server-ca-file", server_ca),
    }
}

fn warning(key: &str, der: &[u8]) -> Option<Warning> {
    let readable = Readable::of(der).filter(Readable::is_example)?;
    let text = format!(
        "`{}` is an EXAMPLE to try things out with; put your own in its place before production",
        readable.subject
    );
    Some(Warning { key: key.to_owned(), text })
}
