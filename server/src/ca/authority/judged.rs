//! One certificate of a CA's chain, held against what a device and a gateway will want of it.

use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use openssl::x509::X509;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry;
use x509_parser::prelude::FromDer;

use super::{Checks, TEN_YEARS};
use crate::ca::key::hex;
use crate::ca::{AuthorityFault, AuthorityWarning, Form, name, validity};

/// The shortest RSA key a CA may have, in bits.
const SHORTEST_RSA: u32 = 2048;

impl Checks {
    pub(super) fn certificate(&mut self, certificate: &X509, is_sent: bool, is_issuer: bool) {
        let Ok(der) = certificate.to_der() else {
            return;
        };
        let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
            let problem = "holds a certificate that cannot be parsed".to_owned();
            let path = subject_of(certificate);
            self.faults.push(AuthorityFault::CertificateFile { path, problem });
            return;
        };
        let subject = name::words(parsed.subject());
        match self.form {
            Form::Gateway if !on_curve(certificate, &[Nid::X9_62_PRIME256V1]) => {
                self.faults.push(AuthorityFault::NotP256 { subject: subject.clone() });
            }
            Form::Registered if !may_sign_registered(certificate) => {
                self.faults.push(AuthorityFault::KeyKind { subject: subject.clone() });
            }
            _ => {}
        }
        let algorithm = &parsed.signature_algorithm.algorithm;
        if is_sent && *algorithm != oid_registry::OID_SIG_ECDSA_WITH_SHA256 {
            self.faults.push(AuthorityFault::NotSha256 { subject: subject.clone() });
        }
        if !parsed.is_ca() {
            self.faults.push(AuthorityFault::NotACa { subject: subject.clone() });
        }
        if let Ok(Some(usage)) = parsed.key_usage() {
            if !usage.value.key_cert_sign() {
                self.faults.push(AuthorityFault::MayNotSign { subject: subject.clone() });
            }
            let missing: Vec<&str> = [
                (usage.value.digital_signature(), "digitalSignature"),
                (usage.value.crl_sign(), "cRLSign"),
            ]
            .into_iter()
            .filter_map(|(there, word)| (!there).then_some(word))
            .collect();
            if self.form == Form::Gateway && is_issuer && !missing.is_empty() {
                let missing = missing.join(", ");
                let subject = subject.clone();
                self.warnings.push(AuthorityWarning::KeyUsage { subject, missing });
            }
        }
        let (from, until) = validity::of(&parsed);
        if self.now < from {
            let from = from.to_string();
            self.faults.push(AuthorityFault::NotYet { subject: subject.clone(), from });
        }
        if self.now > until {
            let until = validity::shown(until);
            self.faults.push(AuthorityFault::Expired { subject, until });
        } else if self.form == Form::Gateway
            && until.duration_since(self.now) < TEN_YEARS
            && (is_sent || is_issuer)
        {
            let until = validity::shown(until);
            self.warnings.push(AuthorityWarning::UnderTenYears { subject, until });
        }
    }
}

fn on_curve(certificate: &X509, curves: &[Nid]) -> bool {
    certificate.public_key().is_ok_and(|key| {
        let curve = key.ec_key().ok().and_then(|ec| ec.group().curve_name());
        key.id() == Id::EC && curve.is_some_and(|curve| curves.contains(&curve))
    })
}

fn may_sign_registered(certificate: &X509) -> bool {
    let is_rsa = |key: PKey<_>| key.id() == Id::RSA && key.bits() >= SHORTEST_RSA;
    on_curve(certificate, &[Nid::X9_62_PRIME256V1, Nid::SECP384R1])
        || certificate.public_key().is_ok_and(is_rsa)
}

/// A certificate's subject in words.
pub(in crate::ca) fn subject_of(certificate: &X509) -> String {
    let der = certificate.to_der().unwrap_or_default();
    X509Certificate::from_der(&der)
        .map_or_else(|_| hex(&der), |(_, parsed)| name::words(parsed.subject()))
}
