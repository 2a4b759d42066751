//! `check` answers whether the station would issue now: what it promises the first unit gets, and
//! what it says is in the way keeps that unit from getting it.

use std::net::TcpListener;

use rusqlite::Connection;

use super::{code, faults, one_fault};
use crate::kit::{Device, Done, Draft, Kit, Setup, run, skip};
use crate::sign::pki::Factory;

fn check(setup: &Setup) -> Done {
    run(setup.server(&["check"]), |_, _| {})
}

/// What `check` says is in the way, with the exit code that fits.
fn in_the_way(setup: &Setup) -> String {
    let checked = check(setup);
    assert_eq!((checked.code, checked.stdout.as_str()), (code(&checked.stderr), ""));
    assert!(checked.code == 1 || checked.code == 78, "{}", checked.stderr);
    checked.stderr
}

/// The first unit of a station is refused by it, or served.
fn first_unit(setup: Setup) -> u16 {
    Kit::of(setup).provision_by_http("GW-1", &Device::start()).status
}

#[test]
fn a_disk_without_room() {
    let mut setup = Setup::new();
    setup.env("PEP_STORE_MIN_FREE", "1000000000");
    let said = in_the_way(&setup);
    one_fault(&said, &["[store] min_free", "MiB left, and 1000000000 MiB shall stay free"]);
    assert_eq!(first_unit(setup), 503);
}

#[test]
fn a_clock_behind_the_records() {
    let mut kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    kit.stop();
    let path = kit.folder().join("store/ledger.sqlite");
    let ledger = Connection::open(&path).unwrap();
    assert_eq!(ledger.execute("UPDATE newest SET at = at + 86400000", []), Ok(1));
    drop(ledger);
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml")).arg("check");
    let checked = run(command, |_, _| {});
    assert_eq!(checked.code, 1, "{}", checked.stdout);
    one_fault(&checked.stderr, &["clock: ", "the newest record is of ", "accept-clock"]);
    kit.start_again();
    assert_eq!(kit.provision_by_http("GW-2", &Device::start()).status, 503);
}

#[test]
fn a_tls_certificate_that_is_not_valid_now() {
    for (from, until, words) in [
        (-9 * 86_400, -86_400, "the TLS certificate ended on "),
        (86_400, 9 * 86_400, "the TLS certificate begins on "),
    ] {
        let mut setup = Setup::new();
        let tls = Draft { is_ca: false, from, until, ..Draft::named("station") }.self_signed();
        setup.file("cert.pem", tls.pem());
        setup.file("key.pem", tls.key_pem());
        setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
        let said = in_the_way(&setup);
        one_fault(&said, &["[http] certificate): ", words]);
        assert!(!said.contains("it ended on"), "said once: {said}");
    }
}

#[test]
fn addresses_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = (taken.local_addr().unwrap(), taken);
    let mut setup = Setup::new();
    setup.env("PEP_SIGN_LISTEN", &taken.0.to_string());
    let holder = format!("in use by process {} (", std::process::id());
    one_fault(&in_the_way(&setup), &["[sign] listen", &holder]);

    let mut setup = Setup::new();
    setup.env("PEP_HTTP_LISTEN", "192.0.2.1:0");
    let words = "this machine does not have the address 192.0.2.1 now; give an address of";
    one_fault(&in_the_way(&setup), &["[http] listen", words]);

    for (own, beside) in [
        ("127.0.0.1:45151", "127.0.0.1:45151"),
        ("0.0.0.0:45151", "127.0.0.1:45151"),
        ("127.0.0.1:45151", "[::]:45151"),
    ] {
        let mut setup = Setup::new();
        setup.env("PEP_HTTP_LISTEN", own).env("PEP_SIGN_LISTEN", beside);
        let said = in_the_way(&setup);
        let words = format!("{beside} is taken by [http] listen, {own}");
        one_fault(&said, &["PEP_SIGN_LISTEN (for [sign] listen[1]): ", &words]);
    }
}

#[test]
fn networks_that_are_not_there() {
    let mut setup = Setup::new();
    setup.env("PEP_DISCOVERY_ANNOUNCE", "true").env("PEP_DISCOVERY_INTERFACES", "lo,no-such0");
    let checked = check(&setup);
    checked.worked();
    assert!(checked.stderr.contains("no network interface \"no-such0\" now"), "{}", checked.stderr);
    assert!(!checked.stderr.contains("interface \"lo\""), "{}", checked.stderr);
    let mut setup = Setup::new();
    setup.station("allow = [", "allow = []\n# [");
    let checked = check(&setup);
    assert!(checked.stderr.contains("[injection] allow: is empty: "), "{}", checked.stderr);
}

/// Root runs `check`; the service is somebody else.
#[test]
fn files_of_another_user() {
    use std::os::unix::fs::chown;
    const NOBODY: u32 = 65_534;
    let mut kit = Kit::start();
    kit.stop();
    let store = kit.folder().join("store");
    if chown(&store, Some(NOBODY), None).is_err() {
        return skip("only root can give files away");
    }
    let check = || {
        let mut command = kit.server();
        command.arg("--config").arg(kit.folder().join("station.toml")).arg("check");
        let checked = run(command, |_, _| {});
        assert_eq!(checked.code, code(&checked.stderr));
        checked.stderr
    };
    let said = check();
    for words in [
        "[store] path: ",
        "ledger.sqlite is root's, and its folder is nobody's: a station that runs as nobody",
        "operator.token is root's, mode 600: a station that runs as nobody",
        "[journal] path: ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("chown nobody "), "{said}");
}

#[test]
fn factory_work_that_ends_is_said_aloud() {
    let mut setup = Setup::new();
    setup.fcu("disable: false", "disable: true");
    let checked = check(&setup);
    checked.worked();
    assert!(checked.stderr.contains("fcu.yml:84: disable: is true: the injection ends"));
}

/// With a CA of one's own nothing of the EXAMPLE folder is signed for, unless that is meant.
#[test]
fn examples_beside_a_ca_of_ones_own() {
    let own = || {
        let mut setup = Setup::new();
        let ca = Draft::named("Acme CA").self_signed();
        setup.file("keystore/CA_cert.pem", ca.pem());
        setup.file("keystore/CA_private.pem", ca.key_pem());
        setup
    };
    let mut setup = own();
    setup.env("PEP_ADMISSION_ALLOW_EXAMPLE", "");
    let said = in_the_way(&setup);
    let places = [
        "fcu.yml:20: bootstrap-server-ca-file: `O=EXAMPLE, ",
        "fcu.yml:34: device-info.manufacturer: \"EXAMPLE\"",
        "fcu.yml:35: device-info.model-number: \"EXAMPLE-1\"",
        "fcu.yml:52: device-certificate.O: \"EXAMPLE\"",
        "fcu.yml:67: update-auth-certificate-file: `O=EXAMPLE, ",
        "fcu.yml:68: vendor-id: 42fa7b48-1a65-43aa-890f-8c704daade54",
        "fcu.yml:69: class-id: c56f3a62-b52b-4ef6-95a0-db7a6e3b5b21",
    ];
    let found = faults(&said);
    assert_eq!(found.len(), places.len(), "{said}");
    for (fault, place) in found.iter().zip(places) {
        assert!(fault.contains(place), "{place}: {fault}");
        assert!(fault.contains("is an EXAMPLE, and the CA is not; replace it, or"), "{fault}");
    }
    // A start and a preview say the same.
    for arguments in [&[][..], &["preview", "GW-1"]] {
        let done = run(setup.server(arguments), |_, _| {});
        assert_eq!(
            (done.code, done.stdout.as_str(), faults(&done.stderr)),
            (78, "", faults(&said))
        );
    }
    let mut setup = own();
    setup
        .env("PEP_ADMISSION_ALLOW_EXAMPLE", "")
        .station("allow_example = false", "allow_example = true");
    let checked = check(&setup);
    checked.worked();
    assert_eq!(checked.stderr.matches("is an EXAMPLE; replace it before").count(), places.len());
    assert_eq!(first_unit(setup), 200);

    // The example's account, wherever it is named.
    let account = "0123456789abcdef0123456789abcdef";
    let mut setup = own();
    setup.env("PEP_ADMISSION_ALLOW_EXAMPLE", "").env("PEP_ADMISSION_ACCOUNTS", account);
    setup.env("PEP_DEVELOPER_ACCOUNT_ID", account);
    let said = in_the_way(&setup);
    for key in ["[admission] accounts", "[developer] account_id"] {
        assert!(
            said.lines().any(|line| line.contains(key) && line.contains("is an EXAMPLE, and")),
            "{said}"
        );
    }
}

/// The factory's CA decides for what a factory gives out; the gateways' for what gateways get.
#[test]
fn examples_of_a_factory() {
    let with_factory = || {
        let mut setup = Setup::new();
        setup.env("PEP_ADMISSION_ALLOW_EXAMPLE", "");
        let example = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(crate::kit::binary("pep-server"));
        command.args(["init", "--sign", "acme"]).arg(example.path());
        run(command, |_, _| {}).worked();
        std::fs::create_dir(setup.folder().join("sign")).unwrap();
        for name in ["factory_ca.pem", "local-ca.pem", "local-ca.key", "tls-crt"] {
            let from = example.path().join("sign").join(name);
            std::fs::copy(from, setup.folder().join("sign").join(name)).unwrap();
        }
        let toml = std::fs::read_to_string(example.path().join("station.toml")).unwrap();
        setup.file("station.toml", toml);
        setup
    };
    let setup = with_factory();
    let checked = check(&setup);
    let line =
        "a device of factory acme would get a certificate of `CN=fio-EXAMPLE, OU=acme` until ";
    assert!(checked.worked().contains(line), "{}", checked.stdout);
    for key in ["root", "certificate", "tls"] {
        let words = format!("[sign] factories[1].{key}: `CN=");
        assert!(checked.stderr.contains(&words), "{words}: {}", checked.stderr);
    }

    let mut setup = with_factory();
    let tls = std::fs::read(setup.folder().join("sign/tls-crt")).unwrap();
    Factory::named("acme").put(&mut setup);
    setup.file("sign/tls-crt", tls);
    let said = in_the_way(&setup);
    one_fault(
        &said,
        &["[sign] factories[1].tls: `CN=example.ota-lite.foundries.io", "is an EXAMPLE, and"],
    );
}

/// What `check` finds good starts, and the first unit gets what was promised.
#[test]
fn what_check_promises_is_kept() {
    type Change = fn(&mut Setup);
    let changes: [Change; 6] = [
        |_| {},
        |setup| {
            setup.fcu(
                "device-key-generation-mode: by_tool",
                "device-key-generation-mode: by_device",
            );
        },
        |setup| {
            setup.fcu("verify-on-device: true", "verify-on-device: false");
        },
        |setup| {
            setup.fcu("time-sync: true", "time-sync: false");
        },
        |setup| {
            setup.env("PEP_ADMISSION_CATEGORIES", "production,qa").env("PEP_LOG_LEVEL", "warn,");
        },
        |setup| {
            setup.fcu("disable: false", "disable: true");
        },
    ];
    let mut kept = 0;
    for change in changes {
        let mut setup = Setup::new();
        change(&mut setup);
        let checked = check(&setup);
        if checked.code == 0 {
            assert_eq!(first_unit(setup), 200, "{}", checked.stdout);
            kept += 1;
        }
    }
    assert_eq!(kept, 5, "one of them has a level that is none");
}

/// And what a start refuses, `check` has refused: every broken file there is.
#[test]
fn what_a_start_refuses_check_refuses() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/src/config/broken");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_toml = path.extension().is_some_and(|it| it == "toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let rest: Vec<_> = text.lines().filter(|line| !line.starts_with("#! ")).collect();
        let name = if is_toml { "station.toml" } else { "fcu.yml" };
        super::refused(|setup| {
            setup.file(name, rest.join("\n"));
        });
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
}
