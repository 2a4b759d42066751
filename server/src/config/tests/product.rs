//! fcu.yml: everything it may say, and how it reaches the product.

use std::time::{Duration, Instant};

use super::*;
use crate::config::product::{
    CertificateFields, CustomValue, Device, Entropy, KeyMode, Mode, Validity,
};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn the_example_is_read_as_it_stands() {
    let folder = Folder::new();
    let (config, warnings) = folder.good();
    assert_eq!(warnings, "");
    let product = config.product;
    let server_ca = std::fs::read(folder.path().join("bootstrap-server-ca.pem")).unwrap();
    let server_ca = openssl::x509::X509::from_pem(&server_ca).unwrap().to_der().unwrap();
    let uri = "coaps://bootstrap.us-east-1.mbedcloud.com:5684".to_owned();
    assert_eq!(product.mode, Mode::Bootstrap { uri, server_ca, first_to_claim: true });
    assert!(product.time_sync && product.verify_on_device && !product.disable);
    assert_eq!((product.key_mode, product.entropy), (KeyMode::ByTool, Entropy::ByDevice));
    let update = std::fs::read(folder.path().join("update-auth-certificate.der")).unwrap();
    assert_eq!(product.update, Some(update));
    assert_eq!(product.vendor_id.unwrap()[..4], [0x42, 0xfa, 0x7b, 0x48]);
    assert_eq!(product.class_id.unwrap()[12..], [0x6e, 0x3b, 0x5b, 0x21]);
    assert_eq!(
        product.device,
        Device {
            manufacturer: "EXAMPLE".to_owned(),
            model_number: "EXAMPLE-1".to_owned(),
            device_type: "gateway".to_owned(),
            hardware_version: "1.0".to_owned(),
            memory_total_kb: 1_048_576,
            timezone: "UTC".to_owned(),
        }
    );
    let organization = Some("EXAMPLE".to_owned());
    assert_eq!(product.certificate, CertificateFields { organization, ..Default::default() });
    assert_eq!(product.certificate.validity, Validity::Years25);
    assert_eq!((product.chain_depth, product.custom.len()), (None, 0));
}

#[test]
fn a_file_of_the_old_tool_is_read_as_its_users_have_it() {
    let folder = Folder::new();
    folder.write(
        "fcu.yml",
        format!(
            "setup-ca-as-intermediate: true\n\
             use-bootstrap: true\n\
             first-to-claim: false\n\
             bootstrap-server-uri: coaps://bootstrap.example:5684?aid={ACCOUNT}\n\
             bootstrap-server-uri-first-to-claim: coaps://bootstrap.example:5684\n\
             bootstrap-server-ca-file: <%= ENV['FCU_HOME_DIR'] %>/certificates/good.der\n\
             time-sync: yes\n\
             device-info:\n  timezone: Europe/Helsinki\n  manufacturer: Acme\n  model-number: M\n  \
             device-type: T\n  hardware-version: '1.10'\n  memory-total-kb: 524288\n\
             device-key-generation-mode: by_device\n\
             entropy-generation-mode: by_tool\n\
             device-certificate:\n  C: 'NO'\n  ST:\n  L: ''\n  O: Acme\n  OU: <%= ENV['OU'] || 'R&D' %>\n  \
             validity-days: 99991231235959Z\n\
             device-certificate-chain-depth: 2\n\
             certificate-authority:\n  common-name: Acme CA\n\
             update-auth-certificate-file:\nvendor-id:\nclass-id:\ncustom-properties:\n\
             disable: true\n"
        ),
    );
    let (config, warnings) = folder.good();
    let product = config.product;
    let der = std::fs::read(folder.path().join("certificates/good.der")).unwrap();
    let uri = format!("coaps://bootstrap.example:5684?aid={ACCOUNT}");
    assert_eq!(product.mode, Mode::Bootstrap { uri, server_ca: der, first_to_claim: false });
    assert_eq!((product.key_mode, product.entropy), (KeyMode::ByDevice, Entropy::ByTool));
    assert_eq!(product.device.hardware_version, "1.10");
    assert_eq!(product.device.timezone, "Europe/Helsinki");
    assert_eq!(
        product.certificate,
        CertificateFields {
            country: Some("NO".to_owned()),
            state: None,
            locality: None,
            organization: Some("Acme".to_owned()),
            organizational_unit: Some("R&D".to_owned()),
            validity: Validity::Forever,
        }
    );
    assert_eq!(product.chain_depth, Some(2));
    assert!(product.disable);
    let warned: Vec<_> =
        warnings.lines().map(|line| line.split(": ").nth(1).unwrap_or_default()).collect();
    assert_eq!(
        warned,
        [
            "setup-ca-as-intermediate",
            "certificate-authority",
            "update-auth-certificate-file",
            "vendor-id",
            "class-id",
            "disable",
        ]
    );
}

#[test]
fn lwm2m_mode_wants_the_account_as_ou() {
    let folder = Folder::new();
    folder.product(&[
        ("use-bootstrap: true", "use-bootstrap: false"),
        ("first-to-claim: true", "first-to-claim: false"),
        ("# lwm2m-server-uri: ", "lwm2m-server-uri: "),
        (
            "# lwm2m-server-ca-file: lwm2m-server-ca.pem",
            "lwm2m-server-ca-file: certificates/good.pem",
        ),
        ("OU: \"\"", &format!("OU: \"{ACCOUNT}\"")),
    ]);
    let (config, warnings) = folder.good();
    assert_eq!(warnings, "");
    let Mode::Lwm2m { uri, .. } = config.product.mode else { panic!("bootstrap") };
    assert_eq!(fcu::account_id(&uri), Some(ACCOUNT));

    folder.product(&[
        ("use-bootstrap: true", "use-bootstrap: false"),
        ("first-to-claim: true", "first-to-claim: false"),
        ("# lwm2m-server-uri: ", "lwm2m-server-uri: "),
        (
            "# lwm2m-server-ca-file: lwm2m-server-ca.pem",
            "lwm2m-server-ca-file: certificates/good.pem",
        ),
    ]);
    let faults = folder.faults(&[]);
    assert_eq!(
        faults,
        format!(
            "fcu.yml:53: device-certificate.OU: is missing; give the URI's account id: OU: \
             \"{ACCOUNT}\""
        )
    );
}

#[test]
fn what_devices_warn_of_is_warned_of_at_start() {
    for (changes, wanted) in [
        (vec![("time-sync: true", "time-sync: false")], "fcu.yml: time-sync: is false"),
        (
            vec![("# validity-days: 9131", "validity-days: 3650")],
            "fcu.yml: device-certificate.validity-days: 3650 days are not more than ten years",
        ),
        (
            vec![("manufacturer: \"EXAMPLE\"", "manufacturer: \"\"")],
            "fcu.yml: device-info.manufacturer: is empty",
        ),
        (
            vec![("manufacturer: \"EXAMPLE\"", "manufacturer: ääääääääääääääääääääääääääääääääx")],
            "fcu.yml: device-info.manufacturer: is 65 bytes long",
        ),
        (
            vec![(": bootstrap-server-ca.pem", ": certificates/future.pem")],
            "fcu.yml: bootstrap-server-ca-file: the certificate is not valid yet",
        ),
        (
            vec![
                ("first-to-claim: true", "first-to-claim: false"),
                (
                    "# bootstrap-server-uri: coaps://bootstrap.us-east-1.mbedcloud.com:5684?aid=",
                    "bootstrap-server-uri: coap://h?aid=",
                ),
                (ACCOUNT, "acme"),
            ],
            "fcu.yml: bootstrap-server-uri: the account id \"acme\" is not 32 hex digits",
        ),
    ] {
        let folder = Folder::new();
        let (_, warnings) = folder.product(&changes).good();
        let (file, rest) = warnings.split_once(':').unwrap();
        let (line, rest) = rest.split_once(": ").unwrap();
        assert!(line.parse::<usize>().unwrap() > 1);
        assert!(format!("{file}: {rest}").starts_with(wanted), "{wanted}\n{warnings}");
        assert_eq!(warnings.lines().count(), 1, "{warnings}");
    }
}

#[test]
fn an_update_certificate_that_the_old_tool_doubts_is_warned_about() {
    let folder = Folder::new();
    let update = "<%= ENV['FCU_RESOURCES_DIR'] %>/update-auth-certificate.der";
    for (file, doubts) in [
        ("short.pem", vec!["ends within ten years", "lacks client authentication or code signing"]),
        ("future.pem", vec!["is not valid yet", "lacks client authentication"]),
        ("leaf.pem", vec!["is not self-signed", "lacks client authentication"]),
    ] {
        let file = format!("certificates/{file}");
        // A critical extended key usage is one the device knows.
        let (config, warnings) = folder.product(&[(update, &file)]).good();
        assert!(config.product.update.is_some());
        for doubt in &doubts {
            assert!(warnings.contains(doubt), "{doubt}\n{warnings}");
        }
        assert_eq!(warnings.lines().count(), doubts.len(), "{warnings}");
    }
}

#[test]
fn custom_properties_of_every_type_are_read() {
    let folder = Folder::new();
    folder.product(&[(
        "custom-properties: []",
        "custom-properties:\n\
         \x20 - {type: string, name: acme.Text, data: \"nörth\"}\n\
         \x20 - {type: string, name: acme.Empty, data: \"\"}\n\
         \x20 - {type: string, name: acme.FromFile, data-file: text.txt}\n\
         \x20 - {type: integer, name: acme.Number, data: -9223372036854775808}\n\
         \x20 - {type: integer, name: acme.Largest, data: 18446744073709551615}\n\
         \x20 - {type: integer, name: acme.NumberFile, data-file: number.txt}\n\
         \x20 - {type: bytes, name: acme.Bytes, data: \"00:ff 7F\"}\n\
         \x20 - {type: bytes, name: acme.BytesFile, data-file: certificates/junk.der}\n\
         \x20 - {type: certificate, name: acme.Tls, data-file: certificates/good.pem}\n\
         \x20 - {type: certificate, name: acme.Chain, data-file: certificates/chain.pem}\n\
         \x20 - {type: private-key, name: acme.Tls, data-file: certificates/key.pem}\n\
         \x20 - {type: private-key, name: acme.Pkcs8, data-file: certificates/key-pkcs8.pem}\n\
         \x20 - {type: private-key, name: acme.Der, data-file: certificates/key.der}\n\
         \x20 - {type: public-key, name: acme.Tls, data-file: certificates/public.pem}\n",
    )]);
    folder.write("text.txt", "two\nlines\n").write("number.txt", " 12\n");
    chmod_600(&folder, &["key.pem", "key-pkcs8.pem", "key.der"]);
    let (config, warnings) = folder.good();
    assert_eq!(warnings, "");
    let der = |name: &str| std::fs::read(folder.path().join("certificates").join(name)).unwrap();
    let key = CustomValue::PrivateKey(der("key.der").into());
    let chain = openssl::x509::X509::stack_from_pem(&der("chain.pem")).unwrap();
    let chain = chain.iter().map(|one| one.to_der().unwrap()).collect();
    let public = openssl::pkey::PKey::public_key_from_pem(&der("public.pem")).unwrap();
    let wanted = [
        ("acme.Text", CustomValue::Text("nörth".to_owned())),
        ("acme.Empty", CustomValue::Text(String::new())),
        ("acme.FromFile", CustomValue::Text("two\nlines\n".to_owned())),
        ("acme.Number", CustomValue::Integer(i64::MIN.into())),
        ("acme.Largest", CustomValue::Integer(u64::MAX.into())),
        ("acme.NumberFile", CustomValue::Integer(12)),
        ("acme.Bytes", CustomValue::Bytes(vec![0, 255, 127])),
        ("acme.BytesFile", CustomValue::Bytes(vec![0xff; 91])),
        ("acme.Tls", CustomValue::Certificate(der("good.der"))),
        ("acme.Chain", CustomValue::CertificateChain(chain)),
        ("acme.Tls", key.clone()),
        ("acme.Pkcs8", key.clone()),
        ("acme.Der", key),
        ("acme.Tls", CustomValue::PublicKey(public.public_key_to_der().unwrap())),
    ];
    let got: Vec<_> =
        config.product.custom.iter().map(|p| (p.name.as_str(), p.value.clone())).collect();
    assert_eq!(got, wanted);
    let CustomValue::PublicKey(public) = &wanted[13].1 else { panic!() };
    assert_eq!((public.len(), der("key.der").len()), (91, 121), "the forms of injection 6.2");
}

#[test]
fn keys_written_into_the_file_are_read_with_a_warning() {
    let folder = Folder::new();
    let der = std::fs::read(folder.path().join("certificates/key.der")).unwrap();
    let certificate = std::fs::read(folder.path().join("certificates/good.pem")).unwrap();
    let indented = String::from_utf8(certificate).unwrap().replace('\n', "\n      ");
    let inline = format!(
        "custom-properties:\n  - type: private-key\n    name: acme.K\n    data: {}\n  \
         - type: certificate\n    name: acme.C\n    data: |\n      {indented}\n",
        openssl::base64::encode_block(&der)
    );
    let (config, warnings) = folder.product(&[("custom-properties: []", &inline)]).good();
    assert_eq!(config.product.custom[0].value, CustomValue::PrivateKey(der.into()));
    assert!(matches!(config.product.custom[1].value, CustomValue::Certificate(_)));
    assert!(warnings.contains("custom-properties[1].data: a private key"));
}

#[test]
fn a_broken_key_is_not_shown() {
    let folder = Folder::new();
    let inline = "custom-properties:\n  - {type: private-key, name: acme.K, data: c2VjcmV0 }\n";
    let faults = folder.product(&[("custom-properties: []", inline)]).faults(&[]);
    assert!(faults.contains("custom-properties[1].data"), "{faults}");
    assert!(!faults.contains("c2Vjc"), "{faults}");
}

#[test]
fn ignored_keys_may_stand_and_the_line_to_paste_keeps_them() {
    let folder = Folder::new();
    let added = "disable: false\nold: 1\nnew: 2\ndevice-info-old: {a: 1}";
    folder.product(&[("disable: false", added)]);
    folder.write("station.toml", "[fcu]\nignore = [\"old\"]");
    let faults = folder.faults(&[]);
    let line = "[fcu] ignore = [\"old\", \"new\", \"device-info-old\"]";
    assert!(faults.ends_with(line), "{faults}");
    folder.write("station.toml", line.replace("[fcu] ", "[fcu]\n"));
    let (_, warnings) = folder.good();
    assert_eq!(warnings, "");

    let (_, warnings) =
        folder.product(&[]).write("station.toml", "[fcu]\nignore = [\"disable\"]").good();
    assert_eq!(warnings, "station.toml:2: [fcu] ignore[1]: fcu.yml has no unknown key \"disable\"");
}

#[test]
fn variables_of_the_old_tool_may_be_set_elsewhere() {
    let folder = Folder::new();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(
        folder.path().join("update-auth-certificate.der"),
        elsewhere.path().join("update-auth-certificate.der"),
    )
    .unwrap();
    std::fs::remove_file(folder.path().join("update-auth-certificate.der")).unwrap();
    assert!(folder.faults(&[]).contains("update-auth-certificate-file"));
    let set = [("FCU_RESOURCES_DIR", elsewhere.path().to_str().unwrap())];
    folder.read_with(&set).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn ten_megabytes_of_aliases_are_refused_at_once() {
    let folder = Folder::new();
    for size in [10 << 20, 1 << 20] {
        let mut text = "a: &a [x, x, x]\nb: [".to_owned();
        while text.len() + 4 < size {
            text.push_str("*a, ");
        }
        text.push(']');
        folder.write("fcu.yml", text);
        let start = Instant::now();
        let faults = folder.faults(&[]);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(
            faults.contains("fcu.yml is ") || faults.starts_with("fcu.yml:2: more aliases"),
            "{faults}"
        );
    }
}

fn chmod_600(folder: &Folder, names: &[&str]) {
    #[cfg(unix)]
    for name in names {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join("certificates").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (folder, names);
}
