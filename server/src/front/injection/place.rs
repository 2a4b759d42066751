//! Where a gateway is: behind an address and port, at the end of a line of the station's, or at
//! the end of a caller's line whose bytes come over a WebSocket.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fcc::line::{self, LineFault};
use fcc::session::{Link, TcpLink};

use super::relay::{self, RelayLink};
use crate::config::SerialLine;

/// A place to inject at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A TCP port.
    Port(SocketAddr),
    /// A serial line of the station's.
    Line(Arc<SerialLine>),
    /// A serial line of the caller's; the number keeps those of one caller apart.
    Relay { caller: IpAddr, number: u64 },
}

/// What it is written down and occupied by.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => address.fmt(f),
            Self::Line(line) => write!(f, "line {}", line.name),
            Self::Relay { caller, number } => write!(f, "line {number} of {caller}"),
        }
    }
}

/// Why a place cannot be reached.
pub(super) enum Unreached {
    /// No connection, and why.
    Port(SocketAddr, String),
    /// The line cannot be opened.
    Line(Arc<SerialLine>, LineFault),
}

impl Place {
    /// Opens the way there. `relay` is the way to a caller's line.
    pub(super) async fn open(
        &self,
        relay: Option<RelayLink>,
        connect_timeout: Duration,
    ) -> Result<Box<dyn Link>, Unreached> {
        match (self, relay) {
            (_, Some(relay)) => Ok(Box::new(relay)),
            (Self::Port(address), None) => {
                let connecting = tokio::time::timeout(connect_timeout, TcpLink::connect(*address));
                let waited = || format!("no answer within {} s", connect_timeout.as_secs());
                match connecting.await {
                    Ok(Ok(link)) => Ok(Box::new(link)),
                    Ok(Err(error)) => Err(Unreached::Port(*address, error.to_string())),
                    Err(_) => Err(Unreached::Port(*address, waited())),
                }
            }
            (Self::Line(line), None) => match line::open(&line.path, line.baud) {
                Ok(link) => Ok(Box::new(link)),
                Err(fault) => Err(Unreached::Line(line.clone(), fault)),
            },
            // Every way to a caller's line comes with its request.
            (Self::Relay { .. }, None) => Ok(Box::new(relay::pair().0)),
        }
    }

    /// How much longer than to another a message of `bytes` to it may take.
    pub(super) fn slowness(&self, bytes: usize) -> Duration {
        match self {
            Self::Port(_) => Duration::ZERO,
            Self::Line(line) => line.slowness(bytes),
            Self::Relay { .. } => SerialLine::usual_slowness(bytes),
        }
    }
}
