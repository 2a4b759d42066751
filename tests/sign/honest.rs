//! The contract, as a well-behaved client sees it.

use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContext};

use super::*;

on_both!(
    an_honest_request_gets_the_references_answer,
    the_same_key_gets_the_same_certificate_and_another_is_told_when_and_where,
    a_hardware_id_with_a_fixed_uuid_may_bring_a_new_key,
    a_denied_unit_is_refused_by_every_front_end_until_the_denial_is_lifted,
    registered_devices_are_exported_and_are_not_among_the_gateways,
);

fn pem(kit: &Kit, name: &str) -> String {
    std::fs::read_to_string(kit.folder().join("sign").join(name)).unwrap()
}

fn an_honest_request_gets_the_references_answer(on: &On) {
    let kit = on.kit();
    let key = key();
    let answer = register(&kit, &honest(UUID, &key));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("connection"), Some("close"));
    let text = answer.text();
    assert!(text.ends_with("\"}\n") && text.matches('\n').count() == 1, "{text}");
    let order = [
        "{\"client.chained\":\"",
        "\",\"client.pem\":\"",
        "\",\"root.crt\":\"",
        "\",\"sota.toml\":\"",
    ];
    let places: Vec<_> = order.iter().map(|part| text.find(part).unwrap()).collect();
    assert!(places.is_sorted() && places[0] == 0, "{places:?}");
    let members = answer.json();
    assert_eq!(members.as_object().unwrap().len(), 4);

    let leaf = members["client.pem"].as_str().unwrap();
    let (root, ca) = (pem(&kit, "factory_ca.pem"), pem(&kit, "local-ca.pem"));
    assert_eq!(members["root.crt"].as_str(), Some(root.trim_end()));
    assert_eq!(members["client.chained"], format!("{leaf}\n{}", ca.trim_end()));
    assert_eq!(members["sota.toml"], SOTA);

    let leaf = X509::from_pem(leaf.as_bytes()).unwrap();
    let (root, ca) =
        (X509::from_pem(root.as_bytes()).unwrap(), X509::from_pem(ca.as_bytes()).unwrap());
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(root).unwrap();
    let mut chain = Stack::new().unwrap();
    chain.push(ca.clone()).unwrap();
    let mut context = X509StoreContext::new().unwrap();
    let verified =
        context.init(&store.build(), &leaf, &chain, |context| context.verify_cert()).unwrap();
    assert!(verified);
    assert!(leaf.public_key().unwrap().public_eq(&key));
    assert_eq!(
        leaf.authority_key_id().unwrap().as_slice(),
        ca.subject_key_id().unwrap().as_slice()
    );
    assert!(leaf.subject_key_id().is_some() && leaf.not_after() <= ca.not_after());
    let serial = leaf.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string();
    assert_eq!(serial.to_lowercase(), UUID.to_lowercase().replace('-', ""));
    assert_eq!(states(&kit, UUID), ["sent"]);
}

const SOTA: &str = r#"[tls]
server = "https://example.ota-lite.foundries.io:8443"
ca_source = "file"
pkey_source = "file"
cert_source = "file"

[provision]
server = "https://example.ota-lite.foundries.io:8443"
primary_ecu_hardware_id = "imx8mm-lpddr4-evk"

[uptane]
repo_server = "https://example.ota-lite.foundries.io:8443/repo"
key_source = "file"

[pacman]
type = "ostree+compose_apps"
ostree_server = "https://example.ostree.foundries.io:8443/ostree"
tags = "main"
reset_apps = " "

[storage]
type = "sqlite"
path = "/var/sota/"

[import]
tls_cacert_path = "/var/sota/root.crt"
tls_pkey_path = "/var/sota/pkey.pem"
tls_clientcert_path = "/var/sota/client.pem"
"#;

#[test]
fn the_routes_are_the_references() {
    let kit = kit();
    let ask = |method: &str, path: &str| {
        crate::kit::request(kit.address(), &format!("{method} {path} HTTP/1.1\r\n"))
    };
    let options = ask("OPTIONS", "/sign");
    assert_eq!((options.status, options.header("allow")), (200, Some("OPTIONS, POST")));
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let answer = ask(method, "/sign");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("OPTIONS, POST")));
    }
    assert_eq!(ask("POST", "/sign/").status, 404);
    let closed = Kit::start();
    assert_eq!(register(&closed, &honest(UUID, &key())).status, 404, "no factory, no route");
}

fn the_same_key_gets_the_same_certificate_and_another_is_told_when_and_where(on: &On) {
    let mut kit = on.kit();
    let key = key();
    let first = register(&kit, &honest(UUID, &key)).json();
    assert_eq!(register(&kit, &honest(UUID, &key)).json(), first);
    kit.kill();
    kit.start_again();
    assert_eq!(register(&kit, &honest(UUID, &key)).json()["client.pem"], first["client.pem"]);

    let other = honest(&UUID.to_lowercase(), &super::key());
    let refused = register(&kit, &other).problem(409, "serial-taken");
    assert!(refused["detail"].as_str().unwrap().contains("another key"), "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("pep release"), "{refused}");

    let token = kit.token();
    let release = format!(
        "POST /v3/release?space=sign&serialNumber={UUID}&reason=came+back HTTP/1.1\r\n\
         Authorization: Bearer {token}\r\n"
    );
    assert_eq!(crate::kit::request(kit.address(), &release).status, 200);
    let again = register(&kit, &other).json();
    let serial = |answer: &Value| {
        let pem = answer["client.pem"].as_str().unwrap();
        let certificate = X509::from_pem(pem.as_bytes()).unwrap();
        certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string()
    };
    assert_ne!(serial(&again), serial(&first), "a reissue has a random serial");
}

fn a_hardware_id_with_a_fixed_uuid_may_bring_a_new_key(on: &On) {
    let kit = on.kit_with(|setup| {
        setup.station(
            "\ntls = \"sign/tls-crt\"\n",
            "\ntls = \"sign/tls-crt\"\nreissue = \"hsm-fixed-uuid\"\n\
             reissue_hardware_ids = [\"imx8mm-lpddr4-evk\"]\n",
        );
    });
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    let mut other = honest(UUID, &key());
    other["hardware-id"] = "another".into();
    register(&kit, &other).problem(409, "serial-taken");
}

fn a_denied_unit_is_refused_by_every_front_end_until_the_denial_is_lifted(on: &On) {
    let kit = on.kit();
    let token = kit.token();
    let act = |method: &str, rest: &str| {
        let head =
            format!("{method} /v3/denied{rest} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
        crate::kit::request(kit.address(), &head)
    };
    let unit = format!("?space=sign&serialNumber={UUID}");
    act("POST", &unit).problem(400, "bad-request");
    assert_eq!(act("POST", &format!("{unit}&reason=stolen")).status, 200);
    assert_eq!(act("POST", "?serialNumber=GW-1&reason=scrap").status, 200);
    let list = act("GET", "");
    assert_eq!(list.text().lines().count(), 2, "{}", list.text());
    let refused = register(&kit, &honest(UUID, &key())).problem(403, "not-admitted");
    assert!(refused["detail"].as_str().unwrap().contains("stolen"));
    kit.get(&Kit::query("GW-1", "7777")).problem(403, "not-admitted");
    assert_eq!(act("DELETE", &unit).status, 200);
    act("DELETE", &unit).problem(404, "not-found");
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    crate::kit::request(kit.address(), "GET /v3/denied HTTP/1.1\r\n").problem(401, "unauthorized");
}

fn registered_devices_are_exported_and_are_not_among_the_gateways(on: &On) {
    let kit = on.kit();
    register(&kit, &honest(UUID, &key()));
    let gateways = kit.get_as_operator("/v3/export?format=csv");
    assert_eq!(gateways.text().lines().count(), 1, "{}", gateways.text());
    let token = kit.token_file();
    let done = kit.pep_with(&["export", "--protocol", "sign"], |command, _| {
        command.arg("--token-file").arg(&token);
    });
    let rows: Vec<_> = done.worked().lines().collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("uuid,publicKeyHash,certificateSerial,notBefore,notAfter"));
    assert!(rows[1].starts_with(&UUID.to_lowercase()) && rows[1].ends_with(",detached"));
}

#[test]
fn a_port_beside_answers_registrations_and_nothing_else() {
    let kit = kit_with(|setup| {
        setup.env("PEP_SIGN_LISTEN", "127.0.0.1:0");
    });
    let log = kit.log();
    let beside = log.split("registering devices on http://").nth(1).unwrap();
    let beside: SocketAddr = beside.split('/').next().unwrap().parse().unwrap();
    let ask = |head: &str| crate::kit::request(beside, head);
    assert_eq!(ask("GET /healthz HTTP/1.1\r\n").status, 404);
    assert_eq!(ask("GET /v3/identity?serialNumber=a HTTP/1.1\r\n").status, 404);
    let body = honest(UUID, &key()).to_string();
    assert_eq!(post(beside, body.as_bytes()).status, 201);
}

#[test]
fn older_clients_that_wait_for_100_are_answered() {
    use std::io::{Read as _, Write as _};
    let kit = kit();
    let body = honest(UUID, &key()).to_string();
    let mut stream = std::net::TcpStream::connect(kit.address()).unwrap();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = [0; 25];
    stream.read_exact(&mut said).unwrap();
    assert!(said.starts_with(b"HTTP/1.1 100 Continue"));
    stream.write_all(body.as_bytes()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 201 Created"), "{rest}");
}

/// A whole run of the real client (sign 1): its HEAD, then its POST over another connection, with
/// the head it sends, slashes escaped, every value a text, and a request that asks for extensions.
#[test]
fn a_run_of_the_real_client() {
    let kit = kit();
    let ping = crate::kit::request(kit.address(), "HEAD /sign HTTP/1.1\r\n");
    assert!(ping.status < 500, "{}", ping.status);

    let key = key();
    let mut name = X509NameBuilder::new().unwrap();
    let utf8 = openssl::asn1::Asn1Type::UTF8STRING;
    for (kind, value) in [("CN", UUID), ("OU", "acme"), ("businessCategory", "production")] {
        name.append_entry_by_text_with_type(kind, value, utf8).unwrap();
    }
    let mut builder = X509ReqBuilder::new().unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(&key).unwrap();
    let usage = openssl::x509::extension::KeyUsage::new().critical().digital_signature().build();
    let extended =
        openssl::x509::extension::ExtendedKeyUsage::new().critical().client_auth().build();
    let mut extensions = Stack::new().unwrap();
    extensions.push(usage.unwrap()).unwrap();
    extensions.push(extended.unwrap()).unwrap();
    builder.add_extensions(&extensions).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let csr = builder.build();

    let body = of_csr(&String::from_utf8(csr.to_pem().unwrap()).unwrap());
    let body = serde_json::to_string_pretty(&body).unwrap().replace('/', "\\/");
    let answer = post(kit.address(), body.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["sota.toml"], SOTA);
    let leaf = answer.json()["client.pem"].as_str().unwrap().to_owned();
    let leaf = X509::from_pem(leaf.as_bytes()).unwrap();
    let subject = |name: &openssl::x509::X509NameRef| name.to_der().unwrap();
    assert_eq!(subject(leaf.subject_name()), subject(csr.subject_name()), "byte for byte");
    let found = String::from_utf8(leaf.to_text().unwrap()).unwrap();
    for words in ["Digital Signature", "TLS Web Client Authentication", "ecdsa-with-SHA256"] {
        assert!(found.contains(words), "{words}: {found}");
    }
}
