//! The device registration API of the platform: one PUT a unit, bounded in time, repeated only
//! where that can help (sign 3, "partially detached").

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, Client, Url, redirect};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::config;
use crate::pem;
use crate::ra::Reason;
use crate::station::Failure;

/// Pauses before the second, third and fourth attempt, as the reference has them.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_secs(1)];
/// Longest answer read, in bytes; what is shown of it is shorter.
const LONGEST_ANSWER: usize = 16 * 1024;
const SHOWN: usize = 500;
/// Longest token, in bytes.
const LONGEST_TOKEN: u64 = 4096;
/// Connections kept open between calls.
const IDLE: usize = 8;

/// Why a cloud cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The address.
    #[error("`{0}` is not an http or https address")]
    Url(String),
    /// The CA file.
    #[error("the CA file {path} {problem}")]
    Ca {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The token file; never quotes the token.
    #[error("the token file {path} {problem}")]
    Token {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The HTTP client.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

/// The registration API, ready to be called. Connections are kept and shared.
pub struct Cloud {
    client: Client,
    url: Url,
    settings: config::sign::Cloud,
}

/// What the cloud is told of one unit.
pub(super) struct Told<'a> {
    pub(super) certificate: String,
    pub(super) hardware_id: &'a str,
    pub(super) name: Option<&'a str>,
    /// Whether an earlier call for this unit may have been taken without an answer.
    pub(super) may_be_known: bool,
}

/// How one attempt ended without success.
enum Missed {
    /// Another attempt may do better.
    Again(Failure),
    /// It would not.
    Final(Failure),
}

impl Cloud {
    /// Checks the settings and makes the client.
    ///
    /// # Errors
    /// [`CloudError`].
    pub fn new(settings: config::sign::Cloud) -> Result<Self, CloudError> {
        let url = Url::parse(&settings.url).ok();
        let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let url = url.ok_or_else(|| CloudError::Url(settings.url.clone()))?;
        token(&settings.token_file)?;
        let mut client = Client::builder()
            // A redirect would carry the token elsewhere, and turn the PUT into a GET.
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(IDLE)
            .tls_danger_accept_invalid_certs(!settings.verify_tls);
        if let Some(path) = &settings.ca {
            let unfit =
                |problem: String| CloudError::Ca { path: path.display().to_string(), problem };
            let ders = pem::read_certificates(path).map_err(|error| unfit(error.to_string()))?;
            let read: Result<Vec<_>, _> =
                ders.iter().map(|der| Certificate::from_der(der)).collect();
            let certificates = read.map_err(|error| unfit(error.to_string()))?;
            client = client.tls_certs_merge(certificates);
        }
        let client = client.build().map_err(|error| CloudError::Client(error.to_string()))?;
        Ok(Self { client, url, settings })
    }

    /// How long a call may take with all its attempts.
    pub fn longest(&self) -> Duration {
        let attempts = u32::try_from(PAUSES.len() + 1).unwrap_or(u32::MAX);
        self.settings.timeout * attempts + PAUSES.iter().sum::<Duration>()
    }

    /// Makes the unit known. Returns when the cloud has said that it took it.
    ///
    /// # Errors
    /// [`Failure`] with the status the cloud answered, or without one where it did not answer.
    pub(super) async fn tell(&self, told: &Told<'_>) -> Result<(), Failure> {
        let body = self.body(told);
        let mut pauses = PAUSES.iter();
        // An attempt that was answered by 5xx may have been taken all the same.
        let mut may_be_known = told.may_be_known;
        loop {
            let failure = match self.attempt(&body, may_be_known).await {
                Ok(()) => return Ok(()),
                Err(Missed::Final(failure)) => return Err(failure),
                Err(Missed::Again(failure)) => failure,
            };
            may_be_known |= failure.reason.number.is_some();
            let Some(pause) = pauses.next() else { return Err(failure) };
            tokio::time::sleep(*pause).await;
        }
    }

    fn body(&self, told: &Told<'_>) -> String {
        let mut members = Map::new();
        members.insert("client.pem".to_owned(), told.certificate.clone().into());
        let own = self.settings.groups.get(told.hardware_id);
        let group = own.or(self.settings.group.as_ref()).filter(|group| !group.is_empty());
        if let Some(group) = group {
            members.insert("group".to_owned(), group.clone().into());
        }
        if let Some(name) = told.name {
            members.insert("name".to_owned(), name.into());
        }
        Value::Object(members).to_string()
    }

    async fn attempt(&self, body: &str, may_be_known: bool) -> Result<(), Missed> {
        let unreadable = |problem: String| {
            let hint = "put a token of scope devices:create there; no restart is needed";
            Missed::Final(Failure::new(problem, hint))
        };
        let token = token(&self.settings.token_file).map_err(|e| unreadable(e.to_string()))?;
        let mut token = HeaderValue::from_str(&token)
            .map_err(|_| unreadable("the token cannot stand in a header".to_owned()))?;
        token.set_sensitive(true);
        let request = self
            .client
            .put(self.url.clone())
            .header("OSF-TOKEN", token)
            .header("Content-Type", "application/json")
            .body(body.to_owned());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(unanswered(&error)),
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let said = read(answer).await;
        let number = u64::from(status.as_u16());
        let hint = match number {
            409 if may_be_known => {
                "the cloud may hold an earlier key of this unit: delete it there, then register \
                 again"
            }
            409 => "the cloud knows this unit already: delete it there, then register again",
            401 | 403 => "check the token and its scope (devices:create)",
            300..=399 => "give the API's own address under [sign.factories.cloud] url",
            400..=499 => "show this to the line engineer",
            _ => "wait and repeat; the cloud has a fault",
        };
        let text = format!("the cloud answered {number}: {said}");
        let reason = Reason { text, number: Some(number) };
        let failure = Failure { reason, hint: hint.to_owned() };
        match number {
            429 | 500 | 502..=504 => Err(Missed::Again(failure)),
            _ => Err(Missed::Final(failure)),
        }
    }
}

/// Nothing was sent where no connection came about, so that can be repeated. A call that went
/// without an answer may have been taken: repeating it could only be answered by 409.
fn unanswered(error: &reqwest::Error) -> Missed {
    let mut text = format!("the cloud did not answer: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    let failure = Failure::new(text, "check the station's way to the cloud, then register again");
    if error.is_connect() { Missed::Again(failure) } else { Missed::Final(failure) }
}

/// The beginning of an answer, as one line.
async fn read(mut answer: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() >= LONGEST_ANSWER {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(SHOWN).collect()
}

/// The token as it is in its file now.
fn token(path: &Path) -> Result<Zeroizing<String>, CloudError> {
    let unfit = |problem: String| CloudError::Token { path: path.display().to_string(), problem };
    let about =
        std::fs::metadata(path).map_err(|error| unfit(format!("cannot be read ({error})")))?;
    if !about.is_file() || about.len() > LONGEST_TOKEN {
        return Err(unfit("is not a file with one token".to_owned()));
    }
    let bytes = std::fs::read(path).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| unfit(format!("cannot be read ({error})")))?;
    let text = std::str::from_utf8(pem::without_mark(&bytes));
    let token = text.map_err(|_| unfit("is not UTF-8 text".to_owned()))?.trim();
    if token.is_empty() {
        return Err(unfit("is empty".to_owned()));
    }
    Ok(Zeroizing::new(token.to_owned()))
}
