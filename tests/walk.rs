//! docs/operating.md walked as it is written: install, check, tokens, reload, backup, restore. The
//! blocks are run word for word, in a folder in the place of `/`; apt, sudo and systemctl are
//! stand-ins that do what these would.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{Device, Done, binary, eventually, only, run};

/// Makes the folders that the package makes.
const APT: &str = "mkdir -p -m 700 \"$ROOT/etc/pep\" \"$ROOT/var/lib/pep\"";
/// Whoever is meant, it is whoever runs the test.
const SUDO: &str = "while [ \"$1\" = -u ]; do shift 2; done\nexec \"$@\"";
/// The day in the page.
const DATE: &str = "echo 2026-12-01";
/// The unit's commands, its readiness waited for as `Type=notify` does.
const SYSTEMCTL: &str = r#"
log=$ROOT/journal.log
await() { while ! tail -n "+$from" "$log" | grep -q "$1"; do sleep 0.05; done; }
from=$(($(cat "$log" 2> /dev/null | wc -l) + 1))
case $1 in
enable | start)
    pep-server --config "$ROOT/etc/pep/station.toml" < /dev/null >> "$log" 2>&1 &
    echo $! > "$ROOT/station.pid"
    await 'listening on'
    ;;
stop)
    kill "$(cat "$ROOT/station.pid")"
    await ': stopped'
    ;;
reload)
    kill -HUP "$(cat "$ROOT/station.pid")"
    await 'reload: done'
    ;;
esac
"#;

/// A machine that is being set up by the page.
struct Walk {
    root: tempfile::TempDir,
    page: String,
    port: u16,
}

impl Walk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let stand_ins = [("apt", APT), ("sudo", SUDO), ("date", DATE), ("systemctl", SYSTEMCTL)];
        for (name, text) in stand_ins {
            let path = root.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let page = fs::read_to_string(tree.join("docs/operating.md")).unwrap();
        // Nobody else may have the usual port, and the page does not say another.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { root, page, port }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The one block of the page that has these words.
    fn block(&self, words: &str) -> &str {
        let blocks = self.page.split("```sh\n").skip(1);
        let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
        let mut found = blocks.filter(|block| block.contains(words));
        let block = found.next().unwrap_or_else(|| panic!("no block with `{words}`"));
        assert!(found.next().is_none(), "two blocks with `{words}`");
        block
    }

    /// Runs that block to its end; its first command that fails ends it.
    fn walk(&self, words: &str) -> Done {
        let root = self.root.path().to_str().unwrap();
        let mut block = self.block(words).to_owned();
        for folder in ["/etc/pep", "/var/lib/pep", "/backup"] {
            block = block.replace(folder, &format!("{root}{folder}"));
        }
        let mut command = Command::new("sh");
        command.args(["-euc", &block]);
        self.on_it(&mut command);
        run(command, |_, folder| package(folder))
    }

    /// `pep` of this machine.
    fn pep(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(binary("pep"));
        command.args(arguments);
        self.on_it(&mut command);
        run(command, |_, _| {})
    }

    fn on_it(&self, command: &mut Command) {
        let address = format!("127.0.0.1:{}", self.port);
        let variables = [
            ("PEP_HTTP_LISTEN", address.clone()),
            ("PEP_SERVER_URL", format!("http://{address}")),
            ("ROOT", self.root.path().to_str().unwrap().to_owned()),
        ];
        only(command, &variables.map(|(name, value)| (name.to_owned(), value)));
        let ours = binary("pep-server").parent().unwrap().display().to_string();
        let system = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{ours}:{system}", self.root.path().display()));
    }

    fn provide(&self, serial: &str, device: &Device) -> Done {
        let arguments = ["get-one-identity", "-s", serial, "-i", "127.0.0.1", "-p"];
        self.pep(&[&arguments[..], &[&device.port()]].concat())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("journal.log")).unwrap_or_default()
    }

    fn stop(&self) {
        if let Ok(process) = fs::read_to_string(self.path("station.pid")) {
            let _ = Command::new("kill").arg(process.trim()).status();
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the station's log\n{}", self.log());
        }
    }
}

/// What `make dist` leaves, as far as the page looks at it.
fn package(folder: &Path) {
    fs::create_dir(folder.join(".dist")).unwrap();
    fs::write(folder.join(".dist/pep_3.0.0_amd64.deb"), "").unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let sums = format!("{empty}  pep_3.0.0_amd64.deb\n");
    fs::write(folder.join(".dist/pep-3.0.0-linux.sha256"), sums).unwrap();
}

#[test]
fn from_the_installation_to_a_restored_backup() {
    let walk = Walk::new();
    let installed = walk.walk("apt install");
    let said = installed.worked();
    assert!(said.contains("nothing is wrong"), "{said}{}", installed.stderr);
    assert!(said.contains(", ready"), "{said}");
    assert!(walk.path("var/lib/pep/ledger.sqlite").is_file());
    assert!(!walk.path("etc/pep/store").exists(), "the state is in its own folder");

    let device = Device::with(&["--keep"]);
    walk.provide("GW-1", &device).worked();
    let copied = walk.walk(" backup ");
    assert!(copied.worked().contains("1 unit"), "{}", copied.stdout);
    walk.provide("GW-2", &device).worked();

    // Another token counts from the reload on, and the unit that was being served goes on.
    let reloaded = walk.walk("anna:");
    reloaded.worked();
    let tokens = fs::read_to_string(walk.path("etc/pep/operator.token")).unwrap();
    let anna = tokens.lines().find(|line| line.starts_with("anna:")).unwrap();
    fs::write(walk.path("anna.token"), anna).unwrap();
    let token = walk.path("anna.token");
    let list = ["list", "--state", "confirmed", "--token-file", token.to_str().unwrap()];
    let listed = walk.pep(&list);
    assert!(listed.worked().contains("GW-2"), "{}", listed.stdout);

    let before = walk.log().len();
    let restored = walk.walk(" restore ");
    assert!(restored.worked().contains("ledger.sqlite.before-restore-"), "{}", restored.stdout);
    assert!(walk.log()[before..].contains("behind its journal"), "{}", walk.log());
    let listed = walk.pep(&list);
    for serial in ["GW-1", "GW-2"] {
        assert!(listed.worked().contains(serial), "{}", listed.stdout);
        assert_eq!(walk.provide(serial, &device).code, 1, "{serial} is done");
    }
    let process = fs::read_to_string(walk.path("station.pid")).unwrap();
    walk.stop();
    let gone = || !Path::new("/proc").join(process.trim()).exists();
    eventually("the station has stopped", gone);
}
