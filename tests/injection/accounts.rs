//! Units that belong to an account from the beginning, and which one.

use openssl::x509::X509;

use super::CERTIFICATE;
use crate::kit::{Device, Kit, Setup, run, words};

const USUAL: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";
const STRANGE: &str = "ffffffffffffffffffffffffffffffff";

fn bootstrap(setup: &mut Setup) {
    setup
        .fcu("first-to-claim: true", "first-to-claim: false")
        .fcu_also(&format!("bootstrap-server-uri: coaps://bootstrap.example:5684?aid={USUAL}"))
        .env("PEP_ADMISSION_ACCOUNTS", OTHER);
}

fn direct(setup: &mut Setup) {
    let folder = setup.folder().to_owned();
    let ca = folder.join("bootstrap-server-ca.pem");
    std::fs::copy(ca, folder.join("lwm2m-server-ca.pem")).unwrap();
    setup
        .fcu("use-bootstrap: true", "use-bootstrap: false")
        .fcu("first-to-claim: true", "first-to-claim: false")
        .fcu("  OU: \"\"", &format!("  OU: \"{USUAL}\""))
        .fcu_also(&format!(
            "lwm2m-server-uri: coaps://lwm2m.example:5684?aid={USUAL}\n\
             lwm2m-server-ca-file: lwm2m-server-ca.pem"
        ))
        .env("PEP_ADMISSION_ACCOUNTS", OTHER);
}

fn provision(kit: &Kit, serial: &str, account: Option<&str>, device: &Device) {
    let port = device.port();
    let mut arguments = vec!["get-one-identity", "-s", serial, "-i", "127.0.0.1", "-p", &port];
    if let Some(account) = account {
        arguments.extend(["--account", account]);
    }
    kit.pep_with(&arguments, |_, _| {}).worked();
}

/// With a bootstrap server the account stands in its URI.
#[test]
fn the_uri_names_the_account_asked_for() {
    let kit = Kit::with(bootstrap);
    for (serial, asked, expected) in
        [("GW-1", None, USUAL), ("GW-2", Some(OTHER), OTHER), ("GW-3", Some(USUAL), USUAL)]
    {
        let device = Device::start();
        provision(&kit, serial, asked, &device);
        let items = device.items();
        let uri = format!("coaps://bootstrap.example:5684?aid={expected}");
        assert_eq!(items.text("mbed.BootstrapServerURI"), uri);
        assert!(!items.holds("mbed.FirstToClaim"));
        let record = kit.record(serial);
        assert_eq!(record["executions"][0]["account"], expected);
        assert_eq!(record["firstToClaim"], false);
    }
    let shown = kit.pep_as_operator(["show", "GW-2"]);
    assert!(shown.worked().contains(OTHER), "{}", shown.stdout);
}

/// Without one it stands in OU as well, whoever makes the key; the device compares them.
#[test]
fn ou_is_the_account_asked_for() {
    for mode in ["by_tool", "by_device"] {
        let kit = Kit::with(|setup| {
            direct(setup);
            setup.fcu("generation-mode: by_tool", &format!("generation-mode: {mode}"));
        });
        for (serial, asked, expected) in [("GW-1", None, USUAL), ("GW-2", Some(OTHER), OTHER)] {
            let device = Device::start();
            provision(&kit, serial, asked, &device);
            let items = device.items();
            let uri = format!("coaps://lwm2m.example:5684?aid={expected}");
            assert_eq!(items.text("mbed.LwM2MServerURI"), uri);
            let certificate = X509::from_der(items.bytes("mbed.LwM2MDeviceCert")).unwrap();
            let subject = words(certificate.subject_name());
            assert!(subject.contains(&format!("OU={expected}")), "{subject:?}");
            assert_eq!(subject.iter().filter(|it| it.starts_with("OU=")).count(), 1);
        }
    }
}

/// An account that is not on the list, and any where units belong to nobody: nothing is written,
/// nothing is sent.
#[test]
fn accounts_that_are_refused() {
    let device = Device::start();
    let refused = |kit: &Kit, account: &str, words: &str| {
        let path = format!("{}&accountId={account}", Kit::query("GW-1", &device.port()));
        let problem = kit.get(&path).problem(403, "not-admitted");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        assert_eq!(kit.states("GW-1"), [""; 0]);
        assert!(device.items().is_empty());
    };
    let kit = Kit::with(bootstrap);
    refused(&kit, STRANGE, "is not one of this station's");
    refused(&kit, &OTHER.to_uppercase(), "is not one of this station's");
    refused(&kit, &format!("{OTHER}%26x=1"), "is not one of this station's");
    // The list of accounts is nobody's business.
    let path = format!("{}&accountId={STRANGE}", Kit::query("GW-1", &device.port()));
    assert!(!kit.get(&path).text().contains(OTHER));
    let kit = Kit::with(direct);
    refused(&kit, STRANGE, "is not one of this station's");
    let kit = Kit::start();
    refused(&kit, OTHER, "units of this product belong to nobody until they are claimed");
    // Naming none is no account.
    let path = format!("{}&accountId=", Kit::query("GW-1", &device.port()));
    assert_eq!(kit.get(&path).status, 200);
    assert!(device.items().holds(CERTIFICATE));
}

#[test]
fn previews_and_settings() {
    let mut setup = Setup::new();
    direct(&mut setup);
    let shown = run(setup.server(&["preview", "GW-1", "--account", OTHER]), |_, _| {});
    assert!(shown.worked().contains(&format!("OU={OTHER}")), "{}", shown.stdout);
    assert!(shown.stdout.contains(&format!("?aid={OTHER}\"")), "{}", shown.stdout);
    assert!(shown.stdout.contains("it takes this identity"), "{}", shown.stdout);
    let refused = run(setup.server(&["preview", "GW-1", "--account", STRANGE]), |_, _| {});
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is not one of this station's"), "{}", refused.stderr);

    setup.env("PEP_ADMISSION_ACCOUNTS", "a b");
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert_eq!(checked.code, 78);
    let words = "PEP_ADMISSION_ACCOUNTS (for [admission] accounts[1]): is \"a b\"";
    assert!(checked.stderr.contains(words), "{}", checked.stderr);
    let mut setup = Setup::new();
    setup.env("PEP_ADMISSION_ACCOUNTS", OTHER);
    let checked = run(setup.server(&["check"]), |_, _| {});
    checked.worked();
    assert!(
        checked.stderr.contains("(for [admission] accounts): has no effect"),
        "{}",
        checked.stderr
    );
}
