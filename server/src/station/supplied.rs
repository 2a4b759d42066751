//! Identities made elsewhere: read and checked before anything is written down, and wiped once their
//! unit has them.

use openssl::base64::decode_block;
use zeroize::Zeroizing;

use super::{Error, Station};
use crate::ca::{Authority, Supplied, SuppliedError};
use crate::ra::{Admitted, Record, SerialNumber, UnitId};
use crate::supply::{Supply, SupplyError};

/// Where identities made elsewhere are, and what they are held against.
pub struct SuppliedKeys {
    /// The units' folders.
    pub supply: Supply,
    /// Certificates a device is given, its own included; none: its own, alone.
    pub depth: Option<u8>,
}

/// An identity made elsewhere, with the entropy that came with it.
pub(super) struct Brought {
    pub(super) identity: Supplied,
    pub(super) entropy: Option<Zeroizing<[u8; 48]>>,
}

/// Why a unit does not get the identity made for it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupplyRefusal {
    /// Its folder cannot be used.
    #[error("{0}")]
    Folder(#[from] SupplyError),
    /// What is in it cannot be given to the unit.
    #[error("the identity supplied for `{serial}`: {problem}")]
    Unfit {
        /// The unit's serial number.
        serial: String,
        /// What is wrong.
        problem: SuppliedError,
    },
    /// The unit has had it, and was released.
    #[error(
        "the identity supplied for `{serial}` is the one it had before it was released; that one \
         is to be revoked"
    )]
    Spent {
        /// The unit's serial number.
        serial: String,
    },
    /// Its certificate serial belongs to another unit.
    #[error(
        "the certificate supplied for `{serial}` has the serial of the one of unit `{by}`; no CA \
         may give one serial twice"
    )]
    SerialTwice {
        /// The unit's serial number.
        serial: String,
        /// The unit that holds it.
        by: String,
    },
}

impl SuppliedKeys {
    /// Whether the unit of this serial number could be given what was made for it elsewhere.
    ///
    /// # Errors
    /// [`SupplyRefusal`], the first thing missing or wrong.
    pub fn check(
        &self,
        serial: &str,
        account: Option<&str>,
        authority: &Authority,
        now: jiff::Timestamp,
    ) -> Result<(), SupplyRefusal> {
        self.bring(serial, account, authority, now).map(drop)
    }

    /// The identity made elsewhere for the unit of this serial number, checked.
    pub(super) fn bring(
        &self,
        serial: &str,
        account: Option<&str>,
        authority: &Authority,
        now: jiff::Timestamp,
    ) -> Result<Brought, SupplyRefusal> {
        let contents = self.supply.read(serial)?;
        let files = (contents.key.as_slice(), contents.certificates.as_slice());
        let checked = Supplied::check(files, serial, account, authority, self.depth, now);
        let unfit = |problem| SupplyRefusal::Unfit { serial: serial.to_owned(), problem };
        let identity = checked.map_err(unfit)?;
        Ok(Brought { identity, entropy: contents.entropy })
    }
}

impl Station {
    /// What the admitted unit gets whole: a development unit's identity, or what was made elsewhere;
    /// nothing where the station's units get keys otherwise.
    pub(super) fn brought(
        &self,
        admitted: &Admitted,
        account: Option<&str>,
    ) -> Result<Option<Brought>, Error> {
        if let Some(developer) = self.developers(admitted.ask())? {
            return Ok(Some(developer));
        }
        let Some(keys) = &self.parts.supplied else { return Ok(None) };
        let serial = admitted.ask().unit.serial_number.as_str();
        let account = account.filter(|_| self.parts.account_in_subject);
        let brought = keys.bring(serial, account, &self.parts.authority, admitted.at());
        Ok(Some(brought.map_err(Error::Supply)?))
    }

    /// Wipes the unit's folder when the record says that the unit lives with what is in it.
    pub(super) fn wipe(&self, record: &Record) {
        let Some(keys) = self.parts.supplied.as_ref().filter(|keys| keys.supply.wipes()) else {
            return;
        };
        let serial = record.unit.serial_number.as_str();
        let wiped = if lives_with(record, &keys.supply) {
            keys.supply.wipe(serial)
        } else if record.deployed && keys.supply.is_empty(serial) {
            // The certificate goes last, and its folder after it.
            keys.supply.drop_empty(serial)
        } else {
            return;
        };
        match wiped {
            Ok(()) => tracing::info!(unit.serial = serial, "the unit's folder is wiped"),
            Err(error) => tracing::error!(
                unit.serial = serial,
                %error,
                "the unit's folder could not be wiped; the next start tries again"
            ),
        }
    }

    /// Wipes the folders of all units that have their identity: those a stop has left over.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn wipe_leftovers(&self) -> Result<(), Error> {
        let Some(keys) = self.parts.supplied.as_ref().filter(|keys| keys.supply.wipes()) else {
            return Ok(());
        };
        let names = match keys.supply.names() {
            Ok(names) => names,
            Err(error) => {
                tracing::error!(%error, "the supplied folders cannot be listed");
                return Ok(());
            }
        };
        for name in names {
            let Ok(serial) = SerialNumber::parse(name) else { continue };
            if let Some(record) = self.record(&UnitId::pep(serial)).await? {
                self.wipe(&record);
            }
        }
        Ok(())
    }
}

/// Whether the certificate in the unit's folder is the one the unit has. What an operator has put
/// there since, for after a release, is not.
fn lives_with(record: &Record, supply: &Supply) -> bool {
    let live = record.live_execution().and_then(|it| it.certificate.as_ref());
    let live = live.and_then(|it| decode_block(&it.der).ok());
    let there = supply.certificates(record.unit.serial_number.as_str());
    let there = there.and_then(|bytes| Supplied::first(&bytes));
    live.is_some() && live == there
}
