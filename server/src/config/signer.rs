//! `[signer]`: finds the device CA's files. What is in them is for `ca` to judge.

use std::path::{Path, PathBuf};

use super::files::warn_if_open_to_others;
use super::section::Section;

/// Where the CA's certificate and key are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Two PEM files, absolute paths.
    File {
        /// The CA's certificate, followed by its own issuers where it is an intermediate.
        certificate: PathBuf,
        /// The CA's private key.
        key: PathBuf,
    },
}

/// A file as operators call it, and as the old tool's own set-up called it.
struct Wanted {
    key: &'static str,
    name: &'static str,
    old: &'static str,
}

const CERTIFICATE: Wanted = Wanted { key: "certificate", name: "CA_cert.pem", old: "fcu.crt" };
const KEY: Wanted = Wanted { key: "key", name: "CA_private.pem", old: "fcu_private_key.pem" };

/// Reads `[signer]`; files not named are looked for beside station.toml and in `keystore/`.
pub fn read(mut section: Section<'_>) -> Option<Signer> {
    section.one_of("kind", &[("file", ())]);
    let certificate = section.file(CERTIFICATE.key);
    let key = section.file(KEY.key);
    let certificate = certificate.or_else(|| find(&CERTIFICATE, &section));
    let key = key.or_else(|| find(&KEY, &section));
    for (wanted, path) in [(&CERTIFICATE, &certificate), (&KEY, &key)] {
        if let Some(path) = path {
            section.findings().names_file(section.key(wanted.key), path);
        }
        if let Some(path) = path.as_ref().filter(|path| !path.is_file()) {
            let (at, problem) = (section.key(wanted.key), "is not a file");
            let problem = format!("names {}, which {problem}", path.display());
            section.findings().fault(at, problem, "give the path of a PEM file");
        }
    }
    if let Some(key) = &key {
        warn_if_open_to_others(key, section.findings());
    }
    section.finish();
    Some(Signer::File { certificate: certificate?, key: key? })
}

/// Reads `[signer]` of a station that is simulated: the files are named and not looked at.
pub fn unused(mut section: Section<'_>) -> Option<Signer> {
    section.one_of("kind", &[("file", ())]);
    let [certificate, key] = [CERTIFICATE, KEY].map(|wanted| {
        section.file(wanted.key).unwrap_or_else(|| section.folder().join(wanted.name))
    });
    section.finish();
    Some(Signer::File { certificate, key })
}

/// Looks in both places. Both is a fault: nobody could tell which CA signs.
fn find(wanted: &Wanted, section: &Section<'_>) -> Option<PathBuf> {
    let beside = section.folder().join(wanted.name);
    let below = section.folder().join("keystore").join(wanted.name);
    match (exists(&beside), exists(&below)) {
        (true, false) => return Some(beside),
        (false, true) => return Some(below),
        (true, true) => section.fault(
            wanted.key,
            format!("{} and {} are both there", beside.display(), below.display()),
            "keep one of them, or name the one that counts",
        ),
        (false, false) => {
            let old = Path::new("keystore").join(wanted.old);
            let fix = if section.folder().join(&old).is_file() {
                format!("write {} = \"{}\" into [signer]", wanted.key, old.display())
            } else {
                format!("put it there, or name it: {} = \"FILE\"", wanted.key)
            };
            section.fault(
                wanted.key,
                format!("there is neither {} nor {}", beside.display(), below.display()),
                fix,
            );
        }
    }
    None
}

/// Whether anything is there: a folder in a file's place is a fault of its own, not an absence.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
