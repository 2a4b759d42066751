//! What a file of certificates or keys may hold, and what is given out of it (R01, R10, R11, R16,
//! R17, R27, R34).

use openssl::symm::Cipher;

use super::*;
use crate::kit::Device;

const MARK: &[u8] = b"\xef\xbb\xbf";
const SEALED: &[u8] = b"secret";

fn encrypted(of: &Authority) -> Vec<u8> {
    of.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), SEALED).unwrap()
}

fn sec1(of: &Authority) -> Vec<u8> {
    of.key.ec_key().unwrap().private_key_to_pem().unwrap()
}

#[test]
fn r01_a_private_key_beside_a_certificate_never_leaves() {
    let tree = Tree::usual();
    let (issuing, root) = (tree.issuing.pem(), tree.root.pem());
    for (file, content) in [
        ("sign/local-ca.pem", [&issuing[..], &sec1(&tree.issuing)].concat()),
        ("sign/local-ca.pem", [&tree.issuing.key_pem()[..], &issuing].concat()),
        ("sign/local-ca.pem", [&issuing[..], &encrypted(&tree.issuing)].concat()),
        ("sign/factory_ca.pem", [&root[..], &sec1(&tree.root)].concat()),
        ("sign/factory_ca.pem", [&encrypted(&tree.root)[..], &root].concat()),
        ("keystore/CA_cert.pem", [&issuing[..], &root, &sec1(&tree.issuing)].concat()),
        ("bootstrap-server-ca.pem", [&root[..], &sec1(&tree.root)].concat()),
    ] {
        let mut setup = factory_setup();
        tree.for_registering(&mut setup);
        tree.for_gateways(&mut setup, 2);
        setup.file(file, content);
        let said = refused(&setup);
        let name = file.rsplit('/').next().unwrap();
        assert!(said.contains(name) && said.contains("holds a private key (line "), "{said}");
        assert!(said.contains("one thing is wrong"), "{said}");
    }
    // One file named for both.
    let mut setup = factory_setup();
    tree.for_registering(&mut setup);
    setup.file("sign/local-ca.pem", [&issuing[..], &sec1(&tree.issuing)].concat());
    setup.station("\nkey = \"sign/local-ca.key\"", "\nkey = \"sign/local-ca.pem\"");
    assert!(refused(&setup).contains("holds a private key (line "));
}

/// Each spelling of the three files is taken, and what devices get has nothing of it.
#[test]
fn r10_r11_r34_files_as_editors_leave_them_are_taken_and_given_out_clean() {
    let tree = Tree::usual();
    let crlf = |pem: Vec<u8>| String::from_utf8(pem).unwrap().replace('\n', "\r\n").into_bytes();
    type Spelling = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;
    let spellings: [(&str, Spelling); 6] = [
        ("byte order mark", Box::new(|pem| [MARK, &pem].concat())),
        ("Latin-1", Box::new(|pem| [b"# Z\xfcrich f\xe4brik\n", &pem[..], b"\xe9"].concat())),
        ("CRLF and mark", Box::new(move |pem| [MARK, &crlf(pem)].concat())),
        ("twice", Box::new(|pem| [&pem[..], &pem].concat())),
        ("twice without a newline", Box::new(|pem| [pem.trim_ascii(), &pem].concat())),
        (
            "bag attributes",
            Box::new(|pem| {
                [b"Bag Attributes\n    friendlyName: was a PRIVATE KEY\n", &pem[..]].concat()
            }),
        ),
    ];
    for (spelling, change) in spellings {
        let kit = registering(|setup| {
            tree.for_registering(setup);
            setup.file("sign/local-ca.pem", change(tree.issuing.pem()));
            setup.file("sign/factory_ca.pem", change(tree.root.pem()));
            setup.file("keystore/CA_cert.pem", change(tree.issuing.pem()));
            setup.file("keystore/CA_private.pem", tree.issuing.key_pem());
        });
        let members = registers_well(&kit);
        let (leaf, chained) = (text(&members, "client.pem"), text(&members, "client.chained"));
        assert_eq!(chained, format!("{leaf}\n{}", tree.issuing_pem().trim_end()), "{spelling}");
        assert_eq!(text(&members, "root.crt"), tree.root_pem().trim_end(), "{spelling}");
        provisions_well(&kit, "GW-1", &tree);
    }
}

#[test]
fn r16_a_key_with_the_word_encrypted_in_its_name_is_not_encrypted() {
    let tree = Tree::usual();
    let bag = b"Bag Attributes\n    friendlyName: Line 1 (was ENCRYPTED)\nKey Attributes: <No Attributes>\n";
    for key in [tree.issuing.key_pem(), sec1(&tree.issuing)] {
        let kit = registering(|setup| {
            tree.for_registering(setup);
            setup.file("sign/local-ca.key", [&bag[..], &key, &tree.issuing.pem()].concat());
        });
        registers_well(&kit);
    }
    for key in [encrypted(&tree.issuing), {
        let ec = tree.issuing.key.ec_key().unwrap();
        ec.private_key_to_pem_passphrase(Cipher::aes_256_cbc(), SEALED).unwrap()
    }] {
        let mut setup = factory_setup();
        tree.for_registering(&mut setup);
        setup.file("sign/local-ca.key", [&bag[..], &key].concat());
        assert!(refused(&setup).contains("is encrypted with a password"));
    }
}

#[test]
fn r17_a_byte_order_mark_is_no_matter_in_any_file() {
    let tls = Draft { address: Some("127.0.0.1"), ..Draft::named("station") }.self_signed();
    let kit = Kit::with(|setup| {
        setup.fcu(
            "custom-properties: []",
            "custom-properties:\n  - {type: integer, name: acme.Number, data-file: number.txt}",
        );
        for file in ["bootstrap-server-ca.pem", "operator.token", "fcu.yml", "station.toml"] {
            let path = setup.folder().join(file);
            let content = std::fs::read(&path).unwrap();
            std::fs::write(path, [MARK, &content].concat()).unwrap();
        }
        setup.file("number.txt", [MARK, b"42\r\n"].concat());
    });
    let device = Device::start();
    kit.provision("GW-1", &device).worked();
    kit.pep_as_operator(["list"]).worked();
    // The station's own certificate and key for TLS as well.
    let mut setup = Setup::new();
    setup.file("cert.pem", [MARK, &tls.pem()].concat());
    setup.file("key.pem", [MARK, &tls.key_pem()].concat());
    setup.env("PEP_HTTP_CERTIFICATE", "cert.pem").env("PEP_HTTP_KEY", "key.pem");
    check(&setup).worked();
}

#[test]
fn r27_other_forms_are_refused_by_their_names() {
    let tree = Tree::usual();
    let trusted = tree.root_pem().replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    let damaged = tree.root_pem().replacen("MII", "MI?", 1);
    let cut: String = tree.root_pem().lines().take(4).map(|line| format!("{line}\n")).collect();
    let wide: Vec<u8> = tree.root_pem().encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, words) in [
        (trusted.into_bytes(), "`TRUSTED CERTIFICATE` (line 1)"),
        (damaged.into_bytes(), "line 2 holds a character that is not base64"),
        (cut.into_bytes(), "begins in line 1 and has no END line"),
        ([b"\xff\xfe".to_vec(), wide].concat(), "UTF-16"),
        (Vec::new(), "holds no certificate in PEM form"),
    ] {
        for file in ["sign/factory_ca.pem", "keystore/CA_cert.pem", "bootstrap-server-ca.pem"] {
            let mut setup = factory_setup();
            setup.file(file, &content);
            if content.is_empty() && file.starts_with("boot") {
                continue;
            }
            let said = refused(&setup);
            let name = file.rsplit('/').next().unwrap();
            assert!(said.contains(name) && said.contains(words), "{words}: {said}");
        }
    }
}
