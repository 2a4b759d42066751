//! Where the power is cut, or a write is lost, on which ledger.

use crate::kit::Kit;

use super::disk::{Disk, Unflushed};
use super::wire::{Blow, Order, Side, Wire};

/// What keeps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Embedded,
    /// The same without a journal, which would bring back what the ledger lost.
    Unjournalled,
    MongoDb,
}

/// What happens to the station, counted from 1 since the unit was asked for.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Killed before the n-th flush of ledger or journal: what was written is not on disk yet.
    BeforeFlush(usize),
    /// Killed right behind it.
    BehindFlush(usize),
    /// Killed at the n-th point of the conversation with the gateway.
    AtPoint(usize),
    /// Killed before the n-th write arrives at the database.
    BeforeWrite(usize),
    /// Killed when the database has made it and its answer has not come.
    BehindWrite(usize),
    /// Not killed: the n-th write never arrives at the database, and the station hears an error.
    LostWrite(usize),
    /// Not killed: the database makes the n-th write, and its answer is lost.
    LostAnswer(usize),
}

/// Makes the cut of a kind with this number.
pub type Kind = fn(usize) -> Cut;

impl Store {
    /// Every kind of cut, and how many of it there are at least. Those that lose what is not flushed
    /// yet come first: what they find says more than that a flush is missing.
    pub fn kinds(self) -> &'static [(Kind, usize)] {
        match self {
            Self::Embedded | Self::Unjournalled => {
                &[(Cut::AtPoint, 4), (Cut::BehindFlush, 3), (Cut::BeforeFlush, 3)]
            }
            // Reserved, two claims, sent, confirmed; each journalled first.
            Self::MongoDb => &[
                (Cut::AtPoint, 4),
                (Cut::BehindFlush, 3),
                (Cut::BeforeFlush, 3),
                (Cut::BeforeWrite, 5),
                (Cut::BehindWrite, 5),
                (Cut::LostWrite, 5),
                (Cut::LostAnswer, 5),
            ],
        }
    }
}

impl Cut {
    /// Whether the station itself goes on.
    pub fn is_survived(self) -> bool {
        matches!(self, Self::LostWrite(_) | Self::LostAnswer(_))
    }

    /// What an enumeration takes for lost. Where a flush was under way, some of it is there, in any
    /// order; elsewhere nothing is, which shows a flush that is missing.
    pub fn unflushed(self, seed: u64) -> Vec<Unflushed> {
        match self {
            Self::BeforeFlush(number) | Self::BehindWrite(number) => {
                vec![Unflushed::Torn(seed.wrapping_add(number as u64)), Unflushed::Backwards]
            }
            _ => vec![Unflushed::Lost],
        }
    }

    /// Gives the order, to the station's own flushes or to its wire.
    pub fn order(self, kit: &Kit, disk: &Disk, wire: Option<&Wire>) {
        let to_flushes = match self {
            Self::BeforeFlush(number) => Some(format!("before {number}")),
            Self::BehindFlush(number) => Some(format!("after {number}")),
            _ => None,
        };
        if let Some(order) = to_flushes {
            std::fs::write(disk.order(), order).unwrap();
        }
        let kill = Blow::Kill(kit.process());
        let (side, write, blow) = match self {
            Self::BeforeWrite(write) => (Side::Before, write, kill),
            Self::BehindWrite(write) => (Side::Behind, write, kill),
            Self::LostWrite(write) => (Side::Before, write, Blow::Break),
            Self::LostAnswer(write) => (Side::Behind, write, Blow::Break),
            _ => return,
        };
        wire.unwrap().watch_for(Order { side, write, blow });
    }

    /// Takes the order back.
    pub fn call_off(self, disk: &Disk) {
        let _ = std::fs::remove_file(disk.order());
    }
}
