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
mod operators;
mod section;
mod serials;
mod settings;
pub mod sign;
mod signer;
mod store;
mod supplied;
mod words;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::developer::Developer;
pub use self::environment::Environment;
pub use self::faults::{Fault, Faults, Findings, Warning};
pub use self::fcu::product::{self, Product};
pub use self::injection::Injection;
pub use self::lines::SerialLine;
pub use self::operators::OperatorToken;
pub use self::serials::{Pattern, Serials};
pub use self::settings::{Admission, Discovery, Http, Journal, Log, LogFormat, Tls};
pub use self::sign::Sign;
pub use self::signer::Signer;
pub use self::store::{MongoDb, Password, Store};
pub use self::supplied::Supplied;

use self::files::read_bounded;
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
}

/// What other rooms have to judge, as far as it could be read.
pub struct Judged<'a> {
    /// `[http]`.
    pub http: &'a Http,
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
    let entries = table(path, findings)?;
    let folder = folder_of(path);
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
    let journal = Journal::read(all.section("journal"));
    let discovery = Discovery::read(all.section("discovery"));
    let log = Log::read(all.section("log"));
    all.finish();
    environment.warn_of_strangers(findings);

    if findings.is_faulty() {
        let (store, signer, product) = (store.as_ref(), signer.as_ref(), product.as_ref());
        judge(&Judged { http: &http, store, signer, product }, findings);
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
    section.finish();
    fcu::read(&file, &ignore, environment, now, findings)
}

/// The outermost table of station.toml. A file that is no TOML ends the reading here: nothing in it
/// can be relied upon.
fn table(path: &Path, findings: &Findings) -> Option<Map<String, Value>> {
    let place = path.display().to_string();
    let bytes = read_bounded(path, FILE_LIMIT)
        .map_err(|problem| {
            let mend = "name the file with --config, or make one with `pep-server init DIR`";
            findings.fault(&place, problem, mend);
        })
        .ok()?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        findings.fault(place, "is not UTF-8 text", "save it as UTF-8");
        return None;
    };
    match toml::from_str(text) {
        Ok(entries) => Some(entries),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            let problem = format!("is not TOML in line {line} ({})", error.message().trim());
            findings.fault(place, problem, "mend that line");
            None
        }
    }
}

/// The line, counted from 1, in which the byte at `offset` stands.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The folder a file stands in, absolute where the system can say.
fn folder_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(test)]
mod tests;
