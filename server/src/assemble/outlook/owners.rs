//! Whose the files of the station's state are. The service runs as the user that owns the folder;
//! what somebody else left there, it cannot write.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::users::User;
use super::{fault, nearest_above};
use crate::config::{self, Config, Fault};

/// Every file of the ledger and the journal that is not its folder's owner's, and what this user
/// may not write.
pub fn look(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let config::Store::Embedded { path, .. } = &config.store {
        let folder = path.parent().unwrap_or(Path::new("."));
        let beside: Vec<_> = ["", "-wal", "-shm", ".lock"]
            .iter()
            .map(|end| PathBuf::from(format!("{}{end}", path.display())))
            .collect();
        look_at("[store] path", folder, &beside, &mut faults);
        faults.extend(unmakeable("[store] path", folder, &config.folder));
    }
    if config.journal.enabled {
        let folder = &config.journal.path;
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files: Vec<_> = entries.map(|entry| entry.path()).collect();
        look_at("[journal] path", folder, &files, &mut faults);
        faults.extend(unmakeable("[journal] path", folder, &config.folder));
        if let config::Store::Embedded { path, .. } = &config.store {
            let ledger = nearest_above(path.parent().unwrap_or(Path::new(".")));
            faults.extend(owned_apart(&ledger, &nearest_above(folder)));
        }
    }
    faults
}

/// Ledger and journal in folders of two users, of whom neither is root: no user can write both.
fn owned_apart(ledger: &Path, journal: &Path) -> Option<Fault> {
    let [one, two] = [ledger, journal].map(|folder| std::fs::metadata(folder).ok());
    let (one, two) = (one?.uid(), two?.uid());
    if one == two || one == 0 && ledger == Path::new("/") || two == 0 && journal == Path::new("/") {
        return None;
    }
    let (one, two) = (User::of(one), User::of(two));
    let problem = format!(
        "{} is {two}'s, and the ledger's folder {} is {one}'s: one station has to write both",
        journal.display(),
        ledger.display()
    );
    Some(fault("[journal] path", problem, format!("chown {one} {}", journal.display())))
}

fn look_at(key: &str, folder: &Path, files: &[PathBuf], faults: &mut Vec<Fault>) {
    let above = nearest_above(folder);
    let Ok(about) = std::fs::metadata(&above) else { return };
    // Root writes everywhere: what it finds is held against the folder's owner, who will run.
    let me = rustix::process::geteuid().as_raw();
    if me != 0 && access(&above, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let problem = format!(
            "{} is {}'s, and {} may not write there",
            above.display(),
            User::of(about.uid()),
            User::of(me)
        );
        let fix = format!("run this as {}, whose station it is", User::of(about.uid()));
        faults.push(fault(key, problem, fix));
        return;
    }
    for file in files {
        let Ok(found) = std::fs::symlink_metadata(file) else { continue };
        if found.uid() != about.uid() && !is_open_to(&found, &about) {
            let (owner, wanted) = (User::of(found.uid()), User::of(about.uid()));
            let problem = format!(
                "{} is {owner}'s, and its folder is {wanted}'s: a station that runs as {wanted} \
                 could not write it",
                file.display()
            );
            faults.push(fault(key, problem, format!("chown {wanted} {}", file.display())));
        } else if me != 0 && access(file, Access::READ_OK | Access::WRITE_OK).is_err() {
            let problem = format!("{} may not read and write {}", User::of(me), file.display());
            faults.push(fault(key, problem, format!("chmod u+rw {}", file.display())));
        }
    }
}

/// A folder that is to come and that the station could not make: where root asks, it is taken to run
/// as the owner of its configuration's folder.
fn unmakeable(key: &str, folder: &Path, configuration: &Path) -> Option<Fault> {
    if folder.is_dir() || !rustix::process::geteuid().is_root() {
        return None;
    }
    let above = nearest_above(folder);
    let (about, station) =
        (std::fs::metadata(&above).ok()?, std::fs::metadata(configuration).ok()?);
    let may = match about.mode() {
        _ if station.uid() == 0 => true,
        mode if about.uid() == station.uid() => mode & 0o300 == 0o300,
        mode if User::of(station.uid()).groups.contains(&about.gid()) => mode & 0o030 == 0o030,
        mode => mode & 0o003 == 0o003,
    };
    let (shown, wanted) = (folder.display(), User::of(station.uid()));
    let problem = format!(
        "the folder {shown} is not there, and {wanted} can make none in {}",
        above.display()
    );
    let fix = format!("install -d -o {wanted} -m 700 {shown}");
    (!may).then(|| fault(key, problem, fix))
}

/// Whether a file that is somebody else's can be written by the folder's owner all the same: root,
/// or a member of its group where the group may write.
fn is_open_to(file: &Metadata, folder: &Metadata) -> bool {
    let group = file.gid() == folder.gid() && file.mode() & 0o060 == 0o060;
    folder.uid() == 0 || group || file.mode() & 0o006 == 0o006
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ones_own_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.sqlite");
        std::fs::write(&file, "").unwrap();
        let mut faults = Vec::new();
        look_at("[store] path", folder.path(), &[file], &mut faults);
        look_at("[store] path", &folder.path().join("later"), &[], &mut faults);
        assert_eq!(faults, []);
    }
}
