//! Keys made elsewhere, in a folder a unit below one root: opened without leaving the root, read,
//! and wiped when their unit has them.
//!
//! Knows files and their names. Whether a key is good is `ca`'s, whether a unit may have it is
//! `ra`'s; that no other unit gets it, the ledger's claims see to.

mod folder;
mod wipe;

use std::path::PathBuf;

use zeroize::Zeroizing;

/// The root of the units' folders.
#[derive(Debug, Clone)]
pub struct Supply {
    root: PathBuf,
    wants_entropy: bool,
    wipes: bool,
}

/// What one unit's folder holds. No `Debug`: it holds a private key.
pub struct Contents {
    /// `device-key.pem` or `device-key.der`.
    pub key: Zeroizing<Vec<u8>>,
    /// `device-certificate.pem` or `device-certificate.der`.
    pub certificates: Zeroizing<Vec<u8>>,
    /// `entropy.bin`, where it is wanted.
    pub entropy: Option<Zeroizing<[u8; 48]>>,
}

/// Why a unit's folder cannot be used. Names folders and files, never what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupplyError {
    /// No folder can be called like the unit.
    #[error("no folder can be called `{serial}`, and keys for the unit are looked for in one")]
    Name {
        /// The serial number.
        serial: String,
    },
    /// There is none, or something else stands in its place.
    #[error("{folder} {problem}")]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong, as the rest of a sentence.
        problem: String,
    },
    /// A file is missing, or is not what it should be.
    #[error("{folder}: {file} {problem}")]
    File {
        /// The folder.
        folder: String,
        /// The file.
        file: String,
        /// What is wrong, as the rest of a sentence.
        problem: String,
    },
}

impl Supply {
    /// The folders below `root`. Files are wiped behind a confirmed injection where `wipes`.
    pub fn new(root: PathBuf, wants_entropy: bool, wipes: bool) -> Self {
        Self { root, wants_entropy, wipes }
    }

    /// Whether folders are wiped when their unit has its identity.
    pub fn wipes(&self) -> bool {
        self.wipes
    }
}
