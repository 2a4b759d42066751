//! What to do about a station's certificate that is not trusted.

use std::path::Path;

/// The hint for the reason that OpenSSL gives; `cacert` is the file that stands in the place of the
/// system's CAs.
pub fn hint(cause: &str, host: &str, cacert: Option<&Path>) -> String {
    match (cause, cacert) {
        _ if cause.contains("mismatch") => format!(
            "the certificate is not for {host}: give the station's address as its certificate has it \
             (PEP_SERVER_URL or --server), or the station a certificate for {host}"
        ),
        _ if cause.contains("expired") => {
            "the station needs a new certificate; if it has one, set this machine's clock"
                .to_owned()
        }
        _ if cause.contains("not yet valid") => {
            "set this machine's clock; if it is right, wait until the certificate begins".to_owned()
        }
        (_, Some(file)) => format!(
            "the CA in {} did not sign the station's certificate: give the one that did",
            file.display()
        ),
        (_, None) => {
            "if the station's certificate is of your own CA, give that CA's: --cacert FILE"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_way_out() {
        let given = Some(Path::new("ca.pem"));
        for (cause, cacert, words) in [
            ("hostname mismatch", given, "the certificate is not for line-1: "),
            ("IP address mismatch", None, "the certificate is not for line-1: "),
            ("certificate has expired", given, "needs a new certificate"),
            ("certificate is not yet valid", given, "set this machine's clock"),
            ("self-signed certificate", given, "the CA in ca.pem did not sign"),
            ("unable to get local issuer certificate", None, "--cacert FILE"),
        ] {
            let said = hint(cause, "line-1", cacert);
            assert!(said.contains(words), "{cause}: {said}");
        }
    }
}
