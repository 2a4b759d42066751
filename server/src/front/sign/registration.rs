//! One device's delivery: its request is there from the start, the cloud is told where there is
//! one, and the identity is the answer to the request itself.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::cloud::{Cloud, Told};
use super::members::Members;
use super::request::Heard;
use super::{Factory, answer};
use crate::ca::Draft;
use crate::ra::ExecutionId;
use crate::station::{Delivery, Failure, Issued, KeySource, Order, Outcome, Sent};

/// A delivery to a device that waits for its answer. Holds its place among those that wait for
/// the cloud until the story has ended.
pub(super) struct Registration {
    order: Order,
    hardware_id: String,
    name: Option<String>,
    cloud: Option<Arc<Cloud>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Registration {
    pub(super) fn new(
        heard: &Heard,
        members: &Members,
        factory: &Factory,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            order: heard.order.clone(),
            hardware_id: members.hardware_id.clone(),
            name: members.name.clone(),
            cloud: factory.cloud.clone(),
            _place: place,
        }
    }
}

impl Delivery for Registration {
    fn order(&self) -> Option<&Order> {
        Some(&self.order)
    }

    async fn open(&mut self, _: &Draft, _: &ExecutionId) -> Result<KeySource, Failure> {
        Ok(KeySource::Csr(self.order.csr.clone()))
    }

    fn announces(&self) -> bool {
        self.cloud.is_some()
    }

    async fn announce(&mut self, issued: &Issued) -> Result<(), Failure> {
        let Some(cloud) = &self.cloud else { return Ok(()) };
        let identity = issued.identity();
        cloud
            .tell(&Told {
                certificate: answer::pem(identity.certificate()),
                hardware_id: &self.hardware_id,
                name: self.name.as_deref(),
                may_be_known: issued.record().may_be_known_outside(identity.execution()),
            })
            .await
    }

    async fn hand_over(&mut self, _: &Sent) -> Outcome {
        Outcome::IsTheAnswer
    }
}
