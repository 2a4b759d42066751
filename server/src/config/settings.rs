//! The plain sections of station.toml: names, numbers and words with their defaults.
//!
//! Every type's `Default` is the built-in default; `read` starts from it. Sections that look at
//! other files are in `operators`, `signer` and `store`; `injection` has a file of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::environment::Environment;
use super::faults::Findings;
use super::fcu::product::{Mode, Product};
use super::section::Section;
use super::serials::Serials;
use super::words::quoted;

/// `[http]`: where the station listens and how much it listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain and key when the station speaks TLS.
    pub tls: Option<Tls>,
    /// Threads that answer requests; 0: one a core.
    pub workers: usize,
    /// Most bytes of a request body.
    pub body_limit: usize,
    /// Most bytes of a request's path and query.
    pub query_limit: usize,
    /// Most bytes of a request's headers.
    pub header_limit: usize,
    /// Whether gateways may ask for verification keys without an operator's token.
    pub open_verification_keys: bool,
}

/// The station's own TLS identity: two PEM files, absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate, followed by its chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// The HTTP library reads no path and query beyond 65,534 bytes, and refuses longer ones without a
/// word of ours. Below that the refusal is the station's own.
const MOST_QUERY: usize = 60 << 10;

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 5151)),
            tls: None,
            workers: 0,
            body_limit: 1 << 20,
            // 32 extra fields of 1 KiB, with room for percent-encoding.
            query_limit: MOST_QUERY,
            header_limit: 16 << 10,
            open_verification_keys: true,
        }
    }
}

impl Http {
    /// Reads `[http]`; `PEP_SERVER_PORT`, which the old server knew, overrides the port alone.
    pub fn read(mut section: Section<'_>, environment: &Environment) -> Self {
        let defaults = Self::default();
        let mut listen = defaults.listen;
        if let Some(text) = section.text("listen") {
            match text.trim().parse() {
                Ok(address) => listen = address,
                Err(_) => section.fault(
                    "listen",
                    format!("is {}", quoted(&text)),
                    "give an address and a port: \"0.0.0.0:5151\", \"[::]:5151\"",
                ),
            }
        }
        if let Some(text) = environment.get("PEP_SERVER_PORT").filter(|text| !text.is_empty()) {
            match text.trim().parse() {
                Ok(port) => listen.set_port(port),
                Err(_) => section.findings().fault(
                    "PEP_SERVER_PORT",
                    format!("is {}", quoted(text)),
                    "give a port from 0 to 65535",
                ),
            }
        }
        let certificate = section.file("certificate");
        let key = section.file("key");
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                section.fault("certificate", "is given without its key", "give `key` as well");
                None
            }
            (None, Some(_)) => {
                section.fault("key", "is given without its certificate", "give `certificate` too");
                None
            }
        };
        // Path, query and headers share the HTTP library's 128 KiB for the head of a request.
        let http = Self {
            listen,
            tls,
            workers: size(section.integer("workers", 0..=1024), defaults.workers),
            body_limit: size(section.integer("body_limit", 1024..=64 << 20), defaults.body_limit),
            query_limit: size(
                section.integer("query_limit", 1024..=MOST_QUERY as u64),
                defaults.query_limit,
            ),
            header_limit: size(
                section.integer("header_limit", 1024..=32 << 10),
                defaults.header_limit,
            ),
            open_verification_keys: section
                .flag("open_verification_keys")
                .unwrap_or(defaults.open_verification_keys),
        };
        section.finish();
        http
    }
}

/// `[admission]`: what the station agrees to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The categories a caller may name.
    pub categories: Vec<String>,
    /// Accounts a caller may have a unit bound to, beside fcu.yml's own.
    pub accounts: Vec<String>,
    /// What serial numbers look like.
    pub serials: Serials,
    /// Whether a CA of one's own may sign for a product whose description is still an EXAMPLE.
    pub allow_example: bool,
}

impl Default for Admission {
    fn default() -> Self {
        let categories = ["production", "development", "developer"].map(str::to_owned).to_vec();
        let serials = Serials::default();
        Self { categories, accounts: Vec::new(), serials, allow_example: false }
    }
}

impl Admission {
    /// Reads `[admission]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let categories = section.texts("categories").unwrap_or_else(|| Self::default().categories);
        if categories.is_empty() {
            let fix = "give at least one category, or take the line out for the usual three";
            section.fault("categories", "is an empty list: nobody could get an identity", fix);
        }
        for (index, category) in categories.iter().enumerate() {
            let problem = match category {
                _ if category.is_empty() => "is empty".to_owned(),
                _ if category.len() > 64 => format!("is {} bytes long", category.len()),
                _ if category.chars().any(char::is_control) => {
                    format!("is {}, with a control character", quoted(category))
                }
                _ => continue,
            };
            let fix = "give a category of 1 to 64 bytes of plain text, or take it out";
            section.fault_at(("categories", index), problem, fix);
        }
        let accounts = section.texts("accounts").unwrap_or_default();
        for (index, account) in accounts.iter().enumerate() {
            if !is_account(account) {
                section.fault_at(
                    ("accounts", index),
                    format!("is {}", quoted(account)),
                    "give the account id as the portal shows it, 32 hex digits",
                );
            } else if account.len() != 32 || !account.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let key = format!("{}[{}]", section.key("accounts"), index + 1);
                let text = format!("{} is not 32 hex digits", quoted(account));
                section.findings().warn(key, text);
            }
        }
        let serials = Serials::read(&mut section);
        let allow_example = section.flag("allow_example").unwrap_or(false);
        section.finish();
        Self { categories, accounts, serials, allow_example }
    }

    /// Says so where accounts are listed and units are first to claim.
    pub fn check_accounts(&self, product: &Product, findings: &Findings) {
        let claimed = matches!(product.mode, Mode::Bootstrap { first_to_claim: true, .. });
        if claimed && !self.accounts.is_empty() {
            findings.warn(
                "[admission] accounts",
                "has no effect: units are first to claim, and belong to nobody",
            );
        }
    }
}

/// Whether a text can be an account id: it ends a URI, and stands in OU.
pub fn is_account(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(fit)
}

/// `[journal]`: what is written to the ledger, once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Whether there is one.
    pub enabled: bool,
    /// The folder, absolute; it is made where it is missing.
    pub path: PathBuf,
    /// A file this large, in bytes, is followed by a new one.
    pub rotate_at: u64,
}

impl Journal {
    /// Reads `[journal]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let enabled = section.flag("enabled").unwrap_or(true);
        let path = section.file_or("path", "store/journal");
        let rotate_at = section.integer("rotate_at", 1..=4096).unwrap_or(64) << 20;
        section.finish();
        Self { enabled, path, rotate_at }
    }
}

/// `[discovery]`: whether the station tells its network where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Whether it does.
    pub announce: bool,
    /// On which interfaces, by name; none: on all it listens at.
    pub interfaces: Vec<String>,
}

impl Discovery {
    /// Reads `[discovery]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let announce = section.flag("announce").unwrap_or(true);
        let interfaces = section.texts("interfaces").unwrap_or_default();
        section.finish();
        Self { announce, interfaces }
    }
}

/// `[log]`: what the station says about its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: tracing::Level,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line to be read.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: tracing::Level::INFO }
    }
}

impl Log {
    /// Reads `[log]`.
    pub fn read(mut section: Section<'_>) -> Self {
        use tracing::Level;
        let defaults = Self::default();
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let levels = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ];
        let log = Self {
            format: section.one_of("format", &formats).unwrap_or(defaults.format),
            level: section.one_of("level", &levels).unwrap_or(defaults.level),
        };
        section.finish();
        log
    }
}

/// A number read within a range that fits, or the default.
pub fn size(number: Option<u64>, default: usize) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
}

/// `[station] name`, by default the host's.
pub fn station_name(mut section: Section<'_>, environment: &Environment) -> String {
    let given = section.text("name");
    let default = || host_name(environment).unwrap_or_default();
    let name = given.unwrap_or_else(default).trim().to_owned();
    if !(1..=64).contains(&name.len()) || name.chars().any(char::is_control) {
        // The name is claimed in the store, so two stations must never share an invented one.
        section.fault(
            "name",
            format!("is {}", quoted(&name)),
            "give a name of 1 to 64 bytes that no other station of this store has",
        );
    }
    section.finish();
    name
}

/// What this machine calls itself.
fn host_name(environment: &Environment) -> Option<String> {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let written = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let said = environment.get("HOSTNAME").map(str::to_owned);
    written.chain(said).map(|name| name.trim().to_owned()).find(|name| !name.is_empty())
}
