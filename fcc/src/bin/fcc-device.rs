//! `fcc-device`.
fn main() {}
