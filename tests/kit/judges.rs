//! Who says whether a device's certificate is worth anything: OpenSSL as its servers verify a client,
//! and Go's library, as the platform's gateway does (tests/judges).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509PurposeId, X509StoreContext};

use super::program::skip;

/// Asserts that both judges take a chain, device first, below these roots; both as PEM.
#[track_caller]
pub fn both_take(roots: &str, chain: &str) {
    assert_eq!(openssl(roots, chain), Ok(()));
    if let Some(said) = go(roots, chain) {
        assert_eq!(said, "ok");
    }
}

/// What OpenSSL says, purpose sslclient.
pub fn openssl(roots: &str, chain: &str) -> Result<(), String> {
    let read = |pem: &str| X509::stack_from_pem(pem.as_bytes()).unwrap();
    let mut store = X509StoreBuilder::new().unwrap();
    for root in read(roots) {
        store.add_cert(root).unwrap();
    }
    let mut wanted = X509VerifyParam::new().unwrap();
    wanted.set_purpose(X509PurposeId::SSL_CLIENT).unwrap();
    store.set_param(&wanted).unwrap();
    let mut chain = read(chain).into_iter();
    let leaf = chain.next().unwrap();
    let mut others = Stack::new().unwrap();
    for other in chain {
        others.push(other).unwrap();
    }
    let mut context = X509StoreContext::new().unwrap();
    let judged = context.init(&store.build(), &leaf, &others, |context| {
        let good = context.verify_cert()?;
        Ok((good, context.error().to_string()))
    });
    match judged.unwrap() {
        (true, _) => Ok(()),
        (false, error) => Err(error),
    }
}

/// What Go says; nothing where there is no Go.
pub fn go(roots: &str, chain: &str) -> Option<String> {
    static JUDGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let judge = JUDGE.get_or_init(built).as_ref()?;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (roots, chain) = (file("roots.pem", roots), file("chain.pem", chain));
    let output = Command::new(judge).arg(roots).arg(chain).output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Builds the judge, once for its sources as they are now; it needs nothing but Go itself.
fn built() -> Option<PathBuf> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = tree.join("tests/judges");
    let mut digest = openssl::sha::Sha256::new();
    for name in ["main.go", "go.mod"] {
        digest.update(&std::fs::read(sources.join(name)).unwrap());
    }
    let stamp: String = digest.finish().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = tree.join(".cache/judges");
    std::fs::create_dir_all(&folder).unwrap();
    let judge = folder.canonicalize().unwrap().join(format!("judge-{stamp}"));
    if judge.exists() {
        return Some(judge);
    }
    // Beside it first: another test process may be building as well.
    let beside = judge.with_extension(std::process::id().to_string());
    let made = Command::new("go")
        .current_dir(&sources)
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
        .args(["build", "-o"])
        .args([&beside, Path::new(".")])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip("Go's judgement of certificates: there is no Go here");
        return None;
    }
    std::fs::rename(&beside, &judge).unwrap();
    Some(judge)
}
