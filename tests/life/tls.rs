//! The TLS certificate is exchanged while the station serves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};

use crate::kit::{Authority, Draft, Kit, Setup};

fn server(ca: &Authority, name: &str) -> Authority {
    Draft { is_ca: false, address: Some("127.0.0.1"), ..Draft::named(name) }.signed_by(ca)
}

fn station(own: &Authority) -> Kit {
    let (certificate, key) = (own.pem(), own.key_pem());
    Kit::with(move |setup: &mut Setup| {
        setup.file("tls-cert.pem", certificate);
        setup.file("tls-key.pem", key);
        setup
            .station("# certificate = \"tls-cert.pem\"", "certificate = \"tls-cert.pem\"")
            .station("# key = \"tls-key.pem\"", "key = \"tls-key.pem\"");
    })
}

/// A connection to the station; with a name in its greeting, or without, as to an address.
fn connect(kit: &Kit, with_name: bool, protocols: &[u8]) -> SslStream<TcpStream> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_alpn_protos(protocols).unwrap();
    let mut settings = connector.build().configure().unwrap();
    settings.set_verify_hostname(false);
    settings.set_use_server_name_indication(with_name);
    settings.connect("station-1", TcpStream::connect(kit.address()).unwrap()).unwrap()
}

/// The name in the certificate that a new connection meets.
fn met(kit: &Kit, with_name: bool) -> String {
    let stream = connect(kit, with_name, b"\x08http/1.1");
    let certificate = stream.ssl().peer_certificate().unwrap();
    let name = certificate.subject_name().entries().last().unwrap();
    String::from_utf8(name.data().as_slice().to_vec()).unwrap()
}

/// One request on a connection that is kept.
fn ask(stream: &mut SslStream<TcpStream>) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: station\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut room = [0; 4096];
    while !answer.ends_with(b"}") {
        let count = stream.read(&mut room).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&room[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn new_connections_meet_the_new_certificate_and_old_ones_go_on() {
    let ca = Draft::named("Line CA").self_signed();
    let (old, new) = (server(&ca, "old"), server(&ca, "new"));
    let kit = station(&old);
    let mut standing = connect(&kit, true, b"\x08http/1.1");
    assert!(ask(&mut standing).starts_with("HTTP/1.1 200 "));
    std::fs::write(kit.folder().join("tls-cert.pem"), new.pem()).unwrap();

    // Half of the exchange: the key is still the old one's.
    let said = kit.reload();
    for words in ["[http] certificate", "the key is not the certificate's", "reload: refused"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!((met(&kit, true), met(&kit, false)), ("old".to_owned(), "old".to_owned()));

    std::fs::write(kit.folder().join("tls-key.pem"), new.key_pem()).unwrap();
    let said = kit.reload();
    assert!(said.contains("in use now: the TLS certificate"), "{said}");
    assert_eq!((met(&kit, true), met(&kit, false)), ("new".to_owned(), "new".to_owned()));
    assert!(ask(&mut standing).starts_with("HTTP/1.1 200 "), "it stands as it did");
    assert!(kit.reload().contains("nothing had changed"));

    let trusting = kit.pep_with(&["--cacert", "ca.pem", "status"], |_, folder| {
        std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    });
    assert!(trusting.worked().contains(", ready"), "{}", trusting.stdout);
}

/// HTTP/2 is agreed upon as before.
#[test]
fn the_protocol_is_chosen_with_either_certificate() {
    let ca = Draft::named("Line CA").self_signed();
    let kit = station(&server(&ca, "old"));
    let chosen = || {
        let stream = connect(&kit, true, b"\x02h2\x08http/1.1");
        stream.ssl().selected_alpn_protocol().map(<[u8]>::to_vec)
    };
    let before = chosen();
    let new = server(&ca, "new");
    std::fs::write(kit.folder().join("tls-cert.pem"), new.pem()).unwrap();
    std::fs::write(kit.folder().join("tls-key.pem"), new.key_pem()).unwrap();
    kit.reload();
    assert_eq!(chosen(), before);
    assert_eq!(before.as_deref(), Some(&b"h2"[..]));
}

/// From TLS to plain HTTP and back is another listener.
#[test]
fn tls_is_neither_begun_nor_ended_by_a_reload() {
    let ca = Draft::named("Line CA").self_signed();
    let kit = station(&server(&ca, "old"));
    let path = kit.folder().join("station.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let plain = text
        .replace("certificate = \"tls-cert.pem\"", "# no certificate")
        .replace("key = \"tls-key.pem\"", "# no key");
    std::fs::write(&path, plain).unwrap();
    let said = kit.reload();
    assert!(said.contains("[http] certificate changed; restart the station for it"), "{said}");
    assert_eq!(met(&kit, true), "old");
}
