//! The power goes at every write and at every frame of an injection, in every key mode: the real
//! process is killed there, its disk loses what was not flushed, it is started again, and the unit
//! finished. Then the ledger is held against what the gateway really holds: no certificate without
//! a record, no second live identity, no unit that cannot be finished.

mod cut;
mod disk;
mod lives;
mod programs;
mod shim;
mod trial;
mod wire;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::kit::Database;
use cut::Store;
pub use disk::{Disk, Unflushed};
use trial::Trial;
pub use trial::{ask, on_a_disk};

/// Runs at once where cuts are drawn by lot.
const LANES: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Mode {
    ByTool,
    ByDevice,
    /// Made elsewhere, and wiped behind the confirmation.
    Supplied,
}

#[test]
fn at_every_flush_and_every_frame_by_tool() {
    everywhere(Store::Embedded, Mode::ByTool);
}

#[test]
fn at_every_flush_and_every_frame_by_device() {
    everywhere(Store::Embedded, Mode::ByDevice);
}

#[test]
fn at_every_flush_and_every_frame_supplied() {
    everywhere(Store::Embedded, Mode::Supplied);
}

#[test]
fn without_a_journal_at_every_flush_and_every_frame() {
    everywhere(Store::Unjournalled, Mode::ByTool);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_by_tool() {
    everywhere(Store::MongoDb, Mode::ByTool);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_by_device() {
    everywhere(Store::MongoDb, Mode::ByDevice);
}

#[test]
fn on_a_mongodb_at_every_write_and_every_frame_supplied() {
    everywhere(Store::MongoDb, Mode::Supplied);
}

#[test]
fn two_hundred_times_at_random() {
    at_random(Store::Embedded);
}

#[test]
fn on_a_mongodb_two_hundred_times_at_random() {
    at_random(Store::MongoDb);
}

/// Enumerates cuts of one kind until one no longer comes: then all of them have been tried. What
/// the disk keeps is drawn by lot where a flush was under way, and nothing elsewhere.
fn everywhere(store: Store, mode: Mode) {
    let Some(server) = server(store) else { return };
    let seed = seed(&format!("{store:?}, {mode:?}"));
    for (kind, least) in store.kinds() {
        let mut tried = 0;
        for number in 1.. {
            assert!(number < 60, "cuts without end");
            let cut = kind(number);
            let was_cut = cut.unflushed(seed).into_iter().all(|unflushed| {
                Trial { store, mode, cut, later: Duration::ZERO, unflushed }.run(server)
            });
            if !was_cut {
                break;
            }
            tried += 1;
        }
        assert!(tried >= *least, "only {tried} cuts of the kind {:?}", kind(1));
        println!("{store:?}, {mode:?}: {tried} cuts of the kind {:?}", kind(1));
    }
}

/// Two hundred at random; those in the conversation a moment after their point. `PEP_TEST_ROUNDS`
/// changes how many.
fn at_random(store: Store) {
    let Some(server) = server(store) else { return };
    let mut random = Random::of(seed(&format!("{store:?}")));
    let rounds = given("PEP_TEST_ROUNDS").unwrap_or(200);
    let kinds = store.kinds();
    let drawn: Vec<_> = (0..rounds)
        .map(|_| {
            let modes = [Mode::ByTool, Mode::ByDevice, Mode::Supplied];
            let mode = modes[random.below(3) as usize];
            let (kind, least) = kinds[random.below(kinds.len() as u64) as usize];
            let cut = kind(random.below(least as u64 + 3) as usize + 1);
            let later = Duration::from_micros(random.below(3000));
            Trial { store, mode, cut, later, unflushed: random.unflushed() }
        })
        .collect();
    // Side by side, for most of a run is waiting.
    let (next, cuts) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(trial) = drawn.get(next.fetch_add(1, Ordering::SeqCst)) {
                    cuts.fetch_add(u64::from(trial.run(server)), Ordering::SeqCst);
                }
            });
        }
    });
    let cuts = cuts.into_inner();
    println!("{store:?}: {cuts} of {rounds} were cut");
    assert!(cuts > rounds / 3, "the power was hardly ever cut: {cuts} of {rounds}");
}

/// Where the lot begins; printed. `PEP_TEST_SEED` repeats a run.
pub fn seed(of: &str) -> u64 {
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = given("PEP_TEST_SEED").unwrap_or(clock);
    println!("{of}: PEP_TEST_SEED={seed}");
    seed
}

pub fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The database's server, which goes on whatever happens to a station; `None` where it cannot be
/// had. The embedded ledger needs none.
fn server(store: Store) -> Option<Option<&'static Database>> {
    match store {
        Store::Embedded | Store::Unjournalled => Some(None),
        Store::MongoDb => Database::shared().map(Some),
    }
}

/// xorshift64: enough to choose moments, and repeatable.
pub struct Random(u64);

impl Random {
    /// Seeds that are near to each other begin far apart.
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed >> 29) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn unflushed(&mut self) -> Unflushed {
        match self.below(6) {
            0 => Unflushed::Lost,
            1 => Unflushed::Kept,
            2 => Unflushed::Backwards,
            _ => Unflushed::Torn(self.below(u64::MAX)),
        }
    }
}
