//! What should be known of a unit and keeps nobody from giving it its identity: characters that
//! look like others, and an Ethernet address that another unit has.

use super::{Error, Station};
use crate::ra::{Ask, Facts, UnitId, in_pairs};
use crate::store::{Filter, Order, PageQuery};

/// Most units named beside one.
const MOST: u32 = 10;

impl Station {
    /// The other gateways with the Ethernet address that these facts name, newest first, at most
    /// ten.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn same_address(&self, unit: &UnitId, facts: &Facts) -> Result<Vec<UnitId>, Error> {
        // Boards whose address was never written say zeros or ones.
        let says_nothing =
            |address: &Vec<u8>| [0, 255].iter().any(|it| address.iter().all(|byte| byte == it));
        let address = facts.ethernet_mac().filter(|address| !says_nothing(address));
        let Some(address) = address else { return Ok(Vec::new()) };
        let filter = Filter { ethernet_mac: Some(address), ..Filter::default() };
        let query = PageQuery { filter, after: None, order: Order::Descending, limit: MOST + 1 };
        let found = self.page(query).await?.into_iter().map(|record| record.unit);
        Ok(found.filter(|other| other != unit).take(MOST as usize).collect())
    }

    /// Says in the log what is remarkable about a unit that is being given its identity.
    pub(super) async fn remark(&self, ask: &Ask) {
        if let Some(alike) = ask.unit.serial_number.look_alikes() {
            tracing::warn!("the serial number can be mistaken for another: {alike}");
        }
        match self.same_address(&ask.unit, &ask.facts).await {
            Ok(others) if others.is_empty() => {}
            Ok(others) => {
                let others: Vec<_> =
                    others.iter().map(|other| other.serial_number.as_str()).collect();
                let address = ask.facts.ethernet_mac().map(Into::into);
                let address = address.as_ref().and_then(in_pairs);
                tracing::warn!(
                    address = address.unwrap_or_default(),
                    others = others.join(", "),
                    "another unit has the same Ethernet address"
                );
            }
            Err(error) => tracing::debug!(%error, "no unit's Ethernet address was compared"),
        }
    }
}
