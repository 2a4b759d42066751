//! `pep selftest` against real stations, and `pep-server --simulate`, which is made for it.

use std::path::Path;
use std::process::Command;

use crate::kit::{Device, Done, Kit, Running, binary, only, request, run};

/// A simulated station in a folder without a file.
struct Simulated {
    station: Running,
    url: String,
    folder: tempfile::TempDir,
}

impl Simulated {
    fn start(arguments: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let mut command = Command::new(binary("pep-server"));
        let near = [("PEP_HTTP_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        only(&mut command, &near);
        command.arg("--simulate").args(arguments).current_dir(folder.path());
        command.env("TMPDIR", folder.path());
        let station = Running::start(command);
        let line = station.line_with("listening on ");
        let url = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap();
        Self { url: url.to_owned(), station, folder }
    }

    fn get(&self, path: &str) -> crate::kit::Answer {
        let address = self.url.strip_prefix("http://").unwrap().parse().unwrap();
        request(address, &format!("GET {path} HTTP/1.1\r\n"))
    }

    fn pep(&self, arguments: &[&str]) -> Done {
        pep(&self.url, arguments)
    }
}

fn pep(url: &str, arguments: &[&str]) -> Done {
    let mut command = Command::new(binary("pep"));
    only(&mut command, &[("PEP_SERVER_URL".to_owned(), url.to_owned())]);
    command.args(arguments);
    run(command, |_, _| {})
}

/// Everything is answered, and every answer says what it is worth.
#[test]
fn a_simulated_station_says_so_everywhere() {
    let simulated = Simulated::start(&[], |_| {});
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/v3/enrollment-ids",
        "/v3/enrollment-id?serialNumber=none",
        "/nowhere",
        "/openapi.json",
        "/v3/identity",
        "/v3/units?state=sent",
    ] {
        let answer = simulated.get(path);
        let said = answer.header("pep-simulated");
        assert_eq!(said, Some("EXAMPLE CA, store in memory"), "{path}");
        assert_ne!(answer.status, 401, "{path}: nobody needs a token");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(simulated.get(path).document()["simulated"], true);
    }
    let device = Device::start();
    let done = simulated.pep(&["get-one-identity", "-s", "GW-1", "-p", &device.port()]);
    done.worked();
    let note = "simulated: this station signs with an EXAMPLE CA and forgets everything";
    assert!(done.stderr.contains(note), "{}", done.stderr);
    let certificate = device.items().bytes("mbed.BootstrapDeviceCert").to_vec();
    let certificate = openssl::x509::X509::from_der(&certificate).unwrap();
    let issuer = format!("{:?}", certificate.issuer_name());
    assert!(issuer.contains("EXAMPLE"), "{issuer}");
    let exported = simulated.pep(&["export", "--format", "csv"]);
    assert!(exported.worked().contains("GW-1"));
    let refused = simulated.pep(&["get-enrollment-id", "-s", "none"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains(note), "{}", refused.stderr);
    assert!(simulated.station.written().contains("SIMULATED: an EXAMPLE CA signs"));

    simulated.station.signal("TERM");
    let (code, log) = simulated.station.ended(crate::kit::PATIENCE);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("SIMULATED: everything is gone"), "{log}");
    let left = std::fs::read_dir(simulated.folder.path()).unwrap().count();
    assert_eq!(left, 0, "a simulation leaves no file");
}

/// With a configuration it is that product, but neither that CA nor that ledger.
#[test]
fn a_simulation_of_ones_own_product() {
    let simulated = Simulated::start(&[], |folder| {
        let mut command = Command::new(binary("pep-server"));
        only(&mut command, &[]);
        command.arg("init").arg(folder);
        run(command, |_, _| {}).worked();
        let fcu = std::fs::read_to_string(folder.join("fcu.yml")).unwrap();
        let fcu = fcu.replace("model-number: \"EXAMPLE-1\"", "model-number: \"OWN-7\"");
        std::fs::write(folder.join("fcu.yml"), fcu).unwrap();
        // A simulation needs no CA.
        std::fs::remove_file(folder.join("keystore/CA_private.pem")).unwrap();
    });
    let device = Device::start();
    simulated.pep(&["get-one-identity", "-s", "GW-1", "-p", &device.port()]).worked();
    assert_eq!(device.items().text("mbed.ModelNumber"), "OWN-7");
    let own = std::fs::read(simulated.folder.path().join("keystore/CA_cert.pem")).unwrap();
    let own = openssl::x509::X509::from_pem(&own).unwrap();
    let certificate = device.items().bytes("mbed.BootstrapDeviceCert").to_vec();
    let certificate = openssl::x509::X509::from_der(&certificate).unwrap();
    assert!(!certificate.verify(&own.public_key().unwrap()).unwrap_or(false));
    assert!(!simulated.folder.path().join("store").exists(), "no ledger is touched");
}

#[test]
fn a_simulation_of_what_is_not_there() {
    let mut command = Command::new(binary("pep-server"));
    only(&mut command, &[]);
    command.args(["--simulate", "--config", "nowhere/station.toml"]);
    let done = run(command, |_, _| {});
    assert_eq!(done.code, 78);
    assert!(done.stderr.contains("nowhere/station.toml"), "{}", done.stderr);
    let mut command = Command::new(binary("pep-server"));
    only(&mut command, &[]);
    command.args(["--simulate", "check"]);
    let done = run(command, |_, _| {});
    assert!(done.stderr.contains("--simulate serves; it goes with no command"), "{}", done.stderr);
}

/// In CI: one line each, and the report.
#[test]
fn a_selftest_of_a_simulated_station() {
    let simulated = Simulated::start(&[], |_| {});
    let done = simulated.pep(&["selftest", "--junit", "report.xml"]);
    let said = done.worked();
    assert!(said.starts_with("10 of 10 steps passed at http://127.0.0.1:"), "{said}");
    assert!(said.contains("nothing stays: the station is simulated"), "{said}");
    assert_eq!(done.stderr.matches(" passed ").count(), 10, "{}", done.stderr);
    let xml = done.file("report.xml");
    assert!(xml.contains("tests=\"10\" failures=\"0\" errors=\"0\" skipped=\"0\""), "{xml}");
    assert!(xml.contains("<property name=\"simulated\" value=\"true\"/>"), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), 10, "{xml}");
}

/// On a real station the record is real: it says so, and can be told from a unit.
#[test]
fn a_selftest_of_a_real_station_says_what_stays() {
    for mode in ["by_tool", "by_device"] {
        let kit = Kit::with(|setup| {
            let (from, to) = ("generation-mode: by_tool", format!("generation-mode: {mode}"));
            setup.fcu(from, &to);
        });
        let done = kit.pep(["selftest"]);
        let said = done.worked();
        assert!(said.contains("stays on record there"), "{said}");
        assert!(done.stderr.contains("it makes a real certificate and keeps"), "{}", done.stderr);
        let serial = said.split("unit ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(serial.starts_with("SELFTEST-"), "{serial}");
        assert_eq!(kit.states(serial), ["confirmed"]);
        let record = kit.record(serial).to_string();
        assert!(record.contains("development") && record.contains("selftest"), "{record}");
        let export = kit.pep_as_operator(["export", "--format", "csv", "--category", "production"]);
        assert!(!export.worked().contains("SELFTEST"), "{}", export.stdout);
        let json = kit.pep(["selftest", "--json"]);
        let told: serde_json::Value = serde_json::from_str(json.worked()).unwrap();
        assert_eq!((told["simulated"].clone(), json.stderr.as_str()), (false.into(), ""));
        assert_ne!(told["serialNumber"], serial, "each has a serial number of its own");
    }
}

/// A station that is still starting is waited for; without it the selftest does not wait.
#[test]
fn a_selftest_waits_for_its_station() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    pep(&url, &["selftest", "--quiet"]).failed_with(3);
    let mut command = Command::new(binary("pep"));
    only(&mut command, &[("PEP_SERVER_URL".to_owned(), url.clone())]);
    command.args(["selftest", "--wait", "60"]);
    let waiting = Running::start(command);
    let mut command = Command::new(binary("pep-server"));
    only(&mut command, &[("PEP_HTTP_LISTEN".to_owned(), free.to_string())]);
    let folder = tempfile::tempdir().unwrap();
    command.arg("--simulate").current_dir(folder.path()).env("TMPDIR", folder.path());
    let station = Running::start(command);
    let (code, said) = waiting.ended(crate::kit::PATIENCE);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("10/10 passed"), "{said}");
    // Nobody is kept out of a simulation, and nobody is told so.
    let log = station.written();
    assert!(!log.contains("routes are closed") && !log.contains("warning:"), "{log}");
}

/// The report is there also, and above all, when something is wrong.
#[test]
fn a_selftest_that_fails() {
    let kit = Kit::with(|setup| {
        setup.station("\"production\", \"development\", \"developer\"", "\"production\"");
    });
    let done = kit.pep(["selftest", "--quiet", "--junit", "report.xml"]);
    let (error, _) = done.failed_with(1);
    assert!(error.contains("development"), "{error}");
    let xml = done.file("report.xml");
    assert!(xml.contains("tests=\"10\" failures=\"1\" errors=\"0\" skipped=\"5\""), "{xml}");
    assert!(xml.contains("<failure type=\"not-admitted\""), "{xml}");
    let done = kit.pep(["selftest", "--category", "production"]);
    assert!(done.worked().contains("(category production) stays on record"), "{}", done.stdout);

    // Nobody there: that is a report too.
    let done = pep("http://127.0.0.1:1", &["selftest", "--quiet", "--junit", "report.xml"]);
    done.failed_with(3);
    assert!(done.file("report.xml").contains("failures=\"1\" errors=\"0\" skipped=\"9\""));
}
