//! The station as the line sees it: every test starts the real programs (`pep-server`, `pep`,
//! `fcc-device`) and lets them talk over real sockets. Nothing in here is a mock.
//!
//! `cargo build --workspace --bins` comes first. Everything runs on ports the system chooses and in
//! folders of its own, so tests run side by side.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

mod kit;

mod cli;
mod clock;
mod clones;
mod database;
mod developer;
mod discovery;
mod disk;
mod docs;
mod gateway;
mod house;
mod http;
mod injection;
mod journal;
mod landed;
mod life;
mod mutants;
mod packages;
mod power_cut;
mod recovery;
mod rework;
mod sign;
mod start;
mod supplied;
mod trees;
mod two_stations;
mod upkeep;
mod walk;
