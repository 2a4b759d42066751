//! The interface described: OpenAPI 3.1, served at `/openapi.json`, kept in docs/openapi.json, and
//! shown as a page at `/docs/`.

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{condition, injection, problem, records, sign, status};
use crate::export::{IdentityDocument, ListedDocument, UnitDocument};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "pep-server",
        description = "The identity station for production lines. Every `/v3` route also exists \
                       without the prefix.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "this station")),
    paths(
        injection::get_identity,
        injection::get_identity_line,
        records::identity_record,
        records::enrollment_id,
        records::enrollment_ids,
        records::verification_key,
        records::export,
        records::unit,
        records::units,
        records::release,
        records::list,
        records::add,
        records::remove,
        sign::sign,
        condition::healthz,
        condition::readyz,
        status::status,
        condition::numbers,
    ),
    components(schemas(
        problem::ProblemDetails,
        IdentityDocument,
        ListedDocument,
        records::EnrollmentPage,
        records::UnitPage,
        UnitDocument,
        records::DeniedUnit,
        sign::Request,
        sign::Registered,
        condition::Condition,
        status::StatusDocument,
    )),
    tags(
        (name = "identity", description = "Giving a unit its identity"),
        (name = "records", description = "What is kept of units"),
        (name = "station", description = "How the station is"),
    ),
    modifiers(&OperatorsToken),
)]
struct Interface;

struct OperatorsToken;

impl utoipa::Modify for OperatorsToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("operator", scheme);
    }
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Interface::openapi()
}
