//! What is kept, read back: enrollment identities, sealing keys, identity documents, pages,
//! exports, whole records. What changes a unit here is an operator's: a release, and the deny list.

mod between;
mod denied;
mod export;
mod known;
mod one;
mod page;
mod unit;
mod units;
mod yields;

use actix_web::web;

pub(super) use denied::{__path_add, __path_list, __path_remove, DeniedUnit};
pub(super) use export::{__path_export, __path_export_columns};
pub(super) use one::{__path_enrollment_id, __path_identity_record, __path_verification_key};
pub(super) use page::{__path_enrollment_ids, EnrollmentPage};
pub(super) use unit::{__path_release, __path_unit};
pub(super) use units::{__path_units, UnitPage};
pub(super) use yields::{__path_yields, YieldTable};

use super::{only_post, only_read};

/// Settings of these routes.
#[derive(Debug, Clone, Copy)]
pub struct RecordSettings {
    /// Whether sealing verification keys are answered without an operator's token, as the old
    /// server did.
    pub open_verification_keys: bool,
}

/// The routes.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(only_read("/enrollment-id", one::enrollment_id))
        .service(only_read("/verification-key", one::verification_key))
        .service(only_read("/identity-record", one::identity_record))
        .service(only_read("/enrollment-ids", page::enrollment_ids))
        .service(only_read("/export", export::export))
        .service(only_read("/export-columns", export::export_columns))
        .service(only_read("/yield", yields::yields))
        .service(only_read("/unit", unit::unit))
        .service(only_read("/units", units::units))
        .service(only_post("/release", unit::release))
        .service(web::resource("/denied").route(web::to(denied::denied)));
}
