//! The composition root: a station and its front ends, made from a configuration.
//!
//! Everything a start can find wrong is found here, before an address is taken: the CA is opened
//! and checked, the ledger opened and written.

mod developer;
mod ends;
mod examples;
mod ledger;
mod outlook;
mod renewal;
mod sample;
mod sample_others;
mod sign;
mod simulation;
mod standing;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ca::{
    Authority, AuthorityFault, AuthorityFiles, Form, Profile, Proof, SubjectFields, Validity,
};
use crate::config::product::{self, KeyMode, Mode, Product};
use crate::config::{
    self, Config, Discovery, Fault, Faults, Findings, Http, Judged, Signer, Tls, Warning,
};
use crate::front::{Desk, Fronts, Listener, ListenerSettings, Operators, RecordSettings};
use crate::ra::{Accounts, Rules, SerialCase, SerialPattern, SerialRules};
use crate::station::{Disk, Parts, Station, SuppliedKeys, clock_halt};
use crate::store::{Store, look};
use crate::supply::Supply;
use sign::Factories;

pub use developer::developer_credentials;
pub use ends::record_tls_end;
pub use ledger::{journal, ledger_beside};
pub use renewal::{Renewal, renew};
pub use sample::{SampleError, sample, sample_unit, supplied_faults};
pub use sample_others::sample_others;
pub use simulation::{Simulation, read_simulation, simulate};
pub use standing::{Held, Standing};

const TLS_CERTIFICATE: &str = "[http] certificate";
/// What one execution may take beyond connecting and two exchanges.
const MARGIN: Duration = Duration::from_secs(30);

/// Everything a start needs, checked.
pub struct Assembly {
    /// The station. It has not recovered yet.
    pub station: Station,
    /// What the front ends need beside it.
    pub fronts: Fronts,
    /// How to listen.
    pub listener: ListenerSettings,
    /// Whether and where the station tells its network that it is there.
    pub discovery: Discovery,
    /// The kind of ledger: `embedded`, `mongodb` or `memory`.
    pub ledger: &'static str,
    /// Damages met in the journal.
    pub journal_faults: usize,
    /// How long a stop waits for running executions.
    pub shutdown: Duration,
    /// What should be known before the line starts.
    pub warnings: Vec<Warning>,
}

/// Opens everything a configuration names.
///
/// # Errors
/// [`Faults`] of TLS, CA and ledger, all at once.
pub fn assemble(config: Config) -> Result<Assembly, Faults> {
    let places = config.places.clone();
    let mut assembly = open(config).map_err(|found| places.arrange(found))?;
    assembly.warnings = places.arrange_warnings(assembly.warnings);
    Ok(assembly)
}

fn open(config: Config) -> Result<Assembly, Faults> {
    let mut faults: Vec<Fault> = tls_fault(&config.http).into_iter().collect();
    let now = Timestamp::now();
    let (authority, mut warnings) = authority(&config, now);
    let authority = authority.map_err(|found| faults.extend(found)).ok();
    let examples = examples::look(&config.judged());
    faults.extend(examples.faults);
    warnings.extend(examples.warnings);
    let factories = sign::open(&config.sign, now, &mut faults, &mut warnings);
    let Some(authority) = authority.filter(|_| faults.is_empty()) else {
        // A station that does not start makes no ledger: it is only looked at.
        faults.extend(Standing::of(&config).err());
        return Err(Faults { faults, warnings });
    };
    let (store, found) = match ledger::ledger(&config) {
        Ok(opened) => opened,
        Err(fault) => {
            faults.push(fault);
            return Err(Faults { faults, warnings });
        }
    };
    let journal_faults = found.len();
    warnings.extend(found);
    if let Some(tls) = &config.http.tls {
        ends::record_tls_end(&tls.certificate);
    }
    let disk = ledger::disk(&config);
    let opened = Opened { authority, store, disk, factories, warnings };
    Ok(Assembly { journal_faults, ..put_together(config, opened) })
}

/// What was opened for a station.
struct Opened {
    authority: Arc<Authority>,
    store: Arc<dyn Store>,
    disk: Option<Disk>,
    factories: Factories,
    warnings: Vec<Warning>,
}

fn put_together(config: Config, opened: Opened) -> Assembly {
    let Opened { authority, store, disk, factories, warnings } = opened;
    let time_limit =
        config.injection.longest(config.product.message_size()).max(factories.longest_call)
            + MARGIN;
    let station = Station::new(Parts {
        name: config.name.clone(),
        store,
        authority,
        profile: Arc::new(profile(&config.product)),
        factories: factories.issuing,
        supplied: supplied(&config),
        developer: developer::of(&config),
        accounts: accounts(&config),
        account_in_subject: matches!(config.product.mode, Mode::Lwm2m { .. }),
        first_to_claim: first_to_claim(&config.product),
        rules: rules(&config.admission),
        clock: Arc::new(Timestamp::now),
        renew_within: SignedDuration::from_hours(24 * i64::from(config.sign.renew_within_days)),
        time_limit: SignedDuration::try_from(time_limit).unwrap_or(SignedDuration::MAX),
        disk,
    });
    let ledger = match &config.store {
        config::Store::Embedded { .. } => "embedded",
        config::Store::MongoDb(_) => "mongodb",
    };
    let operators = config.operators.iter().map(|it| (it.name.as_str(), it.token.as_str()));
    Assembly {
        station,
        listener: ListenerSettings {
            listen: config.http.listen,
            beside: config.sign.listen,
            tls: config.http.tls.clone().map(|tls| (tls.certificate, tls.key)),
            workers: config.http.workers,
            body_limit: config.http.body_limit,
            query_limit: config.http.query_limit,
            header_limit: config.http.header_limit,
            simulated: false,
        },
        discovery: config.discovery,
        ledger,
        journal_faults: 0,
        fronts: Fronts {
            desk: Desk::new(
                config.product,
                config.developer.map(|it| it.product),
                &config.injection,
            ),
            registrar: factories.registrar,
            operators: Operators::new(operators),
            records: RecordSettings { open_verification_keys: config.http.open_verification_keys },
        },
        shutdown: time_limit,
        warnings,
    }
}

/// Looks at everything that [`assemble`] opens, to see what is wrong. Nothing is made and nothing
/// written; the ledger and the journal are only read. Says as well how these stand.
///
/// # Errors
/// [`Faults`], all at once.
pub fn examine(config: &Config) -> Result<(Standing, Vec<Warning>), Faults> {
    let places = &config.places;
    let now = Timestamp::now();
    let standing = Standing::of(config);
    let runs = standing.as_ref().is_ok_and(|standing| standing.holder.is_some());
    let mut found = outlook::look(config, runs, now);
    found.faults.extend(tls_fault(&config.http));
    let (authority, warnings) = authority(config, now);
    found.warnings.extend(warnings);
    let examples = examples::look(&config.judged());
    found.extend(examples);
    let Faults { faults, warnings } = &mut found;
    sign::open(&config.sign, now, faults, warnings);
    match &standing {
        Ok(standing) => {
            found.warnings.extend(standing.warnings(config));
            let newest = standing.newest().filter(|_| !runs);
            let halt = authority.as_ref().ok().and_then(|it| clock_halt(it, newest, now));
            found.faults.extend(halt.filter(|_| !runs).map(|problem| Fault {
                key: "clock".to_owned(),
                problem,
                fix: "no identity would be given until then".to_owned(),
            }));
        }
        // A file that belongs to somebody else is named by its owner already.
        Err(fault) if found.faults.iter().any(|other| other.key == fault.key) => {}
        Err(fault) => found.faults.push(fault.clone()),
    }
    found.faults.extend(authority.err().unwrap_or_default());
    let ended = found.faults.iter().any(|fault| fault.key == TLS_CERTIFICATE);
    // What is a fault is no warning as well.
    found.warnings.retain(|warning| !(ended && warning.key == TLS_CERTIFICATE));
    let found = places.arrange(found);
    match standing {
        Ok(standing) if found.faults.is_empty() => Ok((standing, found.warnings)),
        _ => Err(found),
    }
}

/// Looks at CA, ledger and TLS of a configuration that is faulty elsewhere, so that everything is
/// said at once. Makes nothing, and asks no database.
pub fn judge(judged: &Judged<'_>, findings: &Findings) {
    findings.add(tls_fault(judged.http));
    findings.add(examples::look(judged).faults);
    if let Some(config::Store::Embedded { path, .. }) = judged.store {
        findings.add(look(path).err().as_ref().map(ledger::fault));
    }
    let there = |signer: &&Signer| {
        let Signer::File { certificate, key } = signer;
        certificate.is_file() && key.is_file()
    };
    if let Some(signer) = judged.signer.filter(there) {
        let depth = judged.product.and_then(|product| product.chain_depth);
        let profile = judged.product.map_or_else(neutral, profile);
        let now = Timestamp::now();
        let opened = Authority::open(&authority_files(signer, depth), &profile, now);
        let found = match opened {
            Err(found) => found,
            // The names of devices are the product's.
            Ok(_) if judged.product.is_none() => Vec::new(),
            Ok((authority, _)) => {
                let proof = Proof::of_gateways(&Arc::new(authority), &Arc::new(profile), now);
                proof.flaws.into_iter().map(AuthorityFault::from).collect()
            }
        };
        // Without fcu.yml nobody knows what depth it asks for.
        let known = |fault: &&AuthorityFault| {
            judged.product.is_some() || !matches!(fault, AuthorityFault::Depth { .. })
        };
        findings.add(found.iter().filter(known).map(ca_fault));
    }
}

fn tls_fault(http: &Http) -> Option<Fault> {
    let Tls { certificate, key } = http.tls.as_ref()?;
    Listener::check_tls(certificate, key).err().map(|why| unfit_tls(&why))
}

fn unfit_tls(why: &str) -> Fault {
    Fault {
        key: TLS_CERTIFICATE.to_owned(),
        problem: format!("cannot be used for TLS: {why}"),
        fix: "give the station's certificate, followed by its chain, and its key, both PEM"
            .to_owned(),
    }
}

/// Opens the CA and proves it: the CA or its faults, and what should be known of it.
fn authority(
    config: &Config,
    now: Timestamp,
) -> (Result<Arc<Authority>, Vec<Fault>>, Vec<Warning>) {
    let files = authority_files(&config.signer, config.product.chain_depth);
    let faults = |found: &[AuthorityFault]| found.iter().map(ca_fault).collect();
    let (authority, found) = match Authority::open(&files, &profile(&config.product), now) {
        Ok((authority, found)) => (Arc::new(authority), found),
        Err(found) => return (Err(faults(&found)), Vec::new()),
    };
    let proof = Proof::of_gateways(&authority, &Arc::new(sample_profile(config)), now);
    if !proof.flaws.is_empty() {
        let found: Vec<_> = proof.flaws.into_iter().map(AuthorityFault::from).collect();
        return (Err(faults(&found)), Vec::new());
    }
    let texts = found.iter().chain(&proof.warnings).map(ToString::to_string);
    let warning = |text| Warning { key: "[signer]".to_owned(), text };
    let mut all: Vec<_> = texts.map(warning).collect();
    all.extend(warnings::tls(config.http.tls.as_ref(), now));
    ends::of_ca(authority.chain());
    (Ok(authority), all)
}

/// What the certificate of a unit of no particular account looks like.
fn sample_profile(config: &Config) -> Profile {
    let profile = profile(&config.product);
    match (&config.product.mode, accounts(config).bind(None)) {
        (Mode::Lwm2m { .. }, Ok(Some(account))) => profile.of_account(&account),
        _ => profile,
    }
}

fn authority_files(signer: &Signer, chain_depth: Option<u8>) -> AuthorityFiles {
    let Signer::File { certificate, key } = signer;
    AuthorityFiles { certificate: certificate.clone(), key: key.clone(), chain_depth }
}

fn neutral() -> Profile {
    let (name, subject) = (String::new(), SubjectFields::default());
    Profile { name, subject, validity: Validity::Default, form: Form::Gateway }
}

fn profile(product: &Product) -> Profile {
    let fields = &product.certificate;
    Profile {
        name: "pep".to_owned(),
        subject: SubjectFields {
            country: fields.country.clone(),
            state: fields.state.clone(),
            locality: fields.locality.clone(),
            organization: fields.organization.clone(),
            organizational_unit: fields.organizational_unit.clone(),
        },
        validity: match fields.validity {
            product::Validity::Years25 => Validity::Default,
            product::Validity::Days(days) => Validity::Days(days),
            product::Validity::Forever => Validity::Forever,
        },
        form: Form::Gateway,
    }
}

/// Where keys made elsewhere are, if units get such.
fn supplied(config: &Config) -> Option<SuppliedKeys> {
    let product = &config.product;
    let root = config.supplied.folder.clone().filter(|_| product.key_mode == KeyMode::Supplied)?;
    let wants_entropy = product.entropy == product::Entropy::Supplied;
    let supply = Supply::new(root, wants_entropy, config.supplied.wipe);
    Some(SuppliedKeys { supply, depth: product.chain_depth })
}

/// The accounts units may be bound to: fcu.yml's own, and those that callers may name.
fn accounts(config: &Config) -> Accounts {
    let (Mode::Bootstrap { uri, .. } | Mode::Lwm2m { uri, .. }) = &config.product.mode;
    match config::fcu::account_id(uri) {
        Some(usual) => {
            Accounts::Bound { usual: usual.to_owned(), others: config.admission.accounts.clone() }
        }
        None => Accounts::Unclaimed,
    }
}

/// What is admitted: the categories, and what serial numbers look like.
fn rules(admission: &config::Admission) -> Rules {
    let config::Serials { pattern, upper } = &admission.serials;
    let pattern = pattern.as_ref().map(|it| SerialPattern {
        text: it.text.clone(),
        whole: it.whole.clone(),
        hint: it.hint.clone(),
    });
    let case = if *upper { SerialCase::Upper } else { SerialCase::AsIs };
    Rules { categories: admission.categories.clone(), serials: SerialRules { case, pattern } }
}

fn first_to_claim(product: &Product) -> bool {
    matches!(product.mode, Mode::Bootstrap { first_to_claim: true, .. })
}

fn ca_fault(fault: &AuthorityFault) -> Fault {
    let (key, fix) = match fault {
        AuthorityFault::Depth { problem, fix } => {
            return Fault {
                key: "fcu.yml: device-certificate-chain-depth".to_owned(),
                problem: problem.clone(),
                fix: fix.clone(),
            };
        }
        AuthorityFault::KeyFile { .. }
        | AuthorityFault::KeyEncrypted { .. }
        | AuthorityFault::KeyOfAnother { .. } => {
            ("[signer] key", "give the private key of the issuing CA, PEM, not encrypted")
        }
        AuthorityFault::Flaw(flaw) => ("[signer] certificate", flaw.remedy()),
        _ => (
            "[signer] certificate",
            "give a CA as the README describes: P-256, ecdsa-with-SHA256, CA:TRUE, keyCertSign, \
             valid now",
        ),
    };
    Fault { key: key.to_owned(), problem: fault.to_string(), fix: fix.to_owned() }
}
