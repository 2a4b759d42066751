//! Records as the station writes them, made by the thousand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pep_server::ra::{
    Admitted, Ask, CertificateFacts, Ending, EnrollmentIdentity, Execution, ExecutionId, Facts,
    Fields, Planned, Record, RecordId, Rules, SerialNumber, UnitId, admit,
};
use pep_server::store::{Change, Claim};

/// A reservation of a unit never seen before.
pub fn claim(number: u64) -> anyhow::Result<Change> {
    let (record, _) = reserved(number)?;
    Ok(Change { record: Arc::new(record), seen: None, claims: Vec::new() })
}

/// A unit that has its identity, with its claims.
pub fn provisioned(number: u64) -> anyhow::Result<Change> {
    let (mut record, id) = reserved(number)?;
    let at = start(number)? + SignedDuration::from_secs(1);
    let name = format!("{number:064x}");
    // About as long as a device certificate in base64.
    let der = format!("{number:020}").repeat(32);
    let certificate = CertificateFacts {
        enrollment_id: EnrollmentIdentity::of(name.as_bytes()),
        public_key_hash: name.clone(),
        der,
        superseded: false,
        revoke: None,
    };
    record.issue(&id, certificate, true, at)?;
    record.conclude(&id, Ending::Confirmed { warnings: Vec::new() }, at)?;
    let claims = [format!("key:{name}"), format!("cert:{}:{number:x}", "0".repeat(64))];
    let claims = claims.map(|name| Claim { name, execution: id.clone() }).to_vec();
    Ok(Change { record: Arc::new(record), seen: None, claims })
}

fn reserved(number: u64) -> anyhow::Result<(Record, ExecutionId)> {
    let at = start(number)?;
    let admitted = admitted(number, at)?;
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().rev().zip(number.to_le_bytes()) {
        *to = from;
    }
    let id = ExecutionId::from_bytes(bytes);
    let planned = Planned {
        issuer: "O=EXAMPLE, CN=EXAMPLE device CA".to_owned(),
        issuer_hash: "0".repeat(64),
        issuer_key: None,
        certificate_serial: format!("{number:032x}"),
        subject: format!("O=EXAMPLE, CN=GW-{number:08}"),
        not_before: at,
        not_after: at,
        profile: "pep".to_owned(),
    };
    let (station, caller, address) =
        ("bench".to_owned(), "127.0.0.1".to_owned(), "127.0.0.1:7777".to_owned());
    let execution = Execution::reserved(id.clone(), station, caller, address, planned, at, at);
    let mut record = Record::new(RecordId::new(at, number.to_be_bytes()), &admitted, true);
    record.reserve(&admitted, true, execution)?;
    Ok((record, id))
}

fn admitted(number: u64, at: Timestamp) -> anyhow::Result<Admitted> {
    let ask = Ask {
        unit: UnitId::pep(SerialNumber::parse(format!("GW-{number:08}"))?),
        facts: Facts {
            api_address: "https://api.us-east-1.mbedcloud.com".to_owned(),
            gateway_services_address: "https://gateways.us-east-1.mbedcloud.com".to_owned(),
            hardware_version: "izuma-edge-gateway".to_owned(),
            radio_config: "00".to_owned(),
            led_config: "01".to_owned(),
            category: "production".to_owned(),
            extra: Fields::default(),
        },
        sealing_key: None,
        caller: "127.0.0.1".to_owned(),
        address: "127.0.0.1:7777".to_owned(),
    };
    Ok(admit(ask, &Rules { categories: vec!["production".to_owned()], ..Rules::default() }, at)?)
}

/// Ten units a second since the beginning of 2027.
fn start(number: u64) -> anyhow::Result<Timestamp> {
    let seconds = i64::try_from(number / 10 % 100_000_000)?;
    Ok(Timestamp::from_second(1_798_761_600 + seconds)?)
}
