//! What a start refuses: everything that is wrong, at once, in words that say where and what would
//! be right. And what an environment may override.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use rusqlite::Connection;

use crate::kit::{Authority, Device, Done, Draft, Kit, Setup, binary, on_curve, run};

/// Starts a station whose folder `change` has spoilt, and gives what it said. It must not start.
fn refused(change: impl FnOnce(&mut Setup)) -> String {
    let mut setup = Setup::new();
    change(&mut setup);
    let started = run(setup.server(&[]), |_, _| {});
    assert_eq!((started.code, started.stdout.as_str()), (1, ""), "{}", started.stderr);
    // `check` says the same without starting anything.
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert_eq!(checked.code, 1);
    assert_eq!(checked.stderr, started.stderr);
    started.stderr
}

/// The lines behind `error:`; the first one counts them.
fn faults(said: &str) -> Vec<&str> {
    let at = said.lines().position(|line| line.starts_with("error: ")).unwrap();
    said.lines().skip(at + 1).collect()
}

/// Asserts that exactly one thing is wrong, and that it is said in these words.
fn one_fault(said: &str, words: &[&str]) {
    assert!(said.contains("error: one thing is wrong with the configuration:"), "{said}");
    let [fault] = faults(said)[..] else { panic!("{said}") };
    for word in words {
        assert!(fault.contains(word), "{word:?} in {fault}");
    }
}

fn with_ca(authority: &Authority) -> impl FnOnce(&mut Setup) {
    move |setup| {
        setup.file("keystore/CA_cert.pem", authority.pem());
        setup.file("keystore/CA_private.pem", authority.key_pem());
    }
}

/// A good folder starts, and `check` has nothing to say about it.
#[test]
fn a_good_folder_is_good() {
    let setup = Setup::new();
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.worked().ends_with("station.toml: nothing is wrong\n"), "{}", checked.stdout);
    assert_eq!(checked.stderr, "");
}

/// Seven things in five places: one message.
#[test]
fn everything_is_said_at_once() {
    let said = refused(|setup| {
        setup
            .station("connect_timeout = 5", "connect_timeout = \"soon\"")
            .station("[log]", "[log]\ncolour = true")
            .fcu("use-bootstrap: true", "use-bootstrap: \"yes\"")
            .fcu("timezone: \"UTC\"", "timezone: \"Mars/Olympus\"")
            .env("PEP_HTTP_LISTEN", "everywhere");
        setup.file("operator.token", "anna:short\n");
        std::fs::remove_file(setup.folder().join("keystore/CA_private.pem")).unwrap();
    });
    assert!(said.contains("error: 7 things are wrong with the configuration:"), "{said}");
    for (key, words) in [
        ("[injection] connect_timeout: ", "give a whole number of seconds from 1 to 60"),
        ("[log] colour: ", "is no key of this file"),
        ("fcu.yml: use-bootstrap: ", "give true or false"),
        ("fcu.yml: device-info.timezone: ", "Mars/Olympus"),
        ("PEP_HTTP_LISTEN (for [http] listen): ", "everywhere"),
        ("operator.token, line 1: ", "fewer than 16"),
        ("[signer] key: ", "CA_private.pem"),
    ] {
        let line = said.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("{key} in {said}"));
        assert!(line.contains(words), "{line}");
    }
    assert!(!said.contains("short\n"), "a token is not shown: {said}");
}

#[test]
fn keys_that_cannot_sign() {
    let said = refused(|setup| {
        std::fs::remove_file(setup.folder().join("keystore/CA_private.pem")).unwrap();
        std::fs::create_dir(setup.folder().join("keystore/CA_private.pem")).unwrap();
    });
    one_fault(&said, &["[signer] key: ", "is no file", "give the path of a PEM file"]);

    let said = refused(|setup| {
        let path = setup.folder().join("keystore/CA_private.pem");
        let key = PKey::private_key_from_pem(&std::fs::read(path).unwrap()).unwrap();
        let (cipher, password) = (Cipher::aes_256_cbc(), b"secret");
        let pem = key.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap();
        setup.file("keystore/CA_private.pem", pem);
    });
    one_fault(&said, &["[signer] key: ", "is encrypted with a password", "openssl pkey"]);

    let said = refused(|setup| {
        setup.file("keystore/CA_private.pem", Draft::named("Other").self_signed().key_pem());
    });
    one_fault(&said, &["[signer] key: ", "belongs to none of the certificates in "]);

    for garbage in ["", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n"] {
        let said = refused(|setup| {
            setup.file("keystore/CA_private.pem", garbage);
        });
        one_fault(&said, &["[signer] key: ", "holds no private key in PEM form"]);
    }
}

#[test]
fn cas_that_no_device_should_trust() {
    const DAY: i64 = 86_400;
    let draft = || Draft::named("Acme CA");
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    for (ca, words) in [
        (Draft { from: -3 * DAY, until: -DAY, ..draft() }, "expired on "),
        (Draft { from: DAY, ..draft() }, "only; check the station's clock"),
        (Draft { is_ca: false, ..draft() }, "is not a CA: basicConstraints CA:TRUE is missing"),
        (Draft { signs: false, ..draft() }, "its key usage lacks keyCertSign"),
        (Draft { key: on_curve(Nid::SECP384R1), ..draft() }, "has a key that is not on P-256"),
        (Draft { key: rsa, ..draft() }, "has a key that is not on P-256"),
    ] {
        let said = refused(with_ca(&ca.self_signed()));
        one_fault(&said, &["[signer] certificate: ", "Acme CA", words, "give a CA as the README"]);
    }
    // Everything that is wrong with one CA is said, too.
    let bad = Draft { from: -3 * DAY, until: -DAY, is_ca: false, signs: false, ..draft() };
    let said = refused(with_ca(&bad.self_signed()));
    assert_eq!(faults(&said).len(), 3, "{said}");
}

/// Chains: how deep, in which form.
#[test]
fn chains_that_devices_refuse() {
    let root = Draft::named("Acme root").self_signed();
    let line = Draft::named("Acme line 1").signed_by(&root);
    let stranger = Draft::named("Stranger").self_signed();
    let files = |above: &Authority| {
        let (certificates, key) = ([line.pem(), above.pem()].concat(), line.key_pem());
        move |setup: &mut Setup| {
            setup.file("keystore/CA_cert.pem", certificates);
            setup.file("keystore/CA_private.pem", key);
        }
    };
    let said = refused(files(&root));
    one_fault(&said, &["fcu.yml: device-certificate-chain-depth: ", "holds a chain of 2"]);
    let said = refused(|setup| {
        files(&root)(setup);
        setup.fcu_also("device-certificate-chain-depth: 4");
    });
    one_fault(&said, &["device-certificate-chain-depth is 4", "holds 2 for it"]);
    let said = refused(|setup| {
        files(&stranger)(setup);
        setup.fcu_also("device-certificate-chain-depth: 2");
    });
    one_fault(&said, &["Stranger", "did not sign the certificate below it"]);

    let sha384 = Draft { digest: MessageDigest::sha384(), ..Draft::named("Acme line 2") };
    let sha384 = sha384.signed_by(&root);
    let said = refused(|setup| {
        setup.file("keystore/CA_cert.pem", [sha384.pem(), root.pem()].concat());
        setup.file("keystore/CA_private.pem", sha384.key_pem());
        setup.fcu_also("device-certificate-chain-depth: 2");
    });
    one_fault(&said, &["Acme line 2", "is not signed with ecdsa-with-SHA256"]);
}

/// A CA that ends soon works, and everybody is told.
#[test]
fn a_ca_that_ends_soon_is_warned_about() {
    let kit = Kit::with(with_ca(
        &Draft { until: 9 * 365 * 86_400, ..Draft::named("Old CA") }.self_signed(),
    ));
    let log = kit.log();
    assert!(log.contains("warning: [signer]: the CA `"), "{log}");
    assert!(log.contains("in less than 10 years; devices warn about it"), "{log}");
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    let warnings = kit.record("GW-1")["executions"][0]["warnings"].to_string();
    assert!(warnings.contains("Certificate validity is less than 10 years"), "{warnings}");
}

/// A misspelt key would take its default in silence: it stops the start, and the line to paste is
/// printed.
#[test]
fn unknown_keys_of_fcu_yml() {
    let spoil = |setup: &mut Setup| {
        setup
            .fcu_also("frist-to-claim: true\nold-key: 1")
            .fcu("  timezone: \"UTC\"", "  timezone: \"UTC\"\n  colour: blue");
    };
    let said = refused(spoil);
    let line = "[fcu] ignore = [\"device-info.colour\", \"frist-to-claim\", \"old-key\"]";
    one_fault(&said, &["fcu.yml: holds keys the station does not know", line]);

    // The very line, pasted, lets the station start.
    let pasted = line.strip_prefix("[fcu] ").unwrap().to_owned();
    let kit = Kit::with(|setup| {
        spoil(setup);
        setup.station("ignore = []", &pasted);
    });
    kit.get("/readyz").document();
}

#[test]
fn values_of_fcu_yml_that_cannot_be() {
    for (from, to, words) in [
        ("time-sync: true", "time-sync: 1", "fcu.yml: time-sync: is the number 1"),
        ("time-sync: true", "time-sync: yes please", "fcu.yml: time-sync: is the text"),
        ("manufacturer: \"EXAMPLE\"", "manufacturer: 1.10", "fcu.yml: device-info.manufacturer"),
        ("manufacturer: \"EXAMPLE\"", "manufacturer: [a]", "fcu.yml: device-info.manufacturer"),
        ("memory-total-kb: 1048576", "memory-total-kb: -1", "device-info.memory-total-kb"),
        ("memory-total-kb: 1048576", "memory-total-kb: 4294967296", "memory-total-kb"),
        ("C: \"\"", "C: \"Finland\"", "fcu.yml: device-certificate.C"),
        ("# validity-days: 9131", "validity-days: 0", "device-certificate.validity-days"),
        (
            "by_tool\n",
            "externally_supplied\n",
            "externally supplied keys come with a later release",
        ),
        ("generation-mode: by_device", "generation-mode: by_hand", "entropy-generation-mode"),
        ("42fa7b48-1a65-43aa-890f-8c704daade54", "42fa7b48", "fcu.yml: vendor-id"),
        ("custom-properties: []", "custom-properties: {}", "fcu.yml: custom-properties"),
        ("bootstrap-server-ca-file: bootstrap", "bootstrap-server-ca-file: no", "cannot be read"),
        ("use-bootstrap: true", "", "fcu.yml: use-bootstrap: is missing"),
        ("mbedcloud.com:5684\n", "mbedcloud.com:5684?aid=1\n", "holds an account id"),
    ] {
        let said = refused(|setup| {
            // The first of them: some stand in a comment as well.
            let text = std::fs::read_to_string(setup.folder().join("fcu.yml")).unwrap();
            assert!(text.contains(from), "{from}");
            setup.file("fcu.yml", text.replacen(from, to, 1));
        });
        assert!(said.contains(words), "{to}: {said}");
    }
}

/// Variables in fcu.yml: a missing one is a fault and not an empty text, and none can bring keys of
/// its own.
#[test]
fn variables_of_fcu_yml() {
    let with_variable = |setup: &mut Setup| {
        setup.fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"<%= ENV['MAKER'] %>\"");
    };
    let said = refused(with_variable);
    one_fault(&said, &["fcu.yml, line ", "wants the variable MAKER, which is not set"]);
    for evil in ["Acme\"\n  timezone: \"UTC", "a\rb", "a\u{2028}b", "\u{1b}[2J"] {
        let said = refused(|setup| {
            with_variable(setup);
            setup.env("MAKER", evil);
        });
        one_fault(&said, &["wants the variable MAKER, whose value holds a control character"]);
        assert!(!said.contains('\u{1b}'));
    }
    let said = refused(|setup| {
        setup.fcu("manufacturer: \"EXAMPLE\"", "manufacturer: \"<%= `id` %>\"");
    });
    one_fault(&said, &["holds Ruby other than <%= ENV[...] %>"]);

    let kit = Kit::with(|setup| {
        with_variable(setup);
        setup.env("MAKER", "Äcme");
    });
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(device.items().text("mbed.Manufacturer"), "Äcme");
}

/// Ten megabytes, by size or by aliases: refused at once.
#[test]
fn an_fcu_yml_without_measure() {
    let said = refused(|setup| {
        setup.file("fcu.yml", format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(2_500_000)));
    });
    one_fault(&said, &["fcu.yml: is ", "bytes long, more than the 1048576 allowed"]);

    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..8 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    let said = refused(|setup| {
        setup.file("fcu.yml", laughs);
    });
    one_fault(&said, &["fcu.yml: is not acceptable YAML"]);

    let said = refused(|setup| {
        setup.file("fcu.yml", format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(200_000)));
    });
    one_fault(&said, &["fcu.yml: is not acceptable YAML"]);
}

/// A ledger that can be read and not written. (A write version above 2 in the header makes SQLite
/// open a file read-only, its file format 1.3.3; that also holds for root.)
#[test]
fn a_ledger_that_is_read_only() {
    let mut kit = Kit::start();
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    assert_eq!(kit.stop(), 0);
    let path = kit.folder().join("store/ledger.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18] = 3;
    std::fs::write(&path, &bytes).unwrap();

    let refused = start(&kit);
    assert_eq!(refused.code, 1);
    one_fault(&refused.stderr, &["[store] path: ", "readonly", "name a ledger this station can"]);
    // Nothing was lost by it.
    bytes[18] = 2;
    std::fs::write(&path, &bytes).unwrap();
    kit.start_again();
    assert_eq!(kit.get("/v3/enrollment-id?serialNumber=GW-1").status, 200);
}

fn start(kit: &Kit) -> Done {
    let mut command = kit.server();
    command.arg("--config").arg(kit.folder().join("station.toml"));
    run(command, |_, _| {})
}

/// Two stations, one ledger: the second is refused, the first goes on.
#[test]
fn a_ledger_that_is_in_use() {
    let kit = Kit::start();
    let second = start(&kit);
    assert_eq!(second.code, 1);
    one_fault(&second.stderr, &["[store] path: ", "is in use by another station"]);
    kit.get("/readyz").document();
}

/// A process that only holds the database file: the station says so within its patience.
#[test]
fn ledgers_that_are_not_this_stations() {
    let mut kit = Kit::start();
    kit.stop();
    let path = kit.folder().join("store/ledger.sqlite");
    let ledger = Connection::open(&path).unwrap();
    ledger.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    let said = start(&kit).stderr;
    one_fault(&said, &["has schema 99, this station knows ", "run the version that wrote it"]);

    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE accounts (name TEXT)").unwrap();
    one_fault(&start(&kit).stderr, &["is a database, but not a ledger of this station"]);
    std::fs::write(&path, "something else entirely, and long enough to have a header".repeat(99))
        .unwrap();
    one_fault(&start(&kit).stderr, &["[store] path: ", "cannot be opened"]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    one_fault(&start(&kit).stderr, &["[store] path: ", "cannot be opened"]);
}

/// An address that is taken, and TLS files that are none.
#[test]
fn addresses_and_certificates_to_listen_with() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = refused(|setup| {
        setup.env("PEP_HTTP_LISTEN", &address.to_string());
    });
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");

    let tls = Draft { is_ca: false, ..Draft::named("station") }.self_signed();
    let other = Draft::named("other").self_signed();
    let said = refused(|setup| {
        setup.file("cert.pem", tls.pem());
        setup.file("key.pem", other.key_pem());
        setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
    });
    assert!(said.contains("[http] certificate and key cannot be used for TLS"), "{said}");
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
    assert!(log.contains("CA_private.pem: holds a secret and is open to others"), "{log}");

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
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("pep-server init DIR"), "{}", done.stderr);
    let said = refused(|setup| {
        setup.file("station.toml", "[http]\nlisten = \n");
    });
    one_fault(&said, &["station.toml: is not TOML in line 2"]);
    let said = refused(|setup| {
        setup.file("station.toml", "[http]\nlisten = \"127.0.0.1:0\"\n[strange]\na = 1\n");
    });
    one_fault(&said, &["strange"]);
}
