//! Where the station is, when nobody says: asked of the network by DNS-SD (`_pep._tcp`, RFC 6763).
//!
//! Whoever can speak on the network can answer, so an answer is a hint and no proof: of two stations
//! none is chosen, and with TLS the certificate has to be trusted as ever and to be the one that was
//! announced. Nothing is remembered from one command to the next.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::settings::USUAL_SERVER;
use crate::failure::{Failure, Kind, one_line, shell_word};
use crate::trace::Trace;

const KIND: &str = "_pep._tcp.local.";
/// The version of the interface that this command line speaks.
const API: &str = "3";
/// Where an old command line looks: pep-v3 section 3.
const USUAL_ADDRESS: &str = "localhost:5151";
/// For so long a second station may answer too.
const GATHERING: Duration = Duration::from_millis(1500);
/// For so long the first may take: one that has just started announces itself within a second.
const LONGEST: Duration = Duration::from_secs(4);
/// How soon a search that found nothing is made again.
const AGAIN: Duration = Duration::from_millis(200);
const CONNECTING: Duration = Duration::from_secs(1);
/// Hexadecimal digits of a SHA-256.
const FINGERPRINT: usize = 64;

/// How the network is asked.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `--station` or `PEP_STATION`: only this one.
    pub station: Option<String>,
    /// `PEP_DISCOVERY`: `off`, or the name of the interface to ask on.
    pub scope: Option<String>,
    /// Whether the operator expects TLS: a CA was given.
    pub wants_tls: bool,
}

/// A station that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name; `None` for one of this machine that was not searched for.
    pub name: Option<String>,
    /// Its address.
    pub url: String,
    /// SHA-256 of its TLS certificate, as announced: 64 hexadecimal digits.
    pub fingerprint: Option<String>,
}

/// One announcement.
struct Announced {
    name: String,
    port: u16,
    addresses: Vec<IpAddr>,
    tls: Option<String>,
}

impl Search {
    /// The same, again and again until one is found or `until` has passed: it may be starting.
    pub async fn find_until(&self, trace: Trace, until: Option<Instant>) -> Result<Found, Failure> {
        loop {
            let failure = match self.find(trace).await {
                Err(failure) if failure.kind() == Kind::Unreached => failure,
                ended => return ended,
            };
            if until.is_none_or(|until| Instant::now() >= until) {
                return Err(failure);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The station to ask: one of this machine at the usual port, as ever, or the one station of
    /// the network; and at last once more one of this machine, which may have started meanwhile.
    ///
    /// Fails with [`Kind::Unreached`] when there is none, with [`Kind::Usage`] when there are two.
    pub async fn find(&self, trace: Trace) -> Result<Found, Failure> {
        let usual = Found { name: None, url: USUAL_SERVER.to_owned(), fingerprint: None };
        let is_off = self.scope.as_deref() == Some("off");
        match &self.station {
            None if is_off || is_near().await => return Ok(usual),
            Some(_) if is_off => {
                return Err(Failure::new(
                    Kind::Usage,
                    "--station searches, and PEP_DISCOVERY is off",
                )
                .with_hint("give the station's address: --server or PEP_SERVER_URL"));
            }
            _ => {}
        }
        match self.ask(trace).await.and_then(|found| self.the_one(found)) {
            Err(failure)
                if failure.kind() == Kind::Unreached
                    && self.station.is_none()
                    && is_near().await =>
            {
                Ok(usual)
            }
            found => self.reachable(found?).await,
        }
    }

    /// Ask the network for as long as answers may come.
    async fn ask(&self, trace: Trace) -> Result<Vec<Announced>, Failure> {
        let cannot = |error: mdns_sd::Error| {
            Failure::new(Kind::Unreached, format!("cannot search the network: {error}"))
                .with_hint("give the station's address: --server or PEP_SERVER_URL")
        };
        let daemon = ServiceDaemon::new().map_err(cannot)?;
        match &self.scope {
            Some(name) => daemon
                .disable_interface(IfKind::All)
                .and_then(|()| daemon.enable_interface(IfKind::Name(name.clone()))),
            None => daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6]),
        }
        .map_err(cannot)?;
        let events = daemon.browse(KIND).map_err(cannot)?;
        let mut found = BTreeMap::new();
        let begun = Instant::now();
        loop {
            let limit = if found.is_empty() { LONGEST } else { GATHERING };
            match timeout_at(begun + limit, events.recv_async()).await {
                Ok(Ok(ServiceEvent::ServiceResolved(service))) => {
                    if let Some(announced) = read(&service) {
                        trace.detail(|| format!("announced: {}", announced.shown()));
                        found.insert(service.fullname.to_lowercase(), announced);
                    }
                }
                Ok(Ok(ServiceEvent::ServiceRemoved(_, fullname))) => {
                    found.remove(&fullname.to_lowercase());
                }
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        let _ = daemon.shutdown();
        Ok(found.into_values().collect())
    }

    /// The station that is meant. Of two none is chosen: one of them may be forged.
    fn the_one(&self, mut found: Vec<Announced>) -> Result<Announced, Failure> {
        let all = shown(&found);
        if let Some(name) = &self.station {
            found.retain(|announced| announced.name == *name);
            if found.is_empty() {
                let others =
                    if all.is_empty() { String::new() } else { format!("; there is {all}") };
                let name = shell_word(name);
                return Err(Failure::new(
                    Kind::Unreached,
                    format!("no station called {name} was found on the network{others}"),
                )
                .with_hint("is it on this network, and does it announce itself?"));
            }
        }
        let count = found.len();
        match (found.pop(), count) {
            (Some(one), 1) => Ok(one),
            (Some(_), _) if self.station.is_some() => {
                Err(Failure::new(Kind::Usage, format!("{count} stations claim that name: {all}"))
                    .with_hint(
                        "one may be forged: give the address with --server, and look at both",
                    ))
            }
            (Some(_), _) => {
                Err(Failure::new(Kind::Usage, format!("{count} stations answer: {all}")).with_hint(
                    "say which: --station NAME, PEP_STATION, or --server with its address",
                ))
            }
            (None, _) => Err(Failure::new(
                Kind::Unreached,
                format!("no station answers at {USUAL_SERVER}, and none was found on the network"),
            )
            .with_hint("give the station's address: --server or PEP_SERVER_URL")),
        }
    }

    /// The first of its addresses that takes a connection.
    async fn reachable(&self, announced: Announced) -> Result<Found, Failure> {
        if self.wants_tls && announced.tls.is_none() {
            let said = announced.shown();
            return Err(Failure::new(
                Kind::Unreached,
                format!("{said} was announced without TLS, and --cacert expects it"),
            )
            .with_hint("the announcement may be forged: give the address with --server"));
        }
        for address in &announced.addresses {
            let address = SocketAddr::new(*address, announced.port);
            if matches!(timeout(CONNECTING, TcpStream::connect(address)).await, Ok(Ok(_))) {
                let scheme = if announced.tls.is_some() { "https" } else { "http" };
                return Ok(Found {
                    name: Some(announced.name),
                    url: format!("{scheme}://{address}"),
                    fingerprint: announced.tls,
                });
            }
        }
        let said = announced.shown();
        Err(Failure::new(Kind::Unreached, format!("{said} was found, and takes no connection")))
    }
}

/// Whether something listens where a station of this machine does.
async fn is_near() -> bool {
    matches!(timeout(CONNECTING, TcpStream::connect(USUAL_ADDRESS)).await, Ok(Ok(_)))
}

impl Announced {
    fn shown(&self) -> String {
        let address = self.addresses.first().map(|ip| SocketAddr::new(*ip, self.port).to_string());
        let name = one_line(&self.name);
        format!("{name} at {}", address.unwrap_or_else(|| "no address".to_owned()))
    }
}

fn shown(found: &[Announced]) -> String {
    found.iter().map(Announced::shown).collect::<Vec<_>>().join(", ")
}

/// What an announcement says; `None` for one that is of no use here.
fn read(service: &ResolvedService) -> Option<Announced> {
    let property = |key: &str| service.txt_properties.get_property_val_str(key);
    if property("api") != Some(API) || service.port == 0 {
        return None;
    }
    let tls = property("tls").map(str::to_ascii_lowercase);
    let is_digest = |text: &String| {
        text.len() == FINGERPRINT && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    // One that cannot be compared is not one that was not given.
    if tls.as_ref().is_some_and(|text| !is_digest(text)) {
        return None;
    }
    let mut addresses: Vec<IpAddr> =
        service.addresses.iter().map(|it| it.to_ip_addr()).filter(is_usable).collect();
    addresses.sort_by_key(|address| (address.is_ipv6(), *address));
    let name = property("station").filter(|name| !name.is_empty())?.to_owned();
    (!addresses.is_empty()).then_some(Announced { name, port: service.port, addresses, tls })
}

/// A link-local IPv6 address would need its interface beside it.
fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unspecified() && !v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(name: &str, last: u8) -> Announced {
        let addresses = vec![IpAddr::from([10, 0, 0, last])];
        Announced { name: name.to_owned(), port: 5151, addresses, tls: None }
    }

    fn search(station: Option<&str>) -> Search {
        Search { station: station.map(str::to_owned), ..Search::default() }
    }

    #[test]
    fn of_two_none_is_chosen() {
        let two = || vec![announced("line-1", 2), announced("line-2", 3)];
        let failure = search(None).the_one(two()).err().unwrap();
        assert_eq!(failure.kind(), Kind::Usage);
        let all = "2 stations answer: line-1 at 10.0.0.2:5151, line-2 at 10.0.0.3:5151";
        assert_eq!(failure.message(), all);
        assert_eq!(search(Some("line-2")).the_one(two()).ok().unwrap().name, "line-2");
        let failure = search(Some("line-9")).the_one(two()).err().unwrap();
        assert_eq!(failure.kind(), Kind::Unreached);
        let twins = vec![announced("line-1", 2), announced("line-1", 9)];
        let failure = search(Some("line-1")).the_one(twins).err().unwrap();
        assert!(failure.message().starts_with("2 stations claim that name"), "{failure}");
        assert_eq!(search(None).the_one(Vec::new()).err().unwrap().kind(), Kind::Unreached);
    }

    #[tokio::test]
    async fn who_expects_tls_is_not_sent_elsewhere() {
        let search = Search { wants_tls: true, ..Search::default() };
        let failure = search.reachable(announced("line-1", 2)).await.unwrap_err();
        assert!(failure.message().contains("was announced without TLS"), "{failure}");
    }

    #[tokio::test]
    async fn off_asks_nobody() {
        let off = Search { scope: Some("off".to_owned()), ..Search::default() };
        assert_eq!(off.find(Trace::Off).await.unwrap().url, USUAL_SERVER);
        let off = Search { station: Some("line-1".to_owned()), ..off };
        assert_eq!(off.find(Trace::Off).await.unwrap_err().kind(), Kind::Usage);
    }
}
