//! A disk whose power can be cut. A program that runs under the shim (disk.c) leaves a log of all
//! that it did to a folder; of this is made what the folder can look like after a power cut: what
//! was flushed, and of the rest nothing, everything, or whatever the lot says.

mod log;
mod platter;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::Random;
use platter::Platter;

/// What becomes of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unflushed {
    /// All of it goes.
    Lost,
    /// All of it is there: what `kill -9` leaves.
    Kept,
    /// Of each file and of the names the last change is there, and those before it are not.
    Backwards,
    /// Sectors of 512 bytes, lengths and names are kept or lost each by itself, so that writes are
    /// torn, left out and out of order.
    Torn(u64),
}

/// What stands at each path below a folder; a folder is `None`.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// One folder on a disk of its own. What is in it when a program starts is flushed.
pub struct Disk {
    folder: PathBuf,
    /// Names at the top that are not looked at: others write there.
    beside: Vec<&'static str>,
    side: TempDir,
    flushed: Platter,
    /// What stands in blocks that no name leads to any more.
    remains: Vec<Vec<u8>>,
}

impl Disk {
    /// The folder as it is now.
    pub fn of(folder: &Path) -> Self {
        Self::without(folder, &[])
    }

    /// The same, less what is below these names.
    pub fn without(folder: &Path, beside: &[&'static str]) -> Self {
        let (folder, side) = (folder.canonicalize().unwrap(), tempfile::tempdir().unwrap());
        let flushed = Platter::of(&folder, &tree(&folder, beside));
        Self { folder, beside: beside.to_vec(), side, flushed, remains: Vec::new() }
    }

    /// Where the order to cut is put; see cut.c.
    pub fn order(&self) -> PathBuf {
        self.side.path().join("order")
    }

    fn log(&self) -> PathBuf {
        self.side.path().join("log")
    }

    /// The environment of a program that writes to this disk.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", text(shim())),
            ("POWER_CUT", text(&self.order())),
            ("POWER_CUT_FOLDER", text(&self.folder)),
            ("POWER_CUT_LOG", text(&self.log())),
        ]
    }

    /// Cuts the power of the program that wrote to it and has been killed, or has ended: the folder
    /// is now what was on the disk. Gives the number of calls that were undone, whole or in part.
    pub fn cut(&mut self, unflushed: Unflushed) -> usize {
        let calls = log::read(&self.log());
        let now = tree(&self.folder, &self.beside);
        self.assert_all_seen(&calls, &now);
        let mut written = self.flushed.clone();
        written.play(&calls);
        let pending = written.pending();
        let (left, flushed) = written.after_a_cut(unflushed, &mut self.remains);
        put(&self.folder, &now, &left);
        let _ = std::fs::remove_file(self.log());
        self.flushed = flushed;
        pending
    }

    /// Whether whoever reads the bare disk finds these bytes, in a file or where one was.
    pub fn holds(&self, wanted: &[u8]) -> bool {
        let files = tree(&self.folder, &self.beside).into_values().flatten();
        let mut all = files.chain(self.remains.iter().cloned());
        all.any(|bytes| bytes.windows(wanted.len()).any(|piece| piece == wanted))
    }

    /// What the log says must be what there is: no call went by the shim. The last may have been
    /// noted and not made, or half.
    fn assert_all_seen(&self, calls: &[log::Call], now: &Tree) {
        let expected = |calls: &[log::Call]| {
            let mut all = self.flushed.clone();
            all.play(calls);
            all.after_a_cut(Unflushed::Kept, &mut Vec::new()).0
        };
        let whole = expected(calls);
        let same = |one: &Tree, path: &PathBuf| one.get(path) == now.get(path);
        let paths = whole.keys().chain(now.keys());
        let mut others: Vec<_> =
            paths.filter(|path| !is_shared_memory(path) && !same(&whole, path)).collect();
        if !others.is_empty() && !calls.is_empty() {
            let before = expected(&calls[..calls.len() - 1]);
            others.retain(|path| {
                let [whole, before, now] = [&whole, &before, now].map(|tree| tree.get(*path));
                !(now == before || is_between(before, whole, now))
            });
        }
        assert!(others.is_empty(), "written without the shim's knowledge: {others:?}");
    }
}

/// Whether a file is a write of the one state and not yet of the other.
fn is_between(
    before: Option<&Option<Vec<u8>>>,
    whole: Option<&Option<Vec<u8>>>,
    now: Option<&Option<Vec<u8>>>,
) -> bool {
    let (Some(Some(before)), Some(Some(whole)), Some(Some(now))) = (before, whole, now) else {
        return false;
    };
    let byte_is = |side: &Vec<u8>, at: usize, byte: u8| side.get(at) == Some(&byte);
    now.iter().enumerate().all(|(at, byte)| byte_is(before, at, *byte) || byte_is(whole, at, *byte))
}

/// SQLite keeps nothing there that outlives its processes; they map it.
fn is_shared_memory(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with("-shm"))
}

fn tree(folder: &Path, beside: &[&str]) -> Tree {
    fn walk(root: &Path, folder: &Path, beside: &[&str], found: &mut Tree) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if beside.iter().any(|left_out| name == Path::new(left_out)) {
                continue;
            }
            if path.is_dir() {
                found.insert(name, None);
                walk(root, &path, beside, found);
            } else {
                found.insert(name, Some(std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Tree::new();
    walk(folder, folder, beside, &mut found);
    found
}

/// Makes of what there is what shall be there.
fn put(folder: &Path, now: &Tree, left: &Tree) {
    for (path, entry) in now.iter().rev() {
        let stays = left.get(path).is_some_and(|other| other.is_some() == entry.is_some());
        match entry {
            _ if stays => {}
            None => std::fs::remove_dir_all(folder.join(path)).unwrap(),
            Some(_) => std::fs::remove_file(folder.join(path)).unwrap(),
        }
    }
    for (path, entry) in left {
        if now.get(path) == Some(entry) {
            continue;
        }
        match entry {
            None => std::fs::create_dir(folder.join(path)).unwrap(),
            Some(bytes) => std::fs::write(folder.join(path), bytes).unwrap(),
        }
    }
}

/// The shim, built once.
pub fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/power_cut");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power-cut.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .args(["cut.c", "disk.c"].map(|source| Path::new(sources).join(source)))
            .arg("-ldl")
            .status();
        assert!(built.unwrap().success(), "cc could not build what is in {sources}");
        library
    })
}
