//! What the reference client accepts in certificates, names and chains, beyond the recorded
//! exchanges (profile and names 1 to 8): measured there, and the double must agree.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

mod kit;

use fcc::bundle::{Bundle, Chain};
use fcc::device::{Act, Build, Device, Store};
use fcc::frame::{self, ReplyFrame, ReplyReader};
use fcc::names;
use fcc::reply::Reply;
use kit::{Ca, Draft, ENDPOINT, after, ec, extension, identity, p256, rsa};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509Builder;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName};

fn device() -> Device {
    Device::start(Build::default(), Store::in_memory(), None)
}

fn send(device: &mut Device, bundle: &Bundle) -> Reply {
    let acts = device.heard(&frame::request(&bundle.encode()));
    let Some(Act::Send(sent)) = acts.first() else { panic!("{acts:?}") };
    match ReplyReader::default().read(sent).unwrap() {
        Some(ReplyFrame::Payload(payload)) => Reply::decode(&payload).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Status and message of injecting a device certificate, and the warnings.
fn inject(draft: &Draft, ca: &Ca, with_key_name: bool) -> (u64, String, Vec<String>) {
    let key = p256();
    let mut bundle = identity(&key, ca.issue(&key, draft));
    if !with_key_name {
        bundle.certificates[0].key_name = None;
    }
    let reply = send(&mut device(), &bundle);
    (reply.return_status, reply.said().to_owned(), reply.warnings)
}

fn accepted(draft: &Draft) {
    let outcome = inject(draft, &Ca::p256(), true);
    assert_eq!(outcome, (0, "The Factory process succeeded".to_owned(), Vec::new()));
}

fn refused(draft: &Draft, status: u64, text: &str) {
    let (got, message, _) = inject(draft, &Ca::p256(), true);
    assert_eq!((got, message.as_str()), (status, text));
}

const UNREADABLE: &str = "Certificate parse failed:mbed.BootstrapDeviceCert";
const GENERAL: &str = "General error:mbed.BootstrapDeviceCert";

#[test]
fn extensions_are_judged_as_measured() {
    accepted(&Draft::default());
    let any_policy = [0x30, 0x08, 0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x20, 0x00];
    let own_policy = [0x30, 0x07, 0x30, 0x05, 0x06, 0x03, 0x2a, 0x03, 0x04];
    for (oid, critical, content, taken) in [
        ("2.5.29.14", false, &[0x04, 2, 1, 2][..], true),
        ("2.5.29.14", true, &[0x04, 2, 1, 2], false),
        ("2.5.29.35", true, &[0x30, 4, 0x80, 2, 1, 2], false),
        ("2.5.29.32", false, &own_policy, true),
        ("2.5.29.32", true, &own_policy, false),
        ("2.5.29.32", true, &any_policy, true),
        ("1.2.3.4", false, &[0x05, 0], true),
        ("1.2.3.4", true, &[0x05, 0], false),
    ] {
        let draft = Draft::with(extension(oid, critical, content));
        let (status, message, _) = inject(&draft, &Ca::p256(), true);
        let expected = if taken { "The Factory process succeeded" } else { UNREADABLE };
        assert_eq!(message, expected, "{oid} {critical}");
        assert_eq!(status, if taken { 0 } else { 34 });
    }
}

#[test]
fn extended_key_usage_must_allow_a_client() {
    let usage = |build: &mut ExtendedKeyUsage| Draft {
        extensions: vec![build.build().unwrap()],
        ..Draft::default()
    };
    accepted(&usage(ExtendedKeyUsage::new().critical().client_auth()));
    accepted(&usage(ExtendedKeyUsage::new().client_auth().server_auth()));
    accepted(&Draft { extensions: Vec::new(), ..Draft::default() });
    let invalid = "Certificate invalid:mbed.BootstrapDeviceCert";
    refused(&usage(ExtendedKeyUsage::new().server_auth()), 10, invalid);
}

/// Only entries that are not the last are looked at (profile and names 3.1).
#[test]
fn alternative_names_are_checked_but_the_last() {
    // otherName hardwareModuleName, whose value is no SEQUENCE of OID and OCTET STRING.
    let bad = [0xa0, 0x0e, 6, 8, 0x2b, 6, 1, 5, 5, 7, 8, 4, 0xa0, 2, 5, 0];
    let good = [
        0xa0, 0x17, 6, 8, 0x2b, 6, 1, 5, 5, 7, 8, 4, 0xa0, 11, 0x30, 9, 6, 3, 0x2a, 3, 4, 4, 2, 1,
        2,
    ];
    let uri = [0x86, 3, b'u', b':', b'x'];
    let san = |parts: &[&[u8]]| {
        let names = parts.concat();
        let mut content = vec![0x30, u8::try_from(names.len()).unwrap()];
        content.extend(names);
        Draft::with(extension("2.5.29.17", true, &content))
    };
    accepted(&san(&[&good]));
    accepted(&san(&[&good, &uri]));
    accepted(&san(&[&uri, &good]));
    accepted(&san(&[&bad]));
    refused(&san(&[&bad, &uri]), 34, UNREADABLE);

    let mut usual = SubjectAlternativeName::new();
    usual.dns("a.example").ip("10.0.0.1").email("a@b.c");
    let builder = X509Builder::new().unwrap();
    accepted(&Draft::with(usual.build(&builder.x509v3_context(None, None)).unwrap()));
}

#[test]
fn validity_is_judged_against_the_devices_time() {
    const TEN_YEARS: i64 = 315_360_000;
    let short = "Certificate validity is less than 10 years:mbed.BootstrapDeviceCert";
    let unsure = "Certificate validity cannot be checked:mbed.BootstrapDeviceCert";
    let until = |text: &str| Asn1Time::from_str_x509(text).unwrap();
    for (from, end, warning) in [
        (-3600, until("99991231235959Z"), None),
        (-3600, until("20491231235959Z"), None),
        (-3600, until("20500101000000Z"), None),
        (-3600, until("24860101000000Z"), None),
        (-3600, after(TEN_YEARS - 30), Some(short)),
        (-3600, after(TEN_YEARS + 3600), None),
        (-3600, after(30 * 86_400), Some(short)),
        (30, after(2 * TEN_YEARS), None),
        (55, after(2 * TEN_YEARS), None),
        (65, after(2 * TEN_YEARS), Some(unsure)),
        (120, after(TEN_YEARS - 3600), Some(unsure)),
    ] {
        let draft = Draft { from: kit::NOW + from, until: end, ..Draft::default() };
        let (status, _, warnings) = inject(&draft, &Ca::p256(), true);
        assert_eq!(status, 0);
        let expected: Vec<_> = warning.into_iter().map(str::to_owned).collect();
        assert_eq!(warnings, expected, "from {from}");
    }
    let expired = Draft { until: after(-86_400), ..Draft::default() };
    refused(&expired, 13, "Certificate expired:mbed.BootstrapDeviceCert");
}

#[test]
fn the_common_name_is_searched_as_measured() {
    let before = |kind: &str, value: &str| Draft::named(&[(kind, value), ("CN", ENDPOINT)]);
    for kind in ["emailAddress", "DC", "title", "GN", "SN", "initials", "serialNumber"] {
        accepted(&before(kind, "x"));
    }
    for kind in ["businessCategory", "UID", "street", "organizationIdentifier", "description"] {
        refused(&before(kind, "x"), 11, GENERAL);
        accepted(&Draft::named(&[("CN", ENDPOINT), (kind, "x")]));
    }
    let differs = "Certificate CN attribute invalid:mbed.BootstrapDeviceCert";
    accepted(&Draft::named(&[("CN", ENDPOINT), ("CN", "other")]));
    refused(&Draft::named(&[("CN", "other"), ("CN", ENDPOINT)]), 14, differs);
    refused(&Draft::named(&[("O", "no name")]), 11, GENERAL);
}

#[test]
fn a_subject_equal_to_the_issuer_is_warned_about() {
    let ca = Ca::below(None, p256(), &Draft::default());
    let (status, _, warnings) = inject(&Draft::default(), &ca, true);
    assert_eq!(status, 0);
    assert_eq!(warnings, ["Certificate is self signed:mbed.BootstrapDeviceCert"]);
}

/// Profile and names 8, first table, the columns for a certificate alone.
#[test]
fn kinds_of_ca_are_judged_as_measured() {
    let sha256 = MessageDigest::sha256();
    for (ca, digest, taken) in [
        (p256(), sha256, true),
        (p256(), MessageDigest::sha224(), true),
        (p256(), MessageDigest::sha384(), false),
        (p256(), MessageDigest::sha512(), false),
        (rsa(), sha256, false),
        (ec(Nid::SECP384R1), MessageDigest::sha384(), false),
        // Not refused when the certificate comes alone: the station has to.
        (ec(Nid::SECP384R1), sha256, true),
        (ec(Nid::SECP521R1), sha256, true),
        (ec(Nid::SECP256K1), sha256, true),
    ] {
        let ca = Ca::new(ca, sha256);
        for (with_key_name, number) in [(true, 34), (false, 18)] {
            let draft = Draft { digest, ..Draft::default() };
            let (status, message, _) = inject(&draft, &ca, with_key_name);
            let expected = if taken { 0 } else { number };
            assert_eq!(status, expected, "{message} {:?}", ca.key.id());
            assert_eq!(message == GENERAL, !taken, "{message}");
        }
    }
}

fn chain(links: &[&[u8]], key: &openssl::pkey::PKey<openssl::pkey::Private>) -> Reply {
    let mut bundle = identity(key, Vec::new());
    bundle.certificates.remove(0);
    bundle.chains.push(Chain {
        name: names::BOOTSTRAP_CERTIFICATE.into(),
        key_name: Some(names::BOOTSTRAP_PRIVATE_KEY.into()),
        certificates: links.iter().map(|der| der.to_vec()).collect(),
    });
    send(&mut device(), &bundle)
}

/// Profile and names 7 and 8.
#[test]
fn chains_are_judged_as_measured() {
    let sha256 = MessageDigest::sha256();
    let below = |root: &Ca, draft: Draft| Ca::below(Some(root), p256(), &draft);
    let middle_name = || Draft {
        extensions: vec![BasicConstraints::new().critical().ca().build().unwrap()],
        ..Draft::named(&[("CN", "EXAMPLE Middle")])
    };
    let key = p256();
    let root = Ca::p256();
    let middle = below(&root, middle_name());
    let leaf = middle.issue(&key, &Draft::default());

    let ok = |reply: Reply| {
        assert_eq!((reply.return_status, reply.warnings), (0, Vec::new()), "{}", reply.message);
    };
    let no = |reply: Reply, status: u64, text: &str| {
        assert_eq!((reply.return_status, reply.said()), (status, text));
    };
    ok(chain(&[&leaf], &key));
    ok(chain(&[&leaf, &middle.der], &key));
    ok(chain(&[&leaf, &middle.der, &root.der], &key));
    let broken = "Chain validation error:mbed.BootstrapDeviceCert";
    let mismatch = "Self-generated certificate validation failed:mbed.BootstrapDeviceCert";
    no(chain(&[&leaf, &root.der], &key), 18, broken);
    no(chain(&[&middle.der, &leaf], &key), 34, mismatch);

    // Not a CA by its own words: not looked at.
    let weak = below(&root, Draft::named(&[("CN", "EXAMPLE Middle")]));
    ok(chain(&[&weak.issue(&key, &Draft::default()), &weak.der], &key));

    // Critical, and not known to the client's library.
    for (oid, content) in [
        ("2.5.29.30", &[0x30, 8, 0xa1, 6, 0x30, 4, 0x82, 2, b'a', b'b'][..]),
        ("2.5.29.32", &[0x30, 7, 0x30, 5, 6, 3, 0x2a, 3, 4]),
        ("2.5.29.36", &[0x30, 3, 0x80, 1, 0]),
        ("1.2.3.4", &[5, 0]),
    ] {
        for critical in [false, true] {
            let mut draft = middle_name();
            draft.extensions.push(extension(oid, critical, content));
            let strange = below(&root, draft);
            let reply = chain(&[&strange.issue(&key, &Draft::default()), &strange.der], &key);
            assert_eq!(reply.return_status, if critical { 18 } else { 0 }, "{oid} {critical}");
            let said = fcc::device::unreadable_certificate(&strange.der);
            let expected = critical.then(|| format!("has the critical extension {oid}"));
            assert_eq!(said, expected);
        }
    }

    let short = below(&root, Draft { until: after(5 * 31_536_000), ..middle_name() });
    let reply = chain(&[&short.issue(&key, &Draft::default()), &short.der], &key);
    assert_eq!(reply.return_status, 0);
    assert_eq!(
        reply.warnings,
        ["Certificate validity is less than 10 years:mbed.BootstrapDeviceCert"]
    );
    let over = below(&root, Draft { until: after(-1000), ..middle_name() });
    let reply = chain(&[&over.issue(&key, &Draft::default()), &over.der], &key);
    no(reply, 13, "Certificate expired:mbed.BootstrapDeviceCert");

    let p384 = Ca::new(ec(Nid::SECP384R1), sha256);
    no(chain(&[&p384.issue(&key, &Draft::default()), &p384.der], &key), 15, GENERAL);
    let below_p384 = below(&p384, middle_name());
    let leaf = below_p384.issue(&key, &Draft::default());
    ok(chain(&[&leaf, &below_p384.der], &key));
    no(chain(&[&leaf, &below_p384.der, &p384.der], &key), 15, GENERAL);

    let brainpool = Ca::new(ec(Nid::BRAINPOOL_P256R1), sha256);
    let reply = chain(&[&brainpool.issue(&key, &Draft::default()), &brainpool.der], &key);
    no(reply, 18, "Curve unsupported:mbed.BootstrapDeviceCert");

    let rsa = Ca::new(rsa(), sha256);
    let below_rsa = below(&rsa, middle_name());
    let leaf = below_rsa.issue(&key, &Draft::default());
    no(chain(&[&leaf, &below_rsa.der], &key), 18, GENERAL);
}

/// Profile and names 5.2: the session after a refused certificate.
#[test]
fn a_refused_certificate_leaves_the_session_open_and_the_order_decides() {
    let ca = Ca::p256();
    for (device_first, retry) in [(true, 0), (false, 17)] {
        let mut device = device();
        let csr = send(&mut device, &kit::csr_request("CN=x")).csrs.remove(0).der;
        let mut wrong = kit::identity_for(&csr, &ca);
        wrong.certificates[0].der = ca.issue(&p256(), &Draft::default());
        let mut right = kit::identity_for(&csr, &ca);
        right.certificates[1] = wrong.certificates[1].clone();
        if !device_first {
            wrong.certificates.rotate_left(1);
            right.certificates.rotate_left(1);
        }
        let reply = send(&mut device, &wrong);
        let mismatch = "Self-generated certificate validation failed:mbed.BootstrapDeviceCert";
        assert_eq!((reply.return_status, reply.said()), (34, mismatch));
        assert_eq!(device.end(), None);
        assert_eq!(send(&mut device, &right).return_status, retry);
    }
}

/// Profile and names 5.2 and 6: the key in the store, and what a restart does.
#[test]
fn a_key_made_on_the_device_stays_until_the_next_life() {
    let ca = Ca::p256();
    let mut device = device();
    let csr = send(&mut device, &kit::csr_request("CN=x")).csrs.remove(0).der;
    let listing = device.store().listing();
    let stored: Vec<_> = listing.iter().map(|(name, key)| (name.as_str(), key.len())).collect();
    assert_eq!(stored, [(names::BOOTSTRAP_PRIVATE_KEY, 150)]);

    let again = send(&mut device, &kit::csr_request("CN=x"));
    assert_eq!(again.return_status, 17);
    assert_eq!(again.said(), "Desired generated key name already exists:");

    let mut device = device.restart();
    let reply = send(&mut device, &kit::identity_for(&csr, &ca));
    let gone = "Item does not exist:mbed.BootstrapDevicePrivateKey";
    assert_eq!((reply.return_status, reply.said()), (34, gone));
    assert!(device.end().is_some());
}

/// Profile and names 4.3: too long a subject fills the reply, and still longer ones fail early.
#[test]
fn long_subjects_overflow_after_the_key_was_stored() {
    let subject = |values: usize| -> String {
        let kinds = ["CN", "O", "OU", "L", "ST", "title", "SN", "GN", "initials", "pseudonym"];
        let parts: Vec<_> =
            kinds.iter().take(values).map(|kind| format!("{kind}={}", "x".repeat(240))).collect();
        parts.join(",")
    };
    let status = |values: usize| {
        let mut device = device();
        let acts = device.heard(&frame::request(&kit::csr_request(&subject(values)).encode()));
        let stored = !device.store().listing().is_empty();
        let Some(Act::Send(sent)) = acts.first() else { panic!("{acts:?}") };
        let answer = match ReplyReader::default().read(sent).unwrap().unwrap() {
            ReplyFrame::Payload(payload) => Reply::decode(&payload).unwrap().return_status,
            ReplyFrame::Status(status) => u64::from(status) + 1000,
        };
        (answer, stored, device.end())
    };
    assert_eq!(status(4), (0, true, None));
    assert_eq!(status(10), (15, false, None));
}
