//! What every command has in common: exit codes, two lines, help, settings.

use std::process::Command;

use serde_json::Value;

use super::provision;
use crate::kit::{Device, Done, Kit, Peer, binary, run};

fn alone(arguments: &[&str]) -> Done {
    let mut command = Command::new(binary("pep"));
    command.args(arguments).env_remove("PEP_SERVER_URL").env_remove("DEBUG");
    command.env("PEP_DISCOVERY", "off");
    run(command, |_, _| {})
}

/// The old commands with their old letters, the new ones, and what they print.
#[test]
fn every_command_answers() {
    let kit = Kit::start();
    let device = Device::start();
    let told = provision(&kit, &device, "GW-1", &["-v"]);
    assert!(told.stderr.contains("pep: GET "), "-v traces: {}", told.stderr);
    let document: Value = serde_json::from_str(&told.stdout).unwrap();
    let id = document["enrollmentID"].as_str().unwrap();

    assert_eq!(kit.pep(["get-enrollment-id", "-s", "GW-1"]).worked(), format!("{id}\n"));
    let json = kit.pep(["get-enrollment-id", "-s", "GW-1", "--json"]);
    let expected = format!("{{\"serialNumber\":\"GW-1\",\"enrollmentID\":\"{id}\"}}\n");
    assert_eq!(json.worked(), expected);
    assert_eq!(kit.pep(["get-identity", "-s", "GW-1"]).worked(), told.stdout);
    let kept = kit.pep(["get-identity", "-s", "GW-1", "-o", "there.json"]);
    assert_eq!(kept.file("there.json"), told.stdout);

    for version in ["-V", "--version"] {
        assert_eq!(alone(&[version]).worked(), concat!("pep ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    for arguments in [&["help"][..], &["-h"], &["--help"], &[]] {
        let help = alone(arguments);
        for command in ["get-one-identity", "get-enrollment-id", "list-enrollment-ids", "export"] {
            assert!(help.worked().contains(command), "{arguments:?}");
        }
    }
    for shell in ["bash", "zsh", "fish"] {
        let completions = alone(&["completions", shell]);
        assert!(completions.worked().contains("get-one-identity"), "{shell}");
    }
}

/// One exit code a kind of failure, each with two lines and nothing on standard output.
#[test]
fn exit_codes() {
    let kit = Kit::start();
    let (_nobody, port) = Peer::nobody();
    let none = format!("http://127.0.0.1:{port}");
    for (arguments, code, said) in [
        // 1: the station refused, or this machine failed.
        (&["get-enrollment-id", "-s", "GW-9"][..], 1, "no provisioned unit has the serial"),
        (&["get-identity", "-s", "GW-9"], 1, "no provisioned unit has the serial number `GW-9`"),
        (&["get-verification-key", "-s", "GW-9"], 1, "no provisioned unit has the serial"),
        (&["export"], 1, "this needs an operator's token"),
        (&["get-one-identity", "-s", "GW-1", "-c", "none"], 1, "the category `none` is not one of"),
        (&["get-one-identity", "-s", "GW-1", "-i", "8.8.8.8"], 1, "outside the networks"),
        (&["get-one-identity", "-s", "GW-1", "-o", "no/such/folder"], 1, "cannot write no/such"),
        (&["list-enrollment-ids", "-t", "GW-1"], 1, "`last` is not 24 hexadecimal digits"),
        // 2: the command is wrong.
        (&["get-one-identity"], 2, "--serial-number"),
        (&["get-one-identity", "-s", "GW-1", "-p", "0"], 2, "0 is not in 1..=65535"),
        (&["get-one-identity", "-s", "GW-1", "-p", "65536"], 2, "65536 is not in"),
        (&["get-one-identity", "-s", "GW-1", "-p", "7777abc"], 2, "7777abc"),
        (&["get-one-identity", "-s", "GW-1", "--field", "serialNumber=x"], 2, "option of its own"),
        (&["export", "--format", "xml"], 2, "xml"),
        (&["make-coffee"], 2, "make-coffee"),
        (&["--server", "ftp://x", "get-identity", "-s", "GW"], 2, "not the address of a station"),
        (&["--cacert", "none.pem", "get-identity", "-s", "GW"], 2, "none.pem"),
        (&["--token-file", "none", "export"], 2, "cannot use the token file none"),
        // 3: no answer from the station.
        (&["--server", &none, "get-identity", "-s", "GW"], 3, "no connection to the station"),
        // 4: the device failed.
        (&["get-one-identity", "-s", "GW-1", "-p", &port], 4, "no connection to the injection"),
    ] {
        let done = kit.pep_with(arguments, |_, _| {});
        let (error, _) = done.failed_with(code);
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(done.files().is_empty(), "{arguments:?}: {:?}", done.files());
    }
}

/// What answers is no station, or says nothing: exit code 3, and a hint where to look.
#[test]
fn whatever_else_answers() {
    let kit = Kit::start();
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>Hi</p>";
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"serialNumber\":";
    for (said, code) in [
        (page, 3),
        (cut, 3),
        ("220 mail.example ESMTP\r\n", 3),
        ("HTTP/1.1 302 Found\r\nLocation: http://elsewhere/?a\r\nContent-Length: 0\r\n\r\n", 3),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 3),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 5),
    ] {
        let peer = answering(said);
        let url = format!("http://127.0.0.1:{}", peer.port());
        let arguments = ["--server", &url, "get-one-identity", "-s", "GW-1"];
        let done = kit.pep_with(&arguments, |_, _| {});
        done.failed_with(code);
        assert!(done.files().is_empty());
    }
    let silent = Peer::silent();
    let url = format!("http://127.0.0.1:{}", silent.port());
    let arguments = ["--server", &url, "--timeout", "1", "get-one-identity", "-s", "GW-1"];
    let done = kit.pep_with(&arguments, |_, _| {});
    let (_, hint) = done.failed_with(3);
    assert!(hint.contains("`pep get-identity -s GW-1` tells"), "{hint}");
}

/// An HTTP peer that reads a request's head and says these bytes.
fn answering(said: &'static str) -> Peer {
    use std::io::{Read as _, Write as _};
    Peer::with(move |_, stream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            head.push(byte[0]);
        }
        // The other side may have gone.
        let _ = stream.write_all(said.as_bytes());
    })
}

/// The old variables: the station's address, and tracing. No secret is traced.
#[test]
fn the_old_variables() {
    let kit = Kit::start();
    let device = Device::start();
    provision(&kit, &device, "GW-1", &[]);
    let url = kit.url();
    let traced = kit.pep_with(&["get-identity", "-s", "GW-1"], |command, _| {
        command.env("DEBUG", "*");
    });
    assert!(
        traced.stderr.contains(&format!("pep: GET {url}/v3/identity-record?serialNumber=GW-1"))
    );
    // As curl under the old command line took it.
    let without_scheme = url.trim_start_matches("http://").to_owned();
    for server in [&format!("{url}/"), &without_scheme, &format!(" {url} ")] {
        kit.pep_with(&["get-identity", "-s", "GW-1"], |command, _| {
            command.env("PEP_SERVER_URL", server);
        })
        .worked();
    }
    let token = kit.token();
    let file = kit.token_file();
    let traced = kit.pep_with(&["export"], |command, _| {
        command.env("DEBUG", "*").env("PEP_OPERATOR_TOKEN_FILE", file);
    });
    traced.worked();
    assert!(traced.stderr.contains("with a token") && !traced.stderr.contains(&token));
}

/// A reader that went away early is told of, and nothing hangs.
#[test]
fn a_reader_that_goes_away() {
    let kit = Kit::start();
    let device = Device::start();
    provision(&kit, &device, "GW-1", &[]);
    let mut command = Command::new("sh");
    let pep = binary("pep");
    command.args(["-c", "\"$1\" --server \"$2\" get-identity -s GW-1 2>err | true; cat err", "sh"]);
    command.arg(pep).arg(kit.url());
    let done = run(command, |_, _| {});
    // Whether the pipe was closed already is the system's affair.
    let told = done.worked();
    assert!(
        told.is_empty() || told.starts_with("error: cannot write to standard output"),
        "{told}"
    );
}
