//! `pep-server`.
fn main() {}
