//! Hundreds of simulated gateways in one process, as the benches and the self-test use them, and
//! the station's messages against the recorded ones.

#![expect(
    clippy::unwrap_used,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

mod kit;

use fcc::bundle::{Bundle, Certificate, CsrRequest, Int, Key, KeyKind, Param, Value};
use fcc::device::{Build, Device, End, Store};
use fcc::frame;
use fcc::names;
use fcc::serve::Gateway;
use fcc::session::{Patience, Session, TcpLink};
use kit::{Ca, Draft, p256};
use minicbor::Decoder;
use minicbor::data::Type;
use std::net::SocketAddr;
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_gateways_are_served_at_once() {
    let ca = Ca::p256();
    let mut running = Vec::new();
    for number in 0..200 {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let device = Device::start(Build::default(), Store::in_memory(), None);
        let gateway = Gateway::start(address, device, false).unwrap();
        let key = p256();
        let mut bundle = kit::identity(&key, ca.issue(&key, &Draft::default()));
        bundle.params.push(Param::new("acme.Number", i64::from(number)));
        running.push(tokio::spawn(async move {
            let link = TcpLink::connect(gateway.address()).await.unwrap();
            let reply = Session::new(link, Patience::default()).exchange(&bundle).await.unwrap();
            assert!(reply.succeeded(), "{reply:?}");
            let (device, end) = gateway.ended().await.unwrap();
            assert_eq!(end, End::Exit(0));
            let listing = device.store().listing();
            let (_, stored) = listing.iter().find(|(name, _)| name == "acme.Number").unwrap();
            assert_eq!(***stored, i64::from(number).to_le_bytes());
        }));
    }
    for unit in running {
        unit.await.unwrap();
    }
}

#[tokio::test]
async fn a_gateway_that_is_dropped_leaves_its_port() {
    let device = || Device::start(Build::default(), Store::in_memory(), None);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let gateway = Gateway::start(address, device(), true).unwrap();
    let address = gateway.address();
    drop(gateway);
    for _ in 0..100 {
        if Gateway::start(address, device(), true).is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    unreachable!("the port is still taken");
}

/// What a recorded message says, said by this station, gives the recorded bytes: cases 01, 02.
#[test]
fn the_stations_messages_are_the_recorded_ones() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/fcc");
    for case in ["01-success-by-tool.1", "02-success-by-device.1"] {
        let recorded = std::fs::read(fixtures.join(format!("{case}.request.bin"))).unwrap();
        let payload = &recorded[12..recorded.len() - 32];
        let written = frame::request(&understand(payload).encode());
        assert!(*written == recorded, "{case}");
    }
}

/// A reader for the messages a station writes; only for this comparison.
fn understand(payload: &[u8]) -> Bundle {
    let mut bundle = Bundle::default();
    let mut from = Decoder::new(payload);
    for _ in 0..from.map().unwrap().unwrap() {
        match from.str().unwrap() {
            "SchemeVersion" => assert_eq!(from.str().unwrap(), "0.0.1"),
            "SID" => bundle.sid = Some(from.str().unwrap().to_owned()),
            "KpAlvSess" => bundle.keep_alive = from.u8().unwrap() == 1,
            "Verify" => bundle.verify = from.u8().unwrap() == 1,
            group => {
                for _ in 0..from.array().unwrap().unwrap() {
                    element(&mut bundle, group, &mut from);
                }
            }
        }
    }
    bundle
}

fn element(bundle: &mut Bundle, group: &str, from: &mut Decoder<'_>) {
    let (mut name, mut value, mut subject) = (String::new(), None, String::new());
    let mut usages = [None, None];
    for _ in 0..from.map().unwrap().unwrap() {
        match from.str().unwrap() {
            "Name" | "PrKN" => name = from.str().unwrap().to_owned(),
            "Type" => assert_eq!(from.str().unwrap(), "ECCPrivate"),
            "Format" => assert_eq!(from.str().unwrap(), "der"),
            "Subj" => subject = from.str().unwrap().to_owned(),
            "MD" => assert_eq!(from.u8().unwrap(), 1),
            "Ext" => {
                assert_eq!(from.map().unwrap(), Some(2));
                for (kind, usage) in ["KU", "EKU"].into_iter().zip(&mut usages) {
                    assert_eq!(from.str().unwrap(), kind);
                    *usage = Some(from.u32().unwrap());
                }
            }
            _ => {
                value = Some(match from.datatype().unwrap() {
                    Type::String => Value::from(from.str().unwrap()),
                    Type::Bytes => Value::Bytes(from.bytes().unwrap().to_vec()),
                    _ => Value::Integer(Int::from(from.u64().unwrap())),
                });
            }
        }
    }
    let der = || match &value {
        Some(Value::Bytes(der)) => der.clone(),
        _ => unreachable!("Data of {group}"),
    };
    match group {
        "Keys" => {
            bundle.keys.push(Key { name, kind: KeyKind::Private, der: der().into() });
        }
        "Certificates" => {
            bundle.certificates.push(Certificate { name, key_name: None, der: der() });
        }
        "ConfigParams" => bundle.params.push(Param { name, value: value.unwrap() }),
        "CsrReqs" => {
            assert_eq!(name, names::BOOTSTRAP_PRIVATE_KEY);
            let [key_usage, extended_key_usage] = usages;
            bundle.csr_requests.push(CsrRequest {
                key_name: name,
                subject,
                key_usage,
                extended_key_usage,
            });
        }
        other => unreachable!("{other}"),
    }
}
