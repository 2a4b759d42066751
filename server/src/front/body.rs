//! A request's body: read by a handler, or by nobody, and kept until the answer has left.
//!
//! The HTTP library goes on reading a chunked body whose reader has gone, for as long as the sender
//! likes. One whose reader is still there when the answer has left has its connection closed, after
//! a second in which the sender can read the answer (RFC 9112 9.6). So the answer keeps the reader.

use std::cell::RefCell;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{self, Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::Stream;

/// The body of the request at hand.
#[derive(Clone)]
pub(super) struct Body(Rc<RefCell<Payload>>);

impl Body {
    /// The next bytes of it; nothing behind its end.
    pub(super) async fn next(&self) -> Option<Result<Bytes, PayloadError>> {
        poll_fn(|context| Pin::new(&mut *self.0.borrow_mut()).poll_next(context)).await
    }

    /// The body as the HTTP library gives it, for a request that becomes another protocol.
    ///
    /// # Errors
    /// The library's; none is known.
    pub(super) async fn take(&self, request: &HttpRequest) -> actix_web::Result<web::Payload> {
        let mut payload = std::mem::replace(&mut *self.0.borrow_mut(), Payload::None);
        web::Payload::from_request(request, &mut payload).await
    }
}

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let kept = request.extensions().get::<Self>().cloned();
        ready(Ok(kept.unwrap_or_else(|| Self(Rc::new(RefCell::new(Payload::None))))))
    }
}

/// The middleware. It has to be the outermost: those within may put another answer in its place.
pub(super) async fn keep<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, actix_web::Error> {
    let body = match request.take_payload() {
        Payload::None => return Ok(next.call(request).await?.map_into_boxed_body()),
        payload => Body(Rc::new(RefCell::new(payload))),
    };
    request.extensions_mut().insert(body.clone());
    let answer = next.call(request).await?.map_into_boxed_body();
    Ok(answer.map_body(|_, answer| BoxBody::new(Answer { answer, _request: body })))
}

/// The body of an answer, and of the request it answers.
struct Answer {
    answer: BoxBody,
    _request: Body,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}
