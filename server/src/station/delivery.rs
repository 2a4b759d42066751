//! A protocol's part of the story: reach the unit, hand the identity over.

use crate::ca::{CertificateSerial, Csr, Draft};
use crate::ra::{ExecutionId, Reason};

use super::story::{Issued, Sent};

/// A certificate that is asked for by a request, known before the unit is reserved.
#[derive(Debug, Clone)]
pub struct Order {
    /// The factory whose CA is to sign.
    pub factory: String,
    /// The request.
    pub csr: Csr,
    /// The serial of the unit's first certificate, which its wire fixes.
    pub first_serial: CertificateSerial,
    /// Whether the unit may bring another key than the one it was registered with.
    pub may_change_key: bool,
}

/// One unit's delivery, supplied by a front end and used up by one story.
///
/// The station calls `open`, then `announce` and `hand_over` once each; `abandon` whenever it ends
/// the story after a successful `open` without `hand_over`.
pub trait Delivery: Send + 'static {
    /// Reaches the unit and says whose key it will be. No certificate leaves here.
    fn open(
        &mut self,
        draft: &Draft,
        execution: &ExecutionId,
    ) -> impl Future<Output = Result<KeySource, Failure>> + Send;

    /// The account the caller wants the unit bound to. Default: it names none.
    fn account(&self) -> Option<&str> {
        None
    }

    /// The request, where the front end has it before the unit is reserved. Default: none, the
    /// certificate is one of the product's own.
    fn order(&self) -> Option<&Order> {
        None
    }

    /// Tells outside registries what was issued. Must be repeatable. Default: nothing to tell.
    fn announce(&mut self, _issued: &Issued) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether [`Delivery::announce`] has anything to tell; if not, one durable write is saved.
    fn announces(&self) -> bool {
        false
    }

    /// Hands the identity over, once.
    fn hand_over(&mut self, sent: &Sent) -> impl Future<Output = Outcome> + Send;

    /// Leaves a unit that was reached and will get no identity in a state from which it can be
    /// done again.
    fn abandon(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Whose key the certificate will be for.
pub enum KeySource {
    /// The station makes the pair.
    Make,
    /// The device made it and proves it.
    Csr(Csr),
    /// It was made elsewhere, and the station has it from the unit's folder.
    Supplied,
}

/// Why a unit could not be reached or did not take its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, with the device's number where it gave one.
    pub reason: Reason,
    /// What the person at the bench should check.
    pub hint: String,
}

impl Failure {
    /// A failure without a number.
    pub fn new(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: Reason::text(text), hint: hint.into() }
    }
}

/// How handing over ended. The middle one is the one that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The device has it and said so.
    Confirmed {
        /// Its warnings.
        warnings: Vec<String>,
    },
    /// It went out, at least in part, and the device did not confirm it.
    Unanswered(Failure),
    /// Not one byte of it left the station.
    NothingLeft(Failure),
    /// It is the answer to the caller, who will not confirm it.
    IsTheAnswer,
}
