//! The certificate a device is to trust servers by, beside the CA that issued its own: both must
//! belong together, or the device could never connect.

use std::path::Path;

use jiff::Timestamp;
use openssl::x509::X509;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::authority::{signed_by, subject_of};
use super::{Authority, validity};
use crate::pem;

/// A root file, checked. Devices are given its certificates, encoded anew.
#[derive(Debug, Clone)]
pub struct Root {
    certificates: Vec<Vec<u8>>,
}

/// Why a root file cannot be given to devices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// Not there, or no certificates in PEM form.
    #[error("the root file {path} {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A certificate that is not valid now.
    #[error("the root `{subject}` is valid from {from} to {until}; the station's clock says {now}")]
    OutsideValidity {
        /// Its subject.
        subject: String,
        /// Its start.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
        /// The station's clock.
        now: Timestamp,
    },
    /// No `CA:TRUE`.
    #[error("`{subject}` is not a CA: basicConstraints CA:TRUE is missing")]
    NotACa {
        /// Its subject.
        subject: String,
    },
    /// Key usage without certificate signing.
    #[error("`{subject}` may not sign certificates: its key usage lacks keyCertSign")]
    MayNotSign {
        /// Its subject.
        subject: String,
    },
    /// The issuing CA is of another tree.
    #[error("the issuing CA `{issuer}` is signed by no certificate in {path}")]
    OfAnother {
        /// The issuing CA's subject.
        issuer: String,
        /// The file.
        path: String,
    },
}

impl Root {
    /// Reads a root file and checks that `authority` hangs below it: one of its certificates signed
    /// the authority's uppermost one, or is it.
    ///
    /// # Errors
    /// Every [`RootFault`] found.
    pub fn open(
        path: &Path,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<Self, Vec<RootFault>> {
        let shown = path.display().to_string();
        let unreadable = |problem: String| vec![RootFault::File { path: shown.clone(), problem }];
        let ders = pem::read_certificates(path).map_err(|error| unreadable(error.to_string()))?;
        let mut faults = Vec::new();
        let mut is_ours = false;
        let chain = authority.chain().iter().filter_map(|der| X509::from_der(der).ok());
        let chain: Vec<X509> = chain.collect();
        let mut outside = Vec::new();
        for der in &ders {
            let Ok(certificate) = X509::from_der(der) else { continue };
            // A CA signed by two roots may have the other's certificate in its file.
            let belongs = authority.chain().contains(der)
                || chain.iter().any(|below| signed_by(Some(below), &certificate));
            let subject = subject_of(&certificate);
            let Ok((_, parsed)) = X509Certificate::from_der(der) else {
                faults.extend(unreadable(format!(
                    "holds a certificate that cannot be parsed ({subject})"
                )));
                continue;
            };
            let (from, until) = validity::of(&parsed);
            if now < from || now > until {
                let subject = subject.clone();
                outside.push(RootFault::OutsideValidity { subject, from, until, now });
            } else {
                is_ours |= belongs;
            }
            if !parsed.is_ca() {
                faults.push(RootFault::NotACa { subject: subject.clone() });
            }
            let usage = parsed.key_usage().ok().flatten();
            if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
                faults.push(RootFault::MayNotSign { subject });
            }
        }
        // Beside the root in use one that has ended, or is to be used one day, does no harm.
        if !is_ours && !outside.is_empty() {
            faults.append(&mut outside);
        } else if !is_ours {
            let issuer = authority.subject_words().to_owned();
            faults.push(RootFault::OfAnother { issuer, path: shown });
        }
        if faults.is_empty() { Ok(Self { certificates: ders }) } else { Err(faults) }
    }

    /// Its certificates, DER, in the order of the file.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
}
