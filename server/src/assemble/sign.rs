//! The factories of devices that register themselves, made from their configuration: CA, root and
//! names opened and checked, every fault recorded with its place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::ca::{
    self, Authority, AuthorityFiles, Form, KeyKind, Profile, Proof, Root, SubjectFields, Validity,
};
use crate::config::{Fault, Sign, Warning, sign as config};
use crate::front::Registrar;
use crate::front::sign::{Allowed, Bounds, Cloud, Factory};
use crate::ra::Rules;
use crate::station;

use super::ends;

/// The port of gateway and ostree server on every factory of the platform.
const PORT: u16 = 8443;

/// What a configuration's factories come to; by default there are none.
#[derive(Default)]
pub(super) struct Factories {
    /// The front end; `None` without factories.
    pub(super) registrar: Option<Registrar>,
    /// The station's part.
    pub(super) issuing: BTreeMap<String, station::Factory>,
    /// How long telling a cloud may take at most.
    pub(super) longest_call: Duration,
}

/// Opens everything the factories name.
pub(super) fn open(
    sign: &Sign,
    now: Timestamp,
    faults: &mut Vec<Fault>,
    warnings: &mut Vec<Warning>,
) -> Factories {
    let mut fronts = Vec::new();
    let mut issuing = BTreeMap::new();
    let mut longest_call = Duration::ZERO;
    for config in &sign.factories {
        let mut opening = Opening { config, now, faults, warnings };
        let Some((front, factory)) = opening.factory() else { continue };
        longest_call =
            longest_call.max(front.cloud.as_ref().map_or(Duration::ZERO, |c| c.longest()));
        if issuing.insert(front.name.clone(), factory).is_some() {
            opening.fault("name", format!("`{}` is given twice", front.name), "keep one of them");
        }
        fronts.push(front);
    }
    let bounds =
        Bounds { body: sign.body_limit, body_timeout: sign.body_timeout, at_once: sign.at_once };
    let registrar = (!fronts.is_empty()).then(|| Registrar::new(fronts, bounds));
    Factories { registrar, issuing, longest_call }
}

struct Opening<'a> {
    config: &'a config::Factory,
    now: Timestamp,
    faults: &'a mut Vec<Fault>,
    warnings: &'a mut Vec<Warning>,
}

impl Opening<'_> {
    fn fault(&mut self, key: &str, problem: impl Into<String>, fix: &str) {
        let key = format!("{}.{key}", self.config.key);
        self.faults.push(Fault { key, problem: problem.into(), fix: fix.to_owned() });
    }

    fn factory(&mut self) -> Option<(Factory, station::Factory)> {
        let profile = Profile {
            name: "sign".to_owned(),
            subject: SubjectFields::default(),
            validity: Validity::FromNow { days: self.config.days },
            form: Form::Registered,
        };
        let authority = Arc::new(self.authority(&profile)?);
        let profile = Arc::new(profile);
        let root = self.root(&authority);
        let name = self.name(&authority);
        let is_proven = match (&root, &name) {
            (Some(root), Some(name)) => self.prove(&authority, &profile, name, root),
            // What is wrong with them has been said.
            _ => false,
        };
        let gateway = self.address("gateway", self.config.gateway.clone(), ".ota-lite.");
        let ostree = self.address("ostree", self.config.ostree.clone(), ".ostree.");
        let overrides = self.overrides();
        let cloud = match &self.config.cloud {
            None => None,
            Some(settings) => Some(self.cloud(settings)?),
        };
        let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::Rsa].into_iter();
        let wanted = |kind: &KeyKind| self.config.keys.iter().any(|word| word == kind.as_str());
        let front = Factory {
            name: name?,
            root: root?,
            chain: authority.chain().to_vec(),
            gateway: gateway?,
            ostree: ostree?,
            keys: kinds.filter(wanted).collect(),
            attributes: self.config.attributes.clone(),
            overrides: overrides?,
            fixed_uuid: self.config.fixed_uuid.clone(),
            cloud,
        };
        let factory = station::Factory {
            authority,
            profile,
            rules: Rules { categories: self.config.categories.clone(), ..Rules::default() },
        };
        is_proven.then_some((front, factory))
    }

    /// Whether certificates of this CA will be worth anything; what is wrong is recorded.
    fn prove(
        &mut self,
        authority: &Arc<Authority>,
        profile: &Arc<Profile>,
        name: &str,
        root: &Root,
    ) -> bool {
        let proof = Proof::of_registered(authority, profile, name, root, self.now);
        let key = &self.config.key;
        let warning = |text: String| Warning { key: key.clone(), text };
        self.warnings.extend(proof.warnings.iter().map(|one| warning(one.to_string())));
        let is_proven = proof.flaws.is_empty();
        for flaw in proof.flaws {
            let of = |ders: &[Vec<u8>]| {
                let all = ders.iter().filter_map(|der| ca::Readable::of(der));
                all.into_iter().any(|it| flaw.subject() == Some(it.subject.as_str()))
            };
            let is_of_root = of(root.certificates()) && !of(authority.chain());
            let key = if is_of_root { "root" } else { "certificate" };
            self.fault(key, flaw.to_string(), flaw.remedy());
        }
        if is_proven {
            ends::of_ca(&[authority.chain(), root.certificates()].concat());
        }
        is_proven
    }

    fn authority(&mut self, profile: &Profile) -> Option<Authority> {
        let files = AuthorityFiles {
            certificate: self.config.ca_certificate.clone(),
            key: self.config.ca_key.clone(),
            chain_depth: None,
        };
        match Authority::open(&files, profile, self.now) {
            Ok((authority, found)) => {
                let key = self.config.key.clone();
                let warning = |text: String| Warning { key: key.clone(), text };
                self.warnings.extend(found.iter().map(|one| warning(one.to_string())));
                Some(authority)
            }
            Err(found) => {
                for fault in found {
                    let fix = "give the factory's issuing CA and its key, valid now: P-256, \
                                P-384 or RSA, CA:TRUE, keyCertSign, the key not encrypted";
                    self.fault("certificate", fault.to_string(), fix);
                }
                None
            }
        }
    }

    fn root(&mut self, authority: &Authority) -> Option<Root> {
        let opened = Root::open(&self.config.root, authority, self.now);
        opened
            .map_err(|found| {
                for fault in found {
                    let fix = "give the factory_ca.pem that signed the issuing CA";
                    self.fault("root", fault.to_string(), fix);
                }
            })
            .ok()
    }

    fn name(&mut self, authority: &Authority) -> Option<String> {
        let own = authority.organizational_unit();
        match (self.config.name.clone(), own) {
            (None, Some(own)) => Some(own),
            (Some(given), None) => Some(given),
            (Some(given), Some(own)) if given == own => Some(given),
            (Some(given), Some(own)) => {
                let problem = format!("is `{given}`, and the CA's OU is `{own}`");
                self.fault("name", problem, "give the CA of this factory, or leave the name out");
                None
            }
            (None, None) => {
                self.fault("name", "is missing, and the CA has no OU", "give the factory's name");
                None
            }
        }
    }

    /// An address given, or that of the gateway certificate's name with `part` in it.
    fn address(&mut self, key: &str, given: Option<String>, part: &str) -> Option<String> {
        if given.is_some() {
            return given;
        }
        let file = self.config.tls.clone()?;
        let names = match names(&file) {
            Ok(names) => names,
            Err(problem) => {
                self.fault("tls", problem, "give the factory's tls-crt, PEM");
                return None;
            }
        };
        match names.iter().find(|name| name.contains(part)) {
            Some(name) => Some(format!("https://{name}:{PORT}")),
            None => {
                let problem = format!("no name in {} has `{part}` in it", file.display());
                self.fault(key, problem, "give the address itself: https://HOST:8443");
                None
            }
        }
    }

    fn overrides(&mut self) -> Option<Allowed> {
        let Some(words) = &self.config.overrides else { return Some(Allowed::default()) };
        Allowed::read(words)
            .map_err(|word| {
                let problem = format!("holds `{}`", word.escape_debug());
                self.fault("overrides", problem, "give keys of sota.toml: [\"pacman.tags\"]");
            })
            .ok()
    }

    fn cloud(&mut self, settings: &config::Cloud) -> Option<Arc<Cloud>> {
        let cloud = Cloud::new(settings.clone());
        cloud
            .map_err(|error| {
                let fix = "give the API's address and a file with its token; take the section \
                            out for a station without a cloud";
                self.fault("cloud", error.to_string(), fix);
            })
            .map(Arc::new)
            .ok()
    }
}

/// The DNS names of a certificate.
fn names(file: &Path) -> Result<Vec<String>, String> {
    let ders = ca::read_certificates(file)
        .map_err(|error| format!("the file {} {error}", file.display()))?;
    let der = ders.first().map(Vec::as_slice).unwrap_or_default();
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|_| format!("the file {} cannot be parsed", file.display()))?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|found| found.value.general_names.iter());
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    Ok(names.into_iter().flatten().filter_map(dns).collect())
}
