//! Keys and certificates to try things out with. Their subjects say EXAMPLE.

use jiff::Timestamp;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use zeroize::Zeroizing;

/// Injection 14.3 recommends 35 years for a factory CA.
const LIFETIME: i64 = 35 * 365 * 86_400 + 9 * 86_400;
/// Clocks on a line disagree.
const MARGIN: i64 = 3600;

/// A self-signed certificate with its key, P-256 and ECDSA with SHA-256.
pub struct Example {
    /// The certificate.
    pub certificate: X509,
    key: PKey<Private>,
}

impl Example {
    /// A CA that signs device certificates (injection 14.3).
    pub fn device_ca(now: Timestamp) -> Result<Self, ErrorStack> {
        Self::make("EXAMPLE device CA - not for production", now, as_ca)
    }

    /// What stands in for the CA of the bootstrap server. Its key is to be thrown away.
    pub fn bootstrap_server_ca(now: Timestamp) -> Result<Self, ErrorStack> {
        Self::make("EXAMPLE bootstrap server CA - not for production", now, as_ca)
    }

    /// What stands in for the firmware signer, fit for the old tool's own checks (injection 15.2).
    pub fn update_certificate(now: Timestamp) -> Result<Self, ErrorStack> {
        Self::make("EXAMPLE update certificate - not for production", now, |builder| {
            builder.append_extension(BasicConstraints::new().critical().build()?)?;
            builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
            let usage = ExtendedKeyUsage::new().client_auth().code_signing().build()?;
            builder.append_extension(usage)
        })
    }

    fn make(
        name: &str,
        now: Timestamp,
        extend: impl FnOnce(&mut X509Builder) -> Result<(), ErrorStack>,
    ) -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, "EXAMPLE")?;
        subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
        let subject = subject.build();
        let mut serial = BigNum::new()?;
        // 127 bits with the highest set: 16 octets, positive (RFC 5280 4.1.2.2).
        serial.rand(127, MsbOption::ONE, false)?;

        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
        builder.set_subject_name(&subject)?;
        builder.set_issuer_name(&subject)?;
        let begin = now.as_second() - MARGIN;
        builder.set_not_before(&*Asn1Time::from_unix(begin)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(begin + LIFETIME)?)?;
        builder.set_pubkey(&key)?;
        extend(&mut builder)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }

    /// The certificate and its private key.
    pub fn into_parts(self) -> (X509, PKey<Private>) {
        (self.certificate, self.key)
    }

    /// The private key as PKCS#8 PEM.
    pub fn key_pem(&self) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        self.key.private_key_to_pem_pkcs8().map(Zeroizing::new)
    }
}

/// Basic constraints and key usage of a CA.
fn as_ca(builder: &mut X509Builder) -> Result<(), ErrorStack> {
    builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    let usage =
        KeyUsage::new().critical().digital_signature().key_cert_sign().crl_sign().build()?;
    builder.append_extension(usage)
}
