//! One unit's identity over the injection protocol, from `pep` to what the device holds.

mod accounts;
mod by_device;
mod by_tool;
mod crowd;
mod failures;
mod line;
mod modes;
mod statuses;

use std::collections::BTreeSet;

use openssl::pkey::PKey;
use openssl::x509::X509;
use serde_json::Value;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::kit::{Done, Items, Kit, enrollment_id, words};

const KEY: &str = "mbed.BootstrapDevicePrivateKey";
const CERTIFICATE: &str = "mbed.BootstrapDeviceCert";

/// Asserts that `pep` brought the document of the identity that the device holds: the certificate
/// chains to the CA, belongs to the key, has the profile's form and the enrollment identity.
fn holds_its_identity(kit: &Kit, serial: &str, told: &Done, items: &Items) -> X509 {
    let document: Value = serde_json::from_str(told.worked()).unwrap();
    assert_eq!(document["serialNumber"], serial);
    assert_eq!(document["deployed"], true);

    let certificate = X509::from_der(items.bytes(CERTIFICATE)).unwrap();
    assert_eq!(document["enrollmentID"], enrollment_id(items.bytes(CERTIFICATE)));
    let ca = kit.ca();
    assert!(certificate.verify(&ca.public_key().unwrap()).unwrap(), "signed by the CA");
    assert_eq!(certificate.issuer_name().to_der().unwrap(), ca.subject_name().to_der().unwrap());
    let key = PKey::private_key_from_der(items.bytes(KEY)).unwrap();
    assert!(certificate.public_key().unwrap().public_eq(&key), "belongs to the device's key");
    let common_name = format!("CN={serial}");
    assert_eq!(words(certificate.subject_name()).last(), Some(&common_name), "CN comes last");
    has_the_profiles_form(items.bytes(CERTIFICATE), &ca);

    assert_eq!(items.text("mbed.EndpointName"), serial);
    assert_eq!(items.text("mbed.SerialNumber"), serial);
    certificate
}

/// The certificate profile, section 9.
fn has_the_profiles_form(der: &[u8], ca: &X509) {
    assert!(der.len() <= 1024, "{} bytes", der.len());
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(certificate.version().0, 2);
    assert_eq!(certificate.signature_algorithm.algorithm.to_id_string(), "1.2.840.10045.4.3.2");
    assert!(certificate.signature_algorithm.parameters.is_none());
    let serial = certificate.raw_serial();
    assert!((14..=17).contains(&serial.len()), "128 random bits: {serial:02x?}");
    assert!(serial[0] < 0x80, "positive");

    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca);
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert!(usage.value.digital_signature() && usage.value.key_agreement());
    assert_eq!(usage.value.flags.count_ones(), 2);
    let extended = certificate.extended_key_usage().unwrap().unwrap();
    assert!(extended.value.client_auth && !extended.value.server_auth && !extended.value.any);

    let parsed = X509::from_der(der).unwrap();
    assert!(parsed.subject_key_id().is_some());
    assert_eq!(
        parsed.authority_key_id().unwrap().as_slice(),
        ca.subject_key_id().unwrap().as_slice(),
        "AKI is the CA's SKI"
    );
    let identifiers: BTreeSet<_> =
        certificate.extensions().iter().map(|extension| extension.oid.to_id_string()).collect();
    assert_eq!(identifiers.len(), certificate.extensions().len(), "no extension twice");
}
