//! An identity for somebody to look at. It is written down nowhere and good for nothing: the CA's
//! key has not signed it, and nothing but a [`Sent`](super::Sent) can be handed over.

use super::{Error, Identity, KeySource, SuppliedKeys};
use crate::ca::{Authority, DeviceKey, Draft};
use crate::ra::ExecutionId;

impl Identity {
    /// What `draft` would become for a key of this source.
    ///
    /// # Errors
    /// [`Error::Internal`] when OpenSSL has no randomness.
    pub fn sample(
        draft: &Draft,
        authority: &Authority,
        source: KeySource,
        execution: ExecutionId,
    ) -> Result<Self, Error> {
        let (certificate, key) = match source {
            KeySource::Make => {
                let key = DeviceKey::generate()?;
                (draft.sample(key.public())?, Some(key.to_sec1()?))
            }
            KeySource::Csr(csr) => (draft.sample(csr.key())?, None),
            KeySource::Supplied => {
                return Err(Error::Internal("nothing was supplied for the sample".to_owned()));
            }
        };
        let endpoint_name = draft.common_name().to_owned();
        let chain = authority.sends_chain().then(|| authority.sent_chain().to_vec());
        let certificate = certificate.der;
        Ok(Self { certificate, key, chain, entropy: None, endpoint_name, account: None, execution })
    }

    /// What was made elsewhere for the unit of this serial number, under the rules of a station
    /// that has it from `keys`.
    ///
    /// # Errors
    /// [`Error::Supply`].
    pub fn supplied_sample(
        keys: &SuppliedKeys,
        serial: &str,
        account: Option<&str>,
        authority: &Authority,
        (execution, now): (ExecutionId, jiff::Timestamp),
    ) -> Result<Self, Error> {
        let brought = keys.bring(serial, account, authority, now).map_err(Error::Supply)?;
        let identity = brought.identity;
        Ok(Self {
            certificate: identity.certificate,
            key: Some(identity.key),
            chain: (!identity.chain.is_empty()).then_some(identity.chain),
            entropy: brought.entropy,
            endpoint_name: serial.to_owned(),
            account: None,
            execution,
        })
    }
}
