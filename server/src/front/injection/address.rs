//! Where the station may connect: a caller must not be able to aim it at the rest of the network.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::station::Error;

const DEFAULT_PORT: u16 = 7777;
/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);

/// Where a request wants its injection: not yet resolved, not yet allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    host: Option<String>,
    port: u16,
}

impl Target {
    /// Reads `ip` and `port`.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub(super) fn read(ip: Option<String>, port: Option<String>) -> Result<Self, Error> {
        let bad =
            |problem: String, hint: &str| Error::BadRequest { problem, hint: hint.to_owned() };
        let port = match port {
            None => DEFAULT_PORT,
            Some(text) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok().filter(|port| digits && *port != 0);
                number.ok_or_else(|| {
                    let shown: String = text.chars().take(80).collect();
                    bad(
                        format!("`{shown}` is not a port"),
                        "give the port that the injection client printed, 1 to 65535",
                    )
                })?
            }
        };
        let host = match ip {
            None => None,
            Some(text) => {
                let name = text.len() <= 253
                    && !text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
                let literal = text.trim_start_matches('[').trim_end_matches(']');
                if !name && literal.parse::<IpAddr>().is_err() {
                    let shown: String = text.chars().take(80).collect();
                    return Err(bad(
                        format!("`{shown}` is neither an address nor a host name"),
                        "give the gateway's address as `ip`, or leave it out to use the caller's",
                    ));
                }
                Some(literal.to_owned())
            }
        };
        Ok(Self { host, port })
    }

    /// Whether it is where the caller is, at the usual port.
    pub(super) fn is_usual(&self) -> bool {
        self.host.is_none() && self.port == DEFAULT_PORT
    }
}

/// Which addresses are allowed.
pub(super) struct Reach {
    /// Ports that the station itself listens at.
    own_ports: Vec<u16>,
    allow: Vec<IpNet>,
    lowest_port: u16,
    connect_timeout: Duration,
}

impl Reach {
    pub(super) fn new(settings: &crate::config::Injection) -> Self {
        Self {
            own_ports: Vec::new(),
            allow: settings.allow.clone(),
            lowest_port: settings.lowest_port,
            connect_timeout: settings.connect_timeout,
        }
    }

    /// The station listens at these ports: nobody else does.
    pub(super) fn keep_off(&mut self, own_ports: Vec<u16>) {
        self.own_ports = own_ports;
    }

    pub(super) fn own_ports(&self) -> &[u16] {
        &self.own_ports
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Resolves a target once and checks the address that came out. What is connected to later is
    /// this address, whatever the name says by then.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a name that does not resolve, [`Error::AddressRefused`].
    pub(super) async fn find(&self, target: &Target, caller: IpAddr) -> Result<SocketAddr, Error> {
        let caller = caller.to_canonical();
        let address = match &target.host {
            None => caller,
            Some(host) => match host.parse::<IpAddr>() {
                Ok(address) => address.to_canonical(),
                Err(_) => resolve(host, target.port).await?,
            },
        };
        self.check(address, target.port, caller, target.host.as_deref())?;
        Ok(SocketAddr::new(address, target.port))
    }

    fn check(
        &self,
        address: IpAddr,
        port: u16,
        caller: IpAddr,
        host: Option<&str>,
    ) -> Result<(), Error> {
        let shown = match host {
            Some(host) if host.parse::<IpAddr>().is_err() => format!("{address} (`{host}`)"),
            _ => address.to_string(),
        };
        if port < self.lowest_port {
            return Err(Error::AddressRefused(format!(
                "port {port} is below {}, the lowest this station connects to",
                self.lowest_port
            )));
        }
        if never(address) {
            return Err(Error::AddressRefused(format!(
                "{shown} is a link-local, multicast or unspecified address; this station never \
                 connects to those"
            )));
        }
        if self.own_ports.contains(&port) && is_own(address) {
            return Err(Error::AddressRefused(format!(
                "{shown}, port {port}, is the station itself, and no injection client"
            )));
        }
        if address == caller {
            return Ok(());
        }
        if address.is_loopback() {
            if caller.is_loopback() {
                return Ok(());
            }
            return Err(Error::AddressRefused(format!(
                "{shown} is the station itself, and the caller is another machine"
            )));
        }
        if self.allow.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        Err(Error::AddressRefused(format!(
            "{shown} is outside the networks this station may reach"
        )))
    }
}

fn never(address: IpAddr) -> bool {
    address.is_unspecified()
        || address.is_multicast()
        || match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        }
}

/// Whether it is an address of this machine: nobody can listen at another's.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || std::net::TcpListener::bind((address, 0)).is_ok()
}

/// The first IPv4 address of a name, since the client speaks IPv4 only; else its first address.
async fn resolve(host: &str, port: u16) -> Result<IpAddr, Error> {
    let unresolved = |problem: String| Error::BadRequest {
        problem: format!("`{host}` does not resolve: {problem}"),
        hint: "give the gateway's address, or make its name known to the station".to_owned(),
    };
    let lookup = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, port)));
    let found = lookup.await.map_err(|_| unresolved("no answer".to_owned()))?;
    let mut addresses: Vec<IpAddr> = found
        .map_err(|error| unresolved(error.to_string()))?
        .map(|address| address.ip().to_canonical())
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| unresolved("no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Injection;

    fn allowed(address: &str, port: u16, caller: &str) -> bool {
        let reach = Reach::new(&Injection::default());
        let caller: IpAddr = caller.parse().unwrap();
        let address: IpAddr = address.parse().unwrap();
        reach.check(address.to_canonical(), port, caller.to_canonical(), None).is_ok()
    }

    #[test]
    fn goes_to_the_caller_and_to_private_networks() {
        for (address, caller) in [
            ("192.168.1.5", "192.168.1.9"),
            ("10.1.2.3", "192.168.1.9"),
            ("172.31.0.1", "192.168.1.9"),
            ("fd00::5", "192.168.1.9"),
            ("203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.2", "127.0.0.1"),
            ("::1", "127.0.0.1"),
            ("127.0.0.1", "::ffff:127.0.0.1"),
            ("::ffff:10.0.0.1", "192.168.1.9"),
        ] {
            assert!(allowed(address, 7777, caller), "{address} for {caller}");
        }
    }

    #[test]
    fn goes_nowhere_else() {
        for (address, caller) in [
            ("203.0.113.7", "192.168.1.9"),
            ("8.8.8.8", "127.0.0.1"),
            ("127.0.0.1", "192.168.1.9"),
            ("::ffff:127.0.0.1", "192.168.1.9"),
            ("169.254.169.254", "192.168.1.9"),
            ("169.254.1.1", "169.254.1.1"),
            ("fe80::1", "fe80::1"),
            ("0.0.0.0", "127.0.0.1"),
            ("255.255.255.255", "192.168.1.9"),
            ("224.0.0.1", "192.168.1.9"),
            ("ff02::1", "192.168.1.9"),
            ("2001:db8::1", "192.168.1.9"),
        ] {
            assert!(!allowed(address, 7777, caller), "{address} for {caller}");
        }
        assert!(!allowed("192.168.1.5", 1023, "192.168.1.5"));
        assert!(allowed("192.168.1.5", 1024, "192.168.1.5"));
    }

    #[test]
    fn never_goes_to_the_station_itself() {
        let mut reach = Reach::new(&Injection::default());
        reach.keep_off(vec![5151, 8443]);
        let check = |address: &str, port| {
            let address = address.parse().unwrap();
            reach.check(address, port, "127.0.0.1".parse().unwrap(), None).is_ok()
        };
        for address in ["127.0.0.1", "127.0.0.2", "::1"] {
            assert!(!check(address, 5151), "{address}");
            assert!(!check(address, 8443), "{address}");
            assert!(check(address, 5152), "{address}");
        }
        // Another machine may use the same number.
        assert!(check("192.168.250.250", 5151));
    }

    #[test]
    fn reads_targets() {
        let read = |ip: Option<&str>, port: Option<&str>| {
            Target::read(ip.map(str::to_owned), port.map(str::to_owned)).is_ok()
        };
        assert!(read(None, None));
        for ip in ["localhost", "gw-1.line.example", "10.0.0.1", "::1", "[fd00::1]", "a_b"] {
            assert!(read(Some(ip), Some("7777")), "{ip}");
        }
        for ip in ["", "a b", "a;b", "http://x", "10.0.0.1:80", "x/y", &"a".repeat(254)] {
            assert!(!read(Some(ip), None), "{ip}");
        }
        for port in ["0", "65536", "7777abc", "", "-1", "+7777", " 7777", "0x1", "99999999999"] {
            assert!(!read(None, Some(port)), "{port}");
        }
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_its_address() {
        let reach = Reach::new(&Injection::default());
        let target = Target::read(Some("localhost".into()), Some("7001".into())).unwrap();
        let here = "127.0.0.1".parse().unwrap();
        assert_eq!(reach.find(&target, here).await, Ok("127.0.0.1:7001".parse().unwrap()));
        let elsewhere = "192.168.1.9".parse().unwrap();
        let refused = reach.find(&target, elsewhere).await;
        assert!(matches!(refused, Err(Error::AddressRefused(_))), "{refused:?}");
        let target = Target::read(Some("no-such-host.invalid".into()), None).unwrap();
        assert!(matches!(reach.find(&target, here).await, Err(Error::BadRequest { .. })));
    }
}
