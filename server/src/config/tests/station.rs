//! station.toml: its defaults, its documentation, its overrides and the files it names.

use std::time::Duration;

use super::*;

const NO_OVERRIDES: [(&str, &str); 0] = [];

/// What two configurations of one folder have in common, as text.
fn told(config: &Config) -> String {
    format!("{config:#?}")
}

#[test]
fn the_documented_defaults_are_the_built_in_ones() {
    let folder = Folder::new();
    let (documented, _) = folder.good();
    let (built_in, _) = folder.write("station.toml", "").good();
    assert_eq!(told(&documented), told(&built_in));
    assert_eq!(built_in.http, Http::default());
    assert_eq!(built_in.injection, Injection::default());
    assert_eq!(built_in.admission, Admission::default());
    assert_eq!(built_in.log, Log::default());
    assert_eq!(built_in.injection.allow.len(), 4);
    assert!(!built_in.name.is_empty());
    let path = folder.path().join("store/ledger.sqlite");
    assert_eq!(built_in.store, Store::Embedded { path, min_free: 64 << 20 });
}

#[test]
fn every_key_is_documented() {
    let folder = Folder::new();
    let findings = Findings::default();
    let environment = Environment::default();
    let path = folder.path().join("station.toml");
    read_into(&path, &environment, now(), &findings, |_, _| {}).unwrap();
    let station = include_str!("../../../../keystore.example/station.toml");
    let product = include_str!("../../../../keystore.example/fcu.yml");
    let of_items = ["type", "name", "data", "data-file"];
    let old = ["setup-ca-as-intermediate", "certificate-authority"];
    let mut counted = 0;
    for key in findings.keys() {
        let last = key.rsplit([' ', '.']).next().unwrap();
        let documented = if key.starts_with("fcu.yml: ") {
            let uncommented = |line: &str| line.trim_start_matches(['#', ' ', '-']).to_owned();
            let begins = |line: &str| uncommented(line).starts_with(&format!("{last}:"));
            product.lines().any(begins) || of_items.contains(&last) || old.contains(&last)
        } else if key.starts_with('[') && key.ends_with(']') {
            station.lines().any(|line| line == key)
        } else {
            let given = format!("{last} = ");
            let list = format!(".{last}]]");
            let given = |line: &str| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&given) || line.starts_with("[[") && line.ends_with(&list)
            };
            station.lines().any(given)
        };
        assert!(documented, "{key} is not documented in keystore.example");
        counted += 1;
    }
    assert!(counted > 50, "{counted}");
}

#[test]
fn the_example_folder_itself_is_a_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keystore.example/station.toml");
    let (config, warnings) = read(&path, &Environment::default(), Timestamp::now(), |_, _| {})
        .unwrap_or_else(|faults| panic!("{faults}"));
    // It has no operator's token, and a checkout may not keep its key's mode.
    for warning in &warnings {
        let text = warning.to_string();
        assert!(text.contains("operator.token") || text.contains("open to others"), "{text}");
    }
    let Signer::File { certificate, .. } = &config.signer;
    let der = openssl::x509::X509::from_pem(&std::fs::read(certificate).unwrap()).unwrap();
    assert!(format!("{:?}", der.subject_name()).contains("EXAMPLE"));
}

#[test]
fn single_keys_are_overridden_from_the_environment() {
    let folder = Folder::new();
    let (config, warnings) = folder
        .read_with(&[
            ("PEP_STATION_NAME", "line-7"),
            ("PEP_SERVER_PORT", "8080"),
            ("PEP_HTTP_LISTEN", "127.0.0.1:9"),
            ("PEP_HTTP_WORKERS", "3"),
            ("PEP_HTTP_OPEN_VERIFICATION_KEYS", "false"),
            ("PEP_INJECTION_GIVE_UP", "30"),
            ("PEP_INJECTION_ALLOW", "10.1.0.0/16, fd00::/8,192.0.2.7"),
            ("PEP_INJECTION_QUEUED", ""),
            ("PEP_STORE_PATH", "elsewhere/ledger.sqlite"),
            ("PEP_STORE_MIN_FREE", "0"),
            ("PEP_LOG_LEVEL", "debug"),
            ("PEP_ADMISSION_CATEGORIES", "production"),
        ])
        .unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.name, "line-7");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.workers, 3);
    assert!(!config.http.open_verification_keys);
    assert_eq!(config.injection.give_up, Duration::from_secs(30));
    let allowed: Vec<_> = config.injection.allow.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["10.1.0.0/16", "fd00::/8", "192.0.2.7/32"]);
    assert_eq!(config.injection.queued, 1024, "an empty variable is no override");
    let path = folder.path().join("elsewhere/ledger.sqlite");
    assert_eq!(config.store, Store::Embedded { path, min_free: 0 });
    assert_eq!(config.log.level, tracing::Level::DEBUG);
    assert_eq!(config.admission.categories, ["production"]);
}

#[test]
fn a_bad_override_is_named_by_its_variable() {
    let faults = Folder::new().faults(&[
        ("PEP_INJECTION_GIVE_UP", "soon"),
        ("PEP_SERVER_PORT", "65536"),
        ("PEP_HTTP_WORKERS", "-1"),
        ("PEP_LOG_FORMAT", "xml"),
        ("PEP_STORE_KIND", "mongodb"),
    ]);
    for wanted in [
        "PEP_INJECTION_GIVE_UP (for [injection] give_up): is the text \"soon\"; give a whole \
         number of seconds from 1 to 3600",
        "PEP_SERVER_PORT: is \"65536\"; give a port from 0 to 65535",
        "PEP_HTTP_WORKERS (for [http] workers): is the text \"-1\"",
        "PEP_LOG_FORMAT (for [log] format): is the text \"xml\"",
        "[store] uri: is missing; give the database's address",
    ] {
        assert!(faults.contains(wanted), "{wanted}\nnot in\n{faults}");
    }
    assert_eq!(faults.lines().count(), 5);
}

#[test]
fn misspelt_overrides_are_warned_about_and_foreign_variables_are_not() {
    let (_, warnings) = Folder::new()
        .read_with(&[
            ("PEP_INJECTION_GIVEUP", "30"),
            ("PEP_SERVER_URL", "http://localhost:5151"),
            ("PEP_OPERATOR_TOKEN_FILE", "x"),
            ("PEP_TEST_MONGODB_URI", "x"),
            ("PEPPER", "x"),
        ])
        .unwrap();
    let named: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(named, ["PEP_INJECTION_GIVEUP"]);
}

#[test]
fn the_ca_may_lie_beside_the_file_or_below_it_but_not_in_both_places() {
    let folder = Folder::new();
    let copy = |from: &str, to: &str| {
        std::fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    copy("keystore/CA_cert.pem", "CA_cert.pem");
    copy("keystore/CA_private.pem", "CA_private.pem");
    let faults = folder.faults(&NO_OVERRIDES);
    assert_eq!(
        faults,
        "station.toml:93: [signer] certificate: CA_cert.pem and keystore/CA_cert.pem are both \
         there; keep one of them, or name the one that counts\n\
         station.toml:93: [signer] key: CA_private.pem and keystore/CA_private.pem are both there; keep one of \
         them, or name the one that counts"
    );
    std::fs::remove_dir_all(folder.path().join("keystore")).unwrap();
    let (config, _) = folder.good();
    let beside = |name: &str| folder.path().join(name);
    assert_eq!(
        config.signer,
        Signer::File { certificate: beside("CA_cert.pem"), key: beside("CA_private.pem") }
    );

    std::fs::create_dir(folder.path().join("keystore")).unwrap();
    std::fs::rename(beside("CA_cert.pem"), beside("keystore/fcu.crt")).unwrap();
    std::fs::rename(beside("CA_private.pem"), beside("keystore/fcu_private_key.pem")).unwrap();
    let faults = folder.faults(&NO_OVERRIDES);
    assert!(faults.contains("write certificate = \"keystore/fcu.crt\" into [signer]"), "{faults}");
    assert!(faults.contains("write key = \"keystore/fcu_private_key.pem\" into"), "{faults}");
    folder.write(
        "station.toml",
        "[signer]\ncertificate = \"keystore/fcu.crt\"\nkey = \"keystore/fcu_private_key.pem\"",
    );
    folder.good();
}

#[test]
fn a_folder_in_the_place_of_a_file_is_a_fault() {
    let folder = Folder::new();
    for name in ["keystore/CA_private.pem", "operator.token", "fcu.yml"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let faults = folder.faults(&NO_OVERRIDES);
    assert_eq!(
        faults,
        "station.toml:33: [operators] token_file: operator.token is not a file; put one \
         `name:token` a line there, mode 600\n\
         station.toml:93: [signer] key: names keystore/CA_private.pem, which is not a file; give the \
         path of a PEM file\n\
         station.toml:103: [fcu] file: fcu.yml is not a file; put it there, or name it: [fcu] \
         file = \"FILE\""
    );
}

#[cfg(unix)]
#[test]
fn secrets_open_to_others_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    for name in ["keystore/CA_private.pem", "operator.token"] {
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(folder.path().join(name), open).unwrap();
    }
    let (_, warnings) = folder.good();
    assert_eq!(
        warnings,
        "station.toml:33: [operators] token_file: operator.token holds a secret and is open to \
         others (mode 640); chmod 600 it\n\
         station.toml:93: [signer] key: keystore/CA_private.pem holds a secret and is open to \
         others (mode 640); chmod 600 it"
    );
}

#[test]
fn without_tokens_the_operators_routes_are_closed() {
    let folder = Folder::new();
    std::fs::remove_file(folder.path().join("operator.token")).unwrap();
    let (config, warnings) = folder.good();
    assert!(config.operators.is_empty());
    assert_eq!(
        warnings,
        "station.toml:33: [operators] token_file: there is no operator.token: the operators' routes are closed"
    );
    std::fs::write(folder.path().join("empty.token"), "# nobody yet\n").unwrap();
    let (config, warnings) =
        folder.write("station.toml", "[operators]\ntoken_file = \"empty.token\"").good();
    assert!(config.operators.is_empty());
    assert!(warnings.contains("token_file: empty.token holds no token"), "{warnings}");
}

#[test]
fn no_secret_is_in_a_configurations_debug_form() {
    let folder = Folder::new();
    folder.product(&[(
        "custom-properties: []",
        "custom-properties:\n  - {type: private-key, name: acme.K, data-file: certificates/key.pem}",
    )]);
    let (config, _) = folder.good();
    let token = std::fs::read_to_string(folder.path().join("operator.token")).unwrap();
    let token = token.trim().strip_prefix("operator:").unwrap();
    assert_eq!(config.operators[0].token.as_str(), token);
    let told = told(&config);
    assert!(!told.contains(token));
    assert!(told.contains("PrivateKey,"), "{told}");
}

#[test]
fn a_mongodb_is_named_in_the_file_and_by_the_environment() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("mongodb.password"), " p@ss:w/rd\n").unwrap();
    std::fs::write(folder.path().join("ca.pem"), "").unwrap();
    folder.write(
        "station.toml",
        "[store]\nkind = \"mongodb\"\nuri = \"mongodb://db-1,db-2/?replicaSet=line&tls=true\"\n\
         username = \"station\"\npassword_file = \"mongodb.password\"\ntls_ca_file = \"ca.pem\"",
    );
    let (config, warnings) = folder.read_with(&[("PEP_STORE_TIMEOUT", "7")]).unwrap();
    let warnings = folder.lines(&warnings);
    assert!(
        warnings.contains("password_file: mongodb.password holds a secret and is open"),
        "{warnings}"
    );
    assert!(!told(&config).contains("p@ss"));
    let Store::MongoDb(mongodb) = config.store else { panic!() };
    assert_eq!(mongodb.uri, "mongodb://db-1,db-2/?replicaSet=line&tls=true");
    assert_eq!(mongodb.database, "mbed_manufacturing_db");
    assert_eq!(mongodb.username.as_deref(), Some("station"));
    assert_eq!(mongodb.password.unwrap().reveal().as_str(), " p@ss:w/rd");
    assert_eq!(mongodb.tls_ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!((mongodb.tls_certificate_key_file, mongodb.timeout), (None, Duration::from_secs(7)));

    // As a compose file says it, beside the file that `init` wrote.
    let folder = Folder::new();
    let variables = [
        ("PEP_STORE_KIND", "mongodb"),
        ("PEP_STORE_URI", "mongodb://db"),
        ("PEP_STORE_DATABASE", "d"),
        ("PEP_STORE_USERNAME", ""),
    ];
    let (config, warnings) = folder.read_with(&variables).unwrap();
    assert_eq!(warnings, []);
    let Store::MongoDb(mongodb) = config.store else { panic!() };
    assert_eq!((mongodb.uri.as_str(), mongodb.database.as_str()), ("mongodb://db", "d"));
    assert_eq!((mongodb.username, mongodb.password), (None, None));
}

#[test]
fn no_secret_stands_in_a_mongodbs_address_and_none_is_shown() {
    let faults = |uri: &str, more: &str| {
        let folder = Folder::new();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let file = format!("[store]\nkind = \"mongodb\"\nuri = \"{uri}\"\n{more}");
        folder.write("station.toml", file).faults(&NO_OVERRIDES)
    };
    for uri in [
        "mongodb://u:s3cret@db",
        "mongodb://u@db",
        "mongodb://u:s3/cret@db/x",
        "mongodb://db/?tlsCertificateKeyFilePassword=s3cret",
        "mongodb://db/?a=b&proxyPassword=s3cret",
    ] {
        let found = faults(uri, "");
        assert!(
            found.starts_with("station.toml:3: [store] uri: holds a user or a password; take it"),
            "{found}"
        );
        assert!(!found.contains("s3") && found.lines().count() == 1, "{found}");
    }
    for (uri, more, found) in [
        ("mongodb+srv://u:s3cret@db", "", "[store] uri: does not begin with mongodb://"),
        ("db:27017", "", "[store] uri: does not begin with mongodb://"),
        ("mongodb://db/?tls=false", "tls_ca_file = \"fcu.yml\"", "[store] uri: forbids TLS"),
        ("mongodb://db", "password_file = \"x\"", "[store] password_file: is given without"),
        (
            "mongodb://db",
            "username = \"u\"\npassword_file = \"x\"",
            "[store] password_file: x cannot be read",
        ),
        (
            "mongodb://db",
            "username = \"u\"\npassword_file = \"empty\"",
            "[store] password_file: empty is empty",
        ),
    ] {
        let faults = faults(uri, more);
        assert!(faults.contains(found) && faults.lines().count() == 1, "{faults}");
        assert!(!faults.contains("s3cret"), "{faults}");
    }
}

#[test]
fn a_network_that_holds_every_address_is_warned_about() {
    let folder = Folder::new();
    let (_, warnings) = folder.write("station.toml", "[injection]\nallow = [\"0.0.0.0/0\"]").good();
    assert!(
        warnings.starts_with("station.toml:2: [injection] allow[1]: 0.0.0.0/0 lets"),
        "{warnings}"
    );
}

#[test]
fn files_that_cannot_be_configurations_are_named() {
    let folder = Folder::new();
    let place = folder.path().join("station.toml");
    for (bytes, problem) in [
        (vec![0xff, 0xfe], "station.toml: is not UTF-8 text"),
        (vec![b'#'; 2 << 20], "station.toml: is 2097152 bytes long, more than the 1048576 allowed"),
    ] {
        std::fs::write(&place, bytes).unwrap();
        let faults = folder.faults(&NO_OVERRIDES);
        assert!(faults.starts_with(problem), "{faults}");
    }
    std::fs::remove_file(&place).unwrap();
    let faults = folder.faults(&NO_OVERRIDES);
    assert!(faults.starts_with("station.toml: cannot be read"), "{faults}");
    assert!(faults.contains("pep-server init DIR"), "{faults}");
}
