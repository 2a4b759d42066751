//! Partially detached: the platform is told first, and what it says counts.

use std::io::{Read as _, Write as _};

use super::api::{Api, answer};
use super::*;

on_both!(
    the_platform_is_told_once_and_in_its_own_words,
    what_the_platform_refuses_is_passed_on_and_the_unit_stays_free,
    a_silent_platform_holds_nobody_up_and_is_not_believed_to_know_nothing,
    a_station_killed_during_the_call_leaves_a_unit_that_can_be_done,
);

fn the_platform_is_told_once_and_in_its_own_words(on: &On) {
    let made = answer("201 Created", "{}");
    let api = Api::answering(&[Some(&made)]);
    let kit = api.kit(on);
    let key = key();
    let first = register(&kit, &honest(UUID, &key));
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(register(&kit, &honest(UUID, &key)).json(), first.json());
    let told = api.told();
    assert_eq!(told.len(), 1, "a device that asks again is not announced again");
    assert!(told[0].starts_with("PUT /ota/devices/ HTTP/1.1\r\n"), "{}", told[0]);
    assert!(told[0].to_lowercase().contains("\r\nosf-token: first\r\n"), "{}", told[0]);
    let body: Value = serde_json::from_str(told[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["client.pem"], first.json()["client.pem"]);
    assert_eq!((&body["group"], &body["name"]), (&json!("line-1"), &json!("unit-1")));
    assert_eq!(body.as_object().unwrap().len(), 3);

    std::fs::write(kit.folder().join("fio.token"), "second\n").unwrap();
    register(&kit, &honest(&uuid(1), &super::key()));
    assert!(api.told()[1].to_lowercase().contains("osf-token: second\r\n"), "read again");
    assert!(!kit.log().contains("first"), "no token in the log");
}

fn what_the_platform_refuses_is_passed_on_and_the_unit_stays_free(on: &On) {
    let conflict = answer("409 Conflict", "exists");
    let denied = answer("401 Unauthorized", "bad token");
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for (said, status, tries) in
        [(conflict.as_str(), 409, 1), (denied.as_str(), 401, 1), (redirect, 502, 1)]
    {
        let api = Api::answering(&[Some(said)]);
        let kit = api.kit(on);
        register(&kit, &honest(UUID, &key())).problem(status, "registry-failed");
        assert_eq!(api.told().len(), tries);
        assert_eq!(states(&kit, UUID), ["failed"]);
        register(&kit, &honest(UUID, &key())).problem(status, "registry-failed");
    }
}

#[test]
fn a_fault_of_the_platforms_is_tried_four_times() {
    let (fault, made) = (answer("503 Busy", "later"), answer("200 OK", ""));
    let api = Api::answering(&[Some(&fault), Some(&fault), Some(&made)]);
    let kit = api.kit(&On::Embedded);
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201);
    let api = Api::answering(&[Some(&fault)]);
    let kit = api.kit(&On::Embedded);
    register(&kit, &honest(UUID, &key())).problem(502, "registry-failed");
    assert_eq!(api.told().len(), 4);
}

fn a_silent_platform_holds_nobody_up_and_is_not_believed_to_know_nothing(on: &On) {
    let conflict = answer("409 Conflict", "exists");
    let api = Api::answering(&[None, Some(&conflict)]);
    let kit = api.kit(on);
    let first = register(&kit, &honest(UUID, &key()));
    first.problem(502, "registry-failed");
    assert_eq!(api.told().len(), 1, "it may have been taken: not repeated");
    let second = register(&kit, &honest(UUID, &key())).problem(409, "registry-failed");
    let hint = second["hint"].as_str().unwrap();
    assert!(hint.contains("the cloud may hold an earlier key of this unit"), "{second}");
}

fn a_station_killed_during_the_call_leaves_a_unit_that_can_be_done(on: &On) {
    let made = answer("201 Created", "{}");
    let api = Api::answering(&[None, Some(&made)]);
    let mut kit = api.kit(on);
    let body = honest(UUID, &key()).to_string();
    let address = kit.address();
    let asking = std::thread::spawn(move || {
        let head = format!(
            "POST /sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.read(&mut [0; 16]);
    });
    crate::kit::eventually("the platform is asked", || api.told().len() == 1);
    assert_eq!(states(&kit, UUID), ["issued"]);
    kit.kill();
    asking.join().unwrap();
    kit.start_again();
    assert_eq!(states(&kit, UUID), ["failed"]);
    assert_eq!(register(&kit, &honest(UUID, &key())).status, 201, "with another key, too");
}
