//! The composition root: a station and its front ends, made from a configuration.
//!
//! Everything a start can find wrong is found here, before an address is taken: the CA is opened
//! and checked, the ledger opened and written.

mod sign;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ca::{
    Authority, AuthorityFault, AuthorityFiles, Form, Profile, SubjectFields, Validity,
};
use crate::config::product::{self, Mode, Product};
use crate::config::{self, Config, Fault, Faults, Signer, Warning};
use crate::front::{Desk, ListenerSettings, Operators, RecordSettings, Registrar};
use crate::ra::Rules;
use crate::station::{Disk, Parts, Station};
#[cfg(feature = "mongodb")]
use crate::store::{ConnectError, MongoDbSettings, MongoDbStore};
use crate::store::{EmbeddedStore, Store};

/// What one execution may take beyond connecting and two exchanges.
const MARGIN: Duration = Duration::from_secs(30);

/// Everything a start needs, checked.
pub struct Assembly {
    /// The station. It has not recovered yet.
    pub station: Station,
    /// The injection front end's own part.
    pub desk: Desk,
    /// The front end of devices that register themselves, where there are factories.
    pub registrar: Option<Registrar>,
    /// Who may call the operators' routes.
    pub operators: Operators,
    /// The record routes' settings.
    pub records: RecordSettings,
    /// How to listen.
    pub listener: ListenerSettings,
    /// How long a stop waits for running executions.
    pub shutdown: Duration,
    /// What should be known before the line starts.
    pub warnings: Vec<Warning>,
}

/// Opens everything a configuration names.
///
/// # Errors
/// [`Faults`] of CA and ledger, all at once.
pub fn assemble(config: Config) -> Result<Assembly, Faults> {
    let now = Timestamp::now();
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let profile = profile(&config.product);
    let authority = match Authority::open(&authority_files(&config), &profile, now) {
        Ok((authority, found)) => {
            let texts = found.iter().map(ToString::to_string);
            warnings.extend(texts.map(|text| Warning { key: "[signer]".to_owned(), text }));
            Some(authority)
        }
        Err(found) => {
            faults.extend(found.iter().map(ca_fault));
            None
        }
    };
    let store = ledger(&config).map_err(|fault| faults.push(fault)).ok();
    let factories = sign::open(&config.sign, now, &mut faults, &mut warnings);
    if config.sign.factories.len() != factories.issuing.len() {
        return Err(Faults { faults, warnings });
    }
    let (Some(authority), Some(store)) = (authority, store) else {
        return Err(Faults { faults, warnings });
    };
    let injection = config.injection.connect_timeout + 2 * config.injection.give_up;
    let time_limit = injection.max(factories.longest_call) + MARGIN;
    let station = Station::new(Parts {
        name: config.name.clone(),
        store,
        authority: Arc::new(authority),
        profile: Arc::new(profile),
        factories: factories.issuing,
        first_to_claim: first_to_claim(&config.product),
        rules: Rules { categories: config.admission.categories.clone() },
        clock: Arc::new(Timestamp::now),
        time_limit: SignedDuration::try_from(time_limit).unwrap_or(SignedDuration::MAX),
        disk: disk(&config),
    });
    let operators = config.operators.iter().map(|it| (it.name.as_str(), it.token.as_str()));
    Ok(Assembly {
        station,
        registrar: factories.registrar,
        operators: Operators::new(operators),
        records: RecordSettings { open_verification_keys: config.http.open_verification_keys },
        listener: ListenerSettings {
            listen: config.http.listen,
            beside: config.sign.listen,
            tls: config.http.tls.clone().map(|tls| (tls.certificate, tls.key)),
            workers: config.http.workers,
            body_limit: config.http.body_limit,
            query_limit: config.http.query_limit,
            header_limit: config.http.header_limit,
        },
        desk: Desk::new(config.product, &config.injection),
        shutdown: time_limit,
        warnings,
    })
}

/// Opens the ledger alone. A station that runs on an embedded one has it locked.
///
/// # Errors
/// The [`Fault`] of `[store]`.
pub fn ledger(config: &Config) -> Result<Arc<dyn Store>, Fault> {
    match &config.store {
        config::Store::Embedded { path, .. } => match EmbeddedStore::open(path) {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(Fault {
                key: "[store] path".to_owned(),
                problem: error.to_string(),
                mend: "name a ledger this station can open and write".to_owned(),
            }),
        },
        config::Store::MongoDb(mongodb) => open_mongodb(mongodb),
    }
}

#[cfg(feature = "mongodb")]
fn open_mongodb(mongodb: &config::MongoDb) -> Result<Arc<dyn Store>, Fault> {
    let settings = MongoDbSettings {
        uri: mongodb.uri.clone(),
        database: mongodb.database.clone(),
        username: mongodb.username.clone(),
        password: mongodb.password.as_ref().map(|password| password.reveal().clone()),
        tls_ca_file: mongodb.tls_ca_file.clone(),
        tls_certificate_key_file: mongodb.tls_certificate_key_file.clone(),
        timeout: mongodb.timeout,
    };
    match MongoDbStore::open(settings) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(Fault {
            key: "[store] uri".to_owned(),
            problem: error.to_string(),
            mend: match error {
                ConnectError::Address(_) => "give an address and TLS files the station can use",
                ConnectError::Silent(_) => {
                    "start the database, or give the address where it runs; [store] timeout says \
                     how long is waited for it"
                }
                ConnectError::Refused(_) => {
                    "give username and password_file of a user with the role readWrite"
                }
                ConnectError::Index { .. } => {
                    "give every unit one document, and serialNumber a unique index"
                }
            }
            .to_owned(),
        }),
    }
}

#[cfg(not(feature = "mongodb"))]
fn open_mongodb(_: &config::MongoDb) -> Result<Arc<dyn Store>, Fault> {
    Err(Fault {
        key: "[store] kind".to_owned(),
        problem: "this pep-server was built without the MongoDB store".to_owned(),
        mend: "give \"embedded\", or build it with the feature `mongodb`".to_owned(),
    })
}

/// The file system that must not fill up: the embedded ledger's. A database looks after its own.
fn disk(config: &Config) -> Option<Disk> {
    match &config.store {
        config::Store::Embedded { path, min_free } => {
            path.parent().map(|folder| Disk::new(folder.to_owned(), *min_free))
        }
        config::Store::MongoDb(_) => None,
    }
}

fn authority_files(config: &Config) -> AuthorityFiles {
    let Signer::File { certificate, key } = &config.signer;
    AuthorityFiles {
        certificate: certificate.clone(),
        key: key.clone(),
        chain_depth: config.product.chain_depth,
    }
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
