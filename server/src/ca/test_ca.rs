//! Certificate authorities of every kind, made with OpenSSL's own builder, for tests.

use std::path::Path;

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time, Asn1Type};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Builder, X509Extension, X509NameBuilder};

/// A CA to be made.
pub(crate) struct TestCa<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: PKey<Private>,
    pub(crate) issuer: Option<(&'a X509, &'a PKey<Private>)>,
    pub(crate) days: (i64, i64),
    pub(crate) is_ca: bool,
    pub(crate) identifier: bool,
    pub(crate) digest: MessageDigest,
    pub(crate) serial: &'a [u8],
    /// In the place of OpenSSL's own, which is the SHA-1 of the key.
    pub(crate) own_identifier: Option<&'a str>,
    /// Whether its name is written in PrintableStrings, not in UTF8Strings.
    pub(crate) is_printable: bool,
    pub(crate) negative_serial: bool,
    pub(crate) path_length: Option<u32>,
    /// Further extensions: OID, whether critical, content.
    pub(crate) extra: Vec<(&'a str, bool, Vec<u8>)>,
}

pub(crate) fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub(crate) fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

impl Default for TestCa<'_> {
    fn default() -> Self {
        Self {
            name: "EXAMPLE Factory CA",
            key: ec(Nid::X9_62_PRIME256V1),
            issuer: None,
            days: (-1, 12_775),
            is_ca: true,
            identifier: true,
            digest: MessageDigest::sha256(),
            serial: &[7],
            own_identifier: None,
            is_printable: false,
            negative_serial: false,
            path_length: None,
            extra: Vec::new(),
        }
    }
}

impl TestCa<'_> {
    pub(crate) fn certificate(&self) -> X509 {
        let mut name = X509NameBuilder::new().unwrap();
        let kind = if self.is_printable { Asn1Type::PRINTABLESTRING } else { Asn1Type::UTF8STRING };
        name.append_entry_by_text_with_type("O", "EXAMPLE", kind).unwrap();
        name.append_entry_by_text_with_type("CN", self.name, kind).unwrap();
        let name = name.build();
        let (issuer, signing_key) = match self.issuer {
            Some((certificate, key)) => (certificate.subject_name(), key),
            None => (&*name, &self.key),
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let at = |days: i64| Asn1Time::from_unix(now.as_secs() as i64 + days * 86_400).unwrap();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::from_slice(self.serial).unwrap();
        serial.set_negative(self.negative_serial);
        builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(issuer).unwrap();
        builder.set_not_before(&at(self.days.0)).unwrap();
        builder.set_not_after(&at(self.days.1)).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        if self.is_ca {
            let mut constraints = BasicConstraints::new();
            constraints.critical().ca();
            if let Some(length) = self.path_length {
                constraints.pathlen(length);
            }
            builder.append_extension(constraints.build().unwrap()).unwrap();
            let usage =
                KeyUsage::new().critical().key_cert_sign().crl_sign().digital_signature().build();
            builder.append_extension(usage.unwrap()).unwrap();
        }
        if let Some(identifier) = self.own_identifier {
            #[expect(
                deprecated,
                reason = "the only way to give OpenSSL an identifier as it stands"
            )]
            let identifier = openssl::x509::X509Extension::new_nid(
                None,
                None,
                Nid::SUBJECT_KEY_IDENTIFIER,
                identifier,
            );
            builder.append_extension(identifier.unwrap()).unwrap();
        } else if self.identifier {
            let identifier = SubjectKeyIdentifier::new();
            let identifier = identifier.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(identifier).unwrap();
        }
        for (kind, critical, content) in &self.extra {
            let kind = Asn1Object::from_str(kind).unwrap();
            let content = Asn1OctetString::new_from_bytes(content).unwrap();
            let extension = X509Extension::new_from_der(&kind, *critical, &content).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.sign(signing_key, self.digest).unwrap();
        builder.build()
    }
}

/// Writes certificates and key as a keystore folder.
pub(crate) fn write(
    folder: &Path,
    certificates: &[&X509],
    key: &PKey<Private>,
) -> super::AuthorityFiles {
    let pem: Vec<u8> = certificates.iter().flat_map(|c| c.to_pem().unwrap()).collect();
    let files = super::AuthorityFiles {
        certificate: folder.join("CA_cert.pem"),
        key: folder.join("CA_private.pem"),
        chain_depth: None,
    };
    std::fs::write(&files.certificate, pem).unwrap();
    std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    files
}

/// The usual profile.
pub(crate) fn profile() -> super::Profile {
    super::Profile {
        name: "pep".into(),
        subject: super::SubjectFields {
            country: Some("FI".into()),
            organization: Some("EXAMPLE Oy".into()),
            locality: Some(String::new()),
            ..Default::default()
        },
        validity: super::Validity::Default,
        form: super::Form::Gateway,
    }
}

/// A CA that is fine, opened.
pub(crate) fn authority() -> std::sync::Arc<super::Authority> {
    let folder = tempfile::tempdir().unwrap();
    let ca = TestCa::default();
    let files = write(folder.path(), &[&ca.certificate()], &ca.key);
    let opened = super::Authority::open(&files, &profile(), jiff::Timestamp::now());
    std::sync::Arc::new(opened.ok().unwrap().0)
}

/// The profile of devices that register themselves.
pub(crate) fn registered() -> super::Profile {
    super::Profile {
        name: "sign".into(),
        subject: super::SubjectFields::default(),
        validity: super::Validity::FromNow { days: 7300 },
        form: super::Form::Registered,
    }
}

/// A request as the registering client makes it, for a subject of (type, value) pairs.
pub(crate) fn request(key: &PKey<Private>, names: &[(&str, &str)]) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    for (attribute, value) in names {
        name.append_entry_by_text(attribute, value).unwrap();
    }
    let mut builder = openssl::x509::X509ReqBuilder::new().unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build().to_der().unwrap()
}
