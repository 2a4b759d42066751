//! Reads what a station's refusal means: problem details, or what old stations say.
//!
//! Ours answers problem details (RFC 9457) with a stable word in `code`; the word decides. Old
//! stations answer plain text, a page of HTML or `{"error": ...}`; then the status decides. The
//! hints that need to know the command (a serial number, say) are the command's to add.

use serde_json::Value;

use crate::failure::{Failure, Kind};

/// What came back in the place of the thing asked for.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The media type, without parameters, in lower case; empty when none was given.
    pub media_type: &'a str,
    /// The body, or its beginning.
    pub body: &'a [u8],
    /// The field `Retry-After`, if there was one.
    pub retry_after: Option<&'a str>,
}

/// The failure that a refused request means.
pub fn read(refusal: Refusal<'_>) -> Failure {
    let Refusal { status, body, .. } = refusal;
    let text = String::from_utf8_lossy(body);
    if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(&text) {
        return with_waiting(read_document(&document, Some(status)), refusal.retry_after);
    }
    let is_page = refusal.media_type.contains("html") || text.trim_start().starts_with('<');
    let said = if is_page { strip_tags(&text) } else { text.trim().to_owned() };
    let said = if said.is_empty() {
        format!("the station answered {status}")
    } else {
        format!("the station answered {status}: {said}")
    };
    let failure = match status {
        // No station of ours or the old kind says these without a document: something between does.
        502 | 504 => Failure::new(
            Kind::Unanswered,
            format!(
                "something between this machine and the station answered {status}, not the station"
            ),
        ),
        404 if is_page => Failure::new(Kind::Refused, said)
            .with_hint("check PEP_SERVER_URL or --server: what answers there knows no such route"),
        _ => with_usual_hint(Failure::new(kind_of(None, Some(status)), said), status),
    };
    with_waiting(failure.with_status(status), refusal.retry_after)
}

/// The failure that a problem document means; `status` is that of the answer which held it, if it was
/// not part of a stream of events.
pub fn read_document(document: &Value, status: Option<u16>) -> Failure {
    let field = |name: &str| {
        document.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    };
    let status = document
        .get("status")
        .and_then(Value::as_u64)
        .and_then(|status| u16::try_from(status).ok())
        .or(status);
    let code = field("code");
    let kind = kind_of(code, status);

    // Old stations: {"error": "..."} or {"error": {"message": "..."}} or {"message": "..."}.
    let said = field("detail")
        .or_else(|| field("title"))
        .or_else(|| field("error"))
        .or_else(|| document.get("error")?.get("message")?.as_str())
        .or_else(|| field("message"));
    let message = match (said, status) {
        (Some(said), _) => said.to_owned(),
        (None, Some(status)) => format!("the station answered {status} without saying why"),
        (None, None) => "the station refused without saying why".to_owned(),
    };

    let mut failure = Failure::new(kind, message);
    if let Some(status) = status {
        failure = failure.with_status(status);
    }
    if let Some(code) = code {
        failure = failure.with_code(code);
    }
    if let Some(hint) = field("hint") {
        failure = failure.with_hint(hint);
    }
    // The log has more to say only where the cause is not the caller's (house rules on errors).
    let at_the_station = matches!(kind, Kind::DeviceFailed | Kind::Unavailable);
    if let Some(id) = field("requestId").filter(|_| at_the_station) {
        failure = failure.with_request_id(id);
    }
    match (code, status) {
        (None, Some(status)) => with_usual_hint(failure, status),
        (_, Some(401)) => with_usual_hint(failure, 401),
        _ => failure,
    }
}

/// The word decides where it is known, else the status. A 500 without a word is an old station's
/// answer to every failed injection and to everything else that went wrong in it: it cannot be told
/// apart, so it means no more than "cannot now".
fn kind_of(code: Option<&str>, status: Option<u16>) -> Kind {
    match code {
        Some("device-failed") => return Kind::DeviceFailed,
        Some("busy" | "stopped" | "signer-unavailable" | "store-unavailable" | "internal") => {
            return Kind::Unavailable;
        }
        Some(
            "bad-request" | "not-admitted" | "serial-taken" | "serial-busy" | "address-refused"
            | "not-provisioned" | "not-found" | "too-large",
        ) => return Kind::Refused,
        _ => {}
    }
    match status {
        Some(502) => Kind::DeviceFailed,
        Some(504) => Kind::Unanswered,
        Some(500..) => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

fn with_usual_hint(failure: Failure, status: u16) -> Failure {
    match status {
        401 | 403 => failure.or_hint(
            "this may need an operator's token: --token-file FILE or PEP_OPERATOR_TOKEN_FILE",
        ),
        _ => failure,
    }
}

fn with_waiting(failure: Failure, retry_after: Option<&str>) -> Failure {
    match retry_after {
        Some(seconds) if !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit()) => {
            failure.or_hint(format!("wait {seconds} s and repeat the command"))
        }
        _ => failure,
    }
}

/// The text of a page, good enough for the one sentence an error page holds.
fn strip_tags(page: &str) -> String {
    // A title repeats what the body says, and a style or script says nothing.
    let mut page = page.to_owned();
    for element in ["head", "style", "script"] {
        let lower = page.to_ascii_lowercase();
        let close = format!("</{element}>");
        if let (Some(start), Some(end)) = (lower.find(&format!("<{element}")), lower.find(&close))
            && start < end
        {
            page.replace_range(start..end + close.len(), " ");
        }
    }
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars() {
        match character {
            '<' => {
                in_tag = true;
                text.push(' ');
            }
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            _ => text.push(character),
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<'a>(status: u16, media_type: &'a str, body: &'a str) -> Refusal<'a> {
        Refusal { status, media_type, body: body.as_bytes(), retry_after: None }
    }

    #[test]
    fn every_word_has_its_exit_code() {
        for (code, status, exit) in [
            ("bad-request", 400, 1),
            ("not-admitted", 403, 1),
            ("serial-taken", 409, 1),
            ("serial-busy", 409, 1),
            ("address-refused", 403, 1),
            ("not-provisioned", 409, 1),
            ("not-found", 404, 1),
            ("too-large", 413, 1),
            ("too-large", 431, 1),
            ("device-failed", 502, 4),
            ("busy", 503, 5),
            ("stopped", 503, 5),
            ("signer-unavailable", 503, 5),
            ("store-unavailable", 503, 5),
            ("internal", 500, 5),
            ("a-word-of-tomorrow", 422, 1),
            ("a-word-of-tomorrow", 507, 5),
        ] {
            let body = format!(
                r#"{{"type":"about:blank","title":"T","status":{status},"code":"{code}"}}"#
            );
            let failure = read(refusal(status, "application/problem+json", &body));
            assert_eq!(failure.kind().exit_code(), exit, "{code} {status}");
            assert_eq!(failure.code(), Some(code));
        }
    }

    #[test]
    fn a_problem_gives_its_own_sentence_hint_and_request() {
        let body = r#"{"type":"about:blank","title":"Device failed","status":502,
            "detail":"the device closed the connection","code":"device-failed",
            "hint":"check the cable","requestId":"r-1"}"#;
        assert_eq!(
            read(refusal(502, "application/problem+json", body)).to_string(),
            "error: the device closed the connection (request r-1)\nhint: check the cable"
        );
    }

    #[test]
    fn a_request_id_is_shown_only_when_the_log_has_more_to_say() {
        let body = r#"{"title":"Taken","status":409,"code":"serial-taken","requestId":"r-2"}"#;
        let shown = read(refusal(409, "application/problem+json", body)).to_string();
        assert!(!shown.contains("r-2"), "{shown}");
    }

    #[test]
    fn what_old_stations_say_is_read_by_status() {
        for (status, media_type, body, exit, message) in [
            (
                409,
                "application/json",
                r#"{"error":"GW-1 already dispatched"}"#,
                1,
                "GW-1 already dispatched",
            ),
            (500, "application/json", r#"{"error":{"message":"FCU failed"}}"#, 5, "FCU failed"),
            (
                500,
                "text/plain",
                "Internal Server Error",
                5,
                "the station answered 500: Internal Server Error",
            ),
            (404, "text/plain", "Not found!", 1, "the station answered 404: Not found!"),
            (400, "", "", 1, "the station answered 400"),
            (502, "application/json", r#"{"error":"no"}"#, 4, "no"),
            (503, "text/plain", "later", 5, "the station answered 503: later"),
            (500, "application/json", "{}", 5, "the station answered 500 without saying why"),
        ] {
            let failure = read(refusal(status, media_type, body));
            assert_eq!(failure.kind().exit_code(), exit, "{status} {body}");
            assert_eq!(failure.message(), message);
        }
    }

    #[test]
    fn a_page_is_cut_to_its_sentence() {
        let page = "<!DOCTYPE html>\n<html><head><title>Error</title><style>p{}</style></head>\
            <body><pre>Cannot GET /v3/identity-record</pre></body></html>";
        let failure = read(refusal(404, "text/html", page));
        assert_eq!(failure.message(), "the station answered 404: Cannot GET /v3/identity-record");
        assert!(failure.hint().unwrap().contains("PEP_SERVER_URL"));
    }

    #[test]
    fn a_gateway_between_is_not_the_station() {
        for status in [502, 504] {
            let failure = read(refusal(status, "text/html", "<h1>Bad Gateway</h1>"));
            assert_eq!(failure.kind(), Kind::Unanswered);
        }
    }

    #[test]
    fn the_wait_is_named() {
        let mut refused = refusal(503, "text/plain", "busy");
        refused.retry_after = Some("7");
        assert_eq!(read(refused).hint(), Some("wait 7 s and repeat the command"));
        refused.retry_after = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(read(refused).hint(), None);
    }

    #[test]
    fn a_missing_token_is_named() {
        let failure = read(refusal(
            401,
            "application/problem+json",
            r#"{"title":"No token","status":401,"code":"unauthorized"}"#,
        ));
        assert!(failure.hint().unwrap().contains("PEP_OPERATOR_TOKEN_FILE"));
    }
}
