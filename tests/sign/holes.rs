//! What the reference answered with 201 or 500 (sign 4), and must now be refused or harmless.

use super::*;

#[track_caller]
fn refused(kit: &Kit, body: &Value, words: &str) {
    let problem = register(kit, body).problem(400, "bad-request");
    assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
}

#[test]
fn subjects_that_say_too_much_or_too_little() {
    let kit = kit();
    let key = key();
    let names = |names: &[(&str, &str)]| of_csr(&csr_of(&key, names));
    refused(&kit, &names(&[("CN", UUID), ("CN", "victim"), ("OU", "acme")]), "more than one CN");
    refused(&kit, &names(&[("CN", UUID), ("OU", "other")]), "Invalid factory(other) must be acme");
    refused(&kit, &names(&[("CN", UUID)]), "no OU");
    refused(&kit, &names(&[("OU", "acme")]), "no CN");
    refused(&kit, &names(&[("CN", UUID), ("OU", "acme"), ("O", "Evil Ltd")]), "2.5.4.10");
    for cn in ["12-34-56", "1234-56", "123456\n", "--5--", "../../etc/passwd"] {
        refused(&kit, &names(&[("CN", cn), ("OU", "acme")]), "not a UUID");
    }
    assert!(states(&kit, UUID).is_empty(), "nothing was written down");
}

#[test]
fn keys_that_are_copied_weak_or_the_cas_own() {
    let kit = kit();
    let key = key();
    assert_eq!(register(&kit, &honest(&uuid(1), &key)).status, 201);
    register(&kit, &honest(&uuid(2), &key)).problem(409, "key-taken");
    let ca = std::fs::read(kit.folder().join("sign/local-ca.key")).unwrap();
    let ca = PKey::private_key_from_pem(&ca).unwrap();
    refused(&kit, &honest(&uuid(3), &ca), "the CA's own");
    let weak = PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    refused(&kit, &honest(&uuid(4), &weak), "CSR");
}

#[test]
fn overrides_that_are_no_values() {
    let kit = kit();
    let key = key();
    for value in [
        "{hardware_id.__class__.__mro__}",
        "{hardware_id:>400000000}",
        "{x}",
        "unquoted",
        "\"x\"\n[pacman]\npackages_file = \"/evil\"",
    ] {
        let mut body = honest(UUID, &key);
        body["overrides"]["pacman"]["tags"] = value.into();
        refused(&kit, &body, "is not a TOML value");
    }
    for (section, name) in [("tls", "server"), ("a]\nk = 1\n[b", "k"), ("a b", "k")] {
        let mut body = honest(UUID, &key);
        body["overrides"][section] = json!({ name: "\"x\"" });
        refused(&kit, &body, "may not set");
    }
    for shape in
        [json!("x"), json!(1), json!([1]), json!({"a": null}), json!({"pacman": {"tags": 1}})]
    {
        let mut body = honest(UUID, &key);
        body["overrides"] = shape;
        refused(&kit, &body, "object of objects");
    }
    // Quoted as the text it is, it can do no harm.
    let mut body = honest(UUID, &key);
    body["hardware-id"] = "x\"] [pacman".into();
    let sota = register(&kit, &body).json()["sota.toml"].as_str().unwrap().to_owned();
    assert!(sota.contains(r#"primary_ecu_hardware_id = "x\"] [pacman""#), "{sota}");
}

#[test]
fn bodies_that_are_none() {
    let kit = kit();
    for (body, words) in [
        ("", "not JSON"),
        ("{}", "Missing request body"),
        ("[1]", "not a JSON object"),
        ("12", "not a JSON object"),
        ("{\"csr\": 1}", "Invalid data type for 'csr'"),
        ("{\"csr\": \"x\"}", "Missing required field 'hardware-id'"),
        ("{\"csr\": \"x\", \"hardware-id\": \"h\"}", "Unable to load PEM file"),
    ] {
        let problem = post(kit.address(), body.as_bytes()).problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    let deep = "[".repeat(60_000);
    post(kit.address(), deep.as_bytes()).problem(400, "bad-request");
    let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(send(kit.address(), head.as_bytes()).status, 415);
}

#[test]
fn three_hundred_megabytes_are_refused_at_once() {
    let kit = kit();
    let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
                Content-Length: 314572800\r\n\r\n";
    assert_eq!(send(kit.address(), head.as_bytes()).status, 413);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let head = "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let body = chunk.repeat(3) + "0\r\n\r\n";
    assert_eq!(send(kit.address(), format!("{head}{body}").as_bytes()).status, 413);
}
