//! Units, records and changes to hold a store against its promises with.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ra::{
    Admitted, Ask, CertificateFacts, Ending, EnrollmentIdentity, Execution, ExecutionId, Facts,
    Fields, Planned, Record, RecordId, Rules, SealingKey, SerialNumber, UnitId, admit,
};
use crate::store::{Change, Claim};

pub(crate) fn unit(serial: &str) -> UnitId {
    UnitId::pep(SerialNumber::parse(serial).unwrap())
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn ask(serial: &str, category: &str) -> Ask {
    ask_saying(serial, category, &[("deviceID", "d'\"\\\u{1f600}")])
}

fn ask_saying(serial: &str, category: &str, said: &[(&str, &str)]) -> Ask {
    let mut extra = Fields::default();
    for (name, value) in said {
        extra.add(name, value).unwrap();
    }
    Ask {
        unit: unit(serial),
        facts: Facts {
            api_address: "https://api".into(),
            gateway_services_address: "https://gateways".into(),
            hardware_version: "rev-a".into(),
            radio_config: "00".into(),
            led_config: "01".into(),
            category: category.into(),
            extra,
        },
        sealing_key: Some(SealingKey::new("sealed".into())),
        caller: "127.0.0.1".into(),
        address: "127.0.0.1:7777".into(),
    }
}

pub(crate) fn admitted(serial: &str, category: &str) -> Admitted {
    admitted_of(ask(serial, category))
}

/// The same by a caller who says these extra fields and no other.
pub(crate) fn admitted_saying(serial: &str, category: &str, said: &[(&str, &str)]) -> Admitted {
    admitted_of(ask_saying(serial, category, said))
}

fn admitted_of(ask: Ask) -> Admitted {
    let rules = Rules { categories: vec![ask.facts.category.clone()], ..Rules::default() };
    admit(ask, &rules, at(0)).ok().unwrap()
}

pub(crate) fn execution(n: u64) -> Execution {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    let planned = Planned {
        issuer: "CN=CA".into(),
        issuer_hash: "00".into(),
        issuer_key: None,
        certificate_serial: format!("{n:x}"),
        subject: "CN=GW".into(),
        not_before: at(0),
        not_after: at(1_000_000),
        profile: "pep".into(),
    };
    let id = ExecutionId::from_bytes(bytes);
    Execution::reserved(id, "one".into(), "c".into(), "a".into(), planned, at(0), at(60))
}

pub(crate) fn reserved(serial: &str, n: u64) -> Record {
    let admitted = admitted(serial, "production");
    let mut record = Record::new(RecordId::new(at(0), n.to_be_bytes()), &admitted, true);
    record.reserve(&admitted, true, execution(n)).unwrap();
    record
}

pub(crate) fn provisioned(serial: &str, n: u64, second: i64) -> Record {
    let mut record = reserved(serial, n);
    let id = record.executions[0].id.clone();
    let certificate = CertificateFacts {
        der: format!("{n}"),
        public_key_hash: format!("{n}"),
        enrollment_id: EnrollmentIdentity::of(serial.as_bytes()),
        superseded: false,
        revoke: None,
    };
    record.issue(&id, certificate, true, at(second)).unwrap();
    record.conclude(&id, Ending::Confirmed { warnings: vec![] }, at(second)).unwrap();
    record
}

/// A unit of the other space, as it stands once its certificate has left.
pub(crate) fn registered(serial: &str, n: u64, second: i64) -> Record {
    let mut ask = ask(serial, "production");
    ask.unit = sign_unit(serial);
    ask.sealing_key = None;
    let key = format!("{n}");
    let admitted = admitted_of(ask).with_key(key.clone(), false);
    let mut record = Record::new(RecordId::new(at(0), n.to_be_bytes()), &admitted, false);
    record.reserve(&admitted, false, execution(n)).unwrap();
    let id = record.executions[0].id.clone();
    let certificate = CertificateFacts {
        der: key.clone(),
        public_key_hash: key,
        enrollment_id: EnrollmentIdentity::of(serial.as_bytes()),
        superseded: false,
        revoke: None,
    };
    record.issue(&id, certificate, true, at(second)).unwrap();
    record
}

pub(crate) fn sign_unit(serial: &str) -> UnitId {
    UnitId::sign(SerialNumber::parse(serial).unwrap())
}

pub(crate) fn new(record: Record) -> Change {
    Change { record: Arc::new(record), seen: None, claims: vec![] }
}

pub(crate) fn claiming(record: Record, seen: Option<u64>, names: &[&str]) -> Change {
    let execution = record.executions[0].id.clone();
    let claim = |name: &&str| Claim { name: (*name).to_owned(), execution: execution.clone() };
    let claims = names.iter().map(claim).collect();
    Change { record: Arc::new(record), seen, claims }
}
