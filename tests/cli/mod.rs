//! `pep` as people and scripts use it: commands, exit codes, files, output.

mod commands;
mod export;
mod identity_file;
mod inject_serial;
mod line_changes;
mod listing;
mod lists;
mod office;
mod problems;
mod sealing;
mod sealing_key;
mod serials;
mod terminal;

use crate::kit::{Device, Done, Kit};

/// Provisions a unit with these further options of `get-one-identity`.
fn provision(kit: &Kit, device: &Device, serial: &str, options: &[&str]) -> Done {
    let port = device.port();
    let mut arguments = vec!["get-one-identity", "-s", serial, "-p", &port];
    arguments.extend(options);
    let done = kit.pep_with(&arguments, |_, _| {});
    done.worked();
    done
}
