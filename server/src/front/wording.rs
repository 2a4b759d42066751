//! Who gets an error as a document (RFC 9457), and who as plain text.
//!
//! The old command line and curl write whatever comes into identity.json, exit with 0, and a `jq .`
//! behind them passes on any JSON. So on the routes that gateways call, and where there is no
//! route, an error is JSON only for callers that ask for JSON; for the others it is a sentence, as
//! the old server's were.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};

/// The routes that gateways and their scripts call, without their prefix.
const GATEWAY_ROUTES: [&str; 5] =
    ["/identity", "/identity-record", "/enrollment-id", "/enrollment-ids", "/verification-key"];

/// Whether the caller of a request takes an error as a document.
pub(super) fn takes_document(request: &HttpRequest) -> bool {
    if asks_for_json(request.headers()) {
        return true;
    }
    let is_route = request.match_pattern().is_some();
    is_route && !is_for_gateways(request.path())
}

/// Whether gateways call this path.
pub(super) fn is_for_gateways(path: &str) -> bool {
    GATEWAY_ROUTES.contains(&path.strip_prefix("/v3").unwrap_or(path))
}

/// Whether `Accept` names a kind of JSON that it likes no less than plain text (RFC 9110 12.5.1).
/// `*/*` names nothing.
fn asks_for_json(headers: &HeaderMap) -> bool {
    let (mut json, mut text) = (0, 0);
    for accept in headers.get_all(header::ACCEPT).filter_map(|accept| accept.to_str().ok()) {
        for range in accept.split(',') {
            let (kind, liking) = read_range(range);
            match kind.as_str() {
                // Whoever watches the steps reads documents in them.
                "application/*" | "text/event-stream" => json = json.max(liking),
                "text/plain" | "text/*" => text = text.max(liking),
                kind if kind.ends_with("/json") || kind.ends_with("+json") => {
                    json = json.max(liking);
                }
                _ => {}
            }
        }
    }
    json > 0 && json >= text
}

/// A media range and how much it is liked, in thousandths. What cannot be read is liked fully.
fn read_range(range: &str) -> (String, u32) {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let quality: f32 = value.trim().parse().ok()?;
        let is_quality = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&quality);
        is_quality.then_some((quality * 1000.0) as u32)
    });
    (kind, quality.unwrap_or(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn asks(accept: &[&str]) -> bool {
        let mut request = TestRequest::default();
        for value in accept {
            request = request.append_header((header::ACCEPT, *value));
        }
        asks_for_json(request.to_http_request().headers())
    }

    #[test]
    fn json_is_asked_for_by_name() {
        for accept in [
            "application/json",
            "application/problem+json",
            "APPLICATION/JSON",
            "application/json, text/plain, */*",
            "text/plain, application/problem+json",
            "text/event-stream",
            "application/*",
            "text/plain;q=0.4, application/json;q=0.5",
            "application/vnd.acme+json; charset=utf-8; q=0.001",
            "application/json;q=nonsense",
        ] {
            assert!(asks(&[accept]), "{accept}");
        }
        assert!(asks(&["text/html", "application/json"]));
    }

    #[test]
    fn whoever_takes_anything_has_not_asked_for_it() {
        for accept in [
            "*/*",
            "",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0",
            "application/json;q=0.0, */*",
            "text/plain, application/json;q=0.5",
            "jsonish",
        ] {
            assert!(!asks(&[accept]), "{accept}");
        }
        assert!(!asks(&[]));
    }
}
