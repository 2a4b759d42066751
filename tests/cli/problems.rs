//! With `--json` every failure is a problem document on standard error, and nothing else is there.

use serde_json::Value;

use crate::kit::{Device, Done, Kit};

fn problem(done: &Done, code: i32) -> Value {
    assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{}", done.stderr);
    let document: Value = serde_json::from_str(&done.stderr).unwrap_or_else(|error| {
        panic!("{error}: {}", done.stderr);
    });
    for member in ["type", "title", "detail", "code", "hint"] {
        let text = document[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{member}: {document}");
    }
    assert_eq!(document["exitCode"], code);
    let word = document["code"].as_str().unwrap();
    assert_eq!(document["type"], format!("urn:pep:{word}"));
    document
}

#[test]
fn every_failure_is_a_document() {
    let kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    let port = Device::start().port();
    for (arguments, code, word, status) in [
        (&["get-one-identity", "-s", "GW-1", "-p", &port][..], 1, "serial-taken", Some(409)),
        (&["get-identity", "-s", "none"], 1, "not-found", Some(404)),
        (&["get-enrollment-id", "-s", "none"], 1, "not-found", Some(404)),
        (&["list"], 1, "unauthorized", Some(401)),
        (&["show", "GW-1"], 1, "unauthorized", Some(401)),
        (&["yield"], 1, "unauthorized", Some(401)),
        (&["export"], 1, "unauthorized", Some(401)),
        (&["denied"], 1, "unauthorized", Some(401)),
        (&["release", "GW-1", "--reason", "x"], 1, "unauthorized", Some(401)),
        (&["deny", "add", "GW-1", "--reason", "x"], 1, "unauthorized", Some(401)),
        (&["list-enrollment-ids", "-t", "x"], 1, "bad-request", Some(400)),
        (&["get-one-identity", "-s", "GW-2", "-p", "1"], 1, "address-refused", Some(403)),
        (&["inject-serial", "--line", "/dev/none", "-s", "GW-2"], 1, "local", None),
        (&["prepare", "--platform", "toaster"], 2, "usage", None),
        (&["install-identity", "--platform", "toaster"], 2, "usage", None),
        (&["selftest", "--server", "http://127.0.0.1:1"], 3, "unreached", None),
        (&["manual", "/dev/null/x"], 1, "local", None),
        (&["get-a-coffee"], 2, "usage", None),
        (&["list", "--state", "done"], 2, "usage", None),
    ] {
        let done = kit.pep_with(&[arguments, &["--json"]].concat(), |_, _| {});
        let document = problem(&done, code);
        assert_eq!(document["code"], word, "{arguments:?}: {document}");
        assert_eq!(document.get("status").and_then(Value::as_i64), status, "{arguments:?}");
    }
    let device = Device::faulty("status=18");
    let done = kit.pep(["--json", "get-one-identity", "-s", "GW-2", "-p", &device.port()]);
    let document = problem(&done, 4);
    assert_eq!((&document["code"], &document["status"]), (&"device-failed".into(), &502.into()));
    assert!(document["requestId"].is_string(), "{document}");
}
