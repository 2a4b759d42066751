//! The HTTP listener: address, TLS, limits, workers, an end that lets running stories end.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::{App, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use socket2::{Domain, Protocol, Socket, Type};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::condition::Simulated;
use super::current::{self, Current};
use super::problem::Problem;
use super::tls::{TlsContext, TlsSwap};
use super::{
    About, Desk, Operators, RecordSettings, Registrar, body, openapi, port_holder, protocols,
    request, sign,
};
use crate::station::{Error, TooLarge};

/// Stands in every answer of a simulated station, and in no other.
const SIMULATED: HeaderName = HeaderName::from_static("pep-simulated");
const WHAT_IS_SIMULATED: &str = "EXAMPLE CA, store in memory";

/// Connections waiting to be accepted.
const BACKLOG: i32 = 2048;
/// How long a client may take to send its request's head.
const SLOW_REQUEST: Duration = Duration::from_secs(10);

/// How to listen.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further addresses, in plain HTTP, where only devices that register themselves are answered.
    pub beside: Vec<SocketAddr>,
    /// Certificate chain and key, PEM; both or neither.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Threads; 0 takes one a core.
    pub workers: usize,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// Longest path and query, in bytes.
    pub query_limit: usize,
    /// Largest head of a request (its line and headers), in bytes.
    pub header_limit: usize,
    /// Whether every answer says that the station is simulated.
    pub simulated: bool,
}

/// What the front ends need beside the station.
pub struct Fronts {
    /// The injection front end's own part.
    pub desk: Desk,
    /// The front end of devices that register themselves, where there are factories.
    pub registrar: Option<Registrar>,
    /// Who may call the operators' routes.
    pub operators: Operators,
    /// The record routes' settings.
    pub records: RecordSettings,
}

/// Why the station cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}: {}", unbound(address, error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Certificate or key.
    #[error("[http] certificate and key cannot be used for TLS: {0}")]
    Tls(String),
    /// The server failed.
    #[error("the listener failed: {0}")]
    Io(#[from] std::io::Error),
}

impl ServeError {
    /// What would be right.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Listen { error, .. } => match error.kind() {
                ErrorKind::AddrInUse => "stop that one, or listen on another port",
                ErrorKind::AddrNotAvailable => {
                    "give an address of this machine, or 0.0.0.0 for all it has"
                }
                ErrorKind::PermissionDenied => {
                    "give a port of 1024 or more, or the service the capability \
                     CAP_NET_BIND_SERVICE"
                }
                _ => "give an address and a port of this machine",
            },
            Self::Tls(_) => "give certificate and key as PEM",
            Self::Io(_) => "see what the system says",
        }
    }
}

/// Why an address cannot be had, in words.
fn unbound(address: &SocketAddr, error: &std::io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => match port_holder::holder(port) {
            Some(process) => format!("port {port} is in use by {process}"),
            None => format!("port {port} is in use by another program"),
        },
        ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address {} now", address.ip())
        }
        ErrorKind::PermissionDenied if port < 1024 => {
            format!(
                "port {port} is below 1024, and this user may not take such a port; add \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE and \
                 CapabilityBoundingSet=CAP_NET_BIND_SERVICE to [Service] of the unit, without \
                 PrivateUsers=yes, or give a port from 1024 on"
            )
        }
        _ => error.to_string(),
    }
}

/// A bound listener, not yet serving.
pub struct Listener {
    socket: TcpListener,
    beside: Vec<TcpListener>,
    tls: Option<TlsSwap>,
    settings: ListenerSettings,
}

impl Listener {
    /// Takes the address and reads the TLS files.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn bind(settings: ListenerSettings) -> Result<Self, ServeError> {
        let address = settings.listen;
        let take = |address| listen(address).map_err(|error| ServeError::Listen { address, error });
        let socket = take(address)?;
        let beside =
            settings.beside.iter().map(|address| take(*address)).collect::<Result<_, _>>()?;
        let tls = match &settings.tls {
            None => None,
            Some((certificate, key)) => {
                Some(TlsContext::read(certificate, key).map_err(ServeError::Tls)?.into())
            }
        };
        Ok(Self { socket, beside, tls, settings })
    }

    /// Keeps injections away from where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_off(&self, desk: &mut Desk) -> std::io::Result<()> {
        let own = [self.address()?].into_iter().chain(self.addresses_beside()?);
        desk.keep_off(own.map(|address| address.port()).collect());
        Ok(())
    }

    /// The listener, and by what its TLS certificate is exchanged while it serves.
    pub fn swappable(self) -> (Self, Option<TlsSwap>) {
        let tls = self.tls.clone();
        (self, tls)
    }

    /// Where else it listens, for devices that register themselves.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses_beside(&self) -> std::io::Result<Vec<SocketAddr>> {
        self.beside.iter().map(TcpListener::local_addr).collect()
    }

    /// Whether an address can be had now; it is given back at once.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn check_address(address: SocketAddr) -> Result<(), ServeError> {
        listen(address).map(drop).map_err(|error| ServeError::Listen { address, error })
    }

    /// Whether these files can be used for TLS, without taking an address.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub fn check_tls(certificate: &Path, key: &Path) -> Result<(), String> {
        TlsContext::read(certificate, key).map(drop)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until stopped. Stopping lets running requests end for as long as an execution may
    /// take.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn serve(
        self,
        current: Current,
        about: About,
        recorder: PrometheusHandle,
        shutdown: Duration,
    ) -> Result<Server, ServeError> {
        let recorder = web::Data::new(recorder);
        let about = web::Data::new(about);
        let mut limits = self.settings.clone();
        limits.beside = self.addresses_beside()?;
        let settings = self.settings;
        let simulated = web::Data::new(Simulated(settings.simulated));
        let mut server = HttpServer::new(move || {
            let limits = limits.clone();
            let current = current.clone();
            App::new()
                .app_data(recorder.clone())
                .app_data(about.clone())
                .app_data(simulated.clone())
                .app_data(web::PayloadConfig::new(limits.body_limit))
                .wrap(from_fn(move |request, next| limit(limits.clone(), request, next)))
                .wrap(from_fn(request::surround))
                .wrap(headers(simulated.0))
                .wrap(from_fn(body::keep))
                // Outermost: every other layer sees one and the same set.
                .wrap(from_fn(move |request, next| {
                    current::present(current.clone(), request, next)
                }))
                .configure(protocols)
                .service(web::redirect("/docs", "/docs/"))
                .service(page())
                .default_service(web::to(super::no_such_route))
        })
        .client_request_timeout(SLOW_REQUEST)
        // A caller that has gone gives its place in the queue back; stories run on their own.
        .h1_allow_half_closed(false)
        .shutdown_timeout(shutdown.as_secs())
        .disable_signals();
        if settings.workers > 0 {
            server = server.workers(settings.workers);
        }
        for socket in self.beside {
            server = server.listen(socket)?;
        }
        let server = match self.tls {
            None => server.listen(self.socket)?,
            Some(tls) => {
                let acceptor = tls.acceptor().map_err(ServeError::Tls)?;
                server.listen_openssl(self.socket, acceptor)?
            }
        };
        Ok(server.run())
    }
}

/// What every answer says.
fn headers(is_simulated: bool) -> DefaultHeaders {
    let headers = DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    if is_simulated {
        headers.add((SIMULATED, HeaderValue::from_static(WHAT_IS_SIMULATED)))
    } else {
        headers
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A station that was restarted takes its port back at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The interface's description as a page. Without a validator: the usual one is a server on the
/// internet, which the page would show the description to.
fn page() -> SwaggerUi {
    let config = Config::default().validator_url("none");
    SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", openapi::document()).config(config)
}

/// Bounds what a request may hold, before any handler reads it.
async fn limit<B: MessageBody + 'static>(
    limits: ListenerSettings,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match broken(&limits, &request) {
        None => Ok(next.call(request).await?.map_into_left_body()),
        Some(error) => Ok(request.error_response(Problem::from(error)).map_into_right_body()),
    }
}

fn broken(limits: &ListenerSettings, request: &ServiceRequest) -> Option<Error> {
    if limits.beside.contains(&request.app_config().local_addr()) && request.path() != sign::PATH {
        return Some(super::nothing_at(request.path()));
    }
    let head: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let body = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let asked = request.uri().path_and_query().map_or(0, |asked| asked.as_str().len());
    let too_large = if asked > limits.query_limit {
        TooLarge::Query { longest: limits.query_limit }
    } else if head > limits.header_limit {
        TooLarge::Head { largest: limits.header_limit }
    } else if body.is_some_and(|body| body > limits.body_limit) {
        TooLarge::Body { largest: limits.body_limit }
    } else {
        return None;
    };
    Some(Error::TooLarge(too_large))
}
