//! What `make dist` packs: dist/pack on the programs of this build, and the bill of materials.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::kit::binary;

pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn bill() -> String {
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--locked", "--format-version", "1"])
            .current_dir(super::tree()),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.json");
    std::fs::write(&file, metadata).unwrap();
    let example = binary("pep").parent().unwrap().join("examples/sbom");
    output(Command::new(example).stdin(std::fs::File::open(file).unwrap()))
}

#[test]
fn the_bill_names_every_crate_that_is_built_in() {
    let text = bill();
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let lock: toml::Table = super::read("Cargo.lock").parse().unwrap();
    let locked: BTreeSet<String> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{}@{}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap()))
        .collect();
    let mut named = BTreeSet::new();
    for component in bill["components"].as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        let version = component["version"].as_str().unwrap();
        assert!(locked.contains(&format!("{name}@{version}")), "{name} {version}");
        let ours = component["type"] == "application";
        assert!(ours || component["hashes"][0]["content"].as_str().is_some(), "{component}");
        let licence = component["licenses"][0]["expression"].as_str();
        assert!(licence.is_some_and(|it| !it.contains('/')), "{component}");
        named.insert(name.to_owned());
    }
    for name in ["pep", "pep-server", "fcc", "openssl", "rusqlite", "libsqlite3-sys", "actix-web"] {
        assert!(named.contains(name), "{name}");
    }
    assert!(!named.contains("proptest"), "what only tests need is not built in");
    let references: BTreeSet<_> =
        bill["components"].as_array().unwrap().iter().map(|it| it["bom-ref"].as_str()).collect();
    for needs in bill["dependencies"].as_array().unwrap() {
        for on in needs["dependsOn"].as_array().unwrap() {
            assert!(references.contains(&on.as_str()), "{on}");
        }
    }
    assert_eq!(text, self::bill(), "the same crates, the same document");
}

#[test]
fn a_package_has_everything_and_can_be_checked() {
    let place = tempfile::tempdir().unwrap();
    let sbom = place.path().join("sbom.json");
    std::fs::write(&sbom, bill()).unwrap();
    let out = place.path().join("out");
    let programs = binary("pep");
    let mut pack = Command::new(super::tree().join("dist/pack"));
    pack.args([programs.parent().unwrap(), &sbom, &out]).env("SOURCE_DATE_EPOCH", "1790000000");
    let archive = output(&mut pack).trim().to_owned();
    let name = Path::new(&archive).file_name().unwrap().to_str().unwrap().to_owned();
    let name = name.strip_suffix(".tar.gz").unwrap();
    assert!(name.starts_with(concat!("pep-", env!("CARGO_PKG_VERSION"), "-")), "{name}");

    output(Command::new("sha256sum").args(["-c", &format!("{name}.sha256")]).current_dir(&out));
    output(Command::new("tar").args(["-xzf", &archive]).current_dir(&out));
    let folder = out.join(name);
    output(Command::new("sha256sum").args(["--strict", "-c", "SHA256SUMS"]).current_dir(&folder));
    for program in ["pep-server", "pep", "fcc-device"] {
        let packed = folder.join("bin").join(program);
        let said = output(Command::new(&packed).arg("--version"));
        assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
        let sections = output(Command::new("readelf").arg("-SW").arg(&packed));
        assert!(!sections.contains(".symtab") && !sections.contains(".debug_info"), "{program}");
        for file in [
            format!("share/man/man1/{program}.1.gz"),
            format!("share/bash-completion/completions/{program}"),
            format!("share/zsh/site-functions/_{program}"),
            format!("share/fish/vendor_completions.d/{program}.fish"),
        ] {
            let file = folder.join(file);
            assert!(file.metadata().is_ok_and(|it| it.len() > 100), "{}", file.display());
        }
    }
    let page = folder.join("share/man/man1/pep-get-one-identity.1.gz");
    let page = output(Command::new("gzip").arg("-dc").arg(page));
    assert!(page.contains(".TH pep-get-one-identity 1") && page.contains("serial"), "{page}");
    for file in ["LICENSE", "INSTALL", "sbom.cdx.json", "lib/systemd/system/pep-server.service"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let doc = folder.join("share/doc/pep");
    for file in ["README.md", "docs/operating.md", "docs/flow.svg", "keystore.example/station.toml"]
    {
        assert!(doc.join(file).is_file(), "{file}");
    }
    links_lead_somewhere(&doc);
    // The same programs, the same bytes.
    let first = std::fs::read(&archive).unwrap();
    output(&mut pack);
    assert!(std::fs::read(&archive).unwrap() == first, "a package is made again as it was");
}

/// Every link of a page leads to a file of the package or to the net.
fn links_lead_somewhere(doc: &Path) {
    let (mut folders, mut links) = (vec![doc.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                for link in text.split("](").skip(1) {
                    let target = link.split([')', '#']).next().unwrap();
                    if target.is_empty() || target.contains("://") || target.contains(' ') {
                        continue;
                    }
                    let place = path.parent().unwrap().join(target);
                    assert!(place.exists(), "{} links to {target}", path.display());
                    links += 1;
                }
            }
        }
    }
    assert!(links > 50, "{links}");
}
