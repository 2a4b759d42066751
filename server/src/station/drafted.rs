//! The first step of a story: admitted, and with a certificate drafted.

use super::{Error, Order, Station};
use crate::ca::Draft;
use crate::ra::{self, Ask};

impl Station {
    /// Admits the ask and drafts its certificate: one of the product's own, or what was ordered.
    pub(super) fn drafted(
        &self,
        ask: Ask,
        order: Option<&Order>,
    ) -> Result<(ra::Admitted, Draft), Error> {
        let parts = &self.parts;
        let Some(order) = order else {
            let admitted = ra::admit(ask, &parts.rules, self.now())?;
            let name = admitted.ask().unit.serial_number.as_str();
            let (authority, profile) = (parts.authority.clone(), parts.profile.clone());
            let draft = Draft::new(authority, profile, name, admitted.at())?;
            return Ok((admitted, draft));
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
        Ok((admitted, draft))
    }
}
