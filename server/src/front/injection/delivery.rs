//! One unit's delivery over the injection protocol: connect, ask for a CSR where the device makes
//! its key, hand the identity over in one frame.

use std::sync::Arc;
use std::time::Duration;

use fcc::session::{Link, Patience, Session, Written};
use jiff::Timestamp;

use super::bundles;
use super::failures;
use super::place::Place;
use super::progress::Progress;
use super::queue::Turn;
use super::relay::RelayLink;
use super::verification;
use crate::ca::{Csr, Draft};
use crate::config::product::{KeyMode, Product};
use crate::ra::ExecutionId;
use crate::station::{Delivery, Failure, KeySource, Outcome, Sent};

/// How long a client may take to answer a closing bundle that nobody waits for.
const CLOSING: Duration = Duration::from_secs(5);

/// Largest payload sent, in bytes: custom properties are the operator's own.
pub(super) const PAYLOAD_LIMIT: usize = 4 * 1024 * 1024;

/// A delivery to one place. Holds the turn, so that the place stays occupied until the story has
/// ended.
pub(super) struct Injection {
    place: Place,
    relay: Option<RelayLink>,
    account: Option<String>,
    product: Arc<Product>,
    patience: Patience,
    connect_timeout: Duration,
    now: Timestamp,
    progress: Progress,
    session: Option<Session<Box<dyn Link>>>,
    /// Set while the client holds a session open that somebody must close.
    open_session: bool,
    sid: String,
    _turn: Turn,
}

impl Injection {
    pub(super) fn new(
        place: Place,
        product: Arc<Product>,
        patience: Patience,
        connect_timeout: Duration,
        now: Timestamp,
        turn: Turn,
        progress: Progress,
    ) -> Self {
        Self {
            place,
            relay: None,
            account: None,
            product,
            patience,
            connect_timeout,
            now,
            progress,
            session: None,
            open_session: false,
            sid: String::new(),
            _turn: turn,
        }
    }

    /// The same, for a unit that the caller wants bound to this account.
    pub(super) fn bound_to(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// The same over a caller's line.
    pub(super) fn over(self, relay: Option<RelayLink>) -> Self {
        Self { relay, ..self }
    }

    async fn connect(&mut self) -> Result<Session<Box<dyn Link>>, Failure> {
        let opened = self.place.open(self.relay.take(), self.connect_timeout).await;
        let link = opened.map_err(|unreached| failures::unreached(&unreached))?;
        let give_up = self.patience.give_up + self.place.slowness(self.product.message_size());
        let patience = Patience { give_up, ..self.patience };
        Ok(Session::new(link, patience).with_limit(PAYLOAD_LIMIT))
    }

    /// The first frame of `by_device`: the device erases itself, makes its key, proves it.
    async fn ask_for_csr(
        &mut self,
        draft: &Draft,
        execution: &ExecutionId,
    ) -> Result<Csr, Failure> {
        let common_name = bundles::csr_common_name(draft, execution);
        let request = bundles::csr_request(&self.product, &common_name, &self.sid)
            .map_err(|error| Failure::new(error.to_string(), "repeat the command"))?;
        let Some(session) = &mut self.session else {
            return Err(failures::gone(&self.place));
        };
        let reply = session
            .exchange(&request)
            .await
            .map_err(|broken| failures::broken(&broken, &self.place))?;
        self.open_session = true;
        if !reply.succeeded() {
            return Err(failures::refused(&reply));
        }
        let unusable = |problem: String| {
            Failure::new(problem, "show this to the line engineer; the client may be damaged")
        };
        let [csr] = reply.csrs.as_slice() else {
            let count = reply.csrs.len();
            return Err(unusable(format!("the device sent {count} CSRs where one was asked for")));
        };
        let csr = Csr::read(&csr.der).map_err(|error| unusable(error.to_string()))?;
        csr.check_common_name(&common_name).map_err(|error| unusable(error.to_string()))?;
        Ok(csr)
    }

    /// Ends a session that is still open, so that the client exits and can be started afresh.
    async fn close(&mut self) {
        let Some(mut session) = self.session.take().filter(|_| self.open_session) else { return };
        self.open_session = false;
        let closing = bundles::closing();
        let closed = tokio::time::timeout(CLOSING, session.exchange(&closing)).await;
        if !matches!(closed, Ok(Ok(_))) {
            tracing::debug!(place = %self.place, "the client did not answer its closing bundle");
        }
    }
}

impl Delivery for Injection {
    async fn open(&mut self, draft: &Draft, execution: &ExecutionId) -> Result<KeySource, Failure> {
        self.progress.signing();
        self.sid = execution.short().to_owned();
        self.session = Some(self.connect().await?);
        match self.product.key_mode {
            KeyMode::ByTool => Ok(KeySource::Make),
            KeyMode::Supplied => Ok(KeySource::Supplied),
            KeyMode::ByDevice => match self.ask_for_csr(draft, execution).await {
                Ok(csr) => Ok(KeySource::Csr(csr)),
                Err(failure) => {
                    self.close().await;
                    Err(failure)
                }
            },
        }
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    async fn hand_over(&mut self, sent: &Sent) -> Outcome {
        self.progress.injecting();
        let identity = sent.identity();
        let bundle = match bundles::identity(&self.product, identity, &self.sid, self.now) {
            Ok(bundle) => bundle,
            Err(error) => {
                self.close().await;
                return Outcome::NothingLeft(Failure::new(error.to_string(), "repeat the command"));
            }
        };
        if let Err(broken) = verification::verify(&bundle) {
            self.close().await;
            return Outcome::NothingLeft(failures::unfit(&broken));
        }
        let Some(session) = &mut self.session else {
            let gone = failures::gone(&self.place);
            return Outcome::NothingLeft(gone);
        };
        match session.exchange(&bundle).await {
            Ok(reply) if reply.succeeded() => {
                let warnings = reply.warnings.iter().map(|text| failures::plain(text)).collect();
                Outcome::Confirmed { warnings }
            }
            Ok(reply) => {
                self.close().await;
                Outcome::Unanswered(failures::refused(&reply))
            }
            Err(broken) => {
                let failure = failures::broken(&broken, &self.place);
                match broken.written {
                    Written::Nothing => Outcome::NothingLeft(failure),
                    Written::Part | Written::Whole => Outcome::Unanswered(failure),
                }
            }
        }
    }

    async fn abandon(&mut self) {
        self.close().await;
    }
}
