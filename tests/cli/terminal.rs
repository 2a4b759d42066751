//! What a person sees on a terminal, and a pipe does not.

use std::process::Command;

use crate::kit::{Device, Done, Kit, binary, run, skip};

/// Runs `pep` with a terminal (of util-linux's `script`) as its output and error.
fn on_a_terminal(kit: &Kit, arguments: &str) -> Option<Done> {
    let found = Command::new("script").arg("--version").output();
    if !found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        skip("util-linux's `script` is not there to make a terminal");
        return None;
    }
    let line = format!("{} --server {} {arguments}", binary("pep").display(), kit.url());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    Some(run(command, |_, _| {}))
}

#[test]
fn progress_is_drawn_for_people_only() {
    let kit = Kit::start();
    let device = Device::faulty("slow=400");
    let ask = format!("get-one-identity -s GW-1 -p {}", device.port());
    let Some(done) = on_a_terminal(&kit, &ask) else { return };
    let shown = done.worked();
    assert!(shown.contains("injecting into the device"), "{shown}");
    assert!(shown.contains("done in "), "{shown}");
    // Indented for reading; the file is as the station sent it.
    assert!(shown.contains("  \"serialNumber\": \"GW-1\""), "{shown}");
    assert!(!done.file("identity.json").trim_end().contains('\n'));

    // In a pipe: the document, and not a word beside it.
    let device = Device::faulty("slow=400");
    let piped = kit.provision("GW-2", &device);
    assert_eq!(piped.worked(), piped.file("identity.json"));
    assert_eq!(piped.stderr, "");

    // `--quiet` and `--json` ask for none on a terminal either.
    for (serial, option) in [("GW-3", "--quiet"), ("GW-4", "--json")] {
        let device = Device::faulty("slow=300");
        let ask = format!("get-one-identity -s {serial} -p {} {option}", device.port());
        let Some(done) = on_a_terminal(&kit, &ask) else { return };
        assert!(!done.worked().contains("injecting"), "{option}: {}", done.stdout);
        assert!(!done.stdout.contains('\u{1b}'), "{option}: {}", done.stdout);
    }
}

/// A failure on a terminal ends in the same two lines.
#[test]
fn a_failure_takes_the_progress_away() {
    let kit = Kit::start();
    let device = Device::faulty("status=18");
    let ask = format!("get-one-identity -s GW-1 -p {}", device.port());
    let Some(done) = on_a_terminal(&kit, &ask) else { return };
    assert_eq!(done.code, 4, "{}", done.stdout);
    let lines: Vec<_> = done.stdout.lines().filter(|line| line.contains(": ")).collect();
    let [error, hint] = lines[lines.len() - 2..] else { panic!("{}", done.stdout) };
    assert!(error.contains("error: the device answered with return status 18"), "{error:?}");
    assert!(hint.starts_with("hint: "), "{hint:?}");
    assert!(done.files().is_empty());
}
