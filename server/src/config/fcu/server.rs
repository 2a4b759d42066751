//! Which server a device turns to: `use-bootstrap`, `first-to-claim`, the URIs and server CAs.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::config::files::read_bounded;
use crate::config::section::Section;
use crate::config::words::quoted;

use super::certificates::{acceptable, split};
use super::product::Mode;

/// Most bytes of a certificate file.
pub const CERTIFICATE_FILE_LIMIT: u64 = 64 << 10;
/// The device software's default buffer for one certificate (profile 1).
const COMFORTABLE: usize = 1024;

/// Reads the server of the mode in use. The keys of the other mode may stand there, unlooked at.
pub fn read(section: &mut Section<'_>, now: Timestamp) -> Option<Mode> {
    let use_bootstrap = section.flag("use-bootstrap");
    let first_to_claim = section.flag("first-to-claim").unwrap_or(false);
    let uris = [
        ("bootstrap-server-uri", section.filled("bootstrap-server-uri")),
        (
            "bootstrap-server-uri-first-to-claim",
            section.filled("bootstrap-server-uri-first-to-claim"),
        ),
        ("lwm2m-server-uri", section.filled("lwm2m-server-uri")),
    ];
    let bootstrap_ca = ("bootstrap-server-ca-file", section.file("bootstrap-server-ca-file"));
    let lwm2m_ca = ("lwm2m-server-ca-file", section.file("lwm2m-server-ca-file"));

    let Some(bootstrap) = use_bootstrap else {
        if !section.was_faulty("use-bootstrap") {
            section.fault(
                "use-bootstrap",
                "is missing",
                "give true (bootstrap server) or false (device management server directly)",
            );
        }
        return None;
    };
    if !bootstrap && first_to_claim {
        // Status 29, injection 10.2.
        section.fault(
            "first-to-claim",
            "is true without a bootstrap server",
            "give `use-bootstrap: true`, or `first-to-claim: false`",
        );
    }
    let [by_account, by_claim, direct] = uris;
    let (uri, ca) = match (bootstrap, first_to_claim) {
        (true, true) => (by_claim, bootstrap_ca),
        (true, false) => (by_account, bootstrap_ca),
        (false, _) => (direct, lwm2m_ca),
    };
    let uri = server_uri(section, uri.0, uri.1, bootstrap && first_to_claim);
    let server_ca = server_ca(section, ca, now);
    let (uri, server_ca) = (uri?, server_ca?);
    Some(if bootstrap {
        Mode::Bootstrap { uri, server_ca, first_to_claim }
    } else {
        Mode::Lwm2m { uri, server_ca }
    })
}

/// The account id in a server URI: what follows `?aid=` or `&aid=` up to its end, as the device
/// reads it (injection 10, check 12).
pub fn account_id(uri: &str) -> Option<&str> {
    let at = uri.find("?aid=").into_iter().chain(uri.find("&aid=")).min()?;
    uri.get(at + "?aid=".len()..)
}

/// A server URI with this account id in it, in the place of any other.
pub fn with_account(uri: &str, account: &str) -> String {
    match account_id(uri) {
        Some(usual) => format!("{}{account}", uri.strip_suffix(usual).unwrap_or(uri)),
        None => {
            let separator = if uri.contains('?') { '&' } else { '?' };
            format!("{uri}{separator}aid={account}")
        }
    }
}

/// The rules of injection 10.2.
fn server_uri(
    section: &Section<'_>,
    key: &str,
    uri: Option<String>,
    claimed: bool,
) -> Option<String> {
    let example = if claimed { "" } else { "?aid=ACCOUNT" };
    let fix = format!("give a URI such as coaps://HOST:5684{example}");
    let Some(uri) = uri else {
        if !section.was_faulty(key) {
            section.fault(key, "is missing", fix);
        }
        return None;
    };
    let host = uri.strip_prefix("coaps://").or_else(|| uri.strip_prefix("coap://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with(['/', '?', '&', ':'])) {
        section.fault(key, format!("is {}", quoted(&uri)), fix);
        return None;
    }
    if uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
        section.fault(key, format!("is {}, with a blank in it", quoted(&uri)), fix);
        return None;
    }
    match account_id(&uri) {
        Some(_) if claimed => {
            section.fault(
                key,
                "holds an account id, and the device belongs to nobody yet",
                "leave `aid=` out of it, or give `first-to-claim: false`",
            );
            return None;
        }
        None if !claimed => {
            section.fault(
                key,
                "holds no account id",
                "end it with ?aid= and the account id, or give `first-to-claim: true`",
            );
            return None;
        }
        Some("") => {
            section.fault(key, "holds an empty account id", fix);
            return None;
        }
        Some(id) if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) => {
            section.warn(key, format!("the account id {} is not 32 hex digits", quoted(id)));
        }
        _ => {}
    }
    Some(uri)
}

/// One certificate that the device takes and that has not ended.
pub fn server_ca(
    section: &Section<'_>,
    (key, file): (&str, Option<PathBuf>),
    now: Timestamp,
) -> Option<Vec<u8>> {
    let fix = "give the server's CA certificate, P-256 and ECDSA with SHA-256, as PEM or DER";
    let Some(file) = file else {
        if !section.was_faulty(key) {
            section.fault(key, "is missing", fix);
        }
        return None;
    };
    let fault = |problem: String| {
        section.fault(key, format!("names {}, which {problem}", file.display()), fix);
    };
    let one = read_bounded(&file, CERTIFICATE_FILE_LIMIT).and_then(|bytes| split(&bytes)).and_then(
        |mut all| match (all.pop(), all.len()) {
            (Some(one), 0) => Ok(one),
            (_, others) => Err(format!("holds {} certificates; a device takes one", others + 1)),
        },
    );
    let der = one.map_err(fault).ok()?;
    let certificate = acceptable(&der).map_err(fault).ok()?;
    let validity = certificate.validity();
    if validity.not_after.timestamp() < now.as_second() {
        fault("has expired".to_owned());
        return None;
    }
    if validity.not_before.timestamp() > now.as_second() {
        section.warn(key, "the certificate is not valid yet");
    }
    if der.len() > COMFORTABLE {
        let text = format!("the certificate is {} bytes long; devices may hold 1024", der.len());
        section.warn(key, text);
    }
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::{account_id, with_account};

    #[test]
    fn an_account_takes_the_place_of_another() {
        for (uri, expected) in [
            ("coaps://h:5684", "coaps://h:5684?aid=bb"),
            ("coaps://h:5684?x=1", "coaps://h:5684?x=1&aid=bb"),
            ("coaps://h:5684?aid=aa", "coaps://h:5684?aid=bb"),
            ("coaps://aa:5684?x=aa&aid=aa", "coaps://aa:5684?x=aa&aid=bb"),
        ] {
            assert_eq!(with_account(uri, "bb"), expected);
        }
    }

    #[test]
    fn the_account_id_is_read_as_the_device_reads_it() {
        for (uri, id) in [
            ("coaps://h:5684", None),
            ("coaps://h:5684?aid=12", Some("12")),
            ("coaps://h:5684?x=1&aid=12&y=2", Some("12&y=2")),
            ("coaps://h:5684?aid=", Some("")),
            ("coaps://aid=12", None),
            ("coaps://h?raid=12", None),
        ] {
            assert_eq!(account_id(uri), id, "{uri}");
        }
    }
}
