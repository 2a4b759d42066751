//! Sets up the sealing of this machine's journal and brings its verification key.
//!
//! systemd's `journalctl --setup-keys` makes the keys; the first line it prints is the verification
//! key, which belongs somewhere else than on this machine: the station keeps it. The key is read from
//! the program's output only. It stands in no argument, no trace and no error.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Kind, one_line};
use crate::on_path::find;
use crate::trace::Trace;

/// What the old command line sends in the place of a key when there is none (pep-v3 section 1).
pub const NO_KEY: &str = "verification-key-does-not-exist";

/// The sealing verification key. It has no `Debug` and no `Display`.
pub struct VerificationKey(String);

impl VerificationKey {
    /// The key's text, for the request that carries it to the station.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Make new sealing keys that change every `interval` (such as `10s`), and give the verification key.
///
/// `path` is the value of `PATH`. Root's rights are needed: without them `sudo` is put in front.
pub fn set_up(
    interval: &str,
    path: Option<OsString>,
    is_root: bool,
    trace: Trace,
) -> Result<VerificationKey, Failure> {
    let path = path.unwrap_or_default();
    let journalctl = find("journalctl", &path).ok_or_else(|| {
        Failure::new(Kind::Local, "journalctl is not in PATH, and -k needs it")
            .with_hint("sealing needs systemd's journal; without it leave -k out")
    })?;
    let mut command = if is_root {
        Command::new(&journalctl)
    } else {
        let sudo = find("sudo", &path).ok_or_else(|| {
            Failure::new(Kind::Local, "-k needs root's rights, and sudo is not in PATH")
                .with_hint("repeat the command as root")
        })?;
        let mut command = Command::new(sudo);
        command.arg("--").arg(&journalctl);
        command
    };
    command
        .args(["--setup-keys", "--force"])
        .arg(format!("--interval={interval}"))
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    trace.detail(|| format!("{} --setup-keys --force --interval={interval}", journalctl.display()));

    let output =
        command.output().map_err(|error| failed(&format!("it does not start: {error}")))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let key = printed.lines().next().unwrap_or_default().trim();
    if !output.status.success() {
        let complaint = one_line(&String::from_utf8_lossy(&output.stderr));
        // A program that fails after it made a key may repeat it where people read.
        let complaint = if !key.is_empty() && complaint.contains(key) {
            String::new()
        } else {
            format!(": {complaint}")
        };
        return Err(failed(&format!("{}{complaint}", output.status)));
    }
    if key.is_empty() || key.len() > 1024 || key.contains(|c: char| c.is_control()) {
        return Err(failed("it printed no key"));
    }
    Ok(VerificationKey(key.to_owned()))
}

/// Whether this program runs with root's rights: the effective user id of proc(5).
pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| effective_user(&status) == Some(0))
}

fn effective_user(status: &str) -> Option<u32> {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

fn failed(why: &str) -> Failure {
    Failure::new(Kind::Local, format!("journalctl could not set up sealing: {why}"))
        .with_hint("the station was not asked for anything; fix the journal, or leave -k out")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with programs of these names and texts.
    ///
    /// A child process writes them: a file that this process holds open for writing while another
    /// test starts a program could not be run (ETXTBSY).
    fn programs(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in programs {
            let status = Command::new("/bin/sh")
                .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#, "sh"])
                .arg(folder.path().join(name))
                .arg(text)
                .status()
                .unwrap();
            assert!(status.success());
        }
        folder
    }

    fn run(folder: &tempfile::TempDir, is_root: bool) -> Result<String, Failure> {
        let path = Some(folder.path().as_os_str().to_owned());
        set_up("10s; id", path, is_root, Trace::Off).map(|key| key.reveal().to_owned())
    }

    #[test]
    fn the_first_line_is_the_key() {
        let folder = programs(&[(
            "journalctl",
            r#"printf '%s\n' "$@" > "${0%/*}/arguments"; echo aa-bb/1-2; echo more; echo talk >&2"#,
        )]);
        assert_eq!(run(&folder, true).unwrap(), "aa-bb/1-2");
        assert_eq!(
            fs::read_to_string(folder.path().join("arguments")).unwrap(),
            "--setup-keys\n--force\n--interval=10s; id\n"
        );
    }

    #[test]
    fn without_roots_rights_sudo_runs_it() {
        let folder = programs(&[
            ("sudo", r#"echo "$*" > "${0%/*}/arguments"; shift; exec "$@""#),
            ("journalctl", "echo aa-bb/1-2"),
        ]);
        assert_eq!(run(&folder, false).unwrap(), "aa-bb/1-2");
        let arguments = fs::read_to_string(folder.path().join("arguments")).unwrap();
        assert!(arguments.starts_with("-- /"), "{arguments}");

        let folder = programs(&[("journalctl", "echo aa-bb/1-2")]);
        assert_eq!(run(&folder, false).unwrap_err().kind(), Kind::Local);
    }

    #[test]
    fn a_failure_never_shows_the_key() {
        for text in [
            "echo aa-bb/1-2; echo 'cannot keep aa-bb/1-2' >&2; exit 1",
            "echo 'no journal' >&2; exit 1",
            "exit 0",
            "echo; echo aa-bb/1-2",
        ] {
            let failure = run(&programs(&[("journalctl", text)]), true).unwrap_err();
            assert_eq!(failure.kind(), Kind::Local);
            assert!(!failure.to_string().contains("aa-bb"), "{failure}");
        }
        let failure = run(&programs(&[]), true).unwrap_err();
        assert!(failure.message().contains("not in PATH"));
    }

    #[test]
    fn the_effective_user_counts() {
        let status = "Name:\tpep\nUid:\t1000\t0\t0\t0\nGid:\t0\t0\t0\t0\n";
        assert_eq!(effective_user(status), Some(0));
        assert_eq!(effective_user("Name:\tpep\n"), None);
    }
}
