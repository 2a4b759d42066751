//! Who holds a station's name: which run of a station on which machine, and whether one on this
//! machine has ended.
//!
//! Only used to spare a station that starts again after a crash the wait for its own name; where
//! nothing can be known for certain, nothing is claimed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A station that runs, or did, named so that no other process can be taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// What its machine calls itself, for people.
    pub(super) host: String,
    /// The machine's present run, the name space of process numbers and the user: only a process
    /// for which all three are the same can be looked for.
    pub(super) place: String,
    /// Its process number.
    pub(super) pid: i64,
    /// When it began, in the kernel's ticks: numbers are used again.
    pub(super) began: i64,
}

impl Holder {
    /// This process; `None` where the system does not say.
    pub(super) fn this() -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let space = fs::read_link("/proc/self/ns/pid").ok()?;
        // Processes of other users may be hidden.
        let user = fs::metadata("/proc/self").ok()?.uid();
        let pid = i64::from(std::process::id());
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_owned();
        let place = format!("{} {} {user}", boot.trim(), space.display());
        Some(Self { host, place, pid, began: running(pid)?? })
    }

    /// Whether this holder, recorded earlier, has certainly ended.
    pub(super) fn has_ended(&self) -> bool {
        let here = Self::this().is_some_and(|this| this.place == self.place);
        here && running(self.pid).is_some_and(|began| began != Some(self.began))
    }
}

/// When the process of that number began; `Some(None)` when there is none, or it has ended and only
/// its parent has not heard of it yet.
fn running(pid: i64) -> Option<Option<i64>> {
    let place = Path::new("/proc").join(pid.to_string());
    let Ok(text) = fs::read_to_string(place.join("stat")) else {
        return (!place.exists()).then_some(None);
    };
    // proc(5): the name, in brackets, may hold anything; the state is the first field behind it,
    // the beginning the twentieth.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return Some(None);
    }
    Some(Some(fields.get(19)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_runs_has_not_ended() {
        let this = Holder::this().unwrap();
        assert!(!this.has_ended());
        assert!(
            Holder { began: this.began - 1, ..this.clone() }.has_ended(),
            "its number is used again"
        );
        let elsewhere = Holder { place: "another machine".to_owned(), pid: 0, ..this };
        assert!(!elsewhere.has_ended(), "nothing is known of it");
    }

    #[test]
    fn a_killed_process_has_ended_before_its_parent_has_heard_of_it() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i64::from(child.id());
        let holder =
            Holder { pid, began: running(pid).unwrap().unwrap(), ..Holder::this().unwrap() };
        assert!(!holder.has_ended());
        child.kill().unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while !holder.has_ended() {
            assert!(std::time::Instant::now() < patience);
        }
        child.wait().unwrap();
        assert!(holder.has_ended());
    }
}
