//! The composition root: a station and its front ends, made from a configuration.
//!
//! Everything a start can find wrong is found here, before an address is taken: the CA is opened
//! and checked, the ledger opened and written.

mod developer;
mod ledger;
mod renewal;
mod sample;
mod sign;
mod simulation;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ca::{
    Authority, AuthorityFault, AuthorityFiles, Form, Profile, SubjectFields, Validity,
};
use crate::config::product::{self, KeyMode, Mode, Product};
use crate::config::{
    self, Config, Discovery, Fault, Faults, Findings, Http, Judged, Signer, Tls, Warning,
};
use crate::front::{Desk, Fronts, Listener, ListenerSettings, Operators, RecordSettings};
use crate::ra::{Accounts, Rules};
use crate::station::{Disk, Parts, Station, SuppliedKeys};
use crate::store::{EmbeddedStore, Store};
use crate::supply::Supply;
use sign::Factories;

pub use developer::developer_credentials;
pub use ledger::ledger_beside;
pub use renewal::{Renewal, renew};
pub use sample::{SampleError, sample, sample_unit, supplied_faults};
pub use simulation::{Simulation, read_simulation, simulate};

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
    /// Which ledger it is: `embedded`, `mongodb` or `memory`, and where.
    pub ledger: (&'static str, String),
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
    let mut faults: Vec<Fault> = tls_fault(&config.http).into_iter().collect();
    let now = Timestamp::now();
    let (authority, mut warnings) = authority(&config, now);
    let authority = authority.map_err(|found| faults.extend(found)).ok();
    let store = ledger::ledger(&config).map_err(|fault| faults.push(fault)).ok();
    let factories = sign::open(&config.sign, now, &mut faults, &mut warnings);
    let (Some(authority), Some((store, found))) = (authority, store) else {
        return Err(Faults { faults, warnings });
    };
    if !faults.is_empty() {
        return Err(Faults { faults, warnings });
    }
    let journal_faults = found.len();
    warnings.extend(found);
    let disk = ledger::disk(&config);
    let opened = Opened { authority, store, disk, factories, warnings };
    Ok(Assembly { journal_faults, ..put_together(config, opened) })
}

/// What was opened for a station.
struct Opened {
    authority: Authority,
    store: Arc<dyn Store>,
    disk: Option<Disk>,
    factories: Factories,
    warnings: Vec<Warning>,
}

fn put_together(config: Config, opened: Opened) -> Assembly {
    let Opened { authority, store, disk, factories, warnings } = opened;
    let time_limit = config.injection.longest().max(factories.longest_call) + MARGIN;
    let station = Station::new(Parts {
        name: config.name.clone(),
        store,
        authority: Arc::new(authority),
        profile: Arc::new(profile(&config.product)),
        factories: factories.issuing,
        supplied: supplied(&config),
        developer: developer::of(&config),
        accounts: accounts(&config),
        account_in_subject: matches!(config.product.mode, Mode::Lwm2m { .. }),
        first_to_claim: first_to_claim(&config.product),
        rules: Rules { categories: config.admission.categories.clone() },
        clock: Arc::new(Timestamp::now),
        time_limit: SignedDuration::try_from(time_limit).unwrap_or(SignedDuration::MAX),
        disk,
    });
    let ledger = ledger::place(&config);
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

/// Opens everything as [`assemble`] does, to see what is wrong. A ledger that a running station
/// has is left alone, and there is no assembly then.
///
/// # Errors
/// [`Faults`], all at once.
pub fn examine(mut config: Config) -> Result<(Option<Assembly>, Vec<Warning>), Faults> {
    if let config::Store::Embedded { path, .. } = &config.store
        && EmbeddedStore::is_in_use(path)
    {
        let now = Timestamp::now();
        let (authority, mut warnings) = authority(&config, now);
        let mut faults: Vec<Fault> = tls_fault(&config.http)
            .into_iter()
            .chain(authority.err().unwrap_or_default())
            .collect();
        sign::open(&config.sign, now, &mut faults, &mut warnings);
        return if faults.is_empty() {
            Ok((None, warnings))
        } else {
            Err(Faults { faults, warnings })
        };
    }
    if ledger::is_journal_in_use(&config) {
        config.journal.enabled = false;
    }
    let mut assembly = assemble(config)?;
    let warnings = std::mem::take(&mut assembly.warnings);
    Ok((Some(assembly), warnings))
}

/// Looks at CA, ledger and TLS of a configuration that is faulty elsewhere, so that everything is
/// said at once. Makes nothing, and asks no database.
pub fn judge(judged: &Judged<'_>, findings: &Findings) {
    findings.add(tls_fault(judged.http));
    if let Some(config::Store::Embedded { path, .. }) = judged.store
        && path.exists()
        && !EmbeddedStore::is_in_use(path)
    {
        findings.add(EmbeddedStore::open(path).err().as_ref().map(ledger::fault));
    }
    let there = |signer: &&Signer| {
        let Signer::File { certificate, key } = signer;
        certificate.is_file() && key.is_file()
    };
    if let Some(signer) = judged.signer.filter(there) {
        let depth = judged.product.and_then(|product| product.chain_depth);
        // A profile is the source of warnings alone.
        let profile = judged.product.map_or_else(neutral, profile);
        let opened = Authority::open(&authority_files(signer, depth), &profile, Timestamp::now());
        let found = opened.err().unwrap_or_default();
        // Without fcu.yml nobody knows what depth it asks for.
        let known = |fault: &&AuthorityFault| {
            judged.product.is_some() || !matches!(fault, AuthorityFault::Depth(_))
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
        key: "[http] certificate".to_owned(),
        problem: format!("cannot be used for TLS: {why}"),
        mend: "give the station's certificate, followed by its chain, and its key, both PEM"
            .to_owned(),
    }
}

/// Opens the CA: the CA or its faults, and what should be known of it.
fn authority(config: &Config, now: Timestamp) -> (Result<Authority, Vec<Fault>>, Vec<Warning>) {
    let files = authority_files(&config.signer, config.product.chain_depth);
    match Authority::open(&files, &profile(&config.product), now) {
        Ok((authority, found)) => {
            let texts = found.iter().map(ToString::to_string);
            let warning = |text| Warning { key: "[signer]".to_owned(), text };
            let mut all: Vec<_> = texts.map(warning).collect();
            all.extend(warnings::examples(config));
            all.extend(warnings::tls(config.http.tls.as_ref(), now));
            (Ok(authority), all)
        }
        Err(found) => (Err(found.iter().map(ca_fault).collect()), Vec::new()),
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

fn first_to_claim(product: &Product) -> bool {
    matches!(product.mode, Mode::Bootstrap { first_to_claim: true, .. })
}

fn ca_fault(fault: &AuthorityFault) -> Fault {
    let (key, mend) = match fault {
        AuthorityFault::Depth(_) => {
            ("fcu.yml: device-certificate-chain-depth", "give a depth the chain has")
        }
        AuthorityFault::KeyFile { .. }
        | AuthorityFault::KeyEncrypted { .. }
        | AuthorityFault::KeyOfAnother { .. } => {
            ("[signer] key", "give the private key of the issuing CA, PEM, not encrypted")
        }
        _ => (
            "[signer] certificate",
            "give a CA as the README describes: P-256, ecdsa-with-SHA256, CA:TRUE, keyCertSign, \
             valid now",
        ),
    };
    Fault { key: key.to_owned(), problem: fault.to_string(), mend: mend.to_owned() }
}
