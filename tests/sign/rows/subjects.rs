//! Rows 1 to 8 and 13: keys, subjects and what they claim.

use openssl::dsa::Dsa;

use super::*;
use crate::kit::on_curve;

fn names(key: &PKey<Private>, names: &[(&str, &str)]) -> Value {
    of_csr(&csr_of(key, names))
}

#[test]
fn row_1_a_broken_self_signature() {
    let kit = kit();
    let csr = csr_of(&key(), &[("CN", UUID), ("OU", "acme")]);
    let mut der = openssl::x509::X509Req::from_pem(csr.as_bytes()).unwrap().to_der().unwrap();
    *der.last_mut().unwrap() ^= 1;
    let csr = openssl::x509::X509Req::from_der(&der).unwrap().to_pem().unwrap();
    refused(&kit, &of_csr(std::str::from_utf8(&csr).unwrap()), "is not signed by the key it holds");
    // One key's request with another's signature.
    let (mine, others) = (key(), key());
    let mut builder = X509ReqBuilder::new().unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", UUID).unwrap();
    name.append_entry_by_text("OU", "acme").unwrap();
    builder.set_subject_name(&name.build()).unwrap();
    builder.set_pubkey(&others).unwrap();
    builder.sign(&mine, MessageDigest::sha256()).unwrap();
    let csr = String::from_utf8(builder.build().to_pem().unwrap()).unwrap();
    refused(&kit, &of_csr(&csr), "is not signed by the key it holds");
    assert!(states(&kit, UUID).is_empty());
}

on_both!(row_2_another_key_for_an_issued_uuid, row_4_one_key_for_many_uuids_and_the_cas_own,);

fn row_2_another_key_for_an_issued_uuid(on: &On) {
    let kit = on.kit();
    let mine = key();
    let first = register(&kit, &honest(UUID, &mine)).json();
    for uuid in [UUID.to_owned(), UUID.to_uppercase(), UUID.to_lowercase()] {
        register(&kit, &honest(&uuid, &key())).problem(409, "serial-taken");
    }
    let again = register(&kit, &honest(UUID, &mine)).json();
    assert_eq!(again["client.pem"], first["client.pem"], "the first owner is as it was");
}

#[test]
fn row_3_two_common_names() {
    let kit = kit();
    let key = key();
    let two = "more than one CN";
    let names = |first, second| names(&key, &[("CN", first), ("CN", second), ("OU", "acme")]);
    refused(&kit, &names(UUID, "victim"), two);
    refused(&kit, &names("victim", UUID), two);
    refused(&kit, &names(UUID, UUID), two);
    let units = self::names(&key, &[("CN", UUID), ("OU", "acme"), ("OU", "other")]);
    refused(&kit, &units, "more than one OU");
    assert!(states(&kit, UUID).is_empty());
}

fn row_4_one_key_for_many_uuids_and_the_cas_own(on: &On) {
    let kit = on.kit();
    let key = key();
    assert_eq!(register(&kit, &honest(&uuid(1), &key)).status, 201);
    let taken = register(&kit, &honest(&uuid(2), &key)).problem(409, "key-taken");
    let told = taken["detail"].as_str().unwrap();
    assert!(told.contains(&uuid(1)) && told.contains(&uuid(2)), "both are named: {told}");
    assert_eq!(states(&kit, &uuid(2)), ["failed"]);
    let ca = std::fs::read(kit.folder().join("sign/local-ca.key")).unwrap();
    let ca = PKey::private_key_from_pem(&ca).unwrap();
    refused(&kit, &honest(&uuid(3), &ca), "the CA's own");
}

#[test]
fn row_5_common_names_that_come_to_one_serial() {
    let kit = kit();
    let key = key();
    let full_width = "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}";
    for cn in ["12-34-56", "1234-56", "12_34-56", "123456 ", "123456\n", full_width] {
        refused(&kit, &names(&key, &[("CN", cn), ("OU", "acme")]), "not a UUID");
    }
}

#[test]
fn row_6_a_common_name_that_is_no_uuid() {
    let kit = kit();
    let key = key();
    let zero = "00000000-0000-0000-0000-000000000000";
    let long = format!("{UUID}0");
    for cn in ["--5--", "../../etc/passwd", "victim", &long, &UUID[1..], &UUID.replace('-', "")] {
        refused(&kit, &names(&key, &[("CN", cn), ("OU", "acme")]), "not a UUID");
    }
    refused(&kit, &names(&key, &[("CN", zero), ("OU", "acme")]), "should be positive");
}

#[test]
fn row_7_attributes_and_a_category_of_the_devices_own() {
    let developing = "\ntls = \"sign/tls-crt\"\ncategories = [\"development\"]\n";
    let kit = kit_with(|setup| {
        setup.station("\ntls = \"sign/tls-crt\"\n", developing);
    });
    let key = key();
    let also = |kind, value| names(&key, &[("CN", UUID), ("OU", "acme"), (kind, value)]);
    refused(&kit, &also("O", "Evil Ltd"), "2.5.4.10");
    refused(&kit, &also("C", "DE"), "2.5.4.6");
    refused(&kit, &also("businessCategory", "admin"), "businessCategory");
    let production = also("businessCategory", "production");
    let problem = register(&kit, &production).problem(403, "not-admitted");
    assert!(problem["detail"].as_str().unwrap().contains("production"), "{problem}");
    assert!(states(&kit, UUID).is_empty());
    let plain = names(&key, &[("CN", UUID), ("OU", "acme")]);
    assert_eq!(register(&kit, &plain).status, 201);
}

#[test]
fn row_8_keys_that_no_gateway_takes() {
    let kit = kit();
    let rsa = |bits| PKey::from_rsa(openssl::rsa::Rsa::generate(bits).unwrap()).unwrap();
    for key in [
        rsa(1024),
        rsa(2048),
        on_curve(Nid::X9_62_PRIME192V1),
        on_curve(Nid::SECP256K1),
        on_curve(Nid::BRAINPOOL_P256R1),
        on_curve(Nid::SECP384R1),
        PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap(),
    ] {
        refused(&kit, &honest(UUID, &key), "the device's CSR");
    }
    for key in [PKey::generate_ed25519().unwrap(), PKey::generate_ed448().unwrap()] {
        let mut builder = X509ReqBuilder::new().unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::null()).unwrap();
        let csr = String::from_utf8(builder.build().to_pem().unwrap()).unwrap();
        refused(&kit, &of_csr(&csr), "the device's CSR");
    }
    assert!(states(&kit, UUID).is_empty());

    // Two of them by setting, and no others.
    let kit = kit_with(|setup| {
        let all = "\ntls = \"sign/tls-crt\"\nkeys = [\"p256\", \"p384\", \"rsa\"]\n";
        setup.station("\ntls = \"sign/tls-crt\"\n", all);
    });
    assert_eq!(register(&kit, &honest(&uuid(1), &rsa(2048))).status, 201);
    assert_eq!(register(&kit, &honest(&uuid(2), &on_curve(Nid::SECP384R1))).status, 201);
    refused(&kit, &honest(&uuid(3), &rsa(1024)), "the device's CSR");
    refused(&kit, &honest(&uuid(3), &on_curve(Nid::SECP256K1)), "the device's CSR");
}

#[test]
fn row_13_no_factory_or_no_common_name() {
    let kit = kit();
    let key = key();
    refused(&kit, &names(&key, &[("CN", UUID)]), "has no OU");
    refused(&kit, &names(&key, &[("OU", "acme")]), "has no CN");
    refused(&kit, &names(&key, &[]), "has no OU");
    refused(&kit, &names(&key, &[("CN", UUID), ("OU", "other")]), "Invalid factory(other) must be");
    refused(&kit, &names(&key, &[("CN", UUID), ("OU", "Acme")]), "Invalid factory(Acme) must be");
}
