//! The client against prepared answers: old stations, strangers, silence, and nobody.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;
use crate::canned::{Answering, Canned, answer, raw};

async fn failure(answering: Answering) -> Failure {
    let station = Canned::answering([answering]);
    text(&station.settings()).await.unwrap_err()
}

async fn text(settings: &Settings) -> Result<String, Failure> {
    let mut query = Query::new();
    query.add("serialNumber", "GW 1");
    Client::new(settings, Trace::Off)?.text("enrollment-id", &query).await
}

#[tokio::test]
async fn a_path_of_the_address_is_a_prefix() {
    for (path, target) in [
        ("", "/v3/enrollment-id"),
        ("/", "/v3/enrollment-id"),
        ("/line%201/pep/", "/line%201/pep/v3/enrollment-id"),
    ] {
        let station = Canned::answering([answer(200, "text/plain", "A-1")]);
        let mut settings = station.settings();
        settings.server.push_str(path);
        assert_eq!(text(&settings).await.unwrap(), "A-1");
        let head = &station.heads()[0];
        assert!(
            head.starts_with(&format!("GET {target}?serialNumber=GW%201 HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("accept: text/plain, application/problem+json\r\n"));
        assert!(!head.contains("authorization"));
    }
}

#[tokio::test]
async fn the_token_goes_where_it_belongs() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"anna:tok-en\n").unwrap();
    let station = Canned::answering([answer(200, "text/plain", "A-1")]);
    let mut settings = station.settings();
    settings.token_file = Some(file.path().to_owned());
    text(&settings).await.unwrap();
    assert!(station.heads()[0].contains("authorization: Bearer tok-en\r\n"));
}

#[tokio::test]
async fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = Settings {
        server: format!("http://anna:secret@127.0.0.1:{port}"),
        timeout: 2,
        cacert: None,
        token_file: None,
    };
    let failure = text(&settings).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unreached);
    assert!(failure.message().contains("refused"), "{failure}");
    assert!(!failure.to_string().contains("secret"));
}

#[tokio::test]
async fn a_silent_station_is_given_up() {
    let started = Instant::now();
    let failure = failure(raw("").then_silence(Duration::from_secs(20))).await;
    assert_eq!(failure.kind(), Kind::Unanswered);
    assert!(failure.message().contains("within 2 s"), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn answers_that_are_none() {
    for bytes in [
        "",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 97\r\n\r\nA-07",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nA-07\r\n",
    ] {
        let failure = failure(raw(bytes)).await;
        assert_eq!(failure.kind(), Kind::Unanswered, "{bytes:?}");
        assert!(!failure.to_string().contains("GW"), "{failure}");
    }
}

#[tokio::test]
async fn an_endless_value_is_no_value() {
    let failure = failure(answer(200, "text/plain", "A".repeat(100_000))).await;
    assert_eq!(failure.kind(), Kind::Unanswered);
}

#[tokio::test]
async fn redirects_are_refused_and_show_no_query() {
    let failure = failure(raw(
        "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/v3/identity?verificationKey=aa-bb\r\n\
         content-length: 0\r\n\r\n",
    ))
    .await;
    assert_eq!(failure.kind(), Kind::Unreached);
    assert!(failure.message().contains("302 and points to http://elsewhere/v3/identity;"));
    assert!(!failure.to_string().contains("aa-bb"));
}

#[tokio::test]
async fn refusals_are_read() {
    let busy =
        raw("HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-type: text/plain\r\n\
         content-length: 4\r\n\r\nbusy");
    assert_eq!(
        failure(busy).await.to_string(),
        "error: the station answered 503: busy\nhint: wait 7 s and repeat the command"
    );
    // The status is enough, whatever becomes of the body.
    let cut =
        raw("HTTP/1.1 409 Conflict\r\ncontent-type: text/plain\r\ncontent-length: 50\r\n\r\ntaken");
    assert_eq!(failure(cut).await.kind(), Kind::Refused);
}

/// A station that speaks TLS with a certificate of its own: the PEM of it, and the address.
fn tls_station() -> (tempfile::NamedTempFile, String) {
    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::ssl::{SslAcceptor, SslMethod};
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509NameBuilder};

    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "EXAMPLE station").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new()
        .ip("127.0.0.1")
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();

    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that does not trust us ends the exchange here.
            let Ok(mut stream) = acceptor.accept(stream) else {
                continue;
            };
            let mut head = [0_u8; 2048];
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nA-1",
            );
            let _ = stream.shutdown();
        }
    });
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    pem.write_all(&certificate.to_pem().unwrap()).unwrap();
    (pem, address)
}

#[tokio::test]
async fn a_certificate_is_trusted_by_file_only() {
    let (pem, server) = tls_station();
    let mut settings = Settings { server, timeout: 5, cacert: None, token_file: None };
    let failure = text(&settings).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unreached);
    assert!(failure.message().contains("self-signed certificate"), "{failure}");
    assert!(failure.hint().unwrap().contains("--cacert FILE"));

    settings.cacert = Some(pem.path().to_owned());
    assert_eq!(text(&settings).await.unwrap(), "A-1");

    // The right certificate under another name is not the station.
    settings.server = settings.server.replace("127.0.0.1", "localhost");
    let failure = text(&settings).await.unwrap_err();
    assert!(failure.message().contains("not trusted"), "{failure}");
    let hint = failure.hint().unwrap();
    assert!(hint.starts_with("the certificate is not for localhost: give the"), "{hint}");
    assert!(!hint.contains("--cacert"), "it was given: {hint}");

    // Another CA than the one that signed it.
    let (other, _) = tls_station();
    settings.server = settings.server.replace("localhost", "127.0.0.1");
    settings.cacert = Some(other.path().to_owned());
    let hint = text(&settings).await.unwrap_err();
    let hint = hint.hint().unwrap();
    assert!(hint.contains("did not sign the station's certificate: give the one"), "{hint}");
}

#[tokio::test]
async fn no_tls_towards_a_station_with_it() {
    let (_, server) = tls_station();
    let server = server.replace("https:", "http:");
    let settings = Settings { server, timeout: 5, cacert: None, token_file: None };
    let failure = text(&settings).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unanswered, "{failure}");
    let hint = failure.hint().unwrap();
    assert!(hint.starts_with("if the station speaks TLS, its address begins with https://"));
}

#[tokio::test]
async fn tls_towards_a_port_without_it() {
    let plain = raw("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let station = Canned::answering([plain.at_once()]);
    let mut settings = station.settings();
    settings.server = settings.server.replace("http:", "https:");
    let failure = text(&settings).await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Unreached);
    assert_eq!(failure.hint(), Some("is it http:// instead of https://?"), "{failure}");
}
