//! Requests that are too large: refused by size, and nothing else suffers.

use std::io::Write as _;
use std::net::TcpStream;

use crate::kit::{Kit, request, send};

#[test]
fn a_query_that_is_too_long() {
    let kit = Kit::start();
    let path = "/v3/identity?serialNumber=";
    let long = "x".repeat(60 * 1024 - path.len());
    let problem = kit.get(&format!("{path}{long}x")).problem(414, "too-large");
    assert!(problem["detail"].as_str().unwrap().contains("61440"), "{problem}");
    // One byte less, and it is read.
    kit.get(&format!("{path}{long}")).problem(400, "bad-request");
}

#[test]
fn headers_that_are_too_large() {
    let kit = Kit::start();
    let lines: String =
        (0..20).map(|number| format!("X-{number}: {}\r\n", "x".repeat(1000))).collect();
    let answer = request(kit.address(), &format!("GET /healthz HTTP/1.1\r\n{lines}"));
    let problem = answer.problem(431, "too-large");
    assert!(problem["detail"].as_str().unwrap().contains("16384"), "{problem}");
}

/// Beyond what the listener reads at all: refused, whatever the words, and the station lives.
#[test]
fn a_head_without_end() {
    let kit = Kit::start();
    let answer = send(kit.address(), "x".repeat(1 << 20).as_bytes());
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20));
    let answer = request(kit.address(), &line);
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    kit.get("/healthz").document();
}

#[test]
fn a_body_that_is_too_large() {
    let kit = Kit::start();
    let line = "GET /v3/identity?serialNumber=GW-1 HTTP/1.1\r\nContent-Length: 1048577\r\n";
    let problem = request(kit.address(), line).problem(413, "too-large");
    assert!(problem["detail"].as_str().unwrap().contains("1048576"), "{problem}");
    assert_eq!(kit.states("GW-1"), [""; 0]);
}

/// Settings, not constants.
#[test]
fn the_limits_are_settings() {
    let kit = Kit::with(|setup| {
        setup
            .env("PEP_HTTP_QUERY_LIMIT", "1024")
            .env("PEP_HTTP_HEADER_LIMIT", "1024")
            .env("PEP_HTTP_BODY_LIMIT", "1024");
    });
    let long = "x".repeat(1024);
    kit.get(&format!("/v3/identity?{long}")).problem(414, "too-large");
    let header = format!("GET /healthz HTTP/1.1\r\nX-A: {long}\r\n");
    request(kit.address(), &header).problem(431, "too-large");
    let body = "GET /healthz HTTP/1.1\r\nContent-Length: 1025\r\n";
    request(kit.address(), body).problem(413, "too-large");
}

/// Connections that say nothing, or half of something, cost nobody else their answer.
#[test]
fn connections_that_only_stand_there() {
    let kit = Kit::start();
    let idle: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(kit.address()).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET /v3/identity?serialNumber=GW").unwrap();
            }
            stream
        })
        .collect();
    kit.get("/readyz").document();
    drop(idle);
    kit.get("/readyz").document();
}
