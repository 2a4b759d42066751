//! What a device says, in its own numbers: none is lost on the way to the operator.

use crate::kit::{Device, Kit};

/// Every return status of the table, one behind its end, and the first that needs more than 32
/// bits: number and text reach the operator and the record.
#[test]
fn every_return_status_keeps_its_number_and_text() {
    let kit = Kit::start();
    let statuses: Vec<u64> = (1..=38).chain([1 << 32]).collect();
    // A few at a time: each is a program of its own.
    for some in statuses.chunks(8) {
        std::thread::scope(|scope| {
            for status in some {
                let kit = &kit;
                scope.spawn(move || {
                    let serial = format!("GW-{status}");
                    let device = Device::faulty(&format!("status={status}"));
                    let done = kit.provision(&serial, &device);
                    let (error, hint) = done.failed_with(4);
                    let said = format!("return status {status} ({})", sentence(*status));
                    assert!(error.contains(&said), "{status}: {error}");
                    assert!(error.contains("General error:"), "{status}: {error}");
                    assert!(hint.contains("restart the "), "{status}: {hint}");

                    // The device stored what it got before it said no: it may hold the identity.
                    assert_eq!(kit.states(&serial), ["sent"]);
                    let reason = kit.record(&serial)["executions"][0]["reason"].clone();
                    assert_eq!(reason["number"], *status);
                    assert!(reason["text"].as_str().unwrap().contains(&said));
                });
            }
        });
    }
    // Status 0 is the only success.
    let device = Device::faulty("status=0");
    kit.provision("GW-0", &device).worked();
}

fn sentence(status: u64) -> String {
    let sentence = fcc::status::sentence(status);
    assert_eq!(status > 37, sentence.contains("this station does not know"), "{sentence}");
    sentence
}
