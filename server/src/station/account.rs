//! Units that belong to an account from the beginning: it may stand in their certificates.

use std::sync::Arc;

use super::{Identity, Station};
use crate::ca::Profile;

impl Station {
    /// What the certificate of a unit of this account looks like.
    pub(super) fn profile(&self, account: Option<&str>) -> Arc<Profile> {
        let parts = &self.parts;
        match account.filter(|_| parts.account_in_subject) {
            Some(account) => Arc::new(parts.profile.of_account(account)),
            None => parts.profile.clone(),
        }
    }
}

impl Identity {
    /// The same identity, bound to an account.
    #[must_use]
    pub fn bound_to(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }
}
