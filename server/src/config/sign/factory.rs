//! `[[sign.factories]]`: one factory's CA, what its devices may ask for, what they are told.

use std::path::PathBuf;

use super::Cloud;
use crate::config::files::warn_if_open_to_others;
use crate::config::section::Section;
use crate::config::words::quoted;

/// One factory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factory {
    /// Where it stands in the file, for faults.
    pub key: String,
    /// Its name; none: the OU of its CA.
    pub name: Option<String>,
    /// The root devices are to trust, PEM.
    pub root: PathBuf,
    /// The issuing CA, PEM.
    pub ca_certificate: PathBuf,
    /// Its private key, PEM.
    pub ca_key: PathBuf,
    /// The gateway's certificate, whose names tell where devices go.
    pub tls: Option<PathBuf>,
    /// The gateway's address; none: from `tls`.
    pub gateway: Option<String>,
    /// The ostree server's address; none: from `tls`.
    pub ostree: Option<String>,
    /// Days a device certificate lasts, cut to the CA's end.
    pub days: u32,
    /// Kinds of device keys, in words.
    pub keys: Vec<String>,
    /// What devices may be: production, development.
    pub categories: Vec<String>,
    /// Types of further subject attributes, as OBJECT IDENTIFIERs in dots.
    pub attributes: Vec<String>,
    /// Keys of sota.toml that devices may override; none: those of the real client.
    pub overrides: Option<Vec<String>>,
    /// Hardware ids whose units may come again with another key.
    pub fixed_uuid: Vec<String>,
    /// The cloud that is told first.
    pub cloud: Option<Cloud>,
}

/// 20 years, as the reference's certificates last.
const DAYS: u32 = 7300;

impl Factory {
    /// Reads one entry; what is wrong with it has been recorded where there is none.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let name = section.text("name");
        if name.as_deref().is_some_and(str::is_empty) {
            section.fault("name", "is empty", "give the OU of the devices' requests");
        }
        let root = required(&mut section, "root", "factory_ca.pem");
        let ca_certificate = required(&mut section, "certificate", "local-ca.pem");
        let ca_key = required(&mut section, "key", "local-ca.key");
        if let Some(key) = &ca_key {
            warn_if_open_to_others(key, section.findings());
        }
        let tls = section.file("tls");
        let gateway = url(&mut section, "gateway");
        let ostree = url(&mut section, "ostree");
        if tls.is_none() {
            for (key, given) in [("gateway", &gateway), ("ostree", &ostree)] {
                if given.is_none() && !section.was_faulty(key) {
                    let fix = "give it, or name `tls`, the gateway's certificate (tls-crt)";
                    section.fault(key, "is missing", fix);
                }
            }
        }
        let days = section.integer("days", 1..=36_500);
        let keys = words(&mut section, "keys", &["p256"], &["p256", "p384", "rsa"]);
        let both = ["production", "development"];
        let categories = words(&mut section, "categories", &both, &both);
        let attributes = section.texts("attributes").unwrap_or_default();
        let is_oid = |text: &&String| {
            text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        };
        if let Some(other) = attributes.iter().find(|text| !is_oid(text)) {
            section.fault(
                "attributes",
                format!("holds {}", quoted(other)),
                "give types of attributes in dots: [\"2.5.4.10\"] is the organization",
            );
        }
        let overrides = section.texts("overrides");
        let reissue = section.one_of("reissue", &[("never", false), ("hsm-fixed-uuid", true)]);
        let fixed_uuid = section.texts("reissue_hardware_ids").unwrap_or_default();
        if reissue.unwrap_or(false) == fixed_uuid.is_empty() {
            let fix = "give both reissue = \"hsm-fixed-uuid\" and reissue_hardware_ids = [\"ID\"], \
                        or neither";
            section.fault("reissue", "and reissue_hardware_ids do not go together", fix);
        }
        let cloud = Cloud::read(section.section("cloud"));
        let key = section.own_key();
        section.finish();
        Some(Self {
            key,
            name,
            root: root?,
            ca_certificate: ca_certificate?,
            ca_key: ca_key?,
            tls,
            gateway,
            ostree,
            days: days.and_then(|days| u32::try_from(days).ok()).unwrap_or(DAYS),
            keys,
            categories,
            attributes,
            overrides,
            fixed_uuid,
            cloud,
        })
    }
}

fn required(section: &mut Section<'_>, key: &'static str, what: &str) -> Option<PathBuf> {
    let path = section.file(key);
    if path.is_none() && !section.was_faulty(key) {
        section.fault(key, "is missing", format!("name the factory's {what}"));
    }
    path
}

/// An address to be written into sota.toml, its last slash taken off.
fn url(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key)?;
    let schemes = ["https://", "http://"];
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let fit = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if host.is_none_or(str::is_empty) || !text.chars().all(fit) {
        section.fault(key, format!("is {}", quoted(&text)), "give an address: https://HOST:8443");
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn words(
    section: &mut Section<'_>,
    key: &'static str,
    default: &[&str],
    known: &[&str],
) -> Vec<String> {
    let words = section.texts(key);
    let words = words.unwrap_or_else(|| default.iter().map(|word| (*word).to_owned()).collect());
    if words.is_empty() || words.iter().any(|word| !known.contains(&word.as_str())) {
        section.fault(
            key,
            "is empty, or holds a word that is not known",
            format!("give some of {}", known.join(", ")),
        );
    }
    words
}
