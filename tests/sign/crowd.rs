//! Many at once: two of one UUID, slow senders, and a station that is killed.

use std::io::Write as _;
use std::net::TcpStream;

use super::*;

on_both!(of_eight_with_one_uuid_one_is_registered);

fn of_eight_with_one_uuid_one_is_registered(on: &On) {
    let kit = on.kit();
    let bodies: Vec<_> = (0..8).map(|_| honest(UUID, &key())).collect();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let asks: Vec<_> =
            bodies.iter().map(|body| scope.spawn(|| register(&kit, body).status)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), 7, "{answers:?}");
}

#[test]
fn nobody_waits_for_slow_senders() {
    let kit = kit_with(|setup| {
        setup.env("PEP_SIGN_BODY_TIMEOUT", "2").env("PEP_HTTP_WORKERS", "1");
    });
    let slow: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(kit.address()).unwrap();
            let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
                        Content-Length: 1000\r\n\r\n{\"csr\": ";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let begun = std::time::Instant::now();
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    assert!(begun.elapsed().as_millis() < 1900, "{:?}", begun.elapsed());
    for mut stream in slow {
        use std::io::Read as _;
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
}
