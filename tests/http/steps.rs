//! A caller that watches: the story's steps as events, then its end.

use serde_json::Value;

use crate::kit::{Answer, Device, Kit, Peer, request};

fn watch(kit: &Kit, path: &str) -> Answer {
    request(kit.address(), &format!("GET {path} HTTP/1.1\r\nAccept: text/event-stream\r\n"))
}

fn events(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let blocks = answer.text().split("\n\n").filter(|block| !block.is_empty() && *block != ":");
    let event = |block: &str| {
        let (name, content) = block.split_once('\n').unwrap();
        let name = name.strip_prefix("event: ").unwrap().to_owned();
        (name, serde_json::from_str(content.strip_prefix("data: ").unwrap()).unwrap())
    };
    blocks.map(event).collect()
}

#[test]
fn the_steps_and_the_identity() {
    let kit = Kit::start();
    let device = Device::start();
    let told = events(&watch(&kit, &Kit::query("GW-1", &device.port())));
    let steps: Vec<_> = told.iter().filter_map(|(_, content)| content["step"].as_str()).collect();
    assert_eq!(steps, ["waiting", "signing", "injecting"]);
    let (name, document) = told.last().unwrap();
    assert_eq!(name, "identity");
    assert_eq!(*document, kit.get("/v3/identity-record?serialNumber=GW-1").document());
}

/// The same words as without watching: the last event is the problem.
#[test]
fn the_steps_and_the_problem() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    let answer = watch(&kit, &Kit::query("GW-1", &port));
    let (name, problem) = events(&answer).pop().unwrap();
    assert_eq!(name, "problem");
    assert_eq!(problem["code"], "device-failed");
    assert_eq!(problem["status"], 502);
    assert_eq!(problem["requestId"], answer.header("x-request-id").unwrap());
    // What is malformed is refused before there is anything to watch.
    watch(&kit, "/v3/identity?serialNumber=").problem(400, "bad-request");
}
