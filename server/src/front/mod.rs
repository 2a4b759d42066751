//! Every way in: the HTTP listener, then one folder a protocol. Handlers read, call the station,
//! and write; an `if` about a unit belongs in `ra`.

mod condition;
mod http;
mod injection;
mod openapi;
mod operators;
mod problem;
mod query;
mod records;
mod request;

use actix_web::{Handler, HttpRequest, Resource, Responder, guard, web};

pub use http::{Listener, ListenerSettings, ServeError};
pub use injection::Desk;
pub use openapi::document as openapi_document;
pub use operators::Operators;
pub use records::RecordSettings;

use problem::Problem;

use crate::station::Error;

/// Every protocol, one line each. The v3 routes stand with and without their prefix.
fn protocols(config: &mut web::ServiceConfig) {
    let v3 = |config: &mut web::ServiceConfig| {
        injection::routes(config);
        records::routes(config);
    };
    config.service(web::scope("/v3").configure(v3)).configure(v3).configure(condition::routes);
}

/// A resource that answers GET (and so HEAD) and says so to everything else.
fn only_get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler))
        .default_service(web::to(only_get_allowed))
}

/// A resource that answers POST and says so to everything else.
fn only_post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::post().to(handler)).default_service(web::to(only_post_allowed))
}

async fn only_get_allowed() -> Result<&'static str, Problem> {
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn only_post_allowed() -> Result<&'static str, Problem> {
    Err(Problem::method_not_allowed("POST"))
}

async fn no_such_route(request: HttpRequest) -> Result<&'static str, Problem> {
    let what = format!("there is nothing at {}", request.path());
    Err(Error::NotFound { what, hint: "see /docs/ for what the station answers".to_owned() }.into())
}
