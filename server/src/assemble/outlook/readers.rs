//! Whether the user that the service runs as can read what the configuration names. Only root has to
//! ask: whoever else runs `check` has read the files, or was told that he cannot.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::users::User;
use super::{fault, nearest_above};
use crate::config::{self, Config, Fault};

/// Every file that the owner of the state's folder cannot read.
pub fn look(config: &Config) -> Vec<Fault> {
    let state = match &config.store {
        config::Store::Embedded { path, .. } => path.parent().unwrap_or(Path::new(".")),
        config::Store::MongoDb(_) => &config.journal.path,
    };
    let Ok(about) = std::fs::metadata(nearest_above(state)) else { return Vec::new() };
    if !rustix::process::geteuid().is_root() || about.uid() == 0 {
        return Vec::new();
    }
    let user = User::of(about.uid());
    let named = config.files.iter().filter(|(key, _)| !key.starts_with("[injection]"));
    named.filter_map(|(key, file)| unreadable(key, file, &user)).collect()
}

fn unreadable(key: &str, file: &Path, user: &User) -> Option<Fault> {
    let about = std::fs::metadata(file).ok()?;
    let closed = file
        .ancestors()
        .skip(1)
        .find(|folder| std::fs::metadata(folder).is_ok_and(|about| !may(user, &about, 0o1)));
    let wanted = if about.is_dir() { 0o5 } else { 0o4 };
    let (what, about) = match closed {
        Some(folder) => (folder, std::fs::metadata(folder).ok()?),
        None if may(user, &about, wanted) => return None,
        None => (file, about),
    };
    let mode = about.mode() & 0o777;
    let problem = format!(
        "{} is {}'s, mode {mode:o}: a station that runs as {user}, whose the state is, could not \
         read {}",
        what.display(),
        User::of(about.uid()),
        if what == file { "it" } else { "what is in it" }
    );
    Some(fault(key, problem, format!("chown {user} {}", what.display())))
}

/// Whether the bits `wanted` of `rwx` are the user's.
fn may(user: &User, about: &Metadata, wanted: u32) -> bool {
    let shift = match () {
        () if user.id == about.uid() => 6,
        () if user.groups.contains(&about.gid()) => 3,
        () => 0,
    };
    about.mode() >> shift & wanted == wanted
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_stranger_cannot_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(folder.path(), 0o755);
        let file = folder.path().join("operator.token");
        std::fs::write(&file, "").unwrap();
        let stranger = User { id: 4_000_000_000, name: "pep".to_owned(), groups: Vec::new() };
        open(&file, 0o644);
        assert_eq!(unreadable("[operators] token_file", &file, &stranger), None);
        open(&file, 0o640);
        let said = unreadable("[operators] token_file", &file, &stranger).unwrap();
        assert!(said.problem.contains("could not read it"), "{said}");
        let group = std::fs::metadata(&file).unwrap().gid();
        let member = User { groups: vec![group], ..stranger.clone() };
        assert_eq!(unreadable("[operators] token_file", &file, &member), None);
        open(&file, 0o644);
        open(folder.path(), 0o700);
        let said = unreadable("[operators] token_file", &file, &stranger).unwrap();
        assert!(said.problem.contains("could not read what is in it"), "{said}");
    }
}
