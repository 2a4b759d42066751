//! The one way from `pep` to a station: a request, its answer, and every reason why there is none.
//!
//! It knows HTTP, TLS, deadlines and the operator's token. What a refusal means is read in `problem`;
//! what a document means is the command's business.
//!
//! Redirects are refused: a token or a sealing key would follow them to anybody. Proxies of the
//! environment (`http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, as curl reads them) are honoured,
//! because the old command line was curl; never towards this machine itself.

mod announced;
pub mod answer;
mod certificate;
pub mod discovery;
pub mod events;
pub mod query;
pub mod relay;
pub mod settings;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Url};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Kind};
use crate::problem;
use crate::trace::Trace;

use announced::Announced;
pub use answer::Answer;
pub use query::Query;
pub use settings::Settings;

/// `Accept` for a JSON document.
pub const JSON: &str = "application/json, application/problem+json";
/// `Accept` for one value in plain text.
pub const TEXT: &str = "text/plain, application/problem+json";
/// `Accept` for the steps of a story, or for the plain document where a station knows no steps.
pub const STEPS: &str = "text/event-stream, application/json, application/problem+json";

/// A field that every answer of a simulated station has.
const SIMULATED: &str = "pep-simulated";

/// The longest refusal that is read, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// The longest wait for a connection: a station is on the same network.
const LONGEST_CONNECTING: Duration = Duration::from_secs(10);

/// How long to wait for a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The whole answer has to be there in time.
    Whole,
    /// Each piece of the answer has to come in time: for answers of any length.
    EachPiece,
}

/// A request: a route below `/v3`, its query, and what may come back.
pub struct Ask<'a> {
    /// The route below `/v3`, such as `identity`; with a slash before it one of the root.
    pub route: &'a str,
    /// Its query.
    pub query: &'a Query,
    /// The value of the field `Accept`.
    pub accept: &'static str,
}

/// A station, as this command line reaches it.
///
/// It has no `Debug`: it holds the operator's token.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    patience: Duration,
    token: Option<HeaderValue>,
    /// The file in the place of the system's CAs.
    cacert: Option<PathBuf>,
    trace: Trace,
    simulated: AtomicBool,
    announced: Announced,
}

impl Client {
    /// Read the settings; nothing is sent.
    ///
    /// Fails with [`Kind::Usage`] when an address, a certificate file or a token file is of no use.
    pub fn new(settings: &Settings, trace: Trace) -> Result<Self, Failure> {
        let base = settings.base()?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pep/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .tls_info(true)
            // A little less than the whole patience: a connection that was never made has another
            // meaning than an answer that did not come.
            .connect_timeout(settings.patience().mul_f32(0.9).min(LONGEST_CONNECTING));
        if settings::is_this_machine(&base) {
            builder = builder.no_proxy();
        }
        if let Some(certificates) = settings.certificates()? {
            // As with curl: the file stands in the place of the system's certificates.
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| {
            Failure::new(
                Kind::Usage,
                format!("cannot prepare the connection: {}", answer::cause(&error)),
            )
        })?;
        Ok(Self {
            http,
            base,
            patience: settings.patience(),
            token: settings.token()?,
            cacert: settings.cacert.clone(),
            trace,
            simulated: AtomicBool::new(false),
            announced: Announced::default(),
        })
    }

    /// How much is traced.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// Whether a station has answered that says it is simulated.
    pub fn is_simulated(&self) -> bool {
        self.simulated.load(Ordering::Relaxed)
    }

    /// The station's address, for people.
    pub fn shown_base(&self) -> String {
        settings::shown(&self.base)
    }

    /// Where something of this machine listens that the station has to reach: this machine alone
    /// when the station is here too, else every address. The port is a free one.
    pub fn near_address(&self) -> SocketAddr {
        let near = settings::is_this_machine(&self.base);
        SocketAddr::from((if near { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED }, 0))
    }

    /// Send a request and give the answer, once its head says that it is what was asked for.
    ///
    /// Fails with [`Kind::Unreached`] when nothing can have arrived, with [`Kind::Unanswered`] when
    /// something may have, else with what the station's refusal means.
    pub async fn ask(&self, ask: &Ask<'_>, wait: Wait) -> Result<Answer, Failure> {
        self.send(Method::GET, ask, wait).await
    }

    /// The same for a request that changes what the station keeps.
    ///
    /// It is never repeated here: what an answer that got lost has changed is the caller's to find
    /// out.
    pub async fn change(&self, ask: &Ask<'_>, wait: Wait) -> Result<Answer, Failure> {
        self.send(Method::POST, ask, wait).await
    }

    /// The same client for a station whose announcement had this fingerprint of its TLS
    /// certificate: it is compared before anything else is said, and with every answer.
    pub fn announced_with(mut self, fingerprint: Option<String>) -> Self {
        self.announced.fingerprint = fingerprint;
        self
    }

    /// Sees once, by a request that says nothing, that the station is the announced one.
    async fn see_who_answers(&self, deadline: Instant) -> Result<(), Failure> {
        if self.announced.fingerprint.is_none() || self.announced.seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let asked = self.http.get(self.url("/healthz", "")).send();
        match timeout_at(deadline, asked).await {
            Ok(Ok(response)) => self.announced.compare(&response, &self.base)?,
            Ok(Err(error)) => return Err(self.no_answer(&error)),
            Err(_) => return Err(answer::too_late(self.patience)),
        }
        self.announced.seen.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same for one that takes something away.
    pub async fn remove(&self, ask: &Ask<'_>, wait: Wait) -> Result<Answer, Failure> {
        self.send(Method::DELETE, ask, wait).await
    }

    async fn send(&self, method: Method, ask: &Ask<'_>, wait: Wait) -> Result<Answer, Failure> {
        let started = Instant::now();
        let deadline = started + self.patience;
        self.see_who_answers(deadline).await?;
        let url = self.url(ask.route, &ask.query.encoded());
        let mut request = self.http.request(method.clone(), url).header(ACCEPT, ask.accept);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        self.trace.request(|| {
            let token = if self.token.is_some() { " with a token" } else { "" };
            format!("{method} {}{token}", self.shown_url(ask))
        });

        let response = match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.no_answer(&error)),
            Err(_) => return Err(answer::too_late(self.patience)),
        };
        self.judge(response, wait, started).await
    }

    /// Looks who answers, and whether it is what was asked for.
    async fn judge(
        &self,
        response: reqwest::Response,
        wait: Wait,
        started: Instant,
    ) -> Result<Answer, Failure> {
        let deadline = started + self.patience;
        self.look_at(&response)?;
        let status = response.status();
        let mut answer = Answer::new(response, wait, self.patience, deadline);
        self.trace.request(|| {
            format!(
                "{status} {} after {:.3} s",
                answer.media_type(),
                started.elapsed().as_secs_f64()
            )
        });

        if status.is_success() {
            return Ok(answer);
        }
        if status.is_redirection() {
            return Err(self.redirected(status.as_u16(), answer.field(&LOCATION)));
        }
        let retry_after = answer.field(&RETRY_AFTER);
        let media_type = answer.media_type();
        // Whatever can be read of it: the status alone says the most important thing.
        let body = answer.beginning(LONGEST_REFUSAL).await;
        let failure = problem::read(problem::Refusal {
            status: status.as_u16(),
            media_type: &media_type,
            body: &body,
            retry_after: retry_after.as_deref(),
        });
        self.trace.detail(|| format!("refused: {}", failure.code().unwrap_or("without a word")));
        Err(failure)
    }

    /// Whether the announced station answers, and whether it is simulated.
    fn look_at(&self, response: &reqwest::Response) -> Result<(), Failure> {
        self.announced.compare(response, &self.base)?;
        if response.headers().contains_key(SIMULATED) {
            self.simulated.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The whole time for an answer is over.
    pub fn too_late(&self) -> Failure {
        answer::too_late(self.patience)
    }

    /// Ask for one line of plain text, at most 4 KiB.
    pub async fn text(&self, route: &str, query: &Query) -> Result<String, Failure> {
        let ask = Ask { route, query, accept: TEXT };
        let mut answer = self.ask(&ask, Wait::Whole).await?;
        let body = answer.body(4096).await?;
        let text = String::from_utf8(body).map_err(|_| not_a_station())?;
        let text = text.trim();
        // By its look and not by its media type: old stations are careless with that.
        if text.starts_with('<') || text.contains(char::is_control) {
            return Err(not_a_station());
        }
        Ok(text.to_owned())
    }

    fn url(&self, route: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        // The station's own routes stand beside those of the interface.
        let separator = if route.starts_with('/') { "" } else { "/v3/" };
        url.set_path(&format!("{prefix}{separator}{route}"));
        if !query.is_empty() {
            url.set_query(Some(query));
        }
        url
    }

    fn shown_url(&self, ask: &Ask<'_>) -> String {
        settings::shown(&self.url(ask.route, &ask.query.shown()))
    }

    fn no_answer(&self, error: &reqwest::Error) -> Failure {
        let cause = answer::cause(error);
        let base = settings::shown(&self.base);
        if !error.is_connect() {
            let failure = Failure::new(
                Kind::Unanswered,
                format!("no answer from the station at {base}: {cause}"),
            );
            // A port that speaks TLS closes, or answers with an alert, when it is spoken to without.
            return if self.base.scheme() == "http" && answer::breaks_off(&cause) {
                failure.with_hint(
                    "if the station speaks TLS, its address begins with https://; else check the \
                     network to it and repeat the command",
                )
            } else {
                failure
            };
        }
        let failure = Failure::new(
            Kind::Unreached,
            format!("no connection to the station at {base}: {cause}"),
        );
        if cause.contains("certificate") {
            let host = self.base.host_str().unwrap_or_default();
            failure.with_hint(certificate::hint(&cause, host, self.cacert.as_deref()))
        } else if cause == answer::NO_TLS {
            failure.with_hint("is it http:// instead of https://?")
        } else {
            failure
        }
    }

    fn redirected(&self, status: u16, location: Option<String>) -> Failure {
        let base = settings::shown(&self.base);
        // Without the query: it repeats ours, and ours can hold the sealing verification key.
        let to = location
            .as_deref()
            .and_then(|to| to.split(['?', '#']).next())
            .map(|to| format!(" and points to {to}"))
            .unwrap_or_default();
        Failure::new(
            Kind::Unreached,
            format!("{base} answers {status}{to}; pep follows no redirects"),
        )
        .with_hint("set PEP_SERVER_URL or --server to the station's own address")
    }
}

/// Something answered 200 with what no station answers.
pub fn not_a_station() -> Failure {
    Failure::new(
        Kind::Unanswered,
        "what answered is not an identity station: its answer is not what was asked for",
    )
    .with_hint("check that PEP_SERVER_URL or --server is the station's address")
}

#[cfg(test)]
mod tests;
