//! What is flushed and what is not yet, file by file and name by name.
//!
//! The file system is the worst that keeps the system's promises: a flush of a file has its bytes
//! and its length on the disk, not its name; a name is there when its folder is flushed. A rename
//! happens whole or not at all. What depends on something lost is lost too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use super::log::{Bytes, Call};
use super::{Random, Tree, Unflushed, is_shared_memory};

const SECTOR: u64 = 512;

type Id = usize;

/// Files and folders by number; the first is the root.
#[derive(Clone)]
pub struct Platter {
    root: PathBuf,
    nodes: Vec<Node>,
    moves: Vec<Move>,
    /// The shim's numbers.
    files: HashMap<u64, Id>,
}

#[derive(Clone)]
enum Node {
    File { flushed: Vec<u8>, pending: Vec<Change> },
    Folder { now: Names, flushed: Names },
}

type Names = BTreeMap<String, Id>;

#[derive(Clone)]
enum Change {
    Bytes { at: u64, bytes: Bytes },
    Length(u64),
}

/// Names that change at once: folder, name, and what it stands for from then on.
#[derive(Clone)]
struct Move(Vec<(Id, String, Option<Id>)>);

impl Platter {
    /// Everything in a folder, flushed.
    pub fn of(root: &Path, tree: &Tree) -> Self {
        let top = Node::Folder { now: Names::new(), flushed: Names::new() };
        let mut platter = Self {
            root: root.to_owned(),
            nodes: vec![top],
            moves: Vec::new(),
            files: HashMap::new(),
        };
        // A folder stands before what is in it.
        for (path, entry) in tree {
            let id = platter.add(entry.clone());
            let (folder, name) = platter.place(&root.join(path));
            let Node::Folder { now, flushed } = &mut platter.nodes[folder] else { panic!() };
            now.insert(name.clone(), id);
            flushed.insert(name, id);
        }
        platter
    }

    fn add(&mut self, content: Option<Vec<u8>>) -> Id {
        self.nodes.push(match content {
            None => Node::Folder { now: Names::new(), flushed: Names::new() },
            Some(flushed) => Node::File { flushed, pending: Vec::new() },
        });
        self.nodes.len() - 1
    }

    fn names(&self, folder: Id) -> &Names {
        let Node::Folder { now, .. } = &self.nodes[folder] else { panic!("no folder") };
        now
    }

    /// The folder a path is in, as names are now, and its name there.
    fn place(&self, path: &Path) -> (Id, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (self.find(path.parent().unwrap()).unwrap(), name)
    }

    fn find(&self, path: &Path) -> Option<Id> {
        let below = path.strip_prefix(&self.root).unwrap();
        below.components().try_fold(0, |folder, name| {
            let Component::Normal(name) = name else { panic!("{path:?}") };
            self.names(folder).get(name.to_str().unwrap()).copied()
        })
    }

    /// Does what was noted.
    pub fn play(&mut self, calls: &[Call]) {
        for call in calls {
            match call {
                Call::Made { file, path } => {
                    let id = self.add(Some(Vec::new()));
                    self.files.insert(*file, id);
                    self.move_names(&[(path, Some(id))]);
                }
                Call::Opened { file, path } => {
                    let id = self.find(path).unwrap_or_else(|| panic!("who made {path:?}?"));
                    self.files.insert(*file, id);
                }
                Call::Written { file, at, bytes } => {
                    self.change(*file, Change::Bytes { at: *at, bytes: bytes.clone() });
                }
                Call::Length { file, length } => self.change(*file, Change::Length(*length)),
                Call::Flushed { file } => {
                    let Node::File { flushed, pending } = &mut self.nodes[self.files[file]] else {
                        panic!("no file")
                    };
                    pending.drain(..).for_each(|change| change.make(flushed));
                }
                Call::MadeFolder { path } => {
                    let id = self.add(None);
                    self.move_names(&[(path, Some(id))]);
                }
                Call::Gone { path } => self.move_names(&[(path, None)]),
                Call::Renamed { path, to, exchanged } => {
                    let (one, other) = (self.find(path), self.find(to));
                    self.move_names(&[(path, other.filter(|_| *exchanged)), (to, one)]);
                }
                Call::Linked { path, to } => {
                    let one = self.find(path);
                    self.move_names(&[(to, one)]);
                }
                Call::FolderFlushed { path } => {
                    let folder = self.find(path).unwrap_or_else(|| panic!("who made {path:?}?"));
                    let of_it = |one: &Move| one.0.iter().any(|(id, ..)| *id == folder);
                    let (there, rest) =
                        std::mem::take(&mut self.moves).into_iter().partition(of_it);
                    self.moves = rest;
                    self.flush_names(there);
                }
            }
        }
    }

    fn change(&mut self, file: u64, change: Change) {
        let Node::File { pending, .. } = &mut self.nodes[self.files[&file]] else {
            panic!("no file")
        };
        pending.push(change);
    }

    fn move_names(&mut self, names: &[(&PathBuf, Option<Id>)]) {
        let places: Vec<_> = names
            .iter()
            .map(|(path, id)| {
                let (folder, name) = self.place(path);
                (folder, name, *id)
            })
            .collect();
        for (folder, name, id) in &places {
            let Node::Folder { now, .. } = &mut self.nodes[*folder] else { panic!("no folder") };
            set(now, name, *id);
        }
        self.moves.push(Move(places));
    }

    fn flush_names(&mut self, moves: Vec<Move>) {
        for (folder, name, id) in moves.into_iter().flat_map(|one| one.0) {
            let Node::Folder { flushed, .. } = &mut self.nodes[folder] else { panic!("no folder") };
            set(flushed, &name, id);
        }
    }

    /// How many calls are not flushed.
    pub fn pending(&self) -> usize {
        let of_files = self.nodes.iter().map(|node| match node {
            Node::File { pending, .. } => pending.len(),
            Node::Folder { .. } => 0,
        });
        of_files.sum::<usize>() + self.moves.len()
    }

    /// What is left, and the same as a disk. `remains` gets the content of files without a name.
    pub fn after_a_cut(mut self, unflushed: Unflushed, remains: &mut Vec<Vec<u8>>) -> (Tree, Self) {
        let mut lot = Lot::of(unflushed);
        let kept = self.kept_moves(&mut lot);
        self.flush_names(kept);
        let (mut left, mut named) = (Tree::new(), BTreeSet::new());
        self.collect(0, Path::new(""), &mut lot, &mut left, &mut named);
        remains.extend(self.nodes.iter().enumerate().filter_map(|(id, node)| match node {
            Node::File { flushed, .. } if !named.contains(&id) => Some(flushed.clone()),
            _ => None,
        }));
        let disk = Self::of(&self.root, &left);
        (left, disk)
    }

    /// Of the moves those that came through. What touches a name or a file of one that did not is
    /// lost as well.
    fn kept_moves(&mut self, lot: &mut Lot) -> Vec<Move> {
        let (mut names, mut nodes) = (BTreeSet::new(), BTreeSet::new());
        let mut moves = std::mem::take(&mut self.moves);
        let mut rest = moves.len();
        moves.retain(|one| {
            rest -= 1;
            let depends = one.0.iter().any(|(folder, name, id)| {
                names.contains(&(*folder, name.clone())) || id.is_some_and(|id| nodes.contains(&id))
            });
            let kept = !depends && lot.keeps(rest == 0);
            if !kept {
                for (folder, name, id) in &one.0 {
                    names.insert((*folder, name.clone()));
                    nodes.extend(*id);
                }
            }
            kept
        });
        moves
    }

    fn collect(
        &self,
        folder: Id,
        path: &Path,
        lot: &mut Lot,
        left: &mut Tree,
        named: &mut BTreeSet<Id>,
    ) {
        let Node::Folder { flushed: names, .. } = &self.nodes[folder] else { panic!("no folder") };
        for (name, id) in names {
            let path = path.join(name);
            named.insert(*id);
            match &self.nodes[*id] {
                Node::Folder { .. } => {
                    left.insert(path.clone(), None);
                    self.collect(*id, &path, lot, left, named);
                }
                Node::File { flushed, pending } => {
                    let mut bytes = lot.outcome(flushed.clone(), pending);
                    if is_shared_memory(&path) {
                        lot.spoil(&mut bytes);
                    }
                    left.insert(path, Some(bytes));
                }
            }
        }
    }
}

fn set(names: &mut Names, name: &str, id: Option<Id>) {
    match id {
        Some(id) => drop(names.insert(name.to_owned(), id)),
        None => drop(names.remove(name)),
    }
}

impl Change {
    fn make(self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(length as usize, 0),
            Self::Bytes { at, bytes } => {
                let (from, to) = (at as usize, (at + bytes.length()) as usize);
                if content.len() < to {
                    content.resize(to, 0);
                }
                match bytes {
                    Bytes::These(bytes) => content[from..to].copy_from_slice(&bytes),
                    Bytes::Zeros(_) => content[from..to].fill(0),
                }
            }
        }
    }
}

/// Who decides what is kept.
struct Lot {
    unflushed: Unflushed,
    random: Random,
}

impl Lot {
    fn of(unflushed: Unflushed) -> Self {
        let seed = if let Unflushed::Torn(seed) = unflushed { seed } else { 1 };
        Self { unflushed, random: Random::of(seed) }
    }

    fn keeps(&mut self, is_last: bool) -> bool {
        match self.unflushed {
            Unflushed::Backwards => is_last,
            Unflushed::Lost => false,
            Unflushed::Kept => true,
            Unflushed::Torn(_) => self.random.below(2) == 0,
        }
    }

    /// What a file is after the cut.
    fn outcome(&mut self, flushed: Vec<u8>, pending: &[Change]) -> Vec<u8> {
        let mut all = flushed.clone();
        match self.unflushed {
            Unflushed::Lost => flushed,
            Unflushed::Kept => {
                pending.iter().cloned().for_each(|change| change.make(&mut all));
                all
            }
            Unflushed::Backwards => {
                all = flushed;
                pending.iter().last().cloned().into_iter().for_each(|change| change.make(&mut all));
                all
            }
            // A disk may have been idle for long, or just begun.
            Unflushed::Torn(_) => match self.random.below(4) {
                0 => flushed,
                1 => {
                    pending.iter().cloned().for_each(|change| change.make(&mut all));
                    all
                }
                _ => self.torn(flushed, pending),
            },
        }
    }

    /// Every sector as it was at a moment of its own, and the length as it was at another.
    fn torn(&mut self, flushed: Vec<u8>, pending: &[Change]) -> Vec<u8> {
        let mut lengths = vec![flushed.len() as u64];
        for change in pending {
            let last = *lengths.last().unwrap();
            lengths.push(match change {
                Change::Length(length) => *length,
                Change::Bytes { at, bytes } => last.max(at + bytes.length()),
            });
        }
        let longest = *lengths.iter().max().unwrap();
        let touches = |sector: u64, change: &Change, before: u64| match change {
            Change::Bytes { at, bytes } => {
                *at < (sector + 1) * SECTOR && at + bytes.length() > sector * SECTOR
            }
            // What is cut off is zeros should it come back.
            Change::Length(length) => {
                *length < before && *length < ((sector + 1) * SECTOR).min(longest)
            }
        };
        let mut content = flushed;
        content.resize(longest as usize, 0);
        for sector in 0..longest.div_ceil(SECTOR) {
            let of_it = || {
                pending.iter().zip(&lengths).filter(|(one, before)| touches(sector, one, **before))
            };
            let count = of_it().count() as u64;
            let moment = self.random.below(count + 1) as usize;
            let (begin, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(longest));
            for (change, _) in of_it().take(moment) {
                match change {
                    Change::Bytes { at, bytes } => {
                        let (from, to) = (begin.max(*at), end.min(at + bytes.length()));
                        let piece = &mut content[from as usize..to as usize];
                        match bytes {
                            Bytes::These(bytes) => {
                                let there = (from - at) as usize;
                                piece.copy_from_slice(&bytes[there..there + piece.len()]);
                            }
                            Bytes::Zeros(_) => piece.fill(0),
                        }
                    }
                    Change::Length(length) => {
                        content[begin.max(*length) as usize..end as usize].fill(0);
                    }
                }
            }
        }
        let length = lengths[self.random.below(lengths.len() as u64) as usize];
        content.truncate(length as usize);
        content
    }

    /// Memory that processes shared holds anything after a cut.
    fn spoil(&mut self, bytes: &mut [u8]) {
        if self.unflushed != Unflushed::Kept {
            bytes.iter_mut().for_each(|byte| *byte = self.random.below(256) as u8);
        }
    }
}
