//! What `init` writes must run as it is, and must never cost anybody a file.

use std::collections::BTreeSet;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::config::{self, Environment, Signer, product::Mode};

#[test]
fn the_folder_runs_as_it_is_without_a_warning() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("new/station");
    let now = Timestamp::now();
    let written = init(&dir, None, None, now).unwrap();
    assert_eq!(written.len(), 7);

    let read = config::read(&dir.join("station.toml"), &Environment::default(), now, |_, _| {});
    let (config, warnings) = read.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(warnings, []);
    assert_eq!(config.operators.len(), 1);
    assert_eq!(config.operators[0].token.len(), 64);
    assert!(matches!(config.product.mode, Mode::Bootstrap { first_to_claim: true, .. }));
    let Signer::File { certificate, key } = config.signer;
    assert_eq!(certificate, dir.join("keystore/CA_cert.pem"));
    assert_eq!(key, dir.join("keystore/CA_private.pem"));
}

#[test]
fn the_ca_has_the_recommended_profile_and_its_own_key() {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let ca = Example::device_ca(now).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(&ca.key_pem().unwrap()).unwrap();
    assert!(ca.certificate.public_key().unwrap().public_eq(&key));
    assert!(ca.certificate.verify(&key).unwrap());
    let der = ca.certificate.to_der().unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    assert!(parsed.subject().to_string().contains("EXAMPLE"));
    assert_eq!(parsed.subject(), parsed.issuer());
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    let usage = parsed.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert!(usage.value.digital_signature() && usage.value.key_cert_sign());
    assert!(usage.value.crl_sign() && usage.value.flags.count_ones() == 3);
    assert!(parsed.validity().not_before.timestamp() == now.as_second() - 3600);
    assert_eq!(parsed.validity().not_after.to_datetime().year(), 2061);
    assert_eq!(parsed.tbs_certificate.raw_serial().len(), 16);
    let has_ski = |e: &x509_parser::prelude::X509Extension<'_>| e.oid.to_string() == "2.5.29.14";
    assert!(parsed.extensions().iter().any(has_ski));
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    init(place.path(), None, None, Timestamp::now()).unwrap();
    for secret in ["operator.token", "keystore/CA_private.pem"] {
        let mode = std::fs::metadata(place.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
}

#[test]
fn one_file_in_the_way_stops_everything() {
    for name in ["fcu.yml", "keystore/CA_private.pem", "operator.token", "CA_cert.pem"] {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "mine").unwrap();
        let before = files(place.path());
        match init(place.path(), None, None, Timestamp::now()) {
            Err(InitError::Exists(taken)) => assert_eq!(taken, std::slice::from_ref(&file)),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(files(place.path()), before, "{name}");
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    }
}

#[test]
fn a_second_init_names_every_file_of_the_first() {
    let place = tempfile::tempdir().unwrap();
    let written = init(place.path(), None, None, Timestamp::now()).unwrap();
    match init(place.path(), None, None, Timestamp::now()) {
        Err(InitError::Exists(taken)) => assert_eq!(taken, written),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = init(&file.join("below"), None, None, Timestamp::now()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }
    };
    entries.flat_map(below).collect()
}
