//! `[injection]` of station.toml: where the station may go, and how long it waits there.
//!
//! The rules that no setting changes, for the caller's own address, loopback and link-local
//! addresses, belong to the injection front end.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::lines::SerialLine;
use super::section::Section;
use super::settings::size;
use super::words::quoted;

/// `[injection]`: which devices the station goes to, and how long it waits for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// Networks the station may connect into. The caller's own address, loopback and link-local
    /// addresses have rules of their own.
    pub allow: Vec<IpNet>,
    /// The lowest port the station may connect to.
    pub lowest_port: u16,
    /// How long a TCP connection may take to come about.
    pub connect_timeout: Duration,
    /// Silence after which the second connection wakes the client (injection 2.1).
    pub quiet: Duration,
    /// Silence after which the station gives up.
    pub give_up: Duration,
    /// Injections at one time.
    pub at_once: usize,
    /// Injections that may wait for their turn.
    pub queued: usize,
    /// Serial lines of the station's.
    pub lines: Vec<SerialLine>,
}

impl Default for Injection {
    fn default() -> Self {
        Self {
            // RFC 1918 and RFC 4193.
            allow: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
                .iter()
                .filter_map(|network| network.parse().ok())
                .collect(),
            lowest_port: 1024,
            connect_timeout: Duration::from_secs(5),
            quiet: Duration::from_secs(5),
            give_up: Duration::from_secs(60),
            at_once: 256,
            queued: 1024,
            lines: Vec::new(),
        }
    }
}

impl Injection {
    /// Reads `[injection]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let defaults = Self::default();
        let allow = match section.texts("allow") {
            None => defaults.allow,
            Some(texts) if texts.is_empty() => {
                let text = "is empty: the station reaches no device but at its caller's own \
                            address and on its own lines";
                section.warn("allow", text);
                Vec::new()
            }
            Some(texts) => texts
                .iter()
                .enumerate()
                .filter_map(|(index, text)| network((index, text), &section))
                .collect(),
        };
        let lowest_port = section.integer("lowest_port", 1..=65535);
        let injection = Self {
            allow,
            lowest_port: lowest_port
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(defaults.lowest_port),
            connect_timeout: section
                .seconds("connect_timeout", 1..=60)
                .unwrap_or(defaults.connect_timeout),
            quiet: section.seconds("quiet", 1..=600).unwrap_or(defaults.quiet),
            give_up: section.seconds("give_up", 1..=3600).unwrap_or(defaults.give_up),
            at_once: size(section.integer("at_once", 1..=10_000), defaults.at_once),
            queued: size(section.integer("queued", 0..=100_000), defaults.queued),
            lines: super::lines::read(&mut section),
        };
        if injection.give_up < injection.quiet {
            section.fault(
                "give_up",
                format!(
                    "is {} s, less than the {} s of quiet",
                    injection.give_up.as_secs(),
                    injection.quiet.as_secs()
                ),
                "give up later than the second connection is tried",
            );
        }
        section.finish();
        injection
    }

    /// The longest one injection may take: connecting, and two messages of `bytes` over the slowest
    /// way.
    pub fn longest(&self, bytes: usize) -> Duration {
        let slowest = self.lines.iter().map(|line| line.slowness(bytes)).max().unwrap_or_default();
        let slowest = slowest.max(SerialLine::usual_slowness(bytes));
        self.connect_timeout + 2 * (self.give_up + slowest)
    }
}

/// One entry of `allow`: a network, or one address.
fn network((index, text): (usize, &str), section: &Section<'_>) -> Option<IpNet> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse().map(host));
    let Ok(network) = parsed else {
        section.fault_at(
            ("allow", index),
            format!("is {}", quoted(text)),
            "give networks: \"192.168.0.0/16\", \"fd00::/8\", or single addresses",
        );
        return None;
    };
    if network.trunc() != network {
        section.fault_at(
            ("allow", index),
            format!("is {}, an address within a network", quoted(text)),
            format!("write the network, \"{}\", or the address alone", network.trunc()),
        );
        return None;
    }
    if network.prefix_len() == 0 {
        let key = format!("{}[{}]", section.key("allow"), index + 1);
        let text = format!("{network} lets callers send the station anywhere");
        section.findings().warn(key, text);
    }
    Some(network)
}

/// The network of one address.
fn host(address: IpAddr) -> IpNet {
    address.into()
}
