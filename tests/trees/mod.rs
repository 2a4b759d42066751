//! The trees of CAs that people have, each with what becomes of a device below it: it works by the
//! word of two judges, or the station does not start and says why.

mod coming_again;
mod ends;
mod files;
mod paths;
mod requests;

use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::{X509NameBuilder, X509ReqBuilder};
use serde_json::{Value, json};

use crate::kit::{Answer, Authority, Done, Draft, Kit, Setup, binary, judges, p256, run, send};

/// A root and an issuing CA below it.
struct Tree {
    root: Authority,
    issuing: Authority,
}

impl Tree {
    fn usual() -> Self {
        Self::of(Draft::named("Acme root"), Draft::named("Acme line 1"))
    }

    fn of(root: Draft, issuing: Draft) -> Self {
        let root = root.self_signed();
        let issuing = issuing.signed_by(&root);
        Self { root, issuing }
    }

    /// In the place of the EXAMPLE factory's.
    fn for_registering(&self, setup: &mut Setup) {
        setup.file("sign/factory_ca.pem", self.root.pem());
        setup.file("sign/local-ca.pem", self.issuing.pem());
        setup.file("sign/local-ca.key", self.issuing.key_pem());
    }

    /// In the place of the EXAMPLE device CA, with a chain of this depth for devices.
    fn for_gateways(&self, setup: &mut Setup, depth: u8) {
        setup.file("keystore/CA_cert.pem", [self.issuing.pem(), self.root.pem()].concat());
        setup.file("keystore/CA_private.pem", self.issuing.key_pem());
        setup.fcu_also(&format!("device-certificate-chain-depth: {depth}"));
    }

    fn root_pem(&self) -> String {
        String::from_utf8(self.root.pem()).unwrap()
    }

    fn issuing_pem(&self) -> String {
        String::from_utf8(self.issuing.pem()).unwrap()
    }
}

/// A folder as `pep-server init --sign acme` leaves it.
fn factory_setup() -> Setup {
    let mut setup = Setup::new();
    factory(&mut setup);
    setup
}

fn factory(setup: &mut Setup) {
    let folder = setup.folder().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    let mut command = std::process::Command::new(binary("pep-server"));
    command.arg("init").arg(&folder).args(["--sign", "acme"]);
    run(command, |_, _| {}).worked();
}

/// A station that registers devices, changed before its first start.
fn registering(change: impl FnOnce(&mut Setup)) -> Kit {
    Kit::with(|setup| {
        factory(setup);
        change(setup);
    })
}

fn check(setup: &Setup) -> Done {
    run(setup.server(&["check"]), |_, _| {})
}

/// Asserts that neither `check` nor a start nor a preview takes a folder, and gives what was said.
#[track_caller]
fn refused(setup: &Setup) -> String {
    let started = run(setup.server(&[]), |_, _| {});
    assert_ne!(started.code, 0);
    let checked = check(setup);
    assert_ne!(checked.code, 0);
    assert!(!checked.stdout.contains("nothing is wrong"), "{}", checked.stdout);
    assert_eq!(checked.stderr, started.stderr, "`check` says the same");
    let all = format!("{}{}", started.stdout, started.stderr);
    assert!(!all.contains("-----BEGIN"), "{all}");
    started.stderr
}

const UUID: &str = "f12d0304-0506-4708-890a-0b0c0d0e0f10";

fn csr(key: &PKey<openssl::pkey::Private>, uuid: &str) -> String {
    let mut name = X509NameBuilder::new().unwrap();
    for (kind, value) in [("CN", uuid), ("OU", "acme"), ("businessCategory", "production")] {
        name.append_entry_by_text(kind, value).unwrap();
    }
    let mut request = X509ReqBuilder::new().unwrap();
    request.set_subject_name(&name.build()).unwrap();
    request.set_pubkey(key).unwrap();
    request.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    String::from_utf8(request.build().to_pem().unwrap()).unwrap()
}

fn post(kit: &Kit, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!(
        "POST /sign HTTP/1.1\r\nHost: station\r\nContent-type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(kit.address(), head.as_bytes())
}

fn register(kit: &Kit, csr: &str) -> Answer {
    post(kit, &json!({"csr": csr, "hardware-id": "imx8mm"}))
}

/// Registers a device with a key of its own, and has both judges look at what it got.
#[track_caller]
fn registers_well(kit: &Kit) -> Value {
    let answer = register(kit, &csr(&p256(), UUID));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let members = answer.json();
    let (root, chained) = (text(&members, "root.crt"), text(&members, "client.chained"));
    judges::both_take(&root, &chained);
    members
}

fn text(members: &Value, name: &str) -> String {
    members[name].as_str().unwrap().to_owned()
}

/// The live certificate of a gateway and the CAs of a tree, judged.
#[track_caller]
fn provisions_well(kit: &Kit, serial: &str, tree: &Tree) {
    let device = crate::kit::Device::start();
    kit.provision(serial, &device).worked();
    let der =
        kit.record(serial)["executions"][0]["certificate"]["der"].as_str().unwrap().to_owned();
    let der = openssl::base64::decode_block(&der).unwrap();
    let leaf = openssl::x509::X509::from_der(&der).unwrap().to_pem().unwrap();
    let leaf = String::from_utf8(leaf).unwrap();
    judges::both_take(&tree.root_pem(), &(leaf + &tree.issuing_pem()));
}

/// One DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80);
    [&[tag, length], content].concat()
}

/// An extended key usage of these purposes, given as the last arc under id-kp.
fn purposes(arcs: &[u8]) -> Vec<u8> {
    let oid = |arc: &u8| element(6, &[0x2b, 6, 1, 5, 5, 7, 3, *arc]);
    element(0x30, &arcs.iter().flat_map(oid).collect::<Vec<u8>>())
}

/// Name constraints with one subtree: `[0]` permits, `[1]` excludes.
fn constraint(tag: u8, name: &[u8]) -> Vec<u8> {
    element(0x30, &element(tag, &element(0x30, name)))
}

fn directory(organization: &str) -> Vec<u8> {
    let pair = [element(6, &[0x55, 4, 10]), element(0x0c, organization.as_bytes())].concat();
    element(0xa4, &element(0x30, &element(0x31, &element(0x30, &pair))))
}

fn dns(name: &str) -> Vec<u8> {
    element(0x82, name.as_bytes())
}

fn p384() -> PKey<openssl::pkey::Private> {
    crate::kit::on_curve(Nid::SECP384R1)
}
