//! The interface described: OpenAPI 3.1, served at `/openapi.json`, kept in docs/openapi.json, and
//! shown as a page at `/docs/`.

mod answers;
mod parameters;

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
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
        records::export_columns,
        records::yields,
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
        records::YieldTable,
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
    let mut openapi = Interface::openapi();
    parameters::bound(&mut openapi);
    answers::complete(&mut openapi);
    openapi
}

/// Every operation with its method and path.
fn operations(
    openapi: &mut utoipa::openapi::OpenApi,
) -> impl Iterator<Item = (&'static str, &String, &mut Operation)> {
    openapi.paths.paths.iter_mut().flat_map(|(path, item)| {
        let all = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
        all.into_iter().filter_map(move |(method, operation)| {
            operation.as_mut().map(|operation| (method, path, operation))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Programs are made from this document: every operation has a name of its own, every text a
    /// bound, and every operation says who may call it.
    #[test]
    fn every_operation_is_named_and_bounded() {
        let document = serde_json::to_value(document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is given twice");
                assert!(operation["security"].is_array(), "{method} {path}");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let (name, schema) = (&parameter["name"], &parameter["schema"]);
                    assert!(parameter["description"].is_string(), "{path} {name}");
                    let is_text = schema["type"] == "string";
                    assert!(!is_text || schema["maxLength"].is_u64(), "{path} {name} {schema}");
                }
            }
        }
        assert!(names.len() > 15);
        let identity = &document["paths"]["/v3/identity"]["get"];
        for status in ["400", "403", "409", "414", "431", "500", "502", "503"] {
            let content = &identity["responses"][status]["content"];
            assert!(content["text/plain"].is_object(), "{status}");
            assert!(content["application/problem+json"].is_object(), "{status}");
        }
        assert!(identity["responses"]["200"]["content"]["text/event-stream"].is_object());
        assert_eq!(identity["x-exclusive-parameters"][0], serde_json::json!(["line", "ip"]));
    }
}
