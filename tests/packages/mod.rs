//! How the programs are handed out: container, unit, package. Where no container engine runs, the
//! files are read and their commands run as they are written.

mod compose;
mod container;
mod debian;
mod package;
mod recipe;
mod unit;

use std::path::{Path, PathBuf};

/// The root of the tree.
fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(tree().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
