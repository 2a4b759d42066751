//! What should be known of a unit and keeps nobody from giving it its identity: a number that can be
//! taken for another, and an Ethernet address that another unit has. The callers say both, and not
//! the devices; one of two labels or boards is wrong.

use super::{Error, Station};
use crate::ra::{Record, SerialNumber, UnitId, in_pairs};
use crate::store::{Filter, Order, PageQuery};

/// Most units named beside one.
const MOST: u32 = 10;
/// Who writes into the audit log here: no operator, the station itself.
const STATION: &str = "station";

impl Station {
    /// The other gateways with the Ethernet address of this one, newest first, at most ten.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn same_address(&self, record: &Record) -> Result<Vec<UnitId>, Error> {
        let address = record.ethernet_mac().filter(|address| says_something(address));
        let Some(address) = address else { return Ok(Vec::new()) };
        let filter = Filter { ethernet_mac: Some(address), ..Filter::default() };
        let query = PageQuery { filter, after: None, order: Order::Descending, limit: MOST + 1 };
        let found = self.page(query).await?.into_iter().map(|record| record.unit);
        Ok(found.filter(|other| *other != record.unit).take(MOST as usize).collect())
    }

    /// Says in the log and in the audit log that another unit has this one's Ethernet address.
    pub(super) async fn compare_addresses(&self, record: &Record) {
        let others = match self.same_address(record).await {
            Ok(others) => others,
            Err(error) => {
                tracing::warn!(%error, "no other unit's Ethernet address was compared");
                return;
            }
        };
        let Some(other) = others.first() else { return };
        let address = record.ethernet_mac().map(Into::into).as_ref().and_then(in_pairs);
        let address = address.unwrap_or_default();
        let (serial, other) = (&record.unit.serial_number, &other.serial_number);
        tracing::warn!(address, %other, "another unit has the same Ethernet address");
        let act = format!("`{serial}` has the Ethernet address {address} of `{other}`");
        if let Err(unwritten) = self.note(STATION, &act, record.id.as_str()).await {
            tracing::warn!(error = %unwritten, "this is not in the audit log");
        }
    }
}

/// Says in the log that a number can be taken for another.
pub(super) fn look_at(serial: &SerialNumber) {
    if let Some(alike) = serial.look_alikes() {
        tracing::warn!("the serial number can be mistaken for another: {alike}");
    }
}

/// Boards whose address was never written say zeros or ones.
fn says_something(address: &[u8]) -> bool {
    ![0, 255].iter().any(|blank| address.iter().all(|byte| byte == blank))
}

#[cfg(test)]
mod tests {
    use super::says_something;

    #[test]
    fn a_blank_address_is_nobodys() {
        assert!(!says_something(&[0; 6]) && !says_something(&[255; 6]));
        assert!(says_something(&[0, 0, 0, 0, 0, 1]));
    }
}
