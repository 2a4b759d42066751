//! `[developer]`: development units, which belong to one account and are never production's
//! (injection 14.6).

use jiff::Timestamp;

use super::fcu::product::{CertificateFields, Mode, Product};
use super::fcu::{account_id, hex, server_ca, with_account};
use super::section::Section;
use super::settings::{Admission, is_account};
use super::words::quoted;

/// `[developer]`: what development units get. Without an account there is no such mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Developer {
    /// The account they belong to; the OU of their certificates.
    pub account_id: String,
    /// The subject of their certificates but for OU and CN.
    pub subject: CertificateFields,
    /// Content of the extension that marks developer mode, DER.
    pub mark: Vec<u8>,
    /// What they are given beside their identity.
    pub product: Product,
}

/// Reads `[developer]`; what it leaves open is the product's.
pub fn read(
    mut section: Section<'_>,
    product: Option<&Product>,
    admission: &Admission,
    now: Timestamp,
) -> Option<Developer> {
    let account_id = section.filled("account_id");
    let uri = section.filled("server_uri");
    let ca_file = section.file("server_ca_file");
    let subject = CertificateFields {
        country: section.filled("country"),
        state: section.filled("state"),
        locality: section.filled("locality"),
        organization: section.filled("organization"),
        ..CertificateFields::default()
    };
    let mark = mark(&mut section);
    let says_more = uri.is_some() || ca_file.is_some() || subject != CertificateFields::default();
    check_subject(&section, &subject);
    let Some(account_id) = account_id else {
        if says_more {
            let fix = "give the id of the account that development units belong to";
            section.fault("account_id", "is missing", fix);
        }
        section.finish();
        return None;
    };
    if !is_account(&account_id) {
        let fix = "give the account id as the portal shows it, 32 hex digits";
        section.fault("account_id", format!("is {}", quoted(&account_id)), fix);
    }
    if !admission.categories.iter().any(|category| category == "developer") {
        let text = "[admission] categories does not hold \"developer\": nobody can ask for it";
        section.warn("account_id", text);
    }
    let usual = product.map(|product| &product.mode);
    let uri = server_uri(&section, uri, usual, &account_id);
    let ca = match (ca_file, usual) {
        (Some(file), _) => server_ca(&section, ("server_ca_file", Some(file)), now),
        (None, Some(Mode::Bootstrap { server_ca, .. })) => Some(server_ca.clone()),
        (None, Some(Mode::Lwm2m { .. })) => {
            let fix = "give the bootstrap server's CA certificate";
            section.fault("server_ca_file", "is missing, and fcu.yml has none", fix);
            None
        }
        (None, None) => None,
    };
    section.finish();
    let product = product?.for_developers(uri?, ca?);
    Some(Developer { account_id, subject, mark, product })
}

/// INTEGER 0x400091: what the mark holds where nobody says otherwise. Its meaning is the cloud's own
/// and not public (injection 14.6).
const MARK: [u8; 5] = [0x02, 0x03, 0x40, 0x00, 0x91];

fn mark(section: &mut Section<'_>) -> Vec<u8> {
    let Some(text) = section.filled("mark") else { return MARK.to_vec() };
    let octets = hex(&text).filter(|octets| (1..=64).contains(&octets.len()));
    octets.unwrap_or_else(|| {
        let fix = "give at most 64 octets of DER in hexadecimal: \"0203400091\"";
        section.fault("mark", format!("is {}", quoted(&text)), fix);
        MARK.to_vec()
    })
}

/// The bootstrap server's URI with the account in it.
fn server_uri(
    section: &Section<'_>,
    given: Option<String>,
    usual: Option<&Mode>,
    account: &str,
) -> Option<String> {
    let fix = format!("give a URI such as coaps://HOST:5684?aid={account}");
    match (given, usual) {
        (Some(uri), _) => {
            let is_coap = uri.starts_with("coaps://") || uri.starts_with("coap://");
            let is_plain = !uri.chars().any(|c| c.is_control() || c.is_whitespace());
            if is_coap && is_plain && account_id(&uri) == Some(account) {
                return Some(uri);
            }
            section.fault("server_uri", format!("is {}", quoted(&uri)), fix);
            None
        }
        (None, Some(Mode::Bootstrap { uri, .. })) => Some(with_account(uri, account)),
        (None, Some(Mode::Lwm2m { .. })) => {
            section.fault("server_uri", "is missing, and fcu.yml has no bootstrap server", fix);
            None
        }
        (None, None) => None,
    }
}

fn check_subject(section: &Section<'_>, subject: &CertificateFields) {
    if let Some(country) = &subject.country
        && !(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        let fix = "give the two letters of ISO 3166: \"FI\"";
        section.fault("country", format!("is {}", quoted(country)), fix);
    }
    let others = [
        ("state", &subject.state),
        ("locality", &subject.locality),
        ("organization", &subject.organization),
    ];
    for (key, value) in others {
        if let Some(text) = value
            && (text.chars().count() > 64 || text.chars().any(char::is_control))
        {
            let fix = "give one line of 64 characters at most";
            section.fault(key, format!("is {}", quoted(text)), fix);
        }
    }
}
