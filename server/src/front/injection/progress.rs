//! Progress for a caller that watches: server-sent events (WHATWG HTML 9.2).

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// A comment line goes out this often, so that nobody between takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Where a delivery says how far it is; nobody may be listening.
#[derive(Clone)]
pub(super) struct Progress(Option<UnboundedSender<&'static str>>);

impl Progress {
    pub(super) fn silent() -> Self {
        Self(None)
    }

    pub(super) fn told_to(listener: UnboundedSender<&'static str>) -> Self {
        Self(Some(listener))
    }

    /// The request waits for its turn.
    pub(super) fn waiting(&self) {
        self.say("waiting");
    }

    /// The unit is reached and its certificate made.
    pub(super) fn signing(&self) {
        self.say("signing");
    }

    /// The identity goes out.
    pub(super) fn injecting(&self) {
        self.say("injecting");
    }

    fn say(&self, step: &'static str) {
        if let Some(listener) = &self.0 {
            // A listener that went away misses nothing it wants.
            let _ = listener.send(step);
        }
    }
}

/// The event that ends a stream well.
pub(super) fn identity(document: &impl Serialize) -> Bytes {
    event("identity", document)
}

/// The event that ends a stream otherwise.
pub(super) fn problem(details: &impl Serialize) -> Bytes {
    event("problem", details)
}

fn event(name: &str, content: &impl Serialize) -> Bytes {
    let content = serde_json::to_string(content).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {content}\n\n"))
}

enum Next<S> {
    Going(S, UnboundedReceiver<&'static str>),
    Ended,
}

/// Streams the steps while `story` runs, then what it ends with. The story itself runs in the
/// station's own task; a caller that goes away ends only the stream.
pub(super) fn stream(
    story: impl Future<Output = Bytes> + 'static,
    steps: UnboundedReceiver<&'static str>,
) -> HttpResponse {
    let events = stream::unfold(Next::Going(Box::pin(story), steps), |next| async {
        let Next::Going(mut story, mut steps) = next else { return None };
        tokio::select! {
            biased;
            Some(step) = steps.recv() => {
                let chunk = event("step", &serde_json::json!({ "step": step }));
                Some((Ok::<_, actix_web::Error>(chunk), Next::Going(story, steps)))
            }
            end = &mut story => Some((Ok(end), Next::Ended)),
            () = tokio::time::sleep(KEEP_ALIVE) => {
                Some((Ok(Bytes::from_static(b":\n\n")), Next::Going(story, steps)))
            }
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .streaming(events)
}
