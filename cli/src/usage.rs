//! A wrong command line, in the same two lines as every other failure.
//!
//! The parser's own report has a paragraph for each thing it knows; its first paragraph becomes the
//! error, its tips the hint.

use clap::error::ErrorKind;

use crate::failure::{Failure, Kind};

/// What the parser's complaint means: a failure, or text that was asked for (`--help`, `--version`).
pub fn read(error: &clap::Error) -> Result<String, Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Ok(error.render().to_string());
    }
    let report = error.render().to_string();
    let mut paragraphs = report.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = first.trim().trim_start_matches("error:");
    let tip = report
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip:"))
        .map(|tip| format!("{}; ", tip.trim()))
        .unwrap_or_default();
    Err(Failure::new(Kind::Usage, message).with_hint(format!(
        "{tip}`pep help` lists the commands, `pep COMMAND --help` their options"
    )))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Arguments;

    fn outcome(arguments: &[&str]) -> Result<String, Failure> {
        let all = std::iter::once(&"pep").chain(arguments);
        read(&Arguments::try_parse_from(all).err().unwrap())
    }

    #[test]
    fn wrong_command_lines_are_two_lines() {
        for (arguments, said) in [
            (&["get-one-identity"][..], "--serial-number <SERIAL>"),
            (&["get-one-identity", "-s", ""], "--serial-number <SERIAL>"),
            (&["get-one-identity", "-s", "GW", "-p", "0"], "0 is not in 1..=65535"),
            (&["get-one-identity", "-s", "GW", "-p", "65536"], "65536 is not in 1..=65535"),
            (&["get-one-identity", "-s", "GW", "-p", "7777abc"], "7777abc"),
            (&["get-one-identity", "-s", "GW", "--field", "OU"], "NAME=VALUE"),
            (&["get-one-identity", "-s", "GW", "--field", "verificationKey=a"], "verificationKey"),
            (&["get-one-identity", "-s", "GW", "--field", "serialNumber=a"], "serialNumber"),
            (&["get-enrollment-id"], "--serial-number <SERIAL>"),
            (&["list-enrollment-ids", "-o", "UP"], "UP"),
            (&["list-enrollment-ids", "-e", "xml"], "xml"),
            (&["show"], "SERIAL"),
            (&["show", "GW-1", "-s", "GW-2"], "cannot be used"),
            (&["show", ""], "SERIAL"),
            (&["list", "--state", "done"], "done"),
            (&["list", "--limit", "1001"], "1001 is not in 1..=1000"),
            (&["list", "--sort", "size"], "it has to be serial, time or state"),
            (&["list", "--watch", "--json"], "cannot be used"),
            (&["yield", "--by", "week"], "week"),
            (&["yield", "--csv", "--json"], "cannot be used"),
            (&["export", "--time", "unix"], "unix"),
            (&["release", "GW-1"], "--reason <TEXT>"),
            (&["release", "GW-1", "--reason", " "], "it needs a reason"),
            (&["release", "GW-1", "--reason", "a\nb"], "it has to be one line"),
            (&["release", "--reason", "rework"], "SERIAL"),
            (&["get-a-coffee"], "get-a-coffee"),
            (&["--timeout", "0", "get-identity", "-s", "GW"], "0 is not in"),
        ] {
            let failure = outcome(arguments).unwrap_err();
            assert_eq!(failure.kind(), Kind::Usage);
            let shown = failure.to_string();
            assert!(shown.starts_with("error: "), "{shown}");
            assert!(shown.contains(said), "{shown}");
            assert_eq!(shown.lines().count(), 2, "{shown}");
        }
    }

    #[test]
    fn a_near_miss_is_named() {
        let shown = outcome(&["get-enrolment-id"]).unwrap_err().to_string();
        assert!(shown.contains("get-enrollment-id"), "{shown}");
    }

    #[test]
    fn text_that_was_asked_for_is_no_failure() {
        assert!(outcome(&["-V"]).unwrap().starts_with("pep "));
        for command in [
            "get-one-identity",
            "get-identity",
            "get-enrollment-id",
            "get-verification-key",
            "list-enrollment-ids",
            "export",
            "show",
            "list",
            "yield",
            "release",
            "completions",
        ] {
            assert!(outcome(&["--help"]).unwrap().contains(command));
            let long = outcome(&[command, "--help"]).unwrap();
            assert!(long.contains("pep "), "{long}");
            let short = outcome(&[command, "-h"]).unwrap();
            assert!(short.len() <= long.len());
        }
        assert!(outcome(&["help", "export"]).unwrap().contains("--since"));
    }
}
