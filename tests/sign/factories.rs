//! Several factories of one station, and what the platform is told of each.

use std::io::Write as _;
use std::net::TcpStream;

use super::api::{Api, answer};
use super::pki::{Factory, section};
use super::*;
use crate::kit::{Draft, eventually};

fn of_factory(factory: &str, uuid: &str) -> Value {
    of_csr(&csr_of(&key(), &[("CN", uuid), ("OU", factory)]))
}

fn told(api: &Api, number: usize) -> Value {
    serde_json::from_str(api.told()[number].split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_ou_chooses_the_factory() {
    let kit = kit_with(|setup| {
        Factory::named("beta").put_into(setup, "beta");
        setup.station("\ntls = \"sign/tls-crt\"\n", &format!("{}{}", ACME, section("beta")));
    });
    for (factory, folder, host) in [("acme", "sign", "example"), ("beta", "beta", "beta")] {
        let members = register(&kit, &of_factory(factory, &uuid(host.len() as u32))).json();
        let root =
            std::fs::read_to_string(kit.folder().join(folder).join("factory_ca.pem")).unwrap();
        assert_eq!(members["root.crt"].as_str(), Some(root.trim_end()), "{factory}");
        let sota = members["sota.toml"].as_str().unwrap();
        assert!(sota.starts_with(&format!("[tls]\nserver = \"https://{host}.ota-lite.")), "{sota}");
    }
    let problem = register(&kit, &of_factory("gamma", UUID)).problem(400, "bad-request");
    let detail = problem["detail"].as_str().unwrap();
    assert_eq!(detail, "Invalid factory(gamma) must be acme or beta");
    // One UUID is one unit, whichever factory it came for.
    assert_eq!(register(&kit, &of_factory("acme", UUID)).status, 201);
    register(&kit, &of_factory("beta", UUID)).problem(409, "serial-taken");
}

const ACME: &str = "\ntls = \"sign/tls-crt\"\n";

#[test]
fn groups_are_the_stations_by_factory_and_hardware_id() {
    let api = Api::answering(&[Some(&answer("201 Created", "{}"))]);
    let kit = kit_with(|setup| {
        setup.file("fio.token", "token\n");
        Factory::named("beta").put_into(setup, "beta");
        let cloud = |more: &str| {
            format!(
                "[sign.factories.cloud]\ntoken_file = \"fio.token\"\nurl = \"http://{}/\"\n{more}\n",
                api.address
            )
        };
        let acme = cloud("group = \"line-1\"\ngroups = { \"evk\" = \"boards\" }");
        let sections = format!("{ACME}{acme}{}{}", section("beta"), cloud(""));
        setup.station(ACME, &sections);
    });
    let mut board = of_factory("acme", &uuid(1));
    board["hardware-id"] = "evk".into();
    for body in [&of_factory("acme", &uuid(2)), &board, &of_factory("beta", &uuid(3))] {
        assert_eq!(register(&kit, body).status, 201);
    }
    let groups: Vec<_> = (0..3).map(|number| told(&api, number)["group"].clone()).collect();
    assert_eq!(groups, [json!("line-1"), json!("boards"), Value::Null]);
    // A device cannot say its own.
    let mut body = of_factory("acme", &uuid(4));
    body["group"] = "admins".into();
    let problem = register(&kit, &body).problem(400, "bad-request");
    assert!(problem["detail"].as_str().unwrap().contains("'group'"), "{problem}");
    assert_eq!(api.told().len(), 3);
}

/// The token goes to the platform that proves who it is, and to nobody else.
#[test]
fn the_platforms_certificate_is_checked() {
    let tls = Draft { address: Some("127.0.0.1"), ..Draft::named("platform") }.self_signed();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut acceptor =
        openssl::ssl::SslAcceptor::mozilla_intermediate_v5(openssl::ssl::SslMethod::tls()).unwrap();
    acceptor.set_certificate(&tls.certificate).unwrap();
    acceptor.set_private_key(&tls.key).unwrap();
    let acceptor = acceptor.build();
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hearing = heard.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::Read as _;
            let Ok(mut stream) = acceptor.accept(stream.unwrap()) else { continue };
            let mut room = [0; 16384];
            let mut count = 0;
            // The head may come before the body.
            while !String::from_utf8_lossy(&room[..count]).contains("client.pem") {
                count += stream.read(&mut room[count..]).unwrap();
            }
            hearing.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            stream.write_all(answer("201 Created", "{}").as_bytes()).unwrap();
            let _ = stream.shutdown();
        }
    });
    for (setting, status, told) in [
        ("", 502, 0),
        ("verify_tls = true\n", 502, 0),
        ("ca = \"platform.pem\"\n", 201, 1),
        ("verify_tls = false\n", 201, 2),
    ] {
        let kit = kit_with(|setup| {
            setup.file("fio.token", "token\n");
            setup.file("platform.pem", tls.pem());
            let cloud = format!(
                "{ACME}[sign.factories.cloud]\ntoken_file = \"fio.token\"\n\
                 url = \"https://{address}/\"\n{setting}"
            );
            setup.station(ACME, &cloud);
        });
        let answer = register(&kit, &honest(UUID, &key()));
        assert_eq!(answer.status, status, "{setting}: {}", answer.text());
        assert_eq!(heard.load(std::sync::atomic::Ordering::SeqCst), told, "{setting}");
        let warned = kit.log().contains("whoever stands between can read the token");
        assert_eq!(warned, setting == "verify_tls = false\n", "{setting}");
    }
}

/// The token's file is read at every call: replaced, emptied, gone and back.
#[test]
fn the_tokens_file_is_read_again() {
    let api = Api::answering(&[Some(&answer("201 Created", "{}"))]);
    let kit = api.kit(&On::Embedded);
    let file = kit.folder().join("fio.token");
    std::fs::write(&file, "  token-two \n\n").unwrap();
    assert_eq!(register(&kit, &honest(&uuid(1), &key())).status, 201);
    assert!(api.told()[0].to_lowercase().contains("\r\nosf-token: token-two\r\n"));
    for is_there in [true, false] {
        std::fs::write(&file, " \n").unwrap();
        if !is_there {
            std::fs::remove_file(&file).unwrap();
        }
        let problem = register(&kit, &honest(&uuid(2), &key())).problem(502, "registry-failed");
        assert!(problem["detail"].as_str().unwrap().contains("the token file"), "{problem}");
        assert!(!problem.to_string().contains("token-two"));
    }
    std::fs::write(&file, "third").unwrap();
    assert_eq!(register(&kit, &honest(&uuid(2), &key())).status, 201);
    assert!(!kit.log().contains("token-two"), "no token in the log");
}

/// A device that has gone does not end its registration.
#[test]
fn a_registration_ends_without_its_device() {
    let api = Api::answering(&[Some(&answer("201 Created", "{}"))]);
    let kit = api.kit(&On::Embedded);
    let text = honest(UUID, &key()).to_string();
    let mut stream = TcpStream::connect(kit.address()).unwrap();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    drop(stream);
    eventually("it is sent", || states(&kit, UUID) == ["sent"]);
    assert_eq!(api.told().len(), 1);
}
