//! What a person sees on a terminal, and a pipe does not.

use std::process::Command;

use crate::kit::{Device, Done, Kit, binary, run, skip};

/// Runs `pep` with a terminal (of util-linux's `script`) as its output and error.
fn on_a_terminal(kit: &Kit, arguments: &str) -> Option<Done> {
    typed_on_a_terminal(kit, arguments, "")
}

/// The same, and types an answer.
fn typed_on_a_terminal(kit: &Kit, arguments: &str, typed: &str) -> Option<Done> {
    let found = Command::new("script").arg("--version").output();
    if !found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        skip("util-linux's `script` is not there to make a terminal");
        return None;
    }
    let line = format!("{} --server {} {arguments}", binary("pep").display(), kit.url());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    if !typed.is_empty() {
        // What is typed before anybody reads is kept by the terminal.
        let script = r#"{ printf '%s\n' "$1"; sleep 5; } | script --quiet --return --command "$2" /dev/null"#;
        command = Command::new("sh");
        command.args(["-c", script, "sh", typed, &line]);
    }
    Some(run(command, |_, _| {}))
}

#[test]
fn progress_is_drawn_for_people_only() {
    let kit = Kit::start();
    let device = Device::faulty("slow=1500");
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
    let last = done.stdout.trim_end().lines().last().unwrap();
    assert!(last.contains("\u{1b}[1;97;41m FAIL \u{1b}[0m  GW-1"), "{last:?}");
    let lines: Vec<_> = done.stdout.lines().filter(|line| line.contains(": ")).collect();
    let [error, hint] = lines[lines.len() - 2..] else { panic!("{}", done.stdout) };
    assert!(error.contains("error: the device answered with return status 18"), "{error:?}");
    assert!(hint.starts_with("hint: "), "{hint:?}");
    assert!(done.files().is_empty());
}

/// The last line is PASS, in colour unless nobody wants any; scripts never see it.
#[test]
fn pass_is_the_last_line_on_a_terminal() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    let ask = format!("get-one-identity --bell -s GW-1 -p {}", device.port());
    let Some(done) = on_a_terminal(&kit, &ask) else { return };
    let last = done.worked().trim_end().lines().last().unwrap();
    assert_eq!(last, "\u{7}\u{1b}[1;97;42m PASS \u{1b}[0m  GW-1");
    let ask = format!("get-one-identity -s GW-1 -p {}", device.port());
    let line = format!("NO_COLOR=1 {} --server {} {ask}", binary("pep").display(), kit.url());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let done = run(command, |_, _| {});
    assert_eq!(done.code, 1);
    assert_eq!(done.stdout.trim_end().lines().last().unwrap().trim(), "FAIL   GW-1");
    let piped = kit.pep(["get-one-identity", "--bell", "-s", "GW-2", "-p", &device.port()]);
    assert!(!(piped.worked().to_owned() + &piped.stderr).contains("PASS"), "{}", piped.stderr);
}

/// On a terminal a release shows what it undoes, and asks; in a pipe it does not.
#[test]
fn a_release_is_asked_for() {
    let kit = Kit::start();
    let device = Device::with(&["--keep"]);
    kit.provision("GW-1", &device).worked();
    let token = kit.token_file();
    let ask = format!("release GW-1 --reason rework --token-file {}", token.display());
    let Some(done) = typed_on_a_terminal(&kit, &ask, "n") else { return };
    assert_eq!(done.code, 1, "{}", done.stdout);
    for said in [
        "has had its identity since",
        "no longer answered",
        "to be revoked",
        "Release GW-1?",
        "nothing was released",
    ] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    assert_eq!(kit.unit("GW-1")["deployed"], true);
    let Some(done) = typed_on_a_terminal(&kit, &ask, "yes") else { return };
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.contains("GW-1 is released"), "{}", done.stdout);
    kit.provision("GW-1", &device).worked();
    let Some(done) = on_a_terminal(&kit, &format!("{ask} --yes")) else { return };
    assert!(done.worked().contains("GW-1 is released"), "{}", done.stdout);
    assert!(!done.stdout.contains("Release GW-1?"), "{}", done.stdout);
}

/// Local times, and lines that fit.
#[test]
fn a_list_fits_the_terminal() {
    let kit = Kit::start();
    kit.provision("GW-1", &Device::faulty("status=18")).failed_with(4);
    let token = kit.token_file();
    let list = format!("list --token-file {}", token.display());
    let Some(done) = on_a_terminal(&kit, &list) else { return };
    let row = done.worked().lines().find(|line| line.starts_with("GW-1")).unwrap();
    assert!(!row.contains('Z') && row.contains("..."), "{row}");
    let piped = kit.pep_as_operator(["list"]);
    let row = piped.worked().lines().find(|line| line.starts_with("GW-1")).unwrap();
    assert!(row.contains("Z  ") && !row.contains("..."), "{row}");
}
