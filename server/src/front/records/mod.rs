//! What is kept, read back: enrollment identities, sealing keys, identity documents, pages, and
//! exports. Nothing here changes a unit.

mod export;
mod one;
mod page;

use actix_web::web;

pub(super) use export::__path_export;
pub(super) use one::{__path_enrollment_id, __path_identity_record, __path_verification_key};
pub(super) use page::{__path_enrollment_ids, EnrollmentPage};

use super::only_read;

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
        .service(only_read("/export", export::export));
}
