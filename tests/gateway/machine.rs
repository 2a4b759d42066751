//! A gateway's file system in a temporary folder, its agent, and a stand-in for systemctl.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::kit::{Done, Running, binary, only, run};

/// Ends the agent and says so, unless a file tells it not to.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=${0%/*}
echo "$*" >> "$here/calls"
case "$1" in
mask) [ ! -e "$here/unmaskable" ] || { echo 'Unit file already exists' >&2; exit 1; } ;;
stop)
	[ ! -e "$here/hangs" ] || exec sleep 60
	[ ! -e "$here/refuses" ] || { echo 'Access denied' >&2; exit 4; }
	[ -e "$here/stubborn" ] || echo inactive > "$here/state"
	[ -e "$here/spares" ] || [ ! -e "$here/pid" ] || kill -9 "$(cat "$here/pid")" 2> /dev/null || :
	;;
start) echo active > "$here/state" ;;
is-active) cat "$here/state" ;;
esac
"#;

pub struct Machine {
    place: TempDir,
    program: String,
    agent: Option<Running>,
}

impl Machine {
    /// A gateway with an old identity, a new one in its working folder, and no agent running.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        // Of its own: other tests' agents are processes of this machine too.
        let program = format!("ag{}-{number}", std::process::id());
        let machine = Self { place: tempfile::tempdir().unwrap(), program, agent: None };
        let platform = format!(
            "units = [\"edge-core\"]\nprograms = [\"{}\"]\ncredentials = \"{}\"\nidentity = \"{}\"\nclear = [\"{}\"]\n",
            machine.program,
            machine.credentials().display(),
            machine.identity().display(),
            machine.identity().parent().unwrap().display(),
        );
        machine.file("platform.toml", &platform);
        machine.program("bin/systemctl", SYSTEMCTL);
        machine.file("bin/state", "inactive\n");
        machine.fill();
        machine
    }

    /// Writes the old identity and the new one.
    pub fn fill(&self) {
        for (kind, credentials) in [("old", "userdata/mbed/mcc_config"), ("new", "work/pal")] {
            self.file(&format!("{credentials}/pal/WORKING/key"), &format!("{kind} key"));
            self.file(&format!("{credentials}/pal/certificate"), &format!("{kind} certificate"));
        }
        let document = |serial: &str| format!("{{\"serialNumber\":\"{serial}\"}}\n");
        self.file("userdata/edge_gw_config/identity.json", &document("old"));
        self.file("userdata/edge_gw_config/kubelet.pem", "of the old one");
        self.file("work/identity.json", &document("new"));
    }

    /// The folder of all of it.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    pub fn file(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A script that can be run.
    pub fn program(&self, path: &str, text: &str) {
        self.file("program.text", text);
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        // A child writes it: a file that this process holds open could not be run.
        let written = Command::new("sh")
            .args(["-c", r#"cat > "$1" && chmod 755 "$1""#, "sh"])
            .arg(self.path(path))
            .stdin(fs::File::open(self.path("program.text")).unwrap())
            .status();
        assert!(written.unwrap().success());
    }

    pub fn credentials(&self) -> PathBuf {
        self.path("userdata/mbed/mcc_config")
    }

    pub fn identity(&self) -> PathBuf {
        self.path("userdata/edge_gw_config/identity.json")
    }

    /// Starts a process of the agent's name, which systemd knows or does not.
    pub fn start_agent(&mut self, by_systemd: bool) {
        let program = self.path(&self.program);
        std::os::unix::fs::symlink(binary("fcc-device"), &program).unwrap();
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0"]);
        let agent = Running::start(command);
        agent.line_with("Client IP Address");
        if by_systemd {
            self.file("bin/pid", &agent.id().to_string());
            self.file("bin/state", "active\n");
        }
        self.agent = Some(agent);
    }

    pub fn agent_runs(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.code().is_none())
    }

    /// What systemctl was asked for.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("bin/calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// `pep` in the working folder, for this platform.
    pub fn pep(&self, command: &str, options: &[&str]) -> Done {
        run(self.command(&[], command, options), |it, _| {
            it.current_dir(self.path("work"));
        })
    }

    /// The same as a command, started by another program.
    pub fn command(&self, launcher: &[&str], command: &str, options: &[&str]) -> Command {
        let mut words: Vec<PathBuf> = launcher.iter().map(Into::into).collect();
        words.push(binary("pep"));
        let mut started = Command::new(&words[0]);
        only(&mut started, &[]);
        let path = std::env::var("PATH").unwrap();
        started.env("PATH", format!("{}:{path}", self.path("bin").display()));
        started.args(&words[1..]).arg(command).args(options);
        started.arg("--platform-file").arg(self.path("platform.toml"));
        started.current_dir(self.path("work"));
        started
    }

    /// Every file below a folder with what is in it.
    pub fn files(&self, folder: &str) -> BTreeMap<String, String> {
        fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.path(folder), &self.path(folder), &mut found);
        found
    }

    /// Asserts that the whole old identity is where it was, and the new one still where it came.
    pub fn is_untouched(&self) {
        let fresh = Self::new();
        assert_eq!(self.files("userdata"), fresh.files("userdata"));
        assert_eq!(self.files("work"), fresh.files("work"));
    }

    /// Asserts that the new identity is in place and nothing else is left anywhere.
    pub fn is_installed(&self) {
        let installed = self.files("userdata");
        let names: Vec<_> = installed.keys().map(String::as_str).collect();
        let expected = [
            "edge_gw_config/identity.json",
            "mbed/mcc_config/pal/WORKING/key",
            "mbed/mcc_config/pal/certificate",
        ];
        assert_eq!(names, expected);
        assert!(installed.values().all(|text| text.contains("new")), "{installed:?}");
        assert!(self.files("work").is_empty(), "{:?}", self.files("work"));
    }
}
