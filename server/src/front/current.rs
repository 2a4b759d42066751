//! What answers requests: replaced as a whole when the configuration is read again. A request keeps
//! what it began with.

use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;

use super::{Desk, Fronts, Operators, RecordSettings, Registrar};
use crate::station::Station;

/// The station and its front ends as they are now. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Current(Arc<RwLock<Set>>);

/// One station and what belongs to it.
#[derive(Clone)]
struct Set {
    station: web::Data<Station>,
    desk: web::Data<Desk>,
    registrar: web::Data<Option<Registrar>>,
    operators: web::Data<Operators>,
    records: web::Data<RecordSettings>,
}

impl Set {
    fn new(station: Station, fronts: Fronts) -> Self {
        Self {
            station: web::Data::new(station),
            desk: web::Data::new(fronts.desk),
            registrar: web::Data::new(fronts.registrar),
            operators: web::Data::new(fronts.operators),
            records: web::Data::new(fronts.records),
        }
    }
}

impl Current {
    /// A station and its front ends.
    pub fn new(station: Station, fronts: Fronts) -> Self {
        Self(Arc::new(RwLock::new(Set::new(station, fronts))))
    }

    /// Answers what is asked from now on with these.
    pub fn replace(&self, station: Station, fronts: Fronts) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Set::new(station, fronts);
    }

    /// The station that answers now.
    pub fn station(&self) -> Station {
        self.set().station.get_ref().clone()
    }

    /// The desk that answers now.
    pub fn desk(&self) -> web::Data<Desk> {
        self.set().desk
    }

    /// The station, once nothing is answered any more.
    pub fn into_station(self) -> Station {
        self.station()
    }

    fn set(&self) -> Set {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Gives a request what answers it.
pub(super) async fn present<B: MessageBody + 'static>(
    current: Current,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let Set { station, desk, registrar, operators, records } = current.set();
    let mut present = Extensions::new();
    present.insert(station);
    present.insert(desk);
    present.insert(registrar);
    present.insert(operators);
    present.insert(records);
    request.add_data_container(Rc::new(present));
    next.call(request).await
}
