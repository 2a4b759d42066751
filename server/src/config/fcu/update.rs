//! What a device needs to take firmware: the update certificate, `vendor-id` and `class-id`.

use jiff::Timestamp;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;

use crate::config::files::read_bounded;
use crate::config::section::Section;
use crate::config::words::quoted;

use super::certificates::{TEN_YEARS, acceptable, is_signed_by, split};
use super::server::CERTIFICATE_FILE_LIMIT;

const FILE: &str = "update-auth-certificate-file";

/// The update certificate, DER, with the ids that belong to it.
pub struct Update {
    /// The certificate.
    pub certificate: Option<Vec<u8>>,
    /// `vendor-id` as it goes over the wire.
    pub vendor_id: Option<[u8; 16]>,
    /// `class-id` as it goes over the wire.
    pub class_id: Option<[u8; 16]>,
}

/// Reads the three keys. What is missing makes the device warn, so it is warned about here.
pub fn read(section: &mut Section<'_>, now: Timestamp) -> Update {
    let file = section.file(FILE);
    let named = file.is_some();
    let certificate = file.and_then(|file| {
        let fault = |problem: String| {
            section.fault(
                FILE,
                format!("names {}, which {problem}", file.display()),
                "give a certificate, P-256 and ECDSA with SHA-256, as DER or PEM",
            );
        };
        let bytes = read_bounded(&file, CERTIFICATE_FILE_LIMIT).map_err(fault).ok()?;
        let mut all = split(&bytes).map_err(fault).ok()?;
        let der = all.pop()?;
        if !all.is_empty() {
            fault(format!("holds {} certificates; a device takes one", all.len() + 1));
            return None;
        }
        let certificate = acceptable(&der).map_err(fault).ok()?;
        if certificate.validity().not_after.timestamp() < now.as_second() {
            // Status 13, injection 10, check 15.
            fault("has expired".to_owned());
            return None;
        }
        for doubt in doubts(&certificate, &der, now) {
            section.warn(FILE, doubt);
        }
        Some(der)
    });
    if !named && !section.was_faulty(FILE) {
        section.warn(FILE, "is missing: devices warn of it and take no firmware");
    }
    let vendor_id = id(section, "vendor-id", named);
    let class_id = id(section, "class-id", named);
    Update { certificate, vendor_id, class_id }
}

/// The old tool's own checks of an update certificate (injection 15.2). The device makes none of
/// them, so they do not stop the station.
fn doubts(certificate: &X509Certificate<'_>, der: &[u8], now: Timestamp) -> Vec<&'static str> {
    let validity = certificate.validity();
    let usage = certificate.extended_key_usage().ok().flatten().map(|extension| extension.value);
    let checks = [
        (!is_signed_by(der, der), "the certificate is not self-signed"),
        (validity.not_before.timestamp() > now.as_second(), "the certificate is not valid yet"),
        (
            validity.not_after.timestamp() - now.as_second() <= TEN_YEARS,
            "the certificate ends within ten years",
        ),
        (
            !usage.is_some_and(|usage| usage.client_auth && usage.code_signing),
            "the certificate's extended key usage lacks client authentication or code signing",
        ),
    ];
    checks.into_iter().filter(|(doubtful, _)| *doubtful).map(|(_, doubt)| doubt).collect()
}

/// A UUID's 16 bytes in the order of RFC 9562 4.
fn id(section: &mut Section<'_>, key: &'static str, needed: bool) -> Option<[u8; 16]> {
    let fix = "give a UUID: \"42fa7b48-1a65-43aa-890f-8c704daade54\"";
    let Some(text) = section.filled(key) else {
        if needed && !section.was_faulty(key) {
            section.fault(key, format!("is missing, and {FILE} needs it"), fix);
        } else if !needed {
            section.warn(key, "is missing: devices warn of it");
        }
        return None;
    };
    match Uuid::try_parse(&text) {
        Ok(id) => Some(id.into_bytes()),
        Err(_) => {
            section.fault(key, format!("is {}", quoted(&text)), fix);
            None
        }
    }
}
