//! A device that comes again with its key, after its CA was replaced or renewed (R31, R32).

use openssl::pkey::Private;

use super::*;

/// A device with its key, its CSR, and what it got first.
struct Registered {
    csr: String,
    first: Value,
    _key: PKey<Private>,
}

fn registered(kit: &Kit) -> Registered {
    let key = p256();
    let csr = csr(&key, UUID);
    let answer = register(kit, &csr);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(register(kit, &csr).json(), answer.json(), "the same once more");
    Registered { csr, first: answer.json(), _key: key }
}

/// Stops the station, puts another tree in its place, starts it, and has the device come again.
fn again_under(kit: &mut Kit, tree: &Tree, device: &Registered) -> Answer {
    kit.stop();
    for (name, content) in [
        ("factory_ca.pem", tree.root.pem()),
        ("local-ca.pem", tree.issuing.pem()),
        ("local-ca.key", tree.issuing.key_pem()),
    ] {
        std::fs::write(kit.folder().join("sign").join(name), content).unwrap();
    }
    kit.start_again();
    register(kit, &device.csr)
}

/// It got another certificate, good by both judges, and the record says why.
#[track_caller]
fn is_renewed(kit: &Kit, answer: &Answer, device: &Registered, why: &str) {
    assert_eq!(answer.status, 201, "{}", answer.text());
    let members = answer.json();
    assert_ne!(members["client.pem"], device.first["client.pem"]);
    judges::both_take(&text(&members, "root.crt"), &text(&members, "client.chained"));
    assert_eq!(register(kit, &device.csr).json(), members, "and the same once more");
    let shown = kit.pep_as_operator(["show", "--space", "sign", UUID]);
    let shown = shown.worked();
    assert!(shown.contains("renewal") && shown.contains(why), "{shown}");
    let unit = kit.get_as_operator(&format!("/v3/unit?space=sign&serialNumber={UUID}"));
    let attempts = unit.document()["executions"].as_array().unwrap().clone();
    assert_eq!(attempts[0]["certificate"]["superseded"], true);
    let renewal = attempts.iter().find(|it| it.get("renews").is_some()).unwrap();
    assert_eq!(renewal["renews"]["serial"], attempts[0]["certificate"]["serial"]);
}

#[test]
fn r31_a_ca_of_the_same_name_and_another_key() {
    let tree = Tree::usual();
    let mut kit = registering(|setup| tree.for_registering(setup));
    let device = registered(&kit);
    // The root stays, the issuing CA is another of the same name.
    let Tree { root, .. } = tree;
    let issuing = Draft::named("Acme line 1").signed_by(&root);
    let next = Tree { root, issuing };
    let answer = again_under(&mut kit, &next, &device);
    is_renewed(&kit, &answer, &device, "a CA that is no longer in use issued it");
}

#[test]
fn a_ca_of_another_name_and_another_root() {
    let mut kit = registering(|setup| Tree::usual().for_registering(setup));
    let device = registered(&kit);
    let next = Tree::of(Draft::named("Acme root G2"), Draft::named("Acme line 2"));
    let answer = again_under(&mut kit, &next, &device);
    is_renewed(&kit, &answer, &device, "a CA that is no longer in use issued it");
    // Its key is its key: nobody else may come with it, nor it with another.
    assert_eq!(register(&kit, &csr(&p256(), UUID)).status, 409);
}

#[test]
fn r32_a_ca_that_was_renewed_when_its_certificates_were_about_to_end() {
    let root = Draft::named("Acme root").self_signed();
    let short = Draft { until: 3600, ..Draft::named("Acme line 1") };
    let key = short.key.clone();
    let tree = Tree { issuing: short.signed_by(&root), root };
    let mut kit = registering(|setup| tree.for_registering(setup));
    let device = registered(&kit);
    let issuing = Draft { key, ..Draft::named("Acme line 1") }.signed_by(&tree.root);
    let next = Tree { issuing, root: tree.root };
    let answer = again_under(&mut kit, &next, &device);
    is_renewed(&kit, &answer, &device, "it ends on ");
}

#[test]
fn with_a_setting_of_zero_a_certificate_is_given_to_its_end() {
    let root = Draft::named("Acme root").self_signed();
    let short = Draft { until: 3600, ..Draft::named("Acme line 1") };
    let key = short.key.clone();
    let tree = Tree { issuing: short.signed_by(&root), root };
    let mut kit = registering(|setup| {
        tree.for_registering(setup);
        setup.env("PEP_SIGN_RENEW_WITHIN_DAYS", "0");
    });
    let device = registered(&kit);
    let issuing = Draft { key, ..Draft::named("Acme line 1") }.signed_by(&tree.root);
    let next = Tree { issuing, root: tree.root };
    let answer = again_under(&mut kit, &next, &device);
    assert_eq!(answer.json()["client.pem"], device.first["client.pem"]);
    judges::both_take(&text(&answer.json(), "root.crt"), &text(&answer.json(), "client.chained"));
}
