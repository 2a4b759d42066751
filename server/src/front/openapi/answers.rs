//! What every operation answers beside its own: names, refusals in plain text, what the listener
//! refuses by itself, and the stream of steps.

use serde_json::json;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use super::operations;
use crate::front::wording;

const DOCUMENT: &str = "application/problem+json";
const TEXT: &str = "text/plain";
const IDENTITY: &str = "/v3/identity";

/// The names of the operations, for programs made from this document.
const NAMES: [(&str, &str, &str); 19] = [
    ("get", "/healthz", "getHealth"),
    ("get", "/readyz", "getReadiness"),
    ("get", "/metrics", "getMetrics"),
    ("post", "/sign", "registerDevice"),
    ("get", IDENTITY, "giveIdentity"),
    ("get", "/v3/identity-line", "giveIdentityOverLine"),
    ("get", "/v3/identity-record", "getIdentityRecord"),
    ("get", "/v3/enrollment-id", "getEnrollmentId"),
    ("get", "/v3/enrollment-ids", "listEnrollmentIds"),
    ("get", "/v3/verification-key", "getVerificationKey"),
    ("get", "/v3/export", "exportUnits"),
    ("get", "/v3/export-columns", "listExportColumns"),
    ("get", "/v3/yield", "getYield"),
    ("get", "/v3/unit", "getUnit"),
    ("get", "/v3/units", "listUnits"),
    ("post", "/v3/release", "releaseUnit"),
    ("get", "/v3/denied", "listDeniedUnits"),
    ("post", "/v3/denied", "denyUnit"),
    ("delete", "/v3/denied", "allowUnit"),
];

/// Refusals of the listener's own.
const OF_THE_LISTENER: [(&str, &str); 2] = [
    ("414", "The path and query are longer than the station reads"),
    ("431", "The headers are larger than the station reads"),
];

/// Completes every operation.
pub(super) fn complete(openapi: &mut OpenApi) {
    for (method, path, operation) in operations(openapi) {
        let name = NAMES.iter().find(|(its, at, _)| (*its, *at) == (method, path.as_str()));
        if let Some((_, _, name)) = name {
            operation.operation_id = Some((*name).to_owned());
        }
        // Nothing said is nothing asked for.
        operation.security.get_or_insert_default();
        let refusals = &mut operation.responses.responses;
        for (status, description) in OF_THE_LISTENER {
            refusals.entry(status.to_owned()).or_insert_with(|| problem(description).into());
        }
        if path.as_str() != "/healthz" {
            let fault = || problem("A fault of the station; its cause is in the log").into();
            refusals.entry("500".to_owned()).or_insert_with(fault);
        }
        if wording::is_for_gateways(path) {
            refusals.values_mut().for_each(also_in_plain_text);
        }
        if path.as_str() == IDENTITY {
            with_steps(operation);
        }
    }
}

fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("ProblemDetails");
    let content = Content::new(Some(schema));
    ResponseBuilder::new().description(description).content(DOCUMENT, content).build()
}

/// Callers that do not ask for JSON get a sentence in the place of a document.
fn also_in_plain_text(answer: &mut RefOr<Response>) {
    let RefOr::T(answer) = answer else { return };
    if answer.content.contains_key(DOCUMENT) {
        let example = "what is wrong; what to do about it";
        answer.content.entry(TEXT.to_owned()).or_insert_with(|| text(example).into());
    }
}

fn text(example: &str) -> Content {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build();
    ContentBuilder::new().schema(Some(schema)).example(Some(json!(example))).build()
}

/// The stream, and the parameters that exclude each other.
fn with_steps(operation: &mut Operation) {
    if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") {
        let steps = "event: step\ndata: {\"step\":\"injecting\"}\n\nevent: identity\ndata: {}\n\n";
        answer.content.insert("text/event-stream".to_owned(), text(steps).into());
    }
    let exclusive = json!([["line", "ip"], ["line", "port"]]);
    let exclusive = Extensions::builder().add("x-exclusive-parameters", exclusive).build();
    operation.extensions = Some(exclusive);
}
