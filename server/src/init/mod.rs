//! `pep-server init`: a folder with everything a station needs to run, none of it real.
//!
//! The texts are those of `keystore.example`, so the two cannot drift apart; keys and certificates
//! are made anew. Nothing here reads a configuration.

mod example;
mod factory;
mod state;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::durable;

pub use self::example::Example;

/// Where the CA's certificate goes.
const CA: &str = "keystore/CA_cert.pem";

/// Why no folder was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something is there already; nothing was written.
    #[error("would overwrite {}; name an empty or a new folder", listed(.0))]
    Exists(Vec<PathBuf>),
    /// A file or folder could not be written; what was written before it is gone again.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a factory's name.
    #[error("{0:?} is not a factory's name: 1 to 64 letters, digits, `.`, `_` and `-`")]
    FactoryName(String),
    /// Not a folder that can stand in station.toml.
    #[error("the state folder {path} cannot be used: {problem}")]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// OpenSSL could not make a key or a certificate; nothing was written.
    #[error("cannot make the example keys: {0}")]
    Make(#[from] ErrorStack),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A file to be written, and whether only its owner may read it.
struct Draft {
    name: &'static str,
    content: Zeroizing<Vec<u8>>,
    secret: bool,
}

/// Writes a complete folder: station.toml, fcu.yml, a throw-away CA, an EXAMPLE server CA and
/// update certificate, and an operator's token. `now` is when the certificates begin, less an hour.
/// With `factory`, an EXAMPLE factory whose devices register themselves; with `state`, the folder
/// that ledger and journal will be in, which is not made here.
///
/// Gives the files written. No existing file is touched: one of that name anywhere stops all of it.
///
/// # Errors
/// [`InitError`].
pub fn init(
    dir: &Path,
    factory: Option<&str>,
    state: Option<&Path>,
    now: Timestamp,
) -> Result<Vec<PathBuf>, InitError> {
    let factory = match factory {
        Some(name) if !factory::is_name(name) => {
            return Err(InitError::FactoryName(name.to_owned()));
        }
        factory => factory,
    };
    let mut drafts = drafts(now)?;
    for draft in drafts.iter_mut().filter(|draft| draft.name == "station.toml") {
        if let Some(state) = state {
            draft.content = state::place(&draft.content, state)?;
        }
        if let Some(factory) = factory {
            draft.content.extend_from_slice(factory::section(factory).as_bytes());
        }
    }
    if let Some(factory) = factory {
        drafts.extend(factory::drafts(factory, now)?);
    }
    write(dir, &drafts)
}

fn write(dir: &Path, drafts: &[Draft]) -> Result<Vec<PathBuf>, InitError> {
    let paths: Vec<_> = drafts.iter().map(|draft| dir.join(draft.name)).collect();
    // A CA beside station.toml as well as one in keystore/ would stop the station.
    let rivals = ["CA_cert.pem", "CA_private.pem"].map(|name| dir.join(name));
    let taken: Vec<_> = paths
        .iter()
        .chain(&rivals)
        .filter(|path| path.symlink_metadata().is_ok())
        .cloned()
        .collect();
    if !taken.is_empty() {
        return Err(InitError::Exists(taken));
    }
    write_all(dir, drafts)
}

/// Writes what is public of an EXAMPLE product for a simulated station: station.toml, fcu.yml and
/// the two certificates they name. No key and no token.
pub fn example_product(dir: &Path, now: Timestamp) -> Result<(), InitError> {
    let mut drafts = drafts(now)?;
    drafts.retain(|draft| !draft.secret && draft.name != CA);
    write_all(dir, &drafts).map(drop)
}

fn write_all(dir: &Path, drafts: &[Draft]) -> Result<Vec<PathBuf>, InitError> {
    let mut written = Vec::new();
    for draft in drafts {
        let path = dir.join(draft.name);
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder)
            .map_err(|source| InitError::Write { path: folder.to_owned(), source })?;
        if let Err(source) = write_new(&path, draft) {
            // Half a folder would refuse the next attempt. Only files made just now are removed.
            for path in &written {
                let _ = std::fs::remove_file(path);
            }
            return Err(InitError::Write { path, source });
        }
        written.push(path);
    }
    flush_names(dir, &written)?;
    Ok(written)
}

/// A file's name is on the disk when its folder is.
fn flush_names(dir: &Path, written: &[PathBuf]) -> Result<(), InitError> {
    let folders: BTreeSet<_> = written.iter().filter_map(|path| path.parent()).collect();
    folders
        .iter()
        .try_for_each(|folder| durable::flush_names(folder))
        .and_then(|()| durable::flush_way_to(dir))
        .map_err(|source| InitError::Write { path: dir.to_owned(), source })
}

fn drafts(now: Timestamp) -> Result<Vec<Draft>, ErrorStack> {
    let ca = Example::device_ca(now)?;
    let server_ca = Example::bootstrap_server_ca(now)?;
    let update = Example::update_certificate(now)?;
    let text = |name, text: &str| Draft {
        name,
        content: Zeroizing::new(text.as_bytes().to_vec()),
        secret: false,
    };
    let made = |name, bytes| Draft { name, content: Zeroizing::new(bytes), secret: false };
    Ok(vec![
        text("station.toml", include_str!("../../../keystore.example/station.toml")),
        text("fcu.yml", include_str!("../../../keystore.example/fcu.yml")),
        made(CA, ca.certificate.to_pem()?),
        Draft { name: "keystore/CA_private.pem", content: ca.key_pem()?, secret: true },
        made("bootstrap-server-ca.pem", server_ca.certificate.to_pem()?),
        made("update-auth-certificate.der", update.certificate.to_der()?),
        Draft { name: "operator.token", content: token_file()?, secret: true },
    ])
}

/// One line with a token of 32 random bytes.
fn token_file() -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let mut random = Zeroizing::new([0_u8; 32]);
    openssl::rand::rand_bytes(random.as_mut_slice())?;
    let mut file = Zeroizing::new(Vec::with_capacity(128));
    file.extend_from_slice(b"operator:");
    for byte in random.iter() {
        for digit in [byte >> 4, byte & 15] {
            file.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
    file.push(b'\n');
    Ok(file)
}

/// Writes a file that was not there a moment before, and has it on disk when it returns.
fn write_new(path: &Path, draft: &Draft) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if draft.secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    let whole = file.write_all(&draft.content).and_then(|()| file.sync_all());
    if whole.is_err() {
        let _ = std::fs::remove_file(path);
    }
    whole
}

#[cfg(test)]
mod tests;
