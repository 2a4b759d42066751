//! `[store]`: where records are kept. Whether it can be opened is for `store` to find out.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::files::{as_text, read_bounded, warn_if_open_to_others};
use super::section::Section;
use super::words::quoted;

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A database file of the station's own.
    Embedded {
        /// The file, absolute; its folder is made where it is missing.
        path: PathBuf,
        /// Bytes of its file system that shall stay free.
        min_free: u64,
    },
    /// A MongoDB, which several stations may share.
    MongoDb(MongoDb),
}

/// Where a MongoDB is, and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoDb {
    /// `mongodb://`, hosts and options; never a user or a password.
    pub uri: String,
    /// The database's name.
    pub database: String,
    /// Who the station is there; none where the database asks nobody, or a certificate says it.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Password>,
    /// The CA of the servers' certificates; naming it means TLS.
    pub tls_ca_file: Option<PathBuf>,
    /// The station's certificate and key in one PEM file; naming it means TLS.
    pub tls_certificate_key_file: Option<PathBuf>,
    /// Bytes of the journal's file system that shall stay free.
    pub min_free: u64,
    /// After what time callers are told that the ledger is away.
    pub timeout: Duration,
}

/// A password, read from its file.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password itself.
    pub fn reveal(&self) -> &Zeroizing<String> {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The old system's database.
const DATABASE: &str = "mbed_manufacturing_db";
/// MiB that stay free by default: the ledger's log, which grows to about that before it is folded
/// in, still fits.
const MIN_FREE: u64 = 64;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of a password file.
const FILE_LIMIT: u64 = 4096;
/// How every address begins. Hosts that DNS would list (`mongodb+srv`) are listed here.
const SCHEME: &str = "mongodb://";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Embedded,
    MongoDb,
}

/// Reads `[store]`. Every key is read for either kind, so that one file serves both.
pub fn read(mut section: Section<'_>) -> Option<Store> {
    let kinds = [("embedded", Kind::Embedded), ("mongodb", Kind::MongoDb)];
    let kind = section.one_of("kind", &kinds).unwrap_or(Kind::Embedded);
    let path = section.file_or("path", "store/ledger.sqlite");
    let min_free = section.integer("min_free", 0..=1 << 30).unwrap_or(MIN_FREE) << 20;
    let uri = section.filled("uri");
    let database = section.text("database").unwrap_or_else(|| DATABASE.to_owned());
    let username = section.filled("username");
    let password_file = section.file("password_file");
    let tls_ca_file = section.file("tls_ca_file");
    let tls_certificate_key_file = section.file("tls_certificate_key_file");
    let timeout = section.seconds("timeout", 1..=60).unwrap_or(TIMEOUT);
    if kind == Kind::Embedded {
        if uri.is_some() {
            let fix = "give kind = \"mongodb\" as well, or take the uri out";
            section.fault("uri", "is given, but kind is \"embedded\"", fix);
        }
        section.finish();
        return Some(Store::Embedded { path, min_free });
    }
    check_database(&database, &section);
    let files =
        [("tls_ca_file", &tls_ca_file), ("tls_certificate_key_file", &tls_certificate_key_file)];
    for (key, file) in files {
        if let Some(file) = file.as_ref().filter(|file| !file.is_file()) {
            let problem = format!("names {}, which is not a file", file.display());
            section.fault(key, problem, "give the path of a PEM file");
        }
    }
    if let Some(file) = &tls_certificate_key_file {
        warn_if_open_to_others(file, section.findings());
    }
    let tls = tls_ca_file.is_some() || tls_certificate_key_file.is_some();
    let uri = checked_uri(uri, tls, &section);
    let password = password(username.as_deref(), password_file, &section);
    section.finish();
    Some(Store::MongoDb(MongoDb {
        uri: uri?,
        database,
        username,
        password,
        tls_ca_file,
        tls_certificate_key_file,
        min_free,
        timeout,
    }))
}

/// The address, if it holds no secret. It is not quoted in faults, for it may.
fn checked_uri(uri: Option<String>, tls: bool, section: &Section<'_>) -> Option<String> {
    let example = "\"mongodb://db-1:27017,db-2:27017/?replicaSet=line\"";
    let Some(uri) = uri else {
        if !section.was_faulty("uri") {
            section.fault("uri", "is missing", format!("give the database's address: {example}"));
        }
        return None;
    };
    let Some(rest) = uri.strip_prefix(SCHEME) else {
        let fix = format!("list the hosts after {SCHEME}, like {example}");
        section.fault("uri", format!("does not begin with {SCHEME}"), fix);
        return None;
    };
    let options: Vec<(String, String)> = rest
        .split_once('?')
        .map_or("", |(_, options)| options)
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_lowercase(), value.to_lowercase()))
        .collect();
    if rest.contains('@') || options.iter().any(|(name, _)| name.contains("password")) {
        let fix = "take it out and give username and password_file (an @ that is neither is \
                    written %40)";
        section.fault("uri", "holds a user or a password", fix);
        return None;
    }
    let plain = |(name, value): &(String, String)| {
        ["tls", "ssl"].contains(&name.as_str()) && value == "false"
    };
    if tls && options.iter().any(plain) {
        let fix = "take that option out, or the TLS files";
        section.fault("uri", "forbids TLS, and files for TLS are named", fix);
        return None;
    }
    Some(uri)
}

/// A MongoDB database's name: 1 to 63 bytes, and none of the signs its servers forbid.
fn check_database(name: &str, section: &Section<'_>) {
    let forbidden = |c: char| "/\\. \"$*<>:|?".contains(c) || c.is_control();
    if !(1..=63).contains(&name.len()) || name.contains(forbidden) {
        section.fault(
            "database",
            format!("is {}", quoted(name)),
            "give a name of 1 to 63 bytes without / \\ . \" $ * < > : | ? or blanks",
        );
    }
}

/// The password of its file. A user without one is right only where a certificate says who the
/// station is, and then no user is named.
fn password(
    username: Option<&str>,
    file: Option<PathBuf>,
    section: &Section<'_>,
) -> Option<Password> {
    let file = match (username, file) {
        (Some(_), Some(file)) => file,
        (None, None) => return None,
        (Some(_), None) => {
            if !section.was_faulty("password_file") {
                section.fault("username", "is given without password_file", "give both");
            }
            return None;
        }
        (None, Some(_)) => {
            section.fault("password_file", "is given without username", "give both");
            return None;
        }
    };
    let fix = "put the password there, alone, mode 600";
    let bytes = match read_bounded(&file, FILE_LIMIT) {
        Ok(bytes) => bytes,
        Err(problem) => {
            section.fault("password_file", format!("{} {problem}", file.display()), fix);
            return None;
        }
    };
    warn_if_open_to_others(&file, section.findings());
    // Editors end a file with a line end; anything else is the password's own.
    let text = as_text(&bytes).map(|text| text.trim_end_matches(['\r', '\n']));
    let Some(text) = text.filter(|text| !text.is_empty() && !text.contains(char::is_control))
    else {
        let problem = format!("{} is empty, or not one line of text", file.display());
        section.fault("password_file", problem, fix);
        return None;
    };
    Some(Password(Zeroizing::new(text.to_owned())))
}
