//! The announcement on the station's network while it serves, made anew where a reload changes it.

use std::net::SocketAddr;
use std::path::Path;

use pep_server::config::Discovery;
use pep_server::front::Announcement;

/// What is announced, and that it is.
pub struct Announcing {
    name: String,
    address: SocketAddr,
    announcement: Option<Announcement>,
}

impl Announcing {
    /// Announces the station where `discovery` wants it; a network that cannot be spoken to is no
    /// reason not to serve.
    pub fn begin(
        name: &str,
        address: SocketAddr,
        certificate: Option<&Path>,
        discovery: &Discovery,
    ) -> Self {
        let mut announcing = Self { name: name.to_owned(), address, announcement: None };
        announcing.announce(certificate, discovery);
        announcing
    }

    /// Takes back what was announced and announces this.
    pub async fn again(&mut self, certificate: Option<&Path>, discovery: &Discovery) {
        self.withdraw().await;
        self.announce(certificate, discovery);
    }

    /// Says goodbye.
    pub async fn withdraw(&mut self) {
        if let Some(announcement) = self.announcement.take() {
            announcement.withdraw().await;
        }
    }

    fn announce(&mut self, certificate: Option<&Path>, discovery: &Discovery) {
        if !discovery.announce {
            return;
        }
        let interfaces = &discovery.interfaces;
        match Announcement::begin(&self.name, self.address, certificate, interfaces) {
            Ok(Some(announcement)) => {
                tracing::info!(
                    "announced as _pep._tcp; [discovery] announce = false keeps it quiet"
                );
                self.announcement = Some(announcement);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error, "the station cannot be announced on its network");
            }
        }
    }
}
