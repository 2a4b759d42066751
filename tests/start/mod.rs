//! What a start refuses: everything that is wrong, at once, in words that say where and what would
//! be right. And what an environment may override.

mod ca;
mod fcu;
mod ledger;
mod look;
mod now;
mod places;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::kit::{Draft, Kit, Setup, binary, run};

/// Starts a station whose folder `change` has spoilt, and gives what it said. It must not start.
fn refused(change: impl FnOnce(&mut Setup)) -> String {
    let mut setup = Setup::new();
    change(&mut setup);
    let started = run(setup.server(&[]), |_, _| {});
    assert_eq!((started.code, started.stdout.as_str()), (code(&started.stderr), ""));
    // `check` says the same without starting anything.
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert_eq!((checked.stderr.as_str(), checked.code), (started.stderr.as_str(), started.code));
    started.stderr
}

/// What a program ends with that says this: a supervisor tries again unless the configuration is
/// wrong.
fn code(said: &str) -> i32 {
    if said.contains("wrong with the configuration:") { 78 } else { 1 }
}

/// The lines behind `error:`; the first one counts them.
fn faults(said: &str) -> Vec<&str> {
    let at = said.lines().position(|line| line.starts_with("error: ")).unwrap();
    said.lines().skip(at + 1).collect()
}

/// Asserts that exactly one thing is wrong, and that it is said in these words.
fn one_fault(said: &str, words: &[&str]) {
    let (wrong, in_the_way) = ("wrong with the configuration", "in the way");
    let counted = [wrong, in_the_way].map(|what| format!("error: one thing is {what}:"));
    assert!(counted.iter().any(|words| said.contains(words)), "{said}");
    let [fault] = faults(said)[..] else { panic!("{said}") };
    for word in words {
        assert!(fault.contains(word), "{word:?} in {fault}");
    }
}

/// A good folder starts, and `check` has nothing to say about it but that it is an EXAMPLE.
#[test]
fn a_good_folder_is_good() {
    let setup = Setup::new();
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.worked().ends_with("station.toml: nothing is wrong\n"), "{}", checked.stdout);
    assert!(checked.stderr.lines().all(|line| line.contains("is an EXAMPLE")));
    assert_eq!(checked.stderr.lines().count(), 8, "{}", checked.stderr);
}

/// Nine things in seven places: one message. Of each room the faults it would find alone.
#[test]
fn everything_is_said_at_once() {
    let expired = Draft { from: -9 * 86_400, until: -86_400, ..Draft::named("Acme CA") };
    let expired = expired.self_signed();
    let said = refused(|setup| {
        setup
            .station("connect_timeout = 5", "connect_timeout = \"soon\"")
            .station("[log]", "[log]\ncolour = true")
            .fcu("use-bootstrap: true", "use-bootstrap: \"yes\"")
            .fcu("timezone: \"UTC\"", "timezone: \"Mars/Olympus\"")
            .env("PEP_INJECTION_AT_ONCE", "many")
            .env("PEP_HTTP_CERTIFICATE", "keystore/CA_cert.pem")
            .env("PEP_HTTP_KEY", "operator.token")
            .env("PEP_STORE_PATH", "keystore/CA_cert.pem");
        setup.file("operator.token", "anna:short\n");
        setup.file("keystore/CA_cert.pem", expired.pem());
        setup.file("keystore/CA_private.pem", expired.key_pem());
    });
    assert!(said.contains("error: 9 things are wrong with the configuration:"), "{said}");
    for (key, words) in [
        ("[injection] connect_timeout: ", "give a whole number of seconds from 1 to 60"),
        ("[log] colour: ", "unknown key"),
        ("fcu.yml:8: use-bootstrap: ", "give true or false"),
        ("fcu.yml:40: device-info.timezone: ", "Mars/Olympus"),
        ("PEP_INJECTION_AT_ONCE (for [injection] at_once): ", "many"),
        ("operator.token:1: ", "fewer than 16"),
        ("PEP_HTTP_CERTIFICATE (for [http] certificate): ", "cannot be used for TLS"),
        ("PEP_STORE_PATH (for [store] path): ", "cannot be opened"),
        ("[signer] certificate: ", "expired on "),
    ] {
        let line = said.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("{key} in {said}"));
        assert!(line.contains(words), "{line}");
    }
    assert!(!said.contains("anna:short"), "a token is not shown: {said}");
}

/// An address that is taken, and TLS files that are none.
#[test]
fn addresses_and_certificates_to_listen_with() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut setup = Setup::new();
    setup.env("PEP_HTTP_LISTEN", &address.to_string());
    let holder = format!("port {} is in use by process {} (", address.port(), std::process::id());
    for arguments in [&[][..], &["check"]] {
        let done = run(setup.server(arguments), |_, _| {});
        assert_eq!((done.code, done.stdout.as_str()), (1, ""));
        assert!(done.stderr.contains(&format!("cannot listen on {address}: {holder}")));
    }

    let tls = Draft { is_ca: false, ..Draft::named("station") }.self_signed();
    let other = Draft::named("other").self_signed();
    let (cipher, password) = (openssl::symm::Cipher::aes_256_cbc(), b"secret");
    let locked = tls.key.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap();
    for (certificate, key, words) in [
        (tls.pem(), other.key_pem(), "the key is not the certificate's"),
        (tls.pem(), locked, "holds a private key that is encrypted with a password"),
        (tls.pem(), tls.pem(), "holds no private key in PEM form"),
        (tls.key_pem(), tls.key_pem(), "holds a private key (line 1: `PRIVATE KEY`)"),
        ([tls.pem(), tls.key_pem()].concat(), tls.key_pem(), "holds a private key (line "),
        (b"no certificate".to_vec(), tls.key_pem(), "holds no certificate in PEM form"),
    ] {
        let said = refused(|setup| {
            setup.file("cert.pem", certificate);
            setup.file("key.pem", key);
            setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
        });
        one_fault(&said, &["[http] certificate): cannot be used for TLS: ", words]);
    }
    let said = refused(|setup| {
        setup.file("cert.pem", tls.pem());
        setup.env("PEP_HTTP_CERTIFICATE", "cert.pem");
    });
    one_fault(&said, &["PEP_HTTP_CERTIFICATE (for [http] certificate): is given without its key"]);
}

/// Single keys from the environment; the old variable overrides the port alone.
#[test]
fn the_environment_overrides_single_keys() {
    let kit = Kit::with(|setup| {
        setup
            .env("PEP_HTTP_LISTEN", "127.0.0.1:5151")
            .env("PEP_SERVER_PORT", "0")
            .env("PEP_STATION_NAME", "line \u{dc}")
            .env("PEP_STORE_PATH", "elsewhere/units.sqlite")
            .env("PEP_JOURNAL_PATH", "elsewhere/journal")
            .env("PEP_ADMISSION_CATEGORIES", " gold, silver ,")
            .env("PEP_LOG_FORMAT", "json")
            .env("PEP_INJECTION_GIVE_UPP", "1")
            .env("PEP_TEST_ANYTHING", "1");
    });
    assert!(kit.address().ip().is_loopback() && kit.address().port() != 5151);
    assert_eq!(kit.get("/healthz").document()["station"], "line \u{dc}");
    assert!(kit.folder().join("elsewhere/units.sqlite").is_file());
    assert!(!kit.folder().join("store").exists());
    kit.get("/v3/identity?serialNumber=GW-1&category=production").problem(403, "not-admitted");
    let log = kit.log();
    assert!(log.lines().any(|line| line.starts_with("{\"timestamp\":")), "{log}");
    // A misspelt one is told; what belongs to others is not.
    assert!(log.contains("warning: PEP_INJECTION_GIVE_UPP: this variable overrides no key"));
    assert!(log.contains("did you mean PEP_INJECTION_GIVE_UP?"));
    assert!(!log.contains("PEP_TEST_ANYTHING"));

    let said = refused(|setup| {
        setup
            .env("PEP_SERVER_PORT", "http")
            .env("PEP_INJECTION_AT_ONCE", "0")
            .env("PEP_INJECTION_ALLOW", "10.0.0.0/8,everything");
    });
    assert_eq!(faults(&said).len(), 3, "{said}");
    for words in ["PEP_SERVER_PORT: is \"http\"", "PEP_INJECTION_AT_ONCE (for ", "\"everything\""] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// A folder of the old tool works as it is, and secrets that lie open are warned about.
#[test]
fn the_old_tools_folder() {
    let kit = Kit::with(|setup| {
        let folder = setup.folder().to_owned();
        for name in ["CA_cert.pem", "CA_private.pem"] {
            std::fs::rename(folder.join("keystore").join(name), folder.join(name)).unwrap();
        }
        std::fs::remove_file(folder.join("station.toml")).unwrap();
        setup.file("station.toml", "");
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.join("CA_private.pem"), open).unwrap();
    });
    let log = kit.log();
    assert!(log.contains("CA_private.pem holds a secret and is open to others"), "{log}");

    let said = refused(|setup| {
        let folder = setup.folder();
        std::fs::copy(folder.join("keystore/CA_cert.pem"), folder.join("CA_cert.pem")).unwrap();
    });
    one_fault(&said, &["[signer] certificate: ", "are both there", "keep one of them"]);
}

/// `init` never costs anybody a file, and secrets are its owner's alone.
#[test]
fn init_overwrites_nothing() {
    let setup = Setup::new();
    let before = std::fs::read(setup.folder().join("keystore/CA_private.pem")).unwrap();
    let mut command = Command::new(binary("pep-server"));
    command.arg("init").arg(setup.folder());
    let second = run(command, |_, _| {});
    assert_eq!((second.code, second.stdout.as_str()), (1, ""));
    assert!(second.stderr.starts_with("error: would overwrite "), "{}", second.stderr);
    for name in ["station.toml", "fcu.yml", "CA_cert.pem", "CA_private.pem", "operator.token"] {
        assert!(second.stderr.contains(name), "{name}: {}", second.stderr);
    }
    let after = std::fs::read(setup.folder().join("keystore/CA_private.pem")).unwrap();
    assert_eq!(before, after);
    for secret in ["keystore/CA_private.pem", "operator.token"] {
        let mode = std::fs::metadata(setup.folder().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
}

/// No file, or one that is none.
#[test]
fn a_station_toml_that_is_none() {
    let mut command = Command::new(binary("pep-server"));
    command.env("PEP_HTTP_LISTEN", "127.0.0.1:0");
    let done = run(command, |_, _| {});
    assert_eq!(done.code, 78);
    assert!(done.stderr.contains("pep-server init DIR"), "{}", done.stderr);
    let said = refused(|setup| {
        setup.file("station.toml", "[http]\nlisten = \n");
    });
    one_fault(&said, &["station.toml:2: not valid TOML: "]);
    let said = refused(|setup| {
        setup.file("station.toml", "[http]\nlisten = \"127.0.0.1:0\"\n[strange]\na = 1\n");
    });
    one_fault(&said, &["station.toml:3: [strange]: unknown section; the sections are "]);
}
