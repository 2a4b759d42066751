//! CAs whose certificates somebody refuses, each as OpenSSL, Go or the client's library met it, and
//! those that look alike and are fine.

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::ca::der;
use crate::ca::test_ca::{self, TestCa, ec, profile, registered, rsa};

const NAME_CONSTRAINTS: &str = "2.5.29.30";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const POLICIES: &str = "2.5.29.32";
const POLICY_CONSTRAINTS: &str = "2.5.29.36";
const PRIVATE: &str = "1.3.6.1.4.1.55555.1";

fn purposes(oids: &[&[u8]]) -> Vec<u8> {
    let all: Vec<u8> = oids.iter().flat_map(|oid| der::wrapped(0x06, oid)).collect();
    der::wrapped(der::SEQUENCE, &all)
}

/// `[0]` permits, `[1]` excludes names of one kind.
fn constraint(excludes: bool, name: &[u8]) -> Vec<u8> {
    let tree = der::wrapped(if excludes { 0xa1 } else { 0xa0 }, &der::wrapped(0x30, name));
    der::wrapped(der::SEQUENCE, &tree)
}

fn directory(organization: &str) -> Vec<u8> {
    let value = [der::wrapped(0x06, b"\x55\x04\x0a"), der::wrapped(0x0c, organization.as_bytes())];
    let name = der::wrapped(0x30, &der::wrapped(0x31, &der::wrapped(0x30, &value.concat())));
    der::wrapped(0xa4, &name)
}

fn dns(name: &str) -> Vec<u8> {
    der::wrapped(0x82, name.as_bytes())
}

struct Tree<'a> {
    root: TestCa<'a>,
    root_certificate: X509,
    issuing: X509,
    key: PKey<Private>,
    depth: Option<u8>,
}

impl<'a> Tree<'a> {
    fn new(root: TestCa<'a>, issuing: TestCa<'_>) -> Self {
        let root = TestCa { name: "EXAMPLE Root", ..root };
        let root_certificate = root.certificate();
        let issuer = Some((&root_certificate, &root.key));
        let issuing = TestCa { name: "EXAMPLE Issuing", issuer, ..issuing };
        let (issuing, key) = (issuing.certificate(), issuing.key.clone());
        Self { root, root_certificate, issuing, key, depth: Some(1) }
    }

    fn of_gateways(&self) -> Proof {
        let folder = tempfile::tempdir().unwrap();
        let both = [&self.issuing, &self.root_certificate];
        let mut files = test_ca::write(folder.path(), &both, &self.key);
        files.chain_depth = self.depth;
        let now = Timestamp::now();
        let opened = Authority::open(&files, &profile(), now);
        let authority = Arc::new(opened.unwrap_or_else(|faults| panic!("{faults:?}")).0);
        Proof::of_gateways(&authority, &Arc::new(profile()), now)
    }

    fn of_registered(&self) -> Proof {
        let folder = tempfile::tempdir().unwrap();
        let files = test_ca::write(folder.path(), &[&self.issuing], &self.key);
        let root = folder.path().join("root.pem");
        std::fs::write(&root, self.root_certificate.to_pem().unwrap()).unwrap();
        let now = Timestamp::now();
        let opened = Authority::open(&files, &registered(), now);
        let authority = Arc::new(opened.unwrap_or_else(|faults| panic!("{faults:?}")).0);
        let root = Root::open(&root, &authority, now).unwrap();
        Proof::of_registered(&authority, &Arc::new(registered()), "acme", &root, now)
    }
}

#[track_caller]
fn both(tree: &Tree<'_>, words: Option<&str>) {
    for proof in [tree.of_gateways(), tree.of_registered()] {
        let said: Vec<_> = proof.flaws.iter().map(ToString::to_string).collect();
        match words {
            Some(words) => assert!(said.iter().any(|one| one.contains(words)), "{words}: {said:?}"),
            None => assert_eq!(said, Vec::<String>::new()),
        }
    }
}

fn usual() -> TestCa<'static> {
    TestCa::default()
}

#[test]
fn trees_that_are_fine() {
    both(&Tree::new(usual(), usual()), None);
    both(&Tree::new(TestCa { path_length: Some(1), ..usual() }, usual()), None);
    both(&Tree::new(usual(), TestCa { path_length: Some(0), ..usual() }), None);
    both(&Tree::new(usual(), TestCa { identifier: false, ..usual() }), None);
    both(&Tree::new(usual(), TestCa { serial: &[0], ..usual() }), None);
    both(&Tree::new(usual(), TestCa { serial: &[0xff; 20], ..usual() }), None);
    let of_clients =
        purposes(&[b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x2b\x06\x01\x05\x05\x07\x03\x02"]);
    let extra = vec![(EXTENDED_KEY_USAGE, true, of_clients)];
    both(&Tree::new(TestCa { extra: extra.clone(), ..usual() }, TestCa { extra, ..usual() }), None);
    for critical in [false, true] {
        let extra = vec![(NAME_CONSTRAINTS, critical, constraint(false, &dns("acme.example")))];
        both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), None);
        both(&Tree::new(TestCa { extra, ..usual() }, usual()), None);
    }
    let extra = vec![(PRIVATE, false, b"\x05\x00".to_vec())];
    both(&Tree::new(usual(), TestCa { extra, ..usual() }), None);
}

#[test]
fn a_root_of_rsa_above_a_factorys_ca() {
    let tree = Tree::new(TestCa { key: rsa(), ..usual() }, TestCa { key: rsa(), ..usual() });
    assert_eq!(tree.of_registered().flaws, []);
}

#[test]
fn too_many_cas_below_a_ca() {
    both(&Tree::new(TestCa { path_length: Some(0), ..usual() }, usual()), Some("pathlen:0"));
}

#[test]
fn cas_for_something_other_than_clients() {
    for (purpose, word) in [
        (&b"\x2b\x06\x01\x05\x05\x07\x03\x01"[..], "serverAuth"),
        (b"\x2b\x06\x01\x05\x05\x07\x03\x03", "codeSigning"),
        (b"\x55\x1d\x25\x00", "anyExtendedKeyUsage"),
        (b"\x2b\x06\x01\x04\x01\x83\xb2\x03", "1.3.6.1.4.1."),
    ] {
        for critical in [false, true] {
            let extra = vec![(EXTENDED_KEY_USAGE, critical, purposes(&[purpose]))];
            both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), Some(word));
            both(&Tree::new(TestCa { extra, ..usual() }, usual()), Some(word));
        }
    }
}

#[test]
fn extensions_that_nobody_knows_and_names_that_are_not_allowed() {
    for (oid, content, words) in [
        (PRIVATE, b"\x05\x00".to_vec(), "1.3.6.1.4.1.55555.1"),
        (POLICY_CONSTRAINTS, b"\x30\x03\x80\x01\x00".to_vec(), "policy constraints"),
        (NAME_CONSTRAINTS, constraint(false, &directory("EXAMPLE Oy")), "directory names"),
        ("2.5.29.14", b"\x04\x01\x07".to_vec(), "2.5.29.14 twice"),
    ] {
        let extra = vec![(oid, true, content)];
        both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), Some(words));
        both(&Tree::new(TestCa { extra, ..usual() }, usual()), Some(words));
    }
    let extra = vec![(NAME_CONSTRAINTS, false, constraint(false, &directory("Other Ltd")))];
    both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), Some("do not allow"));
    both(&Tree::new(TestCa { extra, ..usual() }, usual()), Some("do not allow"));
}

#[test]
fn serials_and_signatures_that_others_refuse() {
    let negative = || TestCa { negative_serial: true, ..usual() };
    both(&Tree::new(negative(), usual()), Some("a negative certificate serial"));
    both(&Tree::new(usual(), negative()), Some("a negative certificate serial"));
    let long = TestCa { serial: &[0x7f; 21], ..usual() };
    both(&Tree::new(usual(), long), Some("21 octets"));
    let digest = MessageDigest::sha1();
    both(&Tree::new(usual(), TestCa { digest, ..usual() }), Some("SHA-1"));
}

/// Another root of the same key: its name is written in another type of string.
#[test]
fn names_and_identifiers_that_do_not_meet() {
    let tree = Tree::new(usual(), usual());
    let own = "01:02:03";
    let other = TestCa {
        name: "EXAMPLE Root",
        key: tree.root.key.clone(),
        own_identifier: Some(own),
        ..usual()
    };
    let identifier = tree.root_certificate.subject_key_id().unwrap().as_slice();
    let identifier = der::wrapped(0x30, &der::wrapped(0x80, identifier));
    let issuing = TestCa {
        name: "EXAMPLE Issuing",
        issuer: Some((&tree.root_certificate, &tree.root.key)),
        extra: vec![("2.5.29.35", false, identifier)],
        ..usual()
    };
    let (certificate, key) = (issuing.certificate(), issuing.key.clone());
    let fine = Tree { issuing: certificate.clone(), key: key.clone(), ..tree };
    both(&fine, None);
    let wrong = Tree { root_certificate: other.certificate(), issuing: certificate, key, ..fine };
    both(&wrong, Some("is not the subject key identifier"));
}

#[test]
fn an_issuers_name_of_another_string_type() {
    let tree = Tree::new(TestCa { is_printable: true, ..usual() }, usual());
    both(&tree, None);
    let other = TestCa { name: "EXAMPLE Root", key: tree.root.key.clone(), ..usual() };
    both(&Tree { root_certificate: other.certificate(), ..tree }, Some("in other bytes"));
}

#[test]
fn chains_that_devices_cannot_read() {
    for (oid, content) in [
        (PRIVATE, b"\x05\x00".to_vec()),
        (POLICIES, b"\x30\x08\x30\x06\x06\x04\x2a\x03\x04\x05".to_vec()),
        (NAME_CONSTRAINTS, constraint(true, &dns("evil.example"))),
    ] {
        for critical in [true, false] {
            let extra = vec![(oid, critical, content.clone())];
            let mut tree = Tree::new(usual(), TestCa { extra, ..usual() });
            tree.depth = Some(2);
            let flaws = tree.of_gateways().flaws;
            let is_named = |flaw: &Flaw| {
                let said = flaw.to_string();
                said.contains("status 18") && said.contains(&format!("critical extension {oid}"))
            };
            assert_eq!(flaws.iter().any(is_named), critical, "{oid}: {flaws:?}");
            tree.depth = Some(1);
            assert!(tree.of_gateways().flaws.iter().all(|flaw| !is_named(flaw)), "not sent");
        }
    }
}

#[test]
fn cas_that_end_soon() {
    let says = |proof: &Proof, words: &str| {
        proof.warnings.iter().any(|one| one.to_string().contains(words))
    };
    for (tree, words) in [
        (Tree::new(usual(), TestCa { days: (-1, 60), ..usual() }), "in less than a year"),
        (Tree::new(usual(), TestCa { days: (-1, 60), ..usual() }), "are cut to its end"),
        (Tree::new(usual(), TestCa { days: (-1, 5000), ..usual() }), "are cut to its end"),
        (Tree::new(TestCa { days: (-1, 700), ..usual() }, usual()), "before device certificates"),
        (Tree::new(TestCa { days: (-1, 90), ..usual() }, usual()), "in less than a year"),
    ] {
        for proof in [tree.of_gateways(), tree.of_registered()] {
            assert_eq!(proof.flaws, []);
            assert!(says(&proof, words), "{words}: {:?}", proof.warnings);
        }
    }
    let long = Tree::new(usual(), usual());
    for proof in [long.of_gateways(), long.of_registered()] {
        assert_eq!(proof.warnings, []);
    }
}

#[test]
fn a_ca_signed_by_two_is_no_stray() {
    let (old, new) = (usual(), TestCa { name: "EXAMPLE New Root", ..usual() });
    let old_certificate =
        TestCa { name: "EXAMPLE Root", key: old.key.clone(), ..usual() }.certificate();
    let new_certificate = new.certificate();
    let crossed = TestCa {
        name: "EXAMPLE Root",
        key: old.key.clone(),
        issuer: Some((&new_certificate, &new.key)),
        ..usual()
    };
    let crossed = crossed.certificate();
    let issuing =
        TestCa { name: "EXAMPLE Issuing", issuer: Some((&old_certificate, &old.key)), ..usual() };
    let certificate = issuing.certificate();
    let all = [&certificate, &crossed, &old_certificate, &new_certificate, &certificate];
    let orders = [[0, 1, 2, 3, 4], [3, 2, 1, 0, 4], [2, 1, 0, 4, 3], [1, 3, 4, 2, 0]];
    for order in orders {
        let folder = tempfile::tempdir().unwrap();
        let certificates: Vec<_> = order.iter().map(|place| all[*place]).collect();
        let mut files = test_ca::write(folder.path(), &certificates, &issuing.key);
        files.chain_depth = Some(1);
        let now = Timestamp::now();
        let opened = Authority::open(&files, &profile(), now);
        let authority = Arc::new(opened.unwrap_or_else(|faults| panic!("{faults:?}")).0);
        let proof = Proof::of_gateways(&authority, &Arc::new(profile()), now);
        assert_eq!(proof.flaws, [], "{order:?}");
    }
}

#[test]
fn the_leaf_is_the_products_own() {
    let key = ec(openssl::nid::Nid::X9_62_PRIME256V1);
    let extra = vec![(NAME_CONSTRAINTS, false, constraint(true, &directory("EXAMPLE Oy")))];
    let tree = Tree::new(usual(), TestCa { key, extra, ..usual() });
    let said = tree.of_gateways().flaws.iter().map(ToString::to_string).collect::<String>();
    // The profile says C=FI, O=EXAMPLE Oy.
    assert!(tree.of_registered().flaws.is_empty());
    assert!(said.is_empty() || said.contains("EXAMPLE Oy"), "{said}");
}

#[test]
fn extensions_in_a_form_that_go_does_not_parse() {
    let null = || b"\x05\x00".to_vec();
    let policy = der::wrapped(0x30, b"\x06\x03\x2a\x03\x04");
    let twice = der::wrapped(0x30, &[policy.clone(), policy].concat());
    for (oid, content, words) in [
        (NAME_CONSTRAINTS, b"\x30\x00".to_vec(), "empty name constraints"),
        (NAME_CONSTRAINTS, constraint(false, b"\x87\x04\x0a\x00\x00\x00"), "that is none"),
        (NAME_CONSTRAINTS, constraint(false, &dns("a..b")), "that is none"),
        (POLICIES, twice, "1.2.3.4 twice"),
        (POLICY_CONSTRAINTS, null(), "as its type has it"),
        ("2.5.29.17", b"\x30\x04\x87\x02\x01\x02".to_vec(), "as its type has it"),
    ] {
        let extra = vec![(oid, false, content)];
        both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), Some(words));
        both(&Tree::new(TestCa { extra, ..usual() }, usual()), Some(words));
    }
}

#[test]
fn a_policy_that_no_device_names() {
    for (skipped, words) in [(0, Some("want a policy")), (1, Some("want a policy")), (2, None)] {
        let content = vec![0x30, 0x03, 0x80, 0x01, skipped];
        let extra = vec![(POLICY_CONSTRAINTS, false, content)];
        both(&Tree::new(usual(), TestCa { extra: extra.clone(), ..usual() }), words);
        both(&Tree::new(TestCa { extra, ..usual() }, usual()), None);
    }
}

#[test]
fn a_root_whose_own_identifiers_do_not_meet() {
    let extra = vec![("2.5.29.35", false, b"\x30\x05\x80\x03abc".to_vec())];
    both(&Tree::new(TestCa { extra, ..usual() }, usual()), Some("OpenSSL refuses"));
}

/// Root files of a change: the old root has ended, and OpenSSL and Go take the new one.
#[test]
fn a_root_that_ended_beside_the_one_in_use() {
    let tree = Tree::new(usual(), usual());
    let gone = TestCa { name: "EXAMPLE Gone", days: (-900, -1), ..usual() }.certificate();
    let again =
        TestCa { name: "EXAMPLE Root", key: tree.root.key.clone(), days: (-900, -1), ..usual() }
            .certificate();
    let folder = tempfile::tempdir().unwrap();
    let files = test_ca::write(folder.path(), &[&tree.issuing], &tree.key);
    let now = Timestamp::now();
    let authority = Arc::new(Authority::open(&files, &registered(), now).ok().unwrap().0);
    let path = folder.path().join("root.pem");
    let write = |all: &[&X509]| {
        let pem: Vec<u8> = all.iter().flat_map(|one| one.to_pem().unwrap()).collect();
        std::fs::write(&path, pem).unwrap();
    };
    for other in [&gone, &again] {
        write(&[other, &tree.root_certificate]);
        let root = Root::open(&path, &authority, now).unwrap();
        let profile = Arc::new(registered());
        let proof = Proof::of_registered(&authority, &profile, "acme", &root, now);
        assert_eq!(proof.flaws, []);
        assert!(proof.warnings.iter().any(|one| one.to_string().contains("not valid now")));
        write(&[other]);
        Root::open(&path, &authority, now).unwrap_err();
    }
    write(&[&tree.issuing]);
    let root = Root::open(&path, &authority, now).unwrap();
    let proof = Proof::of_registered(&authority, &Arc::new(registered()), "acme", &root, now);
    assert!(proof.warnings.contains(&AuthorityWarning::PartialRoot));
}
