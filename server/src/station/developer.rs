//! Development units: an identity that signs itself, for one account, and never a production one
//! (injection 14.6).

use super::supplied::Brought;
use super::{Error, Station};
use crate::ca::DeveloperProfile;
use crate::ra::{Accounts, Ask};

/// What development units get.
pub struct Developer {
    /// What their certificates look like.
    pub profile: DeveloperProfile,
    /// The account they belong to.
    pub account: String,
}

impl Station {
    /// The account the unit is bound to when its caller asks for `asked`.
    pub(super) fn bind(&self, ask: &Ask, asked: Option<&str>) -> Result<Option<String>, Error> {
        let bound = match self.developer_of(ask) {
            Some(developer) => {
                let usual = developer.account.clone();
                Accounts::Bound { usual, others: Vec::new() }.bind(asked)
            }
            None => self.parts.accounts.bind(asked),
        };
        Ok(bound?)
    }

    /// A development unit's identity, made for this attempt.
    pub(super) fn developers(&self, ask: &Ask) -> Result<Option<Brought>, Error> {
        let Some(developer) = self.developer_of(ask) else { return Ok(None) };
        let name = ask.unit.serial_number.as_str();
        let identity = developer.profile.make(name, self.now())?;
        Ok(Some(Brought { identity, entropy: None }))
    }

    /// What the unit gets as a development unit, where it is one. Without the mode the category is a
    /// label.
    fn developer_of(&self, ask: &Ask) -> Option<&Developer> {
        self.parts.developer.as_ref().filter(|_| ask.facts.is_developer())
    }
}
