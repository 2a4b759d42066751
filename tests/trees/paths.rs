//! Trees that a verifier refuses, found at start; and those that look alike and are fine (R03, R05,
//! R06, R07, R29).

use super::*;

const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
const POLICIES: &str = "2.5.29.32";
const POLICY_CONSTRAINTS: &str = "2.5.29.36";
const PRIVATE: &str = "1.3.6.1.4.1.55555.1";

fn root(change: impl FnOnce(&mut Draft)) -> Draft {
    let mut draft = Draft::named("Acme root");
    change(&mut draft);
    draft
}

fn line(change: impl FnOnce(&mut Draft)) -> Draft {
    let mut draft = Draft::named("Acme line 1");
    change(&mut draft);
    draft
}

/// Neither a factory nor gateways get certificates of this tree.
#[track_caller]
fn refused_everywhere(tree: &Tree, words: &str) {
    let mut setup = factory_setup();
    tree.for_registering(&mut setup);
    let said = refused(&setup);
    assert!(said.contains("factories[1]") && said.contains(words), "{words}: {said}");
    let mut setup = Setup::new();
    tree.for_gateways(&mut setup, 1);
    let said = refused(&setup);
    assert!(said.contains("[signer] certificate: ") && said.contains(words), "{words}: {said}");
    let previewed = run(setup.server(&["preview", "GW-1"]), |_, _| {});
    assert_ne!(previewed.code, 0);
    assert!(previewed.stderr.contains(words), "{}", previewed.stderr);
}

/// Both get certificates that both judges take.
#[track_caller]
fn taken_everywhere(tree: &Tree) {
    let kit = registering(|setup| {
        tree.for_registering(setup);
        tree.for_gateways(setup, 1);
    });
    registers_well(&kit);
    provisions_well(&kit, "GW-1", tree);
}

#[test]
fn r05_a_root_that_allows_no_ca_below_it() {
    let tree = Tree::of(root(|it| it.path_length = Some(0)), line(|_| {}));
    refused_everywhere(&tree, "pathlen:0");
    taken_everywhere(&Tree::of(
        root(|it| it.path_length = Some(1)),
        line(|it| it.path_length = Some(0)),
    ));
}

#[test]
fn r06_cas_limited_to_something_other_than_clients() {
    for critical in [false, true] {
        for (arc, word) in [(1, "serverAuth"), (3, "codeSigning")] {
            let extra = vec![(EXTENDED_KEY_USAGE, critical, purposes(&[arc]))];
            let tree = Tree::of(root(|_| {}), line(|it| it.extra = extra.clone()));
            refused_everywhere(&tree, word);
            let tree = Tree::of(root(|it| it.extra = extra), line(|_| {}));
            refused_everywhere(&tree, word);
        }
        let extra = vec![(EXTENDED_KEY_USAGE, critical, purposes(&[1, 2]))];
        taken_everywhere(&Tree::of(
            root(|it| it.extra = extra.clone()),
            line(|it| it.extra = extra.clone()),
        ));
    }
}

#[test]
fn r07_name_constraints_and_extensions_nobody_knows() {
    for (oid, critical, content, words) in [
        (NAME_CONSTRAINTS, true, constraint(0xa0, &directory("Other Ltd")), "name constraints"),
        (NAME_CONSTRAINTS, false, constraint(0xa0, &directory("Other Ltd")), "do not allow"),
        (PRIVATE, true, b"\x05\x00".to_vec(), PRIVATE),
        (POLICY_CONSTRAINTS, true, b"\x30\x03\x80\x01\x00".to_vec(), "policy constraints"),
    ] {
        let extra = vec![(oid, critical, content)];
        let tree = Tree::of(root(|_| {}), line(|it| it.extra = extra.clone()));
        refused_everywhere(&tree, words);
        refused_everywhere(&Tree::of(root(|it| it.extra = extra), line(|_| {})), words);
    }
    for (oid, critical, content) in [
        (NAME_CONSTRAINTS, true, constraint(0xa0, &dns("acme.example"))),
        (NAME_CONSTRAINTS, false, constraint(0xa1, &dns("evil.example"))),
        (PRIVATE, false, b"\x05\x00".to_vec()),
        (POLICIES, true, b"\x30\x08\x30\x06\x06\x04\x2a\x03\x04\x05".to_vec()),
    ] {
        let extra = vec![(oid, critical, content)];
        taken_everywhere(&Tree::of(root(|_| {}), line(|it| it.extra = extra)));
    }
}

#[test]
fn r29_a_negative_certificate_serial() {
    let tree = Tree::of(root(|_| {}), line(|it| it.negative_serial = true));
    refused_everywhere(&tree, "a negative certificate serial");
    let tree = Tree::of(root(|it| it.negative_serial = true), line(|_| {}));
    refused_everywhere(&tree, "a negative certificate serial");
}

/// What a device is sent it has to read, and it is found out before it lost its old identity.
#[test]
fn r03_chains_that_the_clients_library_cannot_read() {
    for (oid, content) in [
        (NAME_CONSTRAINTS, constraint(0xa1, &dns("evil.example"))),
        (POLICIES, b"\x30\x08\x30\x06\x06\x04\x2a\x03\x04\x05".to_vec()),
        (POLICY_CONSTRAINTS, b"\x30\x03\x80\x01\x00".to_vec()),
        (PRIVATE, b"\x05\x00".to_vec()),
    ] {
        let extra = |critical| vec![(oid, critical, content.clone())];
        for (depth, tree) in [
            (2, Tree::of(root(|_| {}), line(|it| it.extra = extra(true)))),
            (3, Tree::of(root(|it| it.extra = extra(true)), line(|_| {}))),
        ] {
            let mut setup = Setup::new();
            tree.for_gateways(&mut setup, depth);
            let said = refused(&setup);
            assert!(said.contains("status 18") && said.contains(oid), "{said}");
            let previewed = run(setup.server(&["preview", "GW-1"]), |_, _| {});
            assert!(!previewed.stdout.contains("it takes this identity"), "{}", previewed.stdout);
        }
        // Not critical: the device takes it, as a whole.
        if oid != POLICY_CONSTRAINTS {
            let tree = Tree::of(root(|_| {}), line(|it| it.extra = extra(false)));
            let kit = Kit::with(|setup| tree.for_gateways(setup, 2));
            provisions_well(&kit, "GW-1", &tree);
        }
    }
}

#[test]
fn roots_of_other_kinds_above_a_factory() {
    let tree = Tree::of(root(|it| it.key = p384()), line(|it| it.key = p384()));
    registers_well(&registering(|setup| tree.for_registering(setup)));
    let rsa = || PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let tree = Tree::of(root(|it| it.key = rsa()), line(|it| it.key = rsa()));
    registers_well(&registering(|setup| tree.for_registering(setup)));
}
