//! `[sign]` of station.toml: devices that register themselves, and the factories they are of.
//!
//! What is in the files a factory names is for `ca` and the front end to judge.

mod cloud;
mod factory;

use std::net::SocketAddr;
use std::time::Duration;

pub use cloud::Cloud;
pub use factory::Factory;

use super::faults::Findings;
use super::section::Section;
use super::settings::size;
use super::words::quoted;

/// `[sign]`: how devices that register themselves are listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Further addresses, in plain HTTP, where `/sign` alone is answered.
    pub listen: Vec<SocketAddr>,
    /// Most bytes of a registration.
    pub body_limit: usize,
    /// How long a registration may take to come.
    pub body_timeout: Duration,
    /// Devices that wait for a cloud's answer at one time.
    pub at_once: usize,
    /// A unit that comes again with its key gets a new certificate where the one it has ends within
    /// these days; 0: only once it has ended.
    pub renew_within_days: u32,
    /// The factories; none: `/sign` is closed.
    pub factories: Vec<Factory>,
}

impl Default for Sign {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            body_limit: 64 << 10,
            body_timeout: Duration::from_secs(30),
            at_once: 64,
            renew_within_days: 30,
            factories: Vec::new(),
        }
    }
}

impl Sign {
    /// Reads `[sign]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let defaults = Self::default();
        let listen = section.texts("listen").unwrap_or_default();
        let listen = listen.iter().enumerate();
        let listen = listen.filter_map(|(index, text)| address((index, text), &section)).collect();
        let body_limit = size(section.integer("body_limit", 4096..=1 << 20), defaults.body_limit);
        let body_timeout = section.seconds("body_timeout", 1..=600);
        let at_once = size(section.integer("at_once", 1..=10_000), defaults.at_once);
        let renew_within_days = section.integer("renew_within_days", 0..=3650);
        let factories = section.sections("factories").into_iter().filter_map(Factory::read);
        let factories: Vec<Factory> = factories.collect();
        let sign = Self {
            listen,
            body_limit,
            body_timeout: body_timeout.unwrap_or(defaults.body_timeout),
            at_once,
            renew_within_days: renew_within_days
                .and_then(|days| u32::try_from(days).ok())
                .unwrap_or(defaults.renew_within_days),
            factories,
        };
        section.finish();
        sign
    }

    /// Says so where two addresses of the station are one: the second could not be had.
    pub fn check_addresses(&self, own: SocketAddr, findings: &Findings) {
        for (index, address) in self.listen.iter().enumerate() {
            let before = self.listen.iter().take(index).enumerate();
            let before = before.map(|(at, other)| (format!("[sign] listen[{}]", at + 1), *other));
            let mut others = std::iter::once(("[http] listen".to_owned(), own)).chain(before);
            if let Some((key, other)) = others.find(|(_, other)| overlap(*address, *other)) {
                let problem = format!("{address} is taken by {key}, {other}");
                let fix = "give each an address or a port of its own; on [http] listen devices may \
                           register as well";
                findings.fault(format!("[sign] listen[{}]", index + 1), problem, fix);
            }
        }
    }
}

/// Whether nobody can listen on both. Port 0 is a free one each time.
fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    let covers = |all: SocketAddr, other: SocketAddr| {
        all.ip().is_unspecified() && (all.is_ipv6() || other.is_ipv4())
    };
    let same = one.ip() == two.ip() || covers(one, two) || covers(two, one);
    one.port() != 0 && one.port() == two.port() && same
}

fn address((index, text): (usize, &str), section: &Section<'_>) -> Option<SocketAddr> {
    let parsed = text.trim().parse().ok();
    if parsed.is_none() {
        section.fault_at(
            ("listen", index),
            format!("is {}", quoted(text)),
            "give addresses with ports: [\"0.0.0.0:80\"]",
        );
    }
    parsed
}
