//! `[sign.factories.cloud]`: the platform's device registration API, told of each device first.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::config::files::warn_if_open_to_others;
use crate::config::section::Section;

/// Where the platform takes devices.
const URL: &str = "https://api.foundries.io/ota/devices/";

/// The cloud of one factory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// The API's address.
    pub url: String,
    /// The file with the token of scope devices:create.
    pub token_file: PathBuf,
    /// Whether the cloud's certificate is verified.
    pub verify_tls: bool,
    /// A CA to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The device group.
    pub group: Option<String>,
    /// Device groups by hardware id.
    pub groups: BTreeMap<String, String>,
}

impl Cloud {
    /// Reads the section. Without a token file there is no cloud: fully detached.
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let token_file = section.file("token_file");
        let url = section.text("url");
        let verify_tls = section.flag("verify_tls").unwrap_or(true);
        let ca = section.file("ca");
        let connect_timeout = section.seconds("connect_timeout", 1..=60);
        let timeout = section.seconds("timeout", 1..=120);
        let group = section.text("group");
        let groups = groups(&mut section);
        if token_file.is_none() && (url.is_some() || group.is_some() || !groups.is_empty()) {
            let fix = "name the file with the token of scope devices:create";
            section.fault("token_file", "is missing", fix);
        }
        if !verify_tls {
            section.warn("verify_tls", "is off: whoever stands between can read the token");
        }
        if let Some(file) = &token_file {
            warn_if_open_to_others(file, section.findings());
        }
        section.finish();
        Some(Self {
            url: url.unwrap_or_else(|| URL.to_owned()),
            token_file: token_file?,
            verify_tls,
            ca,
            connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(3)),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            group,
            groups,
        })
    }
}

/// `groups = { "HARDWARE-ID" = "GROUP" }`.
fn groups(section: &mut Section<'_>) -> BTreeMap<String, String> {
    let wanted = "give a table: groups = { \"HARDWARE-ID\" = \"GROUP\" }";
    let entries = match section.take("groups").map(|given| given.value) {
        None => return BTreeMap::new(),
        Some(Value::Object(entries)) => entries,
        Some(_) => {
            section.fault("groups", "is not a table", wanted);
            return BTreeMap::new();
        }
    };
    let mut groups = BTreeMap::new();
    for (hardware_id, group) in entries {
        match group {
            Value::String(group) => {
                groups.insert(hardware_id, group);
            }
            _ => section.fault("groups", "holds something that is not a text", wanted),
        }
    }
    groups
}
