//! What must never be seen: sealing keys, private keys, tokens.

use openssl::base64::encode_block;
use openssl::ec::EcKey;

use crate::kit::{Device, Kit};

const SEALING: &str = "3f9a1c-5e7d2b-0a8c4f-6b1e9d/1b2c3-fedcba98";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The most talkative log, every list, export and document: no secret is in any of them.
#[test]
fn secrets_are_nowhere_to_be_seen() {
    for format in ["text", "json"] {
        let kit = Kit::with(|setup| {
            setup.env("PEP_LOG_LEVEL", "trace").env("PEP_LOG_FORMAT", format);
            setup.fcu("entropy-generation-mode: by_device", "entropy-generation-mode: by_tool");
        });
        let device = Device::with(&["--keep"]);
        let asked = |serial: &str| {
            let key = SEALING.replace('/', "%2f");
            format!("{}&verificationKey={key}", Kit::query(serial, &device.port()))
        };
        let mut seen = Vec::new();
        let mut see = |answer: crate::kit::Answer| {
            seen.push(String::from_utf8_lossy(&answer.body).into_owned());
            seen.extend(answer.headers.into_iter().map(|(_, value)| value));
        };
        see(kit.get(&asked("GW-1")));
        // Refused ones as well: taken, malformed, not admitted.
        see(kit.get(&asked("GW-1")));
        see(kit.get(&asked("%ff")));
        see(kit.get(&format!("{}&category=none", asked("GW-2"))));
        see(kit.get("/v3/identity-record?serialNumber=GW-1"));
        see(kit.get("/v3/enrollment-id?serialNumber=GW-1"));
        see(kit.get("/v3/enrollment-ids"));
        see(kit.get_as_operator("/metrics"));
        for export in ["csv", "enrollment", "jsonl"] {
            see(kit.get_as_operator(&format!("/v3/export?format={export}")));
        }
        // Its own route, and only that.
        let told = kit.get("/v3/verification-key?serialNumber=GW-1");
        assert_eq!((told.status, told.text()), (200, SEALING));

        seen.push(kit.log());
        seen.push(kit.operations().iter().map(|(_, act)| act.clone()).collect());
        let items = device.items();
        let key = EcKey::private_key_from_der(items.bytes("mbed.BootstrapDevicePrivateKey"));
        let scalar = key.unwrap().private_key().to_vec_padded(32).unwrap();
        let entropy = items.bytes("@entropy");
        let ledger = kit.record("GW-1").to_string();
        let all = format!("{}{ledger}", seen.concat());
        for secret in [&scalar[..], &scalar[..16], entropy] {
            assert!(!all.contains(&hex(secret)));
            assert!(!all.contains(&hex(secret).to_uppercase()));
            assert!(!all.contains(&encode_block(secret)));
            let list = format!("{secret:?}");
            assert!(!all.contains(list.trim_matches(['[', ']'])));
        }
        for text in seen {
            assert!(!text.contains(SEALING), "{text}");
            assert!(!text.contains(&SEALING.replace('/', "%2f")), "{text}");
            assert!(!text.contains(&kit.token()), "{text}");
        }
        // The ledger keeps the sealing key, as the old server did, and nothing else of this.
        assert!(ledger.contains(SEALING));
    }
}

/// The ledger is for the station alone.
#[test]
fn the_ledger_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    for folder in ["store", "store/journal"] {
        for entry in std::fs::read_dir(kit.folder().join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let metadata = entry.metadata().unwrap();
            let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
            let mode = metadata.permissions().mode() & 0o777;
            // The lock is empty.
            assert!(mode == wanted || name.ends_with(".lock"), "{name}: {mode:o}");
        }
    }
}
