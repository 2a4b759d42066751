//! The patches of tests/mutants still apply, and still say which tests must see them. Whether those
//! do is for `make mutants` to find out: it builds the station once for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::skip;

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn patches() -> BTreeMap<PathBuf, String> {
    let entries = std::fs::read_dir(tree().join("tests/mutants")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let patches = paths.filter(|path| path.extension().is_some_and(|kind| kind == "patch"));
    patches.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_patch_applies() {
    if Command::new("patch").arg("--version").output().is_err() {
        return skip("patch is not installed");
    }
    let patches = patches();
    assert!(patches.len() > 25);
    for path in patches.keys() {
        let tried = Command::new("patch")
            .args(["--dry-run", "--force", "--strip=1", "--directory"])
            .arg(tree())
            .arg("--input")
            .arg(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&tried.stdout);
        assert!(tried.status.success(), "{} does not apply any more:\n{said}", path.display());
    }
}

/// A patch whose tests are gone would have to be taken for one that nobody sees.
#[test]
fn every_patch_names_tests_that_are_there() {
    for (path, text) in patches() {
        let named = text.lines().filter_map(|line| line.strip_prefix("Red in the "));
        let named: Vec<_> = named.map(|line| line.split_once(": ").unwrap()).collect();
        // A flush is seen where the power can be cut, and a race where many can be at it.
        let name = path.file_stem().unwrap().to_str().unwrap();
        let of_disk =
            name.starts_with("no-flush-") || name.contains("disk") || name.contains("shim");
        for place in ["library", "scenarios"] {
            let some = named.iter().any(|(known, _)| *known == place);
            let elsewhere = match place {
                "library" => of_disk,
                _ => name == "a-claim-read-then-written",
            };
            assert!(some || elsewhere, "{path:?}: {place}");
        }
        for (_, test) in named {
            let name = test.rsplit("::").next().unwrap();
            // Those of the contract are named once for all stores, in a macro's list.
            let found = ["server/src", "tests"].iter().any(|folder| {
                let found = Command::new("grep")
                    .args(["-rqE", &format!("(fn {name}\\(|^ +{name},)"), folder])
                    .current_dir(tree())
                    .status();
                found.unwrap().success()
            });
            assert!(found, "{}: no test {test}", path.display());
        }
    }
}
