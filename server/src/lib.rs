//! The identity station for production lines.
//!
//! `front` (every way in) -> `station` (the story of one identity) -> `ra` (may it?), `ca` (what
//! is signed, by which key), `store` (what is kept), with `export` beside them. `config` is the
//! hallway: read once at start, handed to whoever needs it.

pub mod assemble;
pub mod ca;
pub mod config;
pub mod durable;
pub mod export;
pub mod front;
pub mod init;
pub mod journal;
pub mod pem;
pub mod ra;
pub mod state;
pub mod station;
pub mod store;
pub mod supply;
pub mod version;
