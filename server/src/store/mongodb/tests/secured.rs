//! TLS both ways, from files. Passwords no server here asks for: see `open`'s own tests for where
//! they go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::super::{ConnectError, MongoDbSettings, MongoDbStore};
use super::server::Server;
use crate::ca::test_ca::ec;
use crate::store::Store;
use crate::store::contract::{new, reserved};

struct Made {
    certificate: X509,
    key: PKey<Private>,
}

impl Made {
    /// A CA without an issuer, else somebody at 127.0.0.1.
    fn new(name: &str, issuer: Option<&Self>) -> Self {
        let key = ec(Nid::X9_62_PRIME256V1);
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(name.len() as u32).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&subject).unwrap();
        let issued_by = issuer.map_or(&*subject, |ca| ca.certificate.subject_name());
        builder.set_issuer_name(issued_by).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        let extension = if issuer.is_none() {
            BasicConstraints::new().critical().ca().build().unwrap()
        } else {
            let context = builder.x509v3_context(None, None);
            SubjectAlternativeName::new().ip("127.0.0.1").build(&context).unwrap()
        };
        builder.append_extension(extension).unwrap();
        builder.sign(issuer.map_or(&key, |ca| &ca.key), MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    fn write(&self, folder: &Path, name: &str) -> [PathBuf; 3] {
        let certificate = self.certificate.to_pem().unwrap();
        let key = self.key.private_key_to_pem_pkcs8().unwrap();
        let both = [certificate.clone(), key.clone()].concat();
        [("cert", certificate), ("key", key), ("both", both)].map(|(kind, bytes)| {
            let path = folder.join(format!("{name}-{kind}.pem"));
            std::fs::write(&path, bytes).unwrap();
            path
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_spoken_to_over_tls_by_both_names() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Made::new("the database's CA", None);
    let [ca_file, ..] = ca.write(folder.path(), "ca");
    let [certificate, key, _] = Made::new("db", Some(&ca)).write(folder.path(), "server");
    let [.., station] = Made::new("station", Some(&ca)).write(folder.path(), "station");
    let stranger = Made::new("another CA", None);
    let [stranger_ca, ..] = stranger.write(folder.path(), "other");
    let [.., impostor] = Made::new("impostor", Some(&stranger)).write(folder.path(), "impostor");

    let data = tempfile::tempdir().unwrap();
    let files = [certificate.as_path(), &key, &ca_file];
    let Some(server) = Server::ferretdb_with_tls(data.path(), files) else { return };
    let open = |ca: &Path, own: Option<&Path>| {
        let settings = MongoDbSettings {
            tls_ca_file: Some(ca.to_owned()),
            tls_certificate_key_file: own.map(Path::to_owned),
            ..server.place().settings(Duration::from_secs(3))
        };
        MongoDbStore::open(settings)
    };
    let store = open(&ca_file, Some(&station)).unwrap();
    assert_eq!(store.write(new(reserved("GW-1", 1))).await, Ok(1));

    for (ca, own) in
        [(&ca_file, None), (&ca_file, Some(&*impostor)), (&stranger_ca, Some(&*station))]
    {
        let refused = open(ca, own).err();
        assert!(matches!(refused, Some(ConnectError::Silent(_))), "{refused:?}");
    }
    let plain = MongoDbStore::open(server.place().settings(Duration::from_secs(3))).err();
    assert!(matches!(plain, Some(ConnectError::Silent(_))), "{plain:?}");
}
