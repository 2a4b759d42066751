//! Rows 22 to 26, 29 and 30: slow senders, clouds that hang or say no, answers that are lost, disks
//! that are full.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;
use crate::kit::{Draft, eventually};
use crate::sign::api::{Api, answer};
use crate::sign::pki::{Factory, section};

/// Connections with half a registration.
fn half_sent(kit: &Kit, count: usize) -> Vec<TcpStream> {
    let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
                Content-Length: 1000\r\n\r\n{\"csr\": ";
    let connect = |_| {
        let mut stream = TcpStream::connect(kit.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    (0..count).map(connect).collect()
}

/// Registers from a thread of its own.
fn in_background(kit: &Kit, body: &Value) -> std::thread::JoinHandle<u16> {
    let (address, body) = (kit.address(), body.to_string());
    std::thread::spawn(move || post(address, body.as_bytes()).status)
}

#[test]
fn row_22_slow_senders() {
    let kit = kit_with(|setup| {
        setup.env("PEP_SIGN_BODY_TIMEOUT", "2").env("PEP_HTTP_WORKERS", "1");
    });
    let slow = half_sent(&kit, 16);
    let begun = Instant::now();
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    assert!(begun.elapsed().as_millis() < 1900, "{:?}", begun.elapsed());
    for mut stream in slow {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
}

on_both!(
    row_23_a_cloud_that_hangs_and_slow_senders_beside_it,
    row_26_the_same_request_after_a_lost_answer,
);

/// Two factories: one whose cloud never answers, one without. Devices of the first wait, up to a
/// bound; nobody else notices.
fn row_23_a_cloud_that_hangs_and_slow_senders_beside_it(on: &On) {
    let api = Api::answering(&[None]);
    let kit = on.kit_with(|setup| {
        Factory::named("other").put_into(setup, "other");
        let sections = format!("{}{}", api.section(20), section("other"));
        setup.file("fio.token", "token\n");
        setup.station("\ntls = \"sign/tls-crt\"\n", &sections);
        setup.env("PEP_SIGN_AT_ONCE", "8").env("PEP_HTTP_WORKERS", "2");
    });
    let slow = half_sent(&kit, 8);
    let waiting: Vec<_> = (0..8).map(|n| in_background(&kit, &honest(&uuid(n), &key()))).collect();
    eventually("eight wait for the cloud", || api.told().len() == 8);

    let begun = Instant::now();
    let busy = register(&kit, &honest(&uuid(9), &key()));
    busy.problem(503, "busy");
    assert!(busy.header("retry-after").is_some());
    let of_other = |uuid: &str| of_csr(&csr_of(&key(), &[("CN", uuid), ("OU", "other")]));
    for n in 20..24 {
        assert_eq!(register(&kit, &of_other(&uuid(n))).status, 201);
    }
    assert_eq!(kit.get("/readyz").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(slow);
    api.let_go();
    for one in waiting {
        assert_eq!(one.join().unwrap(), 502, "the cloud went without an answer");
    }
    assert_eq!(states(&kit, &uuid(3)), ["failed"]);
    assert!(states(&kit, &uuid(9)).is_empty(), "a busy station writes nothing down");
}

#[test]
fn row_24_retries_that_cannot_help() {
    for (status, number) in [("400 Bad Request", 400), ("401 Unauthorized", 401), ("403 No", 403)] {
        let said = answer(status, "the real reason");
        let api = Api::answering(&[Some(&said)]);
        let kit = api.kit(&On::Embedded);
        let problem = register(&kit, &honest(UUID, &key())).problem(number, "registry-failed");
        assert!(problem["detail"].as_str().unwrap().contains("the real reason"), "{problem}");
        assert_eq!(api.told().len(), 1);
    }
    // Nobody is there: nothing was sent, so it is tried again.
    let kit = Api::absent().kit(&On::Embedded);
    let begun = Instant::now();
    let problem = register(&kit, &honest(UUID, &key())).problem(502, "registry-failed");
    assert!(begun.elapsed() >= Duration::from_millis(1300), "{:?}", begun.elapsed());
    assert!(problem["hint"].as_str().unwrap().contains("way to the cloud"), "{problem}");
    assert_eq!(states(&kit, UUID), ["failed"]);
}

#[test]
fn row_25_a_redirect_is_no_success() {
    let elsewhere = Api::answering(&[Some(&answer("200 OK", ""))]);
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let said = format!(
            "HTTP/1.1 {status}\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
            elsewhere.address
        );
        let api = Api::answering(&[Some(&said)]);
        let kit = api.kit(&On::Embedded);
        register(&kit, &honest(UUID, &key())).problem(502, "registry-failed");
        assert_eq!(api.told().len(), 1);
    }
    assert!(elsewhere.told().is_empty(), "the token went nowhere else");
}

fn row_26_the_same_request_after_a_lost_answer(on: &On) {
    let api = Api::answering(&[Some(&answer("201 Created", "{}"))]);
    let kit = api.kit(on);
    let body = honest(UUID, &key());
    // Sent whole, and gone before the answer.
    let text = body.to_string();
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    drop(stream);
    eventually("it is recorded as sent", || states(&kit, UUID) == ["sent"]);

    let first = register(&kit, &body).json();
    assert_eq!(register(&kit, &body).json(), first, "one certificate");
    let told = api.told();
    assert_eq!(told.len(), 1, "and one PUT");
    let said: Value = serde_json::from_str(told[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(said["client.pem"], first["client.pem"]);
}

#[test]
fn row_29_a_full_disk_before_anything_is_signed() {
    let kit = kit_with(|setup| {
        setup.env("PEP_STORE_MIN_FREE", "1000000000");
    });
    register(&kit, &honest(UUID, &key())).problem(503, "stopped");
    assert!(states(&kit, UUID).is_empty());
}

/// Nobody can be told from anybody on this wire. What the station can do: TLS where the main
/// listener has it, who asked in the record, and a deny list.
#[test]
fn row_30_who_asked_is_recorded_and_the_listener_may_have_tls() {
    let kit = kit();
    register(&kit, &honest(UUID, &key()));
    let unit = kit.get_as_operator(&format!("/v3/unit?space=sign&serialNumber={UUID}")).document();
    assert_eq!(unit["executions"][0]["caller"], "127.0.0.1");

    let tls = Draft { address: Some("127.0.0.1"), ..Draft::named("station") }.self_signed();
    let kit = kit_with(|setup| {
        let certificate = setup.file("tls.pem", tls.pem());
        let key = setup.file("tls.key", tls.key_pem());
        setup.env("PEP_HTTP_CERTIFICATE", certificate.to_str().unwrap());
        setup.env("PEP_HTTP_KEY", key.to_str().unwrap());
    });
    assert!(kit.url().starts_with("https://"));
    let mut connector =
        openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls()).unwrap();
    connector.cert_store_mut().add_cert(tls.certificate).unwrap();
    let stream = TcpStream::connect(kit.address()).unwrap();
    let mut stream = connector.build().connect("127.0.0.1", stream).unwrap();
    let body = honest(UUID, &key()).to_string();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = [0; 20];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 201 Created");
}
