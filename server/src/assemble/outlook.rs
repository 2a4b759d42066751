//! Whether a station of this configuration would issue now: its disk, its addresses, its network,
//! whose its files are, and its TLS certificate. For `check`; nothing is made or changed.

mod network;
mod owners;
mod readers;
mod users;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::ca::{Readable, read_certificates};
use crate::config::{self, Config, Fault, Faults};
use crate::station::Disk;

const MIB: u64 = 1 << 20;

/// What is in the way at `now`. A station that `runs` on this ledger has its addresses itself.
pub(super) fn look(config: &Config, runs: bool, now: Timestamp) -> Faults {
    let mut found = Faults::none();
    found.faults.extend(disk(config));
    found.faults.extend(tls(config, now));
    found.faults.extend(owners::look(config));
    found.faults.extend(readers::look(config));
    if !runs {
        found.faults.extend(network::addresses(config));
    }
    found.warnings.extend(network::interfaces(config));
    found
}

/// A file system without the room that a start needs to issue. Folders that are not there yet will
/// lie where the nearest folder above them is.
fn disk(config: &Config) -> Vec<Fault> {
    let (ledger, min_free) = match &config.store {
        config::Store::Embedded { path, min_free } => (path.parent(), *min_free),
        config::Store::MongoDb(mongodb) => (None, mongodb.min_free),
    };
    let journal = config.journal.enabled.then_some(config.journal.path.as_path());
    let folders = ledger.into_iter().chain(journal).map(nearest_above);
    let (mut faults, mut seen) = (Vec::new(), Vec::new());
    for folder in folders {
        let device = std::fs::metadata(&folder).map(|about| about.dev()).ok();
        if seen.contains(&device) {
            continue;
        }
        seen.push(device);
        let Some(free) = Disk::new(vec![folder.clone()], min_free).free() else { continue };
        if free < min_free {
            let (free, wanted) = (free / MIB, min_free / MIB);
            let problem = format!(
                "the disk of {} has {free} MiB left, and {wanted} MiB shall stay free: no identity \
                 would be given",
                folder.display()
            );
            faults.push(fault("[store] min_free", problem, "make room there"));
        }
    }
    faults
}

/// The folder itself, or the nearest one above it that is there.
fn nearest_above(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|folder| folder.is_dir());
    there.unwrap_or(Path::new("/")).to_owned()
}

/// A TLS certificate that nobody who checks it takes now.
fn tls(config: &Config, now: Timestamp) -> Option<Fault> {
    let tls = config.http.tls.as_ref()?;
    let certificates = read_certificates(&tls.certificate).ok()?;
    let (from, until) = Readable::of(certificates.first()?)?.validity;
    let (from, until): (Timestamp, Timestamp) = (from.parse().ok()?, until.parse().ok()?);
    let problem = match () {
        () if until < now => format!("the TLS certificate ended on {until:.0}"),
        () if from > now => format!("the TLS certificate begins on {from:.0}"),
        () => return None,
    };
    let problem = format!("{problem}: whoever checks it refuses the station");
    Some(fault("[http] certificate", problem, "give one that is valid now, or set the clock"))
}

pub(super) fn fault(key: &str, problem: impl Into<String>, fix: impl Into<String>) -> Fault {
    Fault { key: key.to_owned(), problem: problem.into(), fix: fix.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_to_come_lies_on_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest_above(&folder.path().join("store/journal")), folder.path());
        assert_eq!(nearest_above(folder.path()), folder.path());
    }
}
