//! CSRs that nobody may sign, and keys that two devices hold.

use std::io::Write as _;
use std::time::Duration;

use fcc::frame;
use fcc::reply::{Csr, Reply};

use super::{KEY, fails, reply_to};
use crate::kit::{Kit, Peer, eventually, p256, read_frame};

/// CSRs that nobody may sign. The station says why, signs nothing, and closes the client's session.
#[test]
fn csrs_that_are_not_signed() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let csr = |name: &str, key: &openssl::pkey::PKey<openssl::pkey::Private>| {
        let mut subject = openssl::x509::X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let mut csr = openssl::x509::X509Req::builder().unwrap();
        csr.set_subject_name(&subject.build()).unwrap();
        csr.set_pubkey(key).unwrap();
        csr.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
        csr.build().to_der().unwrap()
    };
    let good = csr("GW-1", &p256());
    let mut broken = good.clone();
    let middle = broken.len() - 20;
    broken[middle] ^= 1;
    let foreign = crate::kit::on_curve(openssl::nid::Nid::SECP384R1);
    for (why, csrs, said) in [
        ("none", vec![], "sent 0 CSRs"),
        ("two", vec![good.clone(), good], "sent 2 CSRs"),
        ("garbage", vec![vec![1, 2, 3]], "CSR"),
        ("a broken signature", vec![broken], "not signed by the key"),
        ("another name", vec![csr("GW-2", &p256())], "GW-2"),
        ("another curve", vec![csr("GW-1", &foreign)], "P-256"),
    ] {
        let (sender, closing) = std::sync::mpsc::channel();
        let peer = Peer::with(move |_, stream| {
            let request = read_frame(stream);
            let key_name = KEY.to_owned();
            let csrs = csrs.iter().map(|der| Csr { key_name: key_name.clone(), der: der.clone() });
            let reply = Reply { csrs: csrs.collect(), ..reply_to(&request) };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
            sender.send(read_frame(stream)).unwrap();
        });
        let done = fails(&kit, "GW-1", &peer.port());
        let (error, _) = done.two_lines();
        assert!(error.contains(said), "{why}: {error}");
        assert_eq!(kit.states("GW-1").last().unwrap(), "failed", "{why}");
        // `Verify` 0 and no item: the end of the session (injection 5.2).
        let closing = closing.recv_timeout(Duration::from_secs(20)).unwrap();
        let expected = b"\xa3\x6dSchemeVersion\x650.0.1\x69KpAlvSess\x00\x66Verify\x00";
        assert_eq!(closing, expected, "{why}");
    }
    let record = kit.record("GW-1");
    let executions = record["executions"].as_array().unwrap();
    assert!(executions.iter().all(|one| one.get("certificate").is_none()), "{record}");
}

/// Two gateways made from one image hold one key: the second is stopped before it is signed for.
#[test]
fn two_devices_with_one_key() {
    let kit = Kit::with(|setup| {
        setup.fcu("device-key-generation-mode: by_tool", "device-key-generation-mode: by_device");
    });
    let key = p256();
    let copies = move |serial: &'static str| {
        let key = key.clone();
        Peer::with(move |_, stream| {
            let mut subject = openssl::x509::X509Name::builder().unwrap();
            subject.append_entry_by_text("CN", serial).unwrap();
            let mut csr = openssl::x509::X509Req::builder().unwrap();
            csr.set_subject_name(&subject.build()).unwrap();
            csr.set_pubkey(&key).unwrap();
            csr.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
            let der = csr.build().to_der().unwrap();
            let request = read_frame(stream);
            let csrs = vec![Csr { key_name: KEY.to_owned(), der }];
            let reply = Reply { csrs, ..reply_to(&request) };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
            let second = read_frame(stream);
            let reply = Reply { sid: None, ..reply_to(&request) };
            let known = second.windows(4).any(|four| four == b"\x63SID");
            let reply = if known { reply_to(&second) } else { reply };
            stream.write_all(&frame::reply(&reply.encode())).unwrap();
        })
    };
    let get = |serial: &str, peer: &Peer| kit.get(&Kit::query(serial, &peer.port()));
    assert_eq!(get("GW-1", &copies("GW-1")).status, 200);
    let problem = get("GW-2", &copies("GW-2")).problem(409, "key-taken");
    assert!(problem["detail"].as_str().unwrap().contains("unit `GW-1`"), "{problem}");
    eventually("the attempt is closed", || kit.states("GW-2") == ["failed"]);
}
