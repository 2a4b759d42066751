//! Two gateways made from one image: the second is refused, and everybody who has to know is told.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use fcc::reply::{Csr, Reply, SUCCEEDED};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509NameBuilder, X509ReqBuilder};

use crate::kit::{Kit, Peer, p256, read_frame};

/// A gateway whose injection client has its key from an image: it answers the CSR request with
/// that key, and takes whatever comes then.
fn copied(serial: &'static str, key: PKey<Private>) -> (Peer, Arc<Mutex<Vec<Vec<u8>>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let payloads = heard.clone();
    let peer = Peer::with(move |_, stream| {
        let mut csrs = vec![csr(serial, &key)];
        loop {
            let payload = read_frame(stream);
            if payload.is_empty() {
                return;
            }
            let reply = Reply {
                csrs: std::mem::take(&mut csrs),
                sid: sid(&payload),
                return_status: 0,
                message: SUCCEEDED.to_owned(),
                warnings: Vec::new(),
            };
            payloads.lock().unwrap().push(payload);
            stream.write_all(&fcc::frame::reply(&reply.encode())).unwrap();
        }
    });
    (peer, heard)
}

fn csr(serial: &str, key: &PKey<Private>) -> Csr {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", serial).unwrap();
    let mut request = X509ReqBuilder::new().unwrap();
    request.set_subject_name(&name.build()).unwrap();
    request.set_pubkey(key).unwrap();
    request.sign(key, MessageDigest::sha256()).unwrap();
    let key_name = fcc::names::BOOTSTRAP_PRIVATE_KEY.to_owned();
    Csr { key_name, der: request.build().to_der().unwrap() }
}

/// The session's name in a message: the text `SID`, then twelve characters.
fn sid(payload: &[u8]) -> Option<String> {
    let mark = b"\x63SID\x6c";
    let at = payload.windows(mark.len()).position(|window| window == mark)? + mark.len();
    Some(String::from_utf8(payload[at..at + 12].to_vec()).unwrap())
}

#[test]
fn a_copied_gateway_is_refused_and_everybody_is_told() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let key = p256();
    let (first, _) = copied("GW-1", key.clone());
    let (second, heard) = copied("GW-2", key);
    kit.get(&Kit::query("GW-1", &first.port())).document();
    let problem = kit.get(&Kit::query("GW-2", &second.port())).problem(409, "key-taken");
    let said = "the device of unit `GW-2` has the key of unit `GW-1`; one of the two is a copy";
    assert_eq!(problem["detail"], said);

    // The device was told to end its session, and was given nothing.
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2, "the CSR request and the closing bundle");
    let certificate = b"mbed.BootstrapDeviceCert";
    assert!(!heard[1].windows(certificate.len()).any(|window| window == certificate));

    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    assert_eq!(kit.states("GW-2"), ["failed"]);
    let shown = kit.pep_as_operator(["show", "GW-2"]);
    assert!(shown.worked().contains(said), "{}", shown.stdout);
    let id = kit.record("GW-2")["executions"][0]["id"].as_str().unwrap().to_owned();
    let noted = format!("refused a copy: {said} (execution {id})");
    assert_eq!(kit.operations(), [("station".to_owned(), noted)]);
    let numbers = kit.get_as_operator("/metrics");
    assert!(numbers.text().lines().any(|line| line == "pep_clones_total 1"), "{}", numbers.text());
}
