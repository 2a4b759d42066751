//! Who may call what.

use crate::kit::{Answer, Device, Kit, request};

fn with_authorization(kit: &Kit, path: &str, value: &str) -> Answer {
    request(kit.address(), &format!("GET {path} HTTP/1.1\r\nAuthorization: {value}\r\n"))
}

const CLOSED: [&str; 8] = [
    "/metrics",
    "/v3/unit?serialNumber=GW-1",
    "/v3/units",
    "/units?state=sent",
    "/v3/export?format=csv",
    "/export?format=csv",
    "/v3/export",
    "/v3/export?format=x",
];

#[test]
fn operators_routes_are_closed_to_everybody_else() {
    let kit = Kit::start();
    let token = kit.token();
    for path in CLOSED {
        let refused = kit.get(path);
        refused.problem(401, "unauthorized");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"operators\""));
        for wrong in [
            "Bearer wrong".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            format!("Bearer {}", &token[1..]),
            format!("Bearer {token}x"),
            format!("Basic {token}"),
            token.clone(),
            format!("Bearer operator:{token}"),
        ] {
            with_authorization(&kit, path, &wrong).problem(401, "unauthorized");
        }
    }
    kit.get(&format!("/metrics?token={token}")).problem(401, "unauthorized");
    for right in [format!("Bearer {token}"), format!("bearer {token}")] {
        assert_eq!(with_authorization(&kit, "/metrics", &right).status, 200);
    }
    assert!(kit.operations().is_empty(), "{:?}", kit.operations());
}

/// Whoever exports stands in the books with what was exported.
#[test]
fn what_operators_did_is_recorded() {
    let kit = Kit::with(|setup| {
        setup.file(
            "operator.token",
            "# the line's people\nanna:0123456789abcdef\nbert: fedcba9876543210 \n",
        );
    });
    for (token, query) in
        [("0123456789abcdef", "format=csv&since=2027-01-01"), ("fedcba9876543210", "format=jsonl")]
    {
        let answer =
            with_authorization(&kit, &format!("/v3/export?{query}"), &format!("Bearer {token}"));
        assert_eq!(answer.status, 200);
    }
    let (anna, bert) = ("anna".to_owned(), "bert".to_owned());
    let done = [
        (anna, "export format=csv&since=2027-01-01".to_owned()),
        (bert, "export format=jsonl".to_owned()),
    ];
    assert_eq!(kit.operations(), done);
}

/// Without tokens nobody is an operator.
#[test]
fn without_a_token_file_the_routes_stay_closed() {
    let kit = Kit::with(|setup| {
        std::fs::remove_file(setup.folder().join("operator.token")).unwrap();
    });
    assert!(kit.log().contains("the operators' routes are closed"), "{}", kit.log());
    for path in CLOSED {
        with_authorization(&kit, path, "Bearer ").problem(401, "unauthorized");
        with_authorization(&kit, path, "Bearer x").problem(401, "unauthorized");
    }
    kit.get("/v3/enrollment-ids").document();
}

/// Verification keys are open as in the old system, unless the station is told otherwise.
#[test]
fn verification_keys_can_be_closed() {
    let kit = Kit::with(|setup| {
        setup.station("open_verification_keys = true", "open_verification_keys = false");
    });
    let device = Device::start();
    kit.get(&format!("{}&verificationKey=k-1", Kit::query("GW-1", &device.port()))).document();
    let path = "/v3/verification-key?serialNumber=GW-1";
    kit.get(path).problem(401, "unauthorized");
    assert_eq!(kit.get_as_operator(path).text(), "k-1");
    // Whether there is such a unit is not told either.
    kit.get("/v3/verification-key?serialNumber=GW-2").problem(401, "unauthorized");
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=GW-1").status, 200);

    let refused = kit.pep(["get-verification-key", "-s", "GW-1"]);
    let (_, hint) = refused.failed_with(1);
    assert!(hint.contains("PEP_OPERATOR_TOKEN_FILE"), "{hint}");
    let file = kit.token_file();
    let told = kit.pep_with(&["get-verification-key", "-s", "GW-1"], |command, _| {
        command.env("PEP_OPERATOR_TOKEN_FILE", &file);
    });
    assert_eq!(told.worked(), "k-1\n");
}

/// Exports that are malformed: said before the stream begins, and in no books.
#[test]
fn malformed_exports() {
    let kit = Kit::start();
    for (query, said) in [
        ("", "there is no such format"),
        ("?format=", "there is no such format"),
        ("?format=xml", "there is no such format"),
        ("?format=csv&since=yesterday", "`yesterday` is neither a moment nor a date"),
        ("?format=csv&until=2027-13-01", "`2027-13-01` is neither"),
        ("?format=csv&formulas=yes", "`formulas` can only be `keep`"),
        ("?format=csv&catgory=x", "`catgory` is not a parameter of an export"),
        ("?format=csv&format=jsonl", "`format` is given twice"),
    ] {
        let problem =
            kit.get_as_operator(&format!("/v3/export{query}")).problem(400, "bad-request");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{query}: {problem}");
    }
    assert!(kit.operations().is_empty());
}
