//! Certificate requests with attributes of every form (R13), and without the field (R15).

use std::path::Path;

use super::*;

fn case(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cases");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn r13_a_challenge_password_of_every_string_type() {
    let kit = registering(|_| {});
    for name in ["chpw_bmp", "chpw_ia5", "chpw_t61", "chpw_universal"] {
        let answer = post(&kit, &case(&format!("R13/{name}.json")));
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let members = answer.json();
        judges::both_take(&text(&members, "root.crt"), &text(&members, "client.chained"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cases/R13/old.csr");
    let answer = register(&kit, &std::fs::read_to_string(folder).unwrap());
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn r15_a_request_without_the_field_for_attributes() {
    let kit = registering(|_| {});
    let problem = post(&kit, &case("R15/noattrs_field.json")).problem(400, "bad-request");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the field for attributes, [0], is missing"), "{detail}");
    assert!(!detail.contains("Invalid") && !detail.contains("Error"), "{detail}");
}
