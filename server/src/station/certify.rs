//! Step 4 of the story: whose key it is, and the certificate for it.

use openssl::base64::decode_block;
use zeroize::Zeroizing;

use super::story::Reserved;
use super::supplied::{Brought, SupplyRefusal};
use super::{Error, KeySource, Station};
use crate::ca::{Authority, Certificate, DeviceKey, Draft};
use crate::ra::{CertificateFacts, Execution, Known, Renewal, Renewing};

/// A certificate, and what goes with it to the device.
pub(super) struct Signed {
    pub(super) certificate: Certificate,
    pub(super) key: Option<Zeroizing<Vec<u8>>>,
    pub(super) chain: Option<Vec<Vec<u8>>>,
    pub(super) entropy: Option<Zeroizing<[u8; 48]>>,
    pub(super) renews: Option<Renewal>,
}

impl Station {
    /// If the unit already has a good certificate for this key, that one; else draft and key,
    /// signed, or what was made elsewhere.
    pub(super) fn certify(
        &self,
        reserved: &mut Reserved,
        source: KeySource,
    ) -> Result<Signed, Error> {
        let record = &reserved.kept.record;
        let mut renews = None;
        let (certificate, key) = match source {
            KeySource::Make => {
                let key = DeviceKey::generate()?;
                (reserved.draft.sign(key.public())?, Some(key.to_sec1()?))
            }
            KeySource::Csr(csr) => {
                let hash = csr.key().hash();
                let known = record.known(&hash, &self.renewing(&reserved.draft), |execution| {
                    issued(reserved.draft.authority(), execution)
                });
                let der = match known {
                    Known::Good(facts) => decode_block(&facts.der).ok(),
                    Known::Worn(renewal) => {
                        renews = Some(renewal);
                        None
                    }
                    Known::Nothing => None,
                };
                let certificate = match der {
                    Some(der) => Certificate { der, public_key_hash: hash },
                    None => reserved.draft.sign(csr.key())?,
                };
                (certificate, None)
            }
            KeySource::Supplied => return supplied(reserved),
        };
        let authority = reserved.draft.authority();
        let chain = authority.sends_chain().then(|| authority.sent_chain().to_vec());
        Ok(Signed { certificate, key, chain, entropy: None, renews })
    }

    fn renewing(&self, draft: &Draft) -> Renewing {
        let within = self.parts.renew_within;
        Renewing { now: self.now(), within, until: draft.planned().not_after }
    }
}

/// Whether a CA issued the certificate of an execution. Records of earlier versions know the
/// issuer's name alone; their certificates say by whose key they are signed.
fn issued(authority: &Authority, execution: &Execution) -> bool {
    let planned = &execution.planned;
    if let Some(key) = &planned.issuer_key {
        return key == authority.key_hash() && planned.issuer_hash == authority.subject_hash();
    }
    let facts = execution.certificate.as_ref();
    let der = facts.and_then(|facts| decode_block(&facts.der).ok());
    der.is_some_and(|der| authority.issued(&der))
}

/// What was made elsewhere for the unit, unless the unit has had it and must not have it again.
fn supplied(reserved: &mut Reserved) -> Result<Signed, Error> {
    let missing = || Error::Internal("nothing was supplied for the unit".to_owned());
    let Brought { identity, entropy } = reserved.brought.take().ok_or_else(missing)?;
    let record = &reserved.kept.record;
    let given = record.executions.iter().filter_map(|it| it.certificate.as_ref());
    let mut same = given.filter(|it| it.public_key_hash == identity.public_key_hash);
    if same.any(CertificateFacts::is_to_be_revoked) {
        let serial = record.unit.serial_number.to_string();
        return Err(Error::Supply(SupplyRefusal::Spent { serial }));
    }
    let chain = (!identity.chain.is_empty()).then_some(identity.chain);
    let (der, public_key_hash) = (identity.certificate, identity.public_key_hash);
    let certificate = Certificate { der, public_key_hash };
    Ok(Signed { certificate, key: Some(identity.key), chain, entropy, renews: None })
}
