//! Rows 14 to 21 and 31: bodies, overrides, and what comes to stand in sota.toml.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn row_14_json_of_wrong_shape() {
    let kit = kit();
    let deep = "[".repeat(60_000);
    for body in ["[1]", "\"str\"", "12", &deep] {
        post(kit.address(), body.as_bytes()).problem(400, "bad-request");
    }
    let key = key();
    for shape in [
        json!("x"),
        json!(1),
        json!([1]),
        json!({"pacman": null}),
        json!({"pacman": "x"}),
        json!({"pacman": [1]}),
        json!({"pacman": {"tags": 1}}),
        json!({"pacman": {"tags": true}}),
        json!({"pacman": {"tags": ["x"]}}),
    ] {
        let mut body = honest(UUID, &key);
        body["overrides"] = shape;
        refused(&kit, &body, "object of objects");
    }
    assert!(states(&kit, UUID).is_empty());
}

#[test]
fn row_15_nothing_is_refused_after_the_fact() {
    let kit = kit();
    let mut body = honest(UUID, &key());
    body["overrides"]["pacman"]["tags"] = 1.into();
    refused(&kit, &body, "object of objects");
    assert!(states(&kit, UUID).is_empty(), "and there is nothing to conflict with");
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
}

#[test]
fn row_16_format_strings() {
    let kit = kit();
    let key = key();
    for value in ["{hardware_id.__class__.__mro__}", "{0}", "{x}", "{", "{{"] {
        let mut body = honest(UUID, &key);
        body["overrides"]["pacman"]["tags"] = value.into();
        refused(&kit, &body, "is not a TOML value");
        // Within quotes it is a text like any other.
        body["overrides"]["pacman"]["tags"] = format!("\"{value}\"").into();
        let sota = sota(&register(&kit, &body));
        assert!(sota.contains(&format!("\ntags = \"{value}\"\n")), "{sota}");
    }
}

#[test]
fn row_17_a_text_that_grows() {
    let kit = kit();
    let mut body = honest(UUID, &key());
    body["overrides"]["pacman"]["tags"] = "{hardware_id:>400000000}".into();
    refused(&kit, &body, "is not a TOML value");
    body["overrides"]["pacman"]["tags"] = "\"{hardware_id:>400000000}\"".into();
    let answer = register(&kit, &body);
    assert!(sota(&answer).contains("tags = \"{hardware_id:>400000000}\"\n"));
    assert!(answer.body.len() < 8000);
}

#[test]
fn row_18_lines_and_sections_slipped_in() {
    let kit = kit();
    let key = key();
    let evil = "x\"\n[pacman]\npackages_file = \"/evil";
    for member in ["hardware-id", "sota-config-dir", "name"] {
        let mut body = honest(UUID, &key);
        body[member] = evil.into();
        refused(&kit, &body, "control character");
    }
    for (section, name) in [("a]\nk = 1\n[b", "k"), ("pacman", "tags\npackages_file"), ("b", "k")] {
        let mut body = honest(UUID, &key);
        body["overrides"][section] = json!({ name: "\"x\"" });
        refused(&kit, &body, "may not set");
    }
    let mut body = honest(UUID, &key);
    body["overrides"]["pacman"]["tags"] = format!("\"{evil}\"").into();
    refused(&kit, &body, "is not a TOML value");
}

#[test]
fn row_19_what_is_served_is_toml() {
    let kit = kit();
    let key = key();
    for text in ["quote\" and \\ backslash", "\\", "\"", "ünï ☃", "'; #", "[pacman]"] {
        let mut body = honest(UUID, &key);
        body["hardware-id"] = text.into();
        body["sota-config-dir"] = format!("/var/{text}").into();
        let sota: toml::Table = sota(&register(&kit, &body)).parse().unwrap();
        assert_eq!(sota["provision"]["primary_ecu_hardware_id"].as_str(), Some(text));
        assert_eq!(sota["storage"]["path"].as_str(), Some(format!("/var/{text}/").as_str()));
        let root = format!("/var/{text}/root.crt");
        assert_eq!(sota["import"]["tls_cacert_path"].as_str(), Some(root.as_str()));
    }
    let mut body = honest(UUID, &key);
    body["overrides"]["a b"] = json!({ "k": "\"x\"" });
    refused(&kit, &body, "may not set");
    let mut body = honest(UUID, &key);
    body["overrides"]["pacman"]["tags"] = "unquoted".into();
    refused(&kit, &body, "is not a TOML value");
}

#[test]
fn row_20_a_device_that_would_redirect_itself() {
    let kit = kit();
    let key = key();
    for (section, name) in [("tls", "server"), ("uptane", "repo_server"), ("provision", "server")] {
        let mut body = honest(UUID, &key);
        body["overrides"][section] = json!({ name: "\"https://evil\"" });
        refused(&kit, &body, "may not set");
    }
    // It may where the station's setting says so.
    let kit = kit_with(|setup| {
        let wider = "\ntls = \"sign/tls-crt\"\noverrides = [\"tls.server\"]\n";
        setup.station("\ntls = \"sign/tls-crt\"\n", wider);
    });
    let mut body = honest(UUID, &key);
    body["overrides"] = json!({ "tls": { "server": "\"https://mine\"" } });
    let sota = sota(&register(&kit, &body));
    assert!(sota.starts_with("[tls]\nserver = \"https://mine\"\nca_source = "), "{sota}");
}

/// Sends pieces without end until the station has had enough; gives what it said, and how long it
/// took.
fn pour(kit: &Kit, head: &str, piece: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut reading = stream.try_clone().unwrap();
    let hearing = std::thread::spawn(move || {
        let (mut said, mut room) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = reading.read(&mut room) {
            said.extend_from_slice(&room[..count]);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    while begun.elapsed() < Duration::from_secs(20) && stream.write_all(piece).is_ok() {}
    (hearing.join().unwrap(), begun.elapsed())
}

/// The station's largest resident size so far, in kilobytes.
fn peak(kit: &Kit) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", kit.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn row_21_bodies_of_three_hundred_megabytes_and_without_end() {
    let kit = kit();
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    let before = peak(&kit);
    let post = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
    let piece = vec![b'x'; 1 << 16];
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&piece);
    chunk.extend_from_slice(b"\r\n");
    let long = format!("Content-Length: {}\r\n\r\n", u64::MAX / 2);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for (head, piece, status) in [
        (format!("{post}{long}"), &piece, 413),
        (format!("{post}{chunked}"), &chunk, 413),
        // Where no body is wanted none is read for ever either.
        (format!("POST /sign/ HTTP/1.1\r\nHost: s\r\n{chunked}"), &chunk, 404),
        (format!("GET /v3/export HTTP/1.1\r\nHost: s\r\n{chunked}"), &chunk, 401),
    ] {
        let (said, took) = pour(&kit, &head, piece);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {said}");
        assert!(took < Duration::from_secs(5), "{head}: it was taken for {took:?}");
    }
    let head = format!("{post}Content-Length: 314572800\r\n\r\n");
    assert_eq!(send(kit.address(), head.as_bytes()).status, 413);

    // A length that lies about less is cut where it ends.
    let mut body = honest(UUID, &key());
    body["csr"] = "x".repeat(200_000).into();
    assert_eq!(register(&kit, &body).status, 413);
    let grown = peak(&kit) - before;
    assert!(grown < 60_000, "{grown} kB");
    assert_eq!(register(&kit, &honest(&uuid(1), &key())).status, 201);
}

#[test]
fn row_31_errors_are_json_that_the_client_can_print() {
    let kit = kit();
    for answer in [
        post(kit.address(), b"{}"),
        post(kit.address(), b"\xff\xfe"),
        register(&kit, &of_csr("x")),
        register(&kit, &honest("x", &key())),
    ] {
        let problem = answer.problem(400, "bad-request");
        assert!(problem.as_object().unwrap().values().all(|member| !member.is_object()));
    }
    let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: text/plain\r\n\
                Content-Length: 2\r\n\r\n{}";
    send(kit.address(), head.as_bytes()).problem(415, "bad-request");
}
