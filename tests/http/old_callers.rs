//! What the old command line sends, and what its scripts expect.

use super::encode;
use crate::kit::{Device, Kit};

/// The old command line's request: `?&`, lower-case escapes, any order, and the text that means
/// "no verification key".
#[test]
fn the_old_command_lines_request() {
    let kit = Kit::start();
    let device = Device::start();
    let answer = kit.get(&format!(
        "/v3/identity?&ledConfig=02&apiAddress=https%3a%2f%2fapi.acme.example&ip=localhost\
         &verificationKey=verification-key-does-not-exist&category=developer&radioConfig=01\
         &gatewayServicesAddress=https%3a%2f%2fgw.acme.example&hardwareVersion=rev%20b\
         &port={}&serialNumber=gw%2f1",
        device.port()
    ));
    let document = answer.document();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for (member, value) in [
        ("serialNumber", "gw/1"),
        ("apiAddress", "https://api.acme.example"),
        ("gatewayServicesAddress", "https://gw.acme.example"),
        ("cloudAddress", "https://gw.acme.example"),
        ("hardwareVersion", "rev b"),
        ("radioConfig", "01"),
        ("ledConfig", "02"),
        ("category", "developer"),
    ] {
        assert_eq!(document[member], value, "{member}");
    }
    assert!(document.get("verificationKey").is_none());
    // That text is no key.
    let answer = kit.get_as_curl("/v3/verification-key?serialNumber=gw%2f1");
    assert_eq!(answer.plain_refusal(404), "Not found!");
    assert_eq!(kit.record("gw/1").get("sealingKey"), None);
}

/// A serial number is what the caller meant: decoded once, never twice (the old server's defect 2).
#[test]
fn values_are_decoded_once() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    for (sent, meant) in [
        ("GW%2541", "GW%41"),
        ("x%25", "x%"),
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("%CE%A9-gr%C3%B6%c3%9fe", "Ω-größe"),
        ("a=b", "a=b"),
        ("%24ne", "$ne"),
        ("a%23b", "a#b"),
        ("a/b?c", "a/b?c"),
        ("%2e%2e%2f", "../"),
    ] {
        let document = kit.get(&Kit::query(sent, &device.port())).document();
        assert_eq!(document["serialNumber"], meant, "{sent}");
        assert_eq!(device.items().text("mbed.EndpointName"), meant);
        let found = kit.get(&format!("/v3/enrollment-id?serialNumber={}", encode(meant)));
        assert_eq!(found.status, 200, "{meant}");
    }
    // Two ways to write one serial number are one unit.
    for (sent, meant) in [("a%20b", "a b"), ("%41%42", "AB"), ("AB", "AB")] {
        let expected = if kit.states(meant).is_empty() { 200 } else { 409 };
        assert_eq!(kit.get(&Kit::query(sent, &device.port())).status, expected, "{sent}");
    }
}

/// Every route exists with and without `/v3`.
#[test]
fn routes_without_their_prefix() {
    let kit = Kit::start();
    let device = Device::start();
    let asked = format!("/identity?serialNumber=GW-1&ip=127.0.0.1&port={}", device.port());
    kit.get(&asked).document();
    for route in ["identity-record", "enrollment-id", "enrollment-ids", "verification-key"] {
        let [short, long] = ["", "/v3"]
            .map(|prefix| kit.get_as_curl(&format!("{prefix}/{route}?serialNumber=GW-1")));
        assert_eq!(short.status, long.status, "{route}");
        let same = String::from_utf8(short.body).unwrap().replace("/v3/", "/");
        assert_eq!(same, long.text().replace("/v3/", "/"), "{route}");
    }
    assert_eq!(kit.get_as_operator("/export?format=csv").status, 200);
    assert_eq!(kit.get_as_operator("/v3/export?format=csv").status, 200);
    for path in ["/v2/identity", "/v3", "/v3/", "/v3/requestLog", "/requestLog", "/v3/v3/identity"]
    {
        kit.get(path).problem(404, "not-found");
    }
}

/// Plain text as ever; problem details for whoever asks for JSON.
#[test]
fn plain_text_answers_stay_plain() {
    let kit = Kit::start();
    let device = Device::start();
    kit.get(&format!("{}&verificationKey=k-1", Kit::query("GW-1", &device.port()))).document();
    for (route, length) in [("enrollment-id", 97), ("verification-key", 3)] {
        let good = kit.get(&format!("/v3/{route}?serialNumber=GW-1"));
        assert_eq!((good.status, good.text().len()), (200, length), "{route}");
        assert!(good.header("content-type").unwrap().starts_with("text/plain"));
        assert_eq!(good.header("cache-control"), Some("no-store"));

        let unknown = kit.get_as_curl(&format!("/v3/{route}?serialNumber=GW-2"));
        assert_eq!(unknown.plain_refusal(404), "Not found!");
        kit.get(&format!("/v3/{route}?serialNumber=GW-2")).problem(404, "not-found");

        for query in ["", "?serialNumber=", "?serialNumber=a&serialNumber=b", "?serialNumber=%ff"] {
            kit.get_as_curl(&format!("/v3/{route}{query}")).plain_refusal(400);
            kit.get(&format!("/v3/{route}{query}")).problem(400, "bad-request");
        }
    }
    // A unit that brought no key has none, and says so in the same words.
    let other = Device::start();
    kit.get(&Kit::query("GW-3", &other.port())).document();
    let none = kit.get_as_curl("/v3/verification-key?serialNumber=GW-3");
    assert_eq!(none.plain_refusal(404), "Not found!");
}

/// The old command line writes whatever comes into identity.json, exits with 0, and a `jq .` behind
/// it passes on any JSON: what is no identity must not be any.
#[test]
fn no_refusal_passes_for_an_identity() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_HTTP_QUERY_LIMIT", "1024");
    });
    let device = Device::start();
    kit.get(&Kit::query("GW-1", &device.port())).document();
    let nobody = "/v3/identity?serialNumber=GW-2&ip=127.0.0.1&port=1025";
    let long = format!("/v3/identity?serialNumber={}", "x".repeat(1024));
    for (path, status, said) in [
        (Kit::query("GW-1", "7777"), 409, "`GW-1` has had its identity since "),
        (nobody.to_owned(), 502, "no connection to the injection client at 127.0.0.1:1025"),
        ("/v3/identity".to_owned(), 400, "the serial number is missing"),
        ("/identity?serialNumber=5&port=0".to_owned(), 400, "`0` is not a port"),
        ("/v3/identity?serialNumber=null&ip=8.8.8.8".to_owned(), 403, "8.8.8.8 is outside"),
        ("/v3/identity?serialNumber=a%26b&ip=127.0.0.1&port=1025".to_owned(), 403, "holds `&`"),
        (long, 414, "longer than 1024 bytes"),
        ("/v3/identity-record?serialNumber=GW-9".to_owned(), 404, "GW-9"),
        ("/v3/enrollment-ids?last=5".to_owned(), 400, "`last` is not 24"),
        ("/v3/v3/identity?serialNumber=GW-9".to_owned(), 404, "there is nothing at /v3/v3"),
    ] {
        let answer = kit.get_as_curl(&path);
        let text = answer.plain_refusal(status);
        assert!(text.contains(said), "{path}: {text}");
        // What to do about it is said here, too.
        assert!(text.contains("; ") && !text.contains('\n'), "{text}");
        // No header at all is what curl's `-H Accept:` sends.
        let head = format!("GET {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
        crate::kit::send(kit.address(), head.as_bytes()).plain_refusal(status);
        for accept in ["application/json", "application/problem+json"] {
            let head = format!("GET {path} HTTP/1.1\r\nAccept: {accept}\r\n");
            let answer = crate::kit::request(kit.address(), &head);
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        }
    }
    let head = format!("POST {} HTTP/1.1\r\nAccept: */*\r\n", Kit::query("GW-4", "7777"));
    crate::kit::request(kit.address(), &head).plain_refusal(405);
    // Operators' programs read documents, as before.
    let denied = kit.get_as_curl("/v3/units");
    denied.problem(401, "unauthorized");
}

/// Reading is GET; whoever tries anything else is told so. An identity is not made by looking.
#[test]
fn other_methods() {
    let kit = Kit::start();
    let device = Device::start();
    let identity = Kit::query("GW-1", &device.port());
    for (path, allowed) in [
        (identity.as_str(), "GET"),
        ("/enrollment-ids", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
    ] {
        for method in ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            if allowed.contains(method) {
                continue;
            }
            let line = format!("{method} {path} HTTP/1.1\r\nContent-Length: 0\r\n");
            let answer = crate::kit::request(kit.address(), &line);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
    assert!(device.items().is_empty());
}
