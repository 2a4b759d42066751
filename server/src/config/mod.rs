//! station.toml and what it names: read, checked, and every fault reported at once.
//!
//! Reading touches files only: no store is opened, nothing is signed, no address is bound. Whether
//! the device CA itself is fit to sign is judged by `ca`.

mod developer;
pub mod environment;
pub mod faults;
pub mod fcu;
mod files;
mod injection;
mod lines;
mod nearest;
mod operators;
mod path;
pub mod places;
mod section;
mod serials;
mod settings;
pub mod sign;
mod signer;
mod store;
mod supplied;
mod table;
mod words;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::developer::Developer;
pub use self::environment::Environment;
pub use self::faults::{EXIT_CODE, Fault, Faults, Findings, Warning};
pub use self::fcu::product::{self, Product};
pub use self::injection::Injection;
pub use self::lines::SerialLine;
pub use self::operators::OperatorToken;
pub use self::path::fault as path_fault;
pub use self::places::Places;
pub use self::serials::{Pattern, Serials};
pub use self::settings::{Admission, Discovery, Http, Journal, Log, LogFormat, Tls};
pub use self::sign::{Factory, Sign};
pub use self::signer::Signer;
pub use self::store::{MongoDb, Password, Store};
pub use self::supplied::Supplied;

use self::files::{as_text, read_bounded};
use self::section::{Notation, Section, Source};

/// Most bytes of station.toml and of fcu.yml.
const FILE_LIMIT: u64 = 1 << 20;

/// A checked configuration. Every path in it is absolute or starts from the working folder.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of station.toml.
    pub folder: PathBuf,
    /// `[station] name`: what this station calls itself in the store.
    pub name: String,
    /// `[http]`.
    pub http: Http,
    /// The operators' tokens; none: their routes are closed.
    pub operators: Vec<OperatorToken>,
    /// `[injection]`.
    pub injection: Injection,
    /// `[store]`.
    pub store: Store,
    /// `[signer]`.
    pub signer: Signer,
    /// What fcu.yml says of the product.
    pub product: Product,
    /// `[admission]`.
    pub admission: Admission,
    /// `[developer]`, where there is such a mode.
    pub developer: Option<Developer>,
    /// `[supplied]`.
    pub supplied: Supplied,
    /// `[sign]`.
    pub sign: Sign,
    /// `[journal]`.
    pub journal: Journal,
    /// `[discovery]`.
    pub discovery: Discovery,
    /// `[log]`.
    pub log: Log,
    /// Every file the configuration names, with the key that stands for it.
    pub files: Vec<(String, PathBuf)>,
    /// Where every key stands, for those who find faults later.
    pub places: Places,
}

impl Config {
    /// What other rooms have to judge: all of it.
    pub fn judged(&self) -> Judged<'_> {
        Judged {
            http: &self.http,
            operators: &self.operators,
            admission: &self.admission,
            developer: self.developer.as_ref(),
            sign: &self.sign,
            store: Some(&self.store),
            signer: Some(&self.signer),
            product: Some(&self.product),
        }
    }
}

/// What other rooms have to judge, as far as it could be read.
pub struct Judged<'a> {
    /// `[http]`.
    pub http: &'a Http,
    /// The operators' tokens.
    pub operators: &'a [OperatorToken],
    /// `[admission]`.
    pub admission: &'a Admission,
    /// `[developer]`.
    pub developer: Option<&'a Developer>,
    /// `[sign]`.
    pub sign: &'a Sign,
    /// `[store]`, where it could be understood.
    pub store: Option<&'a Store>,
    /// `[signer]`, where its files are there.
    pub signer: Option<&'a Signer>,
    /// What fcu.yml says, where it could be understood.
    pub product: Option<&'a Product>,
}

/// Reads the configuration at `path` as it holds at `now`.
///
/// Gives it with its warnings, or every fault there is, in station.toml, in the environment's
/// overrides and in the files they name. When there is one, `judge` adds what other rooms find
/// wrong, so that everything is said at once; a configuration without faults is theirs to judge
/// when they open it.
pub fn read(
    path: &Path,
    environment: &Environment,
    now: Timestamp,
    judge: impl FnOnce(&Judged<'_>, &Findings),
) -> Result<(Config, Vec<Warning>), Faults> {
    let findings = Findings::default();
    let config = read_into(path, environment, now, &findings, judge);
    findings.conclude(config)
}

/// The same for a station that is simulated: no CA is looked for.
///
/// # Errors
/// [`Faults`], all at once.
pub fn read_simulated(
    path: &Path,
    environment: &Environment,
    now: Timestamp,
) -> Result<(Config, Vec<Warning>), Faults> {
    let findings = Findings::default();
    let config = read_with(path, environment, now, &findings, signer::unused, |_, _| {});
    findings.conclude(config)
}

fn read_into(
    path: &Path,
    environment: &Environment,
    now: Timestamp,
    findings: &Findings,
    judge: impl FnOnce(&Judged<'_>, &Findings),
) -> Option<Config> {
    read_with(path, environment, now, findings, signer::read, judge)
}

fn read_with(
    path: &Path,
    environment: &Environment,
    now: Timestamp,
    findings: &Findings,
    read_signer: impl FnOnce(Section<'_>) -> Option<Signer>,
    judge: impl FnOnce(&Judged<'_>, &Findings),
) -> Option<Config> {
    let folder = folder_of(path);
    findings.set_places(Places::of(path, &folder));
    let entries = table(path, findings)?;
    let source = Source { notation: Notation::Toml(environment), folder: &folder, findings };
    let mut all = Section::outermost(source, entries);

    let name = settings::station_name(all.section("station"), environment);
    let http = Http::read(all.section("http"), environment);
    let operators = operators::read(all.section("operators"));
    let injection = Injection::read(all.section("injection"));
    let store = store::read(all.section("store"));
    let signer = read_signer(all.section("signer"));
    let product = read_product(all.section("fcu"), environment, now);
    let admission = Admission::read(all.section("admission"));
    if let Some(product) = &product {
        admission.check_accounts(product, findings);
    }
    let developer = developer::read(all.section("developer"), product.as_ref(), &admission, now);
    let supplied = product.as_ref().is_some_and(|it| it.key_mode == product::KeyMode::Supplied);
    let supplied = Supplied::read(all.section("supplied"), supplied);
    let sign = Sign::read(all.section("sign"));
    sign.check_addresses(http.listen, findings);
    let journal = Journal::read(all.section("journal"));
    let discovery = Discovery::read(all.section("discovery"));
    let log = Log::read(all.section("log"));
    all.finish();
    environment.warn_of_strangers(findings);

    if findings.is_faulty() {
        let judged = Judged {
            http: &http,
            operators: &operators,
            admission: &admission,
            developer: developer.as_ref(),
            sign: &sign,
            store: store.as_ref(),
            signer: signer.as_ref(),
            product: product.as_ref(),
        };
        judge(&judged, findings);
    }
    let (store, signer, product) = (store?, signer?, product?);
    Some(Config {
        folder,
        name,
        http,
        operators,
        injection,
        store,
        signer,
        product,
        admission,
        developer,
        supplied,
        sign,
        journal,
        discovery,
        log,
        files: findings.files(),
        places: findings.places(),
    })
}

/// Reads `[fcu]` and the file it names.
fn read_product(
    mut section: Section<'_>,
    environment: &Environment,
    now: Timestamp,
) -> Option<Product> {
    let file = section.file_or("file", "fcu.yml");
    let ignore = section.texts("ignore").unwrap_or_default();
    let findings = section.findings();
    findings.product_is(&file);
    section.finish();
    fcu::read(&file, &ignore, environment, now, findings)
}

/// The outermost table of station.toml. A file that is not TOML ends the reading here: nothing in it
/// can be relied upon.
fn table(path: &Path, findings: &Findings) -> Option<Map<String, Value>> {
    let place = places::station_file();
    let bytes = read_bounded(path, FILE_LIMIT)
        .map_err(|problem| {
            let fix = "name the file with --config, or make one with `pep-server init DIR`";
            findings.fault(&place, problem, fix);
        })
        .ok()?;
    let Some(text) = as_text(&bytes) else {
        findings.fault(place, "is not UTF-8 text", "save it as UTF-8");
        return None;
    };
    table::read(text, findings)
}

/// The folder a file stands in, absolute where the system can say.
fn folder_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(test)]
mod tests;
