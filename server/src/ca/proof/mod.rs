//! Whether a certificate of this CA will be worth anything, found out before the first one is
//! given: one is signed in memory for a device that does not exist, and verified as OpenSSL's
//! servers do it and as others do who are stricter.
//!
//! The certificate never leaves this file, is written down nowhere, and costs one signature a
//! start.

mod flaw;
mod form;
mod lifetime;
mod look;
mod names;
mod path;

use std::sync::Arc;

use jiff::Timestamp;
use openssl::x509::X509;

pub use flaw::Flaw;
use look::Link;
use path::Refusal;

use super::authority::{is_valid, signed_by, subject_of};
use super::{
    Authority, AuthorityWarning, CertificateSerial, Csr, DeviceKey, Draft, DraftError, Form,
    Profile, Root,
};

/// A device that does not exist.
const NAME: &str = "SAMPLE-0001";
/// Its UUID, where it registers itself.
const UUID: &str = "00000000-0000-4000-8000-000000000001";

/// What was found: nothing that stops the station, or some flaws.
#[derive(Debug, Default)]
pub struct Proof {
    /// Why devices would have certificates that somebody refuses.
    pub flaws: Vec<Flaw>,
    /// What an operator should know.
    pub warnings: Vec<AuthorityWarning>,
}

impl Proof {
    /// Proves a CA of gateways up to the last certificate of its file.
    pub fn of_gateways(authority: &Arc<Authority>, profile: &Arc<Profile>, now: Timestamp) -> Self {
        let draft = Draft::new(authority.clone(), profile.clone(), NAME, now);
        let proof = Self::of(draft, authority, profile, None, now);
        proof.with_unreadable(authority)
    }

    /// Proves the CA of a factory whose devices register themselves, up to the root they are given.
    pub fn of_registered(
        authority: &Arc<Authority>,
        profile: &Arc<Profile>,
        factory: &str,
        root: &Root,
        now: Timestamp,
    ) -> Self {
        let csr = match Csr::sample(UUID, factory) {
            Ok(csr) => csr,
            Err(problem) => {
                return Self { flaws: vec![Flaw::Sample(problem)], ..Self::default() };
            }
        };
        let draft = CertificateSerial::random()
            .map_err(|error| DraftError::Random(error.to_string()))
            .and_then(|serial| {
                Draft::for_csr(authority.clone(), profile.clone(), &csr, UUID, serial, now)
            });
        Self::of(draft, authority, profile, Some(root), now)
    }

    fn of(
        draft: Result<Draft, DraftError>,
        authority: &Authority,
        profile: &Profile,
        root: Option<&Root>,
        now: Timestamp,
    ) -> Self {
        let mut proof = Self::default();
        let draft = match draft {
            Ok(draft) => draft,
            // Of this CA as it is not a certificate can be made at all.
            Err(error) => {
                proof.flaws.push(Flaw::Sample(error.to_string()));
                return proof;
            }
        };
        let certificates = |ders: &[Vec<u8>]| -> Vec<X509> {
            ders.iter().filter_map(|der| X509::from_der(der).ok()).collect()
        };
        let chain = certificates(authority.chain());
        let mut roots = root.map(|root| certificates(root.certificates())).unwrap_or_default();
        roots.sort_by_key(|root| !is_valid(root, now));
        let is_outside = |root: &&X509| !is_valid(root, now);
        proof.warnings.extend(
            roots
                .iter()
                .filter(is_outside)
                .map(|root| AuthorityWarning::RootOutsideValidity { subject: subject_of(root) }),
        );
        let way = way(&chain, &roots);
        let links: Vec<Link> = way.iter().filter_map(Link::of).collect();
        if profile.form == Form::Gateway {
            proof.warnings.extend(names::warning_of_dots(&links));
        }
        proof.flaws.extend(look::at(&links));
        // Whoever is given the root file parses all of it.
        let others = roots.iter().filter(|root| !way.contains(root));
        let others: Vec<Link> = others.filter_map(Link::of).collect();
        proof.flaws.extend(others.iter().flat_map(look::alone));
        let wanted = profile.wanted_end(now);
        proof.warnings.extend(lifetime::warnings(&links, (now, wanted), &draft));
        match signed(&draft) {
            Ok(leaf) => proof.verify(&leaf, &draft, (&chain, &roots), now),
            Err(problem) => proof.flaws.push(Flaw::Sample(problem)),
        }
        proof
    }

    /// Has OpenSSL build and verify the way from the leaf up, now and when the leaf ends.
    fn verify(
        &mut self,
        leaf: &X509,
        draft: &Draft,
        (chain, roots): (&[X509], &[X509]),
        now: Timestamp,
    ) {
        let anchors = anchors(chain, roots);
        let given: Vec<X509> = chain.iter().chain(roots).cloned().collect();
        let end = draft.planned().not_after;
        let verify = |at, strictly| path::verify(leaf, &given, &anchors, at, strictly);
        let refused = verify(now, false).err().or_else(|| {
            // That a CA ends before its devices is a warning, which has been given.
            verify(end, false).err().filter(|refusal| !refusal.is_of_dates())
        });
        match refused {
            // A flaw that was found by looking says more than OpenSSL does.
            Some(_) if !self.flaws.is_empty() => {}
            Some(refusal) => self.flaws.push(refused_at(&refusal, leaf, &given)),
            None => {
                if !roots.is_empty() && !anchors.iter().any(|it| signed_by(Some(it), it)) {
                    self.warnings.push(AuthorityWarning::PartialRoot);
                }
                let strict = verify(now, true).err().filter(|it| !it.is_of_identifiers());
                self.warnings.extend(strict.map(|refusal| AuthorityWarning::Strict {
                    subject: refusal.subject.clone().unwrap_or_else(|| subject_of(leaf)),
                    reason: refusal.reason.to_owned(),
                }));
            }
        }
    }

    /// What devices are sent they have to read.
    fn with_unreadable(mut self, authority: &Authority) -> Self {
        for der in authority.sent_chain() {
            if let Some(problem) = fcc::device::unreadable_certificate(der)
                && let Ok(certificate) = X509::from_der(der)
            {
                let subject = subject_of(&certificate);
                self.flaws.push(Flaw::UnreadableForDevices { subject, problem });
            }
        }
        self
    }
}

/// Why somebody would refuse a device certificate that was made elsewhere, below these CAs, its
/// issuer first. `None` where nobody does.
pub(super) fn refusal(leaf: &[u8], above: &[Vec<u8>], now: Timestamp) -> Option<Flaw> {
    let leaf = X509::from_der(leaf).ok()?;
    let chain: Vec<X509> = above.iter().filter_map(|der| X509::from_der(der).ok()).collect();
    let links: Vec<Link> = chain.iter().filter_map(Link::of).collect();
    let flaw = look::at(&links).into_iter().next();
    let verified = || path::verify(&leaf, &chain, &anchors(&chain, &[]), now, false).err();
    flaw.or_else(|| verified().map(|refusal| refused_at(&refusal, &leaf, &chain)))
}

/// The certificates from the issuing CA up to the last one that is known.
fn way(chain: &[X509], roots: &[X509]) -> Vec<X509> {
    let signs_itself = |root: &&X509| signed_by(Some(*root), root);
    let mut way = Vec::new();
    for one in chain {
        way.push(one.clone());
        if signed_by(Some(one), one) {
            break;
        }
        // What is trusted comes first, as in OpenSSL: the file may know another way.
        let above = roots.iter().filter(signs_itself).find(|root| signed_by(Some(one), root));
        if let Some(root) = above {
            way.push(root.clone());
            break;
        }
    }
    for _ in roots {
        let top = way.last();
        let is_root = |root: &X509| roots.contains(root) && signed_by(Some(root), root);
        if top.is_some_and(is_root) {
            break;
        }
        let Some(above) = roots.iter().find(|root| !way.contains(root) && signed_by(top, root))
        else {
            break;
        };
        way.push(above.clone());
    }
    way
}

/// What is trusted: of a root file those that sign themselves, or all where none does; else the top
/// of the CA's file.
fn anchors(chain: &[X509], roots: &[X509]) -> Vec<X509> {
    let own: Vec<X509> = roots.iter().filter(|it| signed_by(Some(*it), it)).cloned().collect();
    if !own.is_empty() {
        return own;
    }
    if roots.is_empty() { chain.last().cloned().into_iter().collect() } else { roots.to_vec() }
}

/// The throw-away certificate, signed as every other one will be.
fn signed(draft: &Draft) -> Result<X509, String> {
    let key = DeviceKey::generate().map_err(|error| error.to_string())?;
    let certificate = draft.sign(key.public()).map_err(|error| error.to_string())?;
    X509::from_der(&certificate.der).map_err(|error| error.to_string())
}

fn refused_at(refusal: &Refusal, leaf: &X509, given: &[X509]) -> Flaw {
    let leaf = subject_of(leaf);
    if refusal.is_of_names() {
        let constrained = given.iter().filter(|it| names::constrains(it)).map(subject_of);
        let constrained: Vec<_> = constrained.map(|subject| format!("`{subject}`")).collect();
        return Flaw::Names { leaf, constrained: constrained.join(", ") };
    }
    let subject = refusal.subject.clone().unwrap_or_else(|| leaf.clone());
    Flaw::Path { leaf, subject, reason: refusal.reason.to_owned() }
}

#[cfg(test)]
mod tests;
