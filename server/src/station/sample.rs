//! An identity for somebody to look at. It is written down nowhere and good for nothing: the CA's
//! key has not signed it, and nothing but a [`Sent`](super::Sent) can be handed over.

use std::sync::Arc;

use super::{Error, Identity, KeySource};
use crate::ca::{Authority, DeviceKey, Draft};
use crate::ra::ExecutionId;

impl Identity {
    /// What `draft` would become for a key of this source.
    ///
    /// # Errors
    /// [`Error::Internal`] when OpenSSL has no randomness.
    pub fn sample(
        draft: &Draft,
        authority: Arc<Authority>,
        source: KeySource,
        execution: ExecutionId,
    ) -> Result<Self, Error> {
        let (certificate, key) = match source {
            KeySource::Make => {
                let key = DeviceKey::generate()?;
                (draft.sample(key.public())?, Some(key.to_sec1()?))
            }
            KeySource::Csr(csr) => (draft.sample(csr.key())?, None),
        };
        let endpoint_name = draft.common_name().to_owned();
        Ok(Self { certificate: certificate.der, key, authority, endpoint_name, execution })
    }
}
