//! The identity station for production lines.
//!
//! `front` (every way in) -> `station` (the story of one identity) -> `ra` (may it?), `ca` (what
//! is signed, by which key), `store` (what is kept), with `export` beside them.

pub mod ca;
pub mod ra;
pub mod station;
pub mod store;
