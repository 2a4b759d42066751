//! `pep`.
fn main() {}
