//! The line's script, as the README prints it, run word for word.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::machine::Machine;
use crate::kit::{Done, Kit, binary, run};

/// Stands in for the reference client: the simulated gateway, with the folder that a client leaves.
const CLIENT: &str = r#"#!/bin/sh
[ ! -e dies ] || exit 7
[ ! -e mute ] || exec sleep 60
"$FCC_DEVICE" --listen 127.0.0.1:0 --store store || exit
mkdir -p pal/pal/WORKING
echo 'new key' > pal/pal/WORKING/key
"#;

/// Names the platform's file, which the script's own machine has in /etc.
const PEP: &str = r#"#!/bin/sh
unset PEP_PLATFORM
case $1 in
prepare | install-identity) exec "$PEP" "$@" --platform-file "$PLATFORM_FILE" ;;
*) exec "$PEP" "$@" ;;
esac
"#;

/// The snippet of the README that is a whole script.
fn script() -> String {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).with_file_name("README.md");
    let text = fs::read_to_string(readme).unwrap();
    let snippets = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut scripts = snippets.filter(|snippet| snippet.starts_with("#!/bin/sh\n"));
    let script = scripts.next().unwrap().to_owned();
    assert_eq!(scripts.next(), None);
    script
}

struct Line {
    machine: Machine,
}

impl Line {
    fn new() -> Self {
        let machine = Machine::new();
        fs::remove_dir_all(machine.path("work")).unwrap();
        let script = script();
        for (name, text) in [
            ("work/line.sh", script.as_str()),
            ("work/factory-configurator-client-example.elf", CLIENT),
            ("bin/pep", PEP),
        ] {
            machine.program(name, text);
        }
        Self { machine }
    }

    fn run(&self, url: &str, serial: &str) -> Done {
        let mut command = Command::new("sh");
        crate::kit::only(&mut command, &[("PEP_SERVER_URL".to_owned(), url.to_owned())]);
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", self.machine.path("bin").display()))
            .env("PEP", binary("pep"))
            .env("FCC_DEVICE", binary("fcc-device"))
            .env("PLATFORM_FILE", self.machine.path("platform.toml"))
            .env("PATIENCE", "2")
            .args(["line.sh", serial]);
        run(command, |it, _| {
            it.current_dir(self.machine.path("work"));
        })
    }

    /// The agent runs again, with the identity it had.
    fn runs_again(&self) {
        let calls = self.machine.calls();
        let last = ["unmask --runtime edge-core", "start edge-core"];
        assert_eq!(calls[calls.len() - 2..], last, "{calls:?}");
        assert_eq!(self.machine.files("userdata")["mbed/mcc_config/pal/WORKING/key"], "old key");
    }
}

#[test]
fn a_gateway_goes_down_the_line() {
    let kit = Kit::start();
    let line = Line::new();
    let done = line.run(&kit.url(), "GW-1");
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
    let installed = line.machine.files("userdata");
    assert_eq!(installed["mbed/mcc_config/pal/WORKING/key"], "new key\n");
    assert!(installed["edge_gw_config/identity.json"].contains("\"GW-1\""), "{installed:?}");
    assert_eq!(line.machine.calls().last().unwrap(), "unmask --runtime edge-core");
}

/// Whatever fails, the exit code says what, and the agent runs again with what it had.
#[test]
fn a_step_fails() {
    let kit = Kit::start();
    // The unit is done already.
    kit.provision("GW-1", &crate::kit::Device::start()).worked();
    let line = Line::new();
    let done = line.run(&kit.url(), "GW-1");
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("line.sh: no identity for GW-1"), "{}", done.stderr);
    line.runs_again();
    // Nobody answers.
    let line = Line::new();
    let done = line.run("http://127.0.0.1:1", "GW-2");
    assert_eq!(done.code, 3, "{}", done.stderr);
    line.runs_again();
    // The client dies, or never listens.
    for (sign, said) in [("dies", "the client has ended"), ("mute", "the client does not listen")] {
        let line = Line::new();
        line.machine.file(&format!("work/{sign}"), "");
        let done = line.run(&kit.url(), "GW-2");
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        line.runs_again();
    }
    // The agent does not stop.
    let line = Line::new();
    line.machine.file("bin/refuses", "");
    let done = line.run(&kit.url(), "GW-2");
    assert_eq!(done.code, 1, "{}", done.stderr);
    line.runs_again();
    assert!(kit.states("GW-2").is_empty());
}
