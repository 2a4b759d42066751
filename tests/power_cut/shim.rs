//! What the shim and the disk of these tests promise themselves, shown with programs everybody
//! has. A shim that forgot a call, or a disk that forgets nothing, would make every other test here
//! pass.

use std::path::Path;
use std::process::Command;

use super::disk::{Disk, Unflushed};

/// Runs a program on the disk of a folder with three names: `old`, `other`, and `in` with `old` in it.
struct Trial {
    folder: tempfile::TempDir,
    disk: Disk,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for name in ["old", "other", "in/old"] {
            std::fs::write(folder.path().join(name), [b'o'; 2000]).unwrap();
        }
        let disk = Disk::of(folder.path());
        Self { folder, disk }
    }

    fn run(&self, words: &str) -> &Self {
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.folder.path()).envs(self.disk.environment());
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self
    }

    fn cut(&mut self, unflushed: Unflushed) -> Vec<String> {
        self.disk.cut(unflushed);
        self.names()
    }

    fn names(&self) -> Vec<String> {
        let path = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path();
        let names =
            |folder: &Path| std::fs::read_dir(folder).unwrap().map(path).collect::<Vec<_>>();
        let below =
            |path: &Path| path.strip_prefix(self.folder.path()).unwrap().display().to_string();
        let mut all = names(self.folder.path());
        let inner = self.folder.path().join("in");
        if inner.is_dir() {
            all.extend(names(&inner));
        }
        let mut all: Vec<_> = all.iter().map(|path| below(path)).collect();
        all.sort();
        all
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }
}

const COPY: &str = "dd status=none bs=1000 conv=notrunc if=/dev/zero";

#[test]
fn what_was_not_flushed_is_gone() {
    let mut trial = Trial::new();
    let before = trial.names();
    trial.run(&format!("{COPY} of=old count=1"));
    trial.run(&format!("{COPY} of=new count=1")).run("mkdir folder").run("mv other another");
    trial.run("rm in/old");
    assert_eq!(trial.cut(Unflushed::Lost), before);
    assert_eq!(trial.bytes("old"), [b'o'; 2000]);

    // Of a name that is the second of a file.
    trial.run("ln old second").run("sync .").run("rm old");
    assert_eq!(trial.cut(Unflushed::Lost), ["in", "in/old", "old", "other", "second"]);
    trial.run("rm second").run("sync .");
    assert_eq!(trial.cut(Unflushed::Lost), before);

    // And where it was not lost, all is there.
    trial.run(&format!("{COPY} of=old count=1")).run("mv other another").run("rm in/old");
    trial.run("truncate -s 1500 old");
    assert_eq!(trial.cut(Unflushed::Kept), ["another", "in", "old"]);
    assert_eq!(trial.bytes("old"), [[0; 1000].as_slice(), &[b'o'; 500]].concat());
}

#[test]
fn what_was_flushed_is_there() {
    let mut trial = Trial::new();
    trial.run(&format!("{COPY} of=old count=1")).run("sync old");
    trial.run(&format!("{COPY} of=old count=2")).run("truncate -s 10 other").run("sync -d other");
    trial.cut(Unflushed::Lost);
    assert_eq!(trial.bytes("old"), [[0; 1000], [b'o'; 1000]].concat());
    assert_eq!(trial.bytes("other"), [b'o'; 10]);
}

/// A file's flush is not its name's, and a folder's is not that of what is in its files.
#[test]
fn a_name_is_its_folders() {
    let mut trial = Trial::new();
    let before = trial.names();
    trial.run(&format!("{COPY} of=new count=1")).run("sync new");
    assert_eq!(trial.cut(Unflushed::Lost), before);
    trial.run(&format!("{COPY} of=new count=1")).run("sync .");
    assert_eq!(trial.cut(Unflushed::Lost), ["in", "in/old", "new", "old", "other"]);
    assert_eq!(trial.bytes("new"), b"");
    trial.run("rm in/old").run("sync .");
    trial.run("mv -f old other").run("sync .").run("rm new");
    assert_eq!(trial.cut(Unflushed::Lost), ["in", "in/old", "new", "other"]);
    trial
        .run("rm in/old")
        .run("sync in")
        .run("mkdir made")
        .run("mv other made/other")
        .run("sync made");
    assert_eq!(
        trial.cut(Unflushed::Lost),
        ["in", "new"],
        "without the folder's name all in it is lost"
    );
}

/// Sectors, lengths and names, each by itself; every outcome comes, and no other.
#[test]
fn the_rest_is_torn() {
    let (mut pieces, mut lengths, mut both) = (0, 0, 0);
    for seed in 0..60 {
        let mut trial = Trial::new();
        trial
            .run(&format!("{COPY} of=old count=2 seek=1"))
            .run("mv other another")
            .run("rm in/old");
        trial.run(&format!("{COPY} of=old count=1 seek=1"));
        let names = trial.cut(Unflushed::Torn(seed));
        let has = |name: &str| names.iter().any(|known| known == name);
        assert_ne!(has("another"), has("other"), "a rename is whole: {names:?}");
        both += usize::from(has("another") && has("in/old"));
        let bytes = trial.bytes("old");
        assert!([2000, 3000].contains(&bytes.len()));
        lengths += usize::from(bytes.len() == 3000);
        assert_eq!(bytes[..1000], [b'o'; 1000]);
        let sector: Vec<_> = [1000, 1024, 1536].map(|at| bytes[at]).to_vec();
        assert!(bytes[1024..1536].iter().all(|byte| *byte == sector[1]));
        pieces += usize::from(sector.contains(&0) && sector.contains(&b'o'));
    }
    for count in [pieces, lengths, both] {
        assert!((5..55).contains(&count), "{pieces} torn, {lengths} longer, {both} by half");
    }
}

/// Whatever changes a file without the shim's knowledge is found, at every cut.
#[test]
fn what_goes_by_the_shim_is_found() {
    for change in ["old", "new"] {
        let mut trial = Trial::new();
        trial.run("mv other another");
        std::fs::write(trial.folder.path().join(change), "x").unwrap();
        let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            trial.cut(Unflushed::Lost);
        }));
        let said = *cut.unwrap_err().downcast::<String>().unwrap();
        assert!(said.contains("without the shim's knowledge") && said.contains(change), "{said}");
    }
}

/// So does what the shim does not know.
#[test]
fn what_the_shim_does_not_know_is_said() {
    let mut trial = Trial::new();
    let mut command = Command::new("ln");
    command.args(["-s", "old", "link"]).current_dir(trial.folder.path());
    assert!(!command.envs(trial.disk.environment()).status().unwrap().success());
    let cut = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        trial.cut(Unflushed::Lost);
    }));
    let said = *cut.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("the shim does not know a symbolic link"), "{said}");
}
