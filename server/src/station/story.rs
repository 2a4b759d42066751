//! The nine steps. Each value has one private constructor and is consumed by the next step, so
//! that skipping a write or concluding twice does not compile.

use std::sync::Arc;
use std::time::Instant;

use openssl::base64::encode_block;
use zeroize::Zeroizing;

use super::remarks;
use super::running::Run;
use super::supplied::Brought;
use super::{Delivery, Error, Failure, KeySource, Outcome, Station};
use crate::ca::Draft;
use crate::ra::{
    self, Ask, CertificateFacts, Ending, EnrollmentIdentity, Execution, ExecutionId, Planned,
    Reason, Record,
};
use crate::store::{Claim, Kept};

/// A unit claimed in the ledger, with a certificate drafted for it.
pub(super) struct Reserved {
    pub(super) kept: Kept,
    pub(super) draft: Draft,
    planned: Planned,
    pub(super) brought: Option<Brought>,
    account: Option<String>,
    id: ExecutionId,
    _run: Run,
}

/// What will be handed over. Lives in memory only; the key is wiped with it.
pub struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Option<Zeroizing<Vec<u8>>>,
    pub(super) chain: Option<Vec<Vec<u8>>>,
    pub(super) entropy: Option<Zeroizing<[u8; 48]>>,
    pub(super) endpoint_name: String,
    pub(super) account: Option<String>,
    pub(super) execution: ExecutionId,
}

impl Identity {
    /// The device certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key, SEC 1 DER, where the device did not make it.
    pub fn key(&self) -> Option<&Zeroizing<Vec<u8>>> {
        self.key.as_ref()
    }

    /// The CA certificates the device is given behind its own, issuer first; none when it gets a
    /// single certificate, and not a chain.
    pub fn chain(&self) -> Option<&[Vec<u8>]> {
        self.chain.as_deref()
    }

    /// The entropy that was made elsewhere with the key.
    pub fn entropy(&self) -> Option<&Zeroizing<[u8; 48]>> {
        self.entropy.as_ref()
    }

    /// The endpoint name, which is the certificate's CN and the serial number.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// The account the unit is bound to, if it is.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The execution it belongs to.
    pub fn execution(&self) -> &ExecutionId {
        &self.execution
    }
}

/// A certificate that is written down and has not left the station.
pub struct Issued {
    reserved: Reserved,
    identity: Identity,
}

impl Issued {
    /// What was issued.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The unit's record.
    pub fn record(&self) -> &Record {
        &self.reserved.kept.record
    }
}

/// A certificate whose leaving is written down: the only thing that can be handed over.
pub struct Sent {
    reserved: Reserved,
    identity: Identity,
}

impl Sent {
    /// What is handed over.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Station {
    pub(super) async fn tell<D: Delivery>(
        &self,
        ask: Ask,
        delivery: D,
    ) -> Result<Arc<Record>, Error> {
        metrics::gauge!("pep_stories_in_flight").increment(1);
        let told = self.steps(ask, delivery).await;
        metrics::gauge!("pep_stories_in_flight").decrement(1);
        let last = |record: &Arc<Record>| record.executions.last().map(|e| e.state.as_str());
        let outcome = match &told {
            Ok(record) => last(record).unwrap_or_default(),
            Err(error) => error.code(),
        };
        metrics::counter!("pep_identities_total", "outcome" => outcome).increment(1);
        if let Ok(record) = &told {
            self.compare_addresses(record).await;
        }
        match &told {
            Ok(record) => tracing::info!(
                enrollment.id = record.enrollment_id.as_ref().map(EnrollmentIdentity::as_str),
                "the unit has its identity"
            ),
            Err(error) => tracing::warn!(code = error.code(), "no identity given: {error}"),
        }
        told
    }

    async fn steps<D: Delivery>(&self, ask: Ask, mut delivery: D) -> Result<Arc<Record>, Error> {
        // 1  May it? Everything that can be wrong with the certificate is found here, too, before
        //    anything is written or a device is touched.
        let (admitted, draft, account) = self.drafted(ask, &delivery)?;
        self.look()?;
        // A device that registers itself brings its own key.
        let brought = match delivery.order() {
            Some(_) => None,
            None => self.brought(&admitted, account.as_deref())?,
        };

        remarks::look_at(&admitted.ask().unit.serial_number);

        // 2  WRITE `reserved`.
        let reserved = timed("reserve", self.reserved(&admitted, draft, brought, account)).await?;

        // 3  Reach the unit.
        let source = match timed("open", delivery.open(&reserved.draft, &reserved.id)).await {
            Ok(source) => source,
            Err(failure) => return self.fail(reserved, failure).await,
        };

        // 4, 5  Sign, WRITE `issued`, or `sent` at once where nobody must be told first.
        let told = match &source {
            KeySource::Csr(csr) => reserved.kept.record.has_given(&csr.key().hash()),
            KeySource::Make | KeySource::Supplied => false,
        };
        let announces = delivery.announces() && !told;
        let issued = match timed("issue", self.issue(reserved, source, announces)).await {
            Ok(issued) => issued,
            Err((reserved, error)) => {
                delivery.abandon().await;
                self.alarm_of_clones(&error, &reserved.id).await;
                return self.fail_with(reserved, error).await;
            }
        };

        // 6, 7  Tell outside registries, WRITE `sent`: durable before the first byte leaves.
        let sent = if announces {
            if let Err(failure) = timed("announce", delivery.announce(&issued)).await {
                delivery.abandon().await;
                let error = registry_failed(failure, &issued.reserved.id);
                return self.fail_with(issued.reserved, error).await;
            }
            match self.send(issued).await {
                Ok(sent) => sent,
                Err((reserved, error)) => {
                    delivery.abandon().await;
                    return self.fail_with(reserved, error).await;
                }
            }
        } else {
            Sent { reserved: issued.reserved, identity: issued.identity }
        };

        // 8  Hand it over.
        let outcome = timed("hand_over", delivery.hand_over(&sent)).await;

        // 9  WRITE how it ended.
        timed("conclude", self.end(sent, outcome)).await
    }

    /// Admits the ask and drafts its certificate: one of the product's own, with the account it is
    /// bound to, or what was ordered.
    fn drafted<D: Delivery>(
        &self,
        ask: Ask,
        delivery: &D,
    ) -> Result<(ra::Admitted, Draft, Option<String>), Error> {
        let parts = &self.parts;
        let Some(order) = delivery.order() else {
            let admitted = ra::admit(ask, &parts.rules, self.now())?;
            let name = admitted.ask().unit.serial_number.as_str();
            let account = self.bind(admitted.ask(), delivery.account())?;
            let profile = self.profile(account.as_deref());
            let draft = Draft::new(parts.authority.clone(), profile, name, admitted.at())?;
            return Ok((admitted, draft, account));
        };
        let factory = parts
            .factories
            .get(&order.factory)
            .ok_or_else(|| Error::Internal(format!("there is no factory `{}`", order.factory)))?;
        let admitted = ra::admit(ask, &factory.rules, self.now())?
            .with_key(order.csr.key().hash(), order.may_change_key);
        let draft = Draft::for_csr(
            factory.authority.clone(),
            factory.profile.clone(),
            &order.csr,
            admitted.ask().unit.serial_number.as_str(),
            order.first_serial.clone(),
            admitted.at(),
        )?;
        Ok((admitted, draft, None))
    }

    async fn reserved(
        &self,
        admitted: &ra::Admitted,
        mut draft: Draft,
        brought: Option<Brought>,
        account: Option<String>,
    ) -> Result<Reserved, Error> {
        let mut bytes = [0; 16];
        openssl::rand::rand_bytes(&mut bytes)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let id = ExecutionId::from_bytes(bytes);
        let ask = admitted.ask();
        let planned = |draft: &Draft| {
            brought
                .as_ref()
                .map_or_else(|| draft.planned(), |brought| brought.identity.planned.clone())
        };
        let deadline = admitted.at().saturating_add(self.parts.time_limit);
        let deadline = deadline.unwrap_or_else(|_| admitted.at());
        let execution = |draft: &Draft| {
            Execution::reserved(
                id.clone(),
                self.parts.name.clone(),
                ask.caller.clone(),
                ask.address.clone(),
                planned(draft),
                admitted.at(),
                deadline,
            )
            .bound_to(account.clone())
        };
        let run = self.running.begin(id.clone());
        let kept = self.reserve(admitted, &mut draft, execution).await?;
        let planned = planned(&draft);
        Ok(Reserved { kept, draft, planned, brought, account, id, _run: run })
    }

    async fn issue(
        &self,
        mut reserved: Reserved,
        source: KeySource,
        announces: bool,
    ) -> Result<Issued, (Reserved, Error)> {
        let signed = match self.certify(&mut reserved, source) {
            Ok(signed) => signed,
            Err(error) => return Err((reserved, error)),
        };
        let facts = CertificateFacts {
            der: encode_block(&signed.certificate.der),
            public_key_hash: signed.certificate.public_key_hash.clone(),
            enrollment_id: EnrollmentIdentity::of(&signed.certificate.der),
            superseded: false,
            revoke: None,
        };
        let claims = facts.claims(&reserved.planned);
        let claims = claims.map(|name| Claim { name, execution: reserved.id.clone() });
        let (id, now) = (reserved.id.clone(), self.now());
        let written = self
            .advance(&mut reserved.kept, claims.to_vec(), |record| {
                record.issue(&id, facts.clone(), !announces, now)?;
                record.note_renewal(&id, signed.renews.clone());
                Ok(())
            })
            .await;
        if let Err(error) = written {
            return Err((reserved, error));
        }
        let identity = Identity {
            certificate: signed.certificate.der,
            key: signed.key,
            chain: signed.chain,
            entropy: signed.entropy,
            endpoint_name: reserved.draft.common_name().to_owned(),
            account: reserved.account.clone(),
            execution: reserved.id.clone(),
        };
        Ok(Issued { reserved, identity })
    }

    async fn send(&self, issued: Issued) -> Result<Sent, (Reserved, Error)> {
        let Issued { mut reserved, identity } = issued;
        let (id, now) = (reserved.id.clone(), self.now());
        match self.advance(&mut reserved.kept, Vec::new(), |record| record.send(&id, now)).await {
            Ok(()) => Ok(Sent { reserved, identity }),
            Err(error) => Err((reserved, error)),
        }
    }

    async fn end(&self, sent: Sent, outcome: Outcome) -> Result<Arc<Record>, Error> {
        let Sent { mut reserved, identity } = sent;
        // The key has left; nobody needs it any more.
        drop(identity);
        let (ending, failure) = match outcome {
            Outcome::Confirmed { warnings } => (Ending::Confirmed { warnings }, None),
            Outcome::Unanswered(failure) => {
                (Ending::Unanswered(failure.reason.clone()), Some(failure))
            }
            Outcome::NothingLeft(failure) => {
                (Ending::Failed(failure.reason.clone()), Some(failure))
            }
            // `sent` was the last word.
            Outcome::IsTheAnswer => return Ok(reserved.kept.record),
        };
        let (id, now) = (reserved.id.clone(), self.now());
        let concluded = self
            .conclude(&mut reserved.kept, |record| record.conclude(&id, ending.clone(), now))
            .await;
        match failure {
            Some(failure) => Err(device_failed(failure, &id)),
            None => {
                concluded?;
                self.wipe(&reserved.kept.record);
                Ok(reserved.kept.record)
            }
        }
    }

    /// The unit could not be reached, or a registry refused it.
    async fn fail(&self, reserved: Reserved, failure: Failure) -> Result<Arc<Record>, Error> {
        let error = device_failed(failure, &reserved.id);
        self.fail_with(reserved, error).await
    }

    /// WRITE `failed`. If that cannot be written either, recovery does it.
    async fn fail_with(&self, mut reserved: Reserved, error: Error) -> Result<Arc<Record>, Error> {
        let reason = match &error {
            Error::DeviceFailed { reason, .. } | Error::RegistryFailed { reason, .. } => {
                reason.clone()
            }
            other => Reason::text(other.to_string()),
        };
        let (id, now) = (reserved.id.clone(), self.now());
        let ending = Ending::Failed(reason);
        let written = self
            .conclude(&mut reserved.kept, |record| record.conclude(&id, ending.clone(), now))
            .await;
        if let Err(unwritten) = written {
            tracing::error!(error = %unwritten, "a failed attempt could not be written down");
        }
        Err(error)
    }
}

fn device_failed(failure: Failure, execution: &ExecutionId) -> Error {
    Error::DeviceFailed {
        reason: failure.reason,
        hint: failure.hint,
        execution: execution.to_string(),
    }
}

fn registry_failed(failure: Failure, execution: &ExecutionId) -> Error {
    Error::RegistryFailed {
        reason: failure.reason,
        hint: failure.hint,
        execution: execution.to_string(),
    }
}

async fn timed<T>(step: &'static str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = work.await;
    metrics::histogram!("pep_step_seconds", "step" => step).record(begun.elapsed().as_secs_f64());
    result
}
