//! Every way in: the HTTP listener, then one folder a protocol. Handlers read, call the station,
//! and write; an `if` about a unit belongs in `ra`.

mod body;
mod condition;
mod current;
mod discovery;
mod http;
mod injection;
mod openapi;
mod operators;
mod port_holder;
mod problem;
mod query;
mod records;
mod request;
pub mod sign;
mod status;
mod tls;
mod unit_name;
mod wording;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, guard, web};

pub use current::Current;
pub use discovery::Announcement;
pub use http::{Fronts, Listener, ListenerSettings, ServeError};
pub use injection::{Desk, Preview, PreviewError};
pub use openapi::document as openapi_document;
pub use operators::Operators;
pub use records::RecordSettings;
pub use sign::Registrar;
pub use status::About;
pub use tls::{TlsContext, TlsSwap};

use problem::Problem;

use crate::station::Error;

/// Every protocol, one line each. The v3 routes stand with and without their prefix.
fn protocols(config: &mut web::ServiceConfig) {
    let v3 = |config: &mut web::ServiceConfig| {
        injection::routes(config);
        records::routes(config);
    };
    config.service(web::scope("/v3").configure(v3)).configure(v3);
    config.configure(sign::routes).configure(condition::routes);
}

/// A resource that reads: it answers GET and HEAD, and says so to everything else.
fn only_read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let read = guard::Any(guard::Get()).or(guard::Head());
    let refuse = || async { Err::<&str, _>(Problem::method_not_allowed("GET, HEAD")) };
    web::resource(path).route(web::route().guard(read).to(handler)).default_service(web::to(refuse))
}

/// A resource that does something when it is asked by GET, as the old interface has it: HEAD,
/// which must do nothing, is refused.
fn only_get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let refuse = || async { Err::<&str, _>(Problem::method_not_allowed("GET")) };
    web::resource(path).route(web::get().to(handler)).default_service(web::to(refuse))
}

/// A resource that changes something: it answers POST, and says so to everything else.
fn only_post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let refuse = || async { Err::<&str, _>(Problem::method_not_allowed("POST")) };
    web::resource(path).route(web::post().to(handler)).default_service(web::to(refuse))
}

async fn no_such_route(request: HttpRequest) -> Result<&'static str, Problem> {
    Err(nothing_at(request.path()).into())
}

fn nothing_at(path: &str) -> Error {
    let what = format!("there is nothing at {path}");
    Error::NotFound { what, hint: "see /docs/ for what the station answers".to_owned() }
}
