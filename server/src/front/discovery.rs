//! The station's announcement on its network by DNS-SD over multicast DNS (RFC 6763, RFC 6762):
//! service `_pep._tcp`, so that `pep` finds it without an address.
//!
//! Whoever can speak on the network can announce. What is said here is a hint where to ask; with TLS
//! the fingerprint lets `pep` refuse an announcement that points at something else.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use sha2::{Digest, Sha256};

use crate::pem::read_certificates;

/// What stations are announced as.
const KIND: &str = "_pep._tcp.local.";
/// The version of the interface.
const API: &str = "3";
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// The longest instance name, in bytes (RFC 6763 4.1.1).
const LONGEST_NAME: usize = 63;

/// An announcement that lasts until it is withdrawn.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

impl Announcement {
    /// Announces the station `name` that listens at `address`, with the TLS certificate in this PEM
    /// file, on these interfaces; on none named: on all whose address it listens at.
    ///
    /// A station that listens on this machine alone is announced to nobody, unless interfaces are
    /// named: `None`.
    ///
    /// # Errors
    /// Why it cannot be announced, as a sentence.
    pub fn begin(
        name: &str,
        address: SocketAddr,
        certificate: Option<&Path>,
        interfaces: &[String],
    ) -> Result<Option<Self>, String> {
        if address.ip().is_loopback() && interfaces.is_empty() {
            return Ok(None);
        }
        let instance = instance(name);
        let mut properties = vec![("station", name.to_owned()), ("api", API.to_owned())];
        if let Some(certificate) = certificate {
            properties.push(("tls", fingerprint(certificate)?));
        }
        let host = format!("pep-{}.local.", hex(&Sha256::digest(name)).get(..12).unwrap_or("1"));
        let own = if address.ip().is_unspecified() { Vec::new() } else { vec![address.ip()] };
        let info =
            ServiceInfo::new(KIND, &instance, &host, &own[..], address.port(), &properties[..])
                .map_err(|error| error.to_string())?;
        let info = if own.is_empty() { info.enable_addr_auto() } else { info };
        let name = info.get_fullname().to_owned();
        let announce = || {
            let daemon = ServiceDaemon::new()?;
            for (enabled, kind) in selection(address.ip(), interfaces) {
                if enabled {
                    daemon.enable_interface(kind)
                } else {
                    daemon.disable_interface(kind)
                }?;
            }
            daemon.register(info)?;
            Ok(daemon)
        };
        let daemon = announce().map_err(|error: mdns_sd::Error| error.to_string())?;
        Ok(Some(Self { daemon, name }))
    }

    /// Says goodbye, so that nobody is sent to a station that has stopped.
    pub async fn withdraw(self) {
        // What cannot be said is forgotten by whoever heard it, in two minutes.
        if let Ok(said) = self.daemon.unregister(&self.name) {
            let _ = tokio::time::timeout(GOODBYE, said.recv_async()).await;
        }
        let _ = self.daemon.shutdown();
    }
}

/// Which interfaces are spoken on, in the order in which it is told to the library.
fn selection(address: IpAddr, interfaces: &[String]) -> Vec<(bool, IfKind)> {
    if !interfaces.is_empty() {
        let named = interfaces.iter().map(|name| (true, IfKind::Name(name.clone())));
        return std::iter::once((false, IfKind::All)).chain(named).collect();
    }
    if address.is_unspecified() {
        return vec![(false, IfKind::LoopbackV4), (false, IfKind::LoopbackV6)];
    }
    vec![(false, IfKind::All), (true, IfKind::Addr(address))]
}

/// The name as an instance's: short enough, cut at a character.
fn instance(name: &str) -> String {
    let mut instance = String::new();
    for character in name.chars() {
        if instance.len() + character.len_utf8() > LONGEST_NAME {
            break;
        }
        instance.push(character);
    }
    instance
}

/// SHA-256 of the station's own certificate, 64 hexadecimal digits.
fn fingerprint(certificate: &Path) -> Result<String, String> {
    let ders = read_certificates(certificate)
        .map_err(|error| format!("{} {error}", certificate.display()))?;
    let der = ders.first().map(Vec::as_slice).unwrap_or_default();
    Ok(hex(&Sha256::digest(der)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_a_character() {
        assert_eq!(instance("line-1"), "line-1");
        assert_eq!(instance(&"ä".repeat(40)).len(), 62);
    }

    /// Nothing is sent: no announcement begins.
    #[test]
    fn a_station_of_this_machine_alone_is_announced_to_nobody() {
        let address = "127.0.0.1:5151".parse().unwrap();
        assert!(Announcement::begin("line-1", address, None, &[]).unwrap().is_none());
        let missing = Path::new("nowhere/cert.pem");
        let address = "10.0.0.2:5151".parse().unwrap();
        let error = Announcement::begin("line-1", address, Some(missing), &[]).err().unwrap();
        assert!(error.contains("nowhere/cert.pem cannot be read"), "{error}");
    }
}
