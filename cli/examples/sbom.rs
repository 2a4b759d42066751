//! The bill of materials of the programs, as CycloneDX 1.5: every crate that is built into them, with
//! its licence, its checksum and what it needs in turn. `make dist` calls it; nothing else does.
//!
//! It reads what `cargo metadata --locked --format-version 1` prints on standard input, and
//! Cargo.lock in the workspace's root. The same input gives the same document.

#![expect(clippy::indexing_slicing, reason = "JSON gives null for what is not there")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Read as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let metadata: Value = serde_json::from_str(&text)?;
    let root = metadata["workspace_root"].as_str().ok_or("this is no cargo metadata")?;
    let lock = std::fs::read_to_string(format!("{root}/Cargo.lock"))?.parse::<toml::Table>()?;
    println!("{:#}", document(&metadata, &checksums(&lock)));
    Ok(())
}

/// Checksums by name and version; crates of the workspace have none.
fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    packages
        .filter_map(|it| Some(((text(it, "name")?, text(it, "version")?), text(it, "checksum")?)))
        .collect()
}

/// What each package needs to be built, without what only its tests need.
fn needs(metadata: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    nodes
        .filter_map(|node| {
            let deps = node["deps"].as_array().into_iter().flatten().filter(|dep| {
                let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
                kinds.into_iter().any(|it| it["kind"].as_str() != Some("dev"))
            });
            Some((node["id"].as_str()?, deps.filter_map(|dep| dep["pkg"].as_str()).collect()))
        })
        .collect()
}

fn document(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let needs = needs(metadata);
    let members: Vec<&str> = metadata["workspace_members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut built: BTreeSet<&str> = BTreeSet::new();
    let mut next = members.clone();
    while let Some(package) = next.pop() {
        if built.insert(package) {
            next.extend(needs.get(package).into_iter().flatten());
        }
    }
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let packages: BTreeMap<&str, &Value> =
        packages.filter_map(|it| Some((it["id"].as_str()?, it))).collect();
    let reference = |id: &str| packages.get(id).map(|package| purl(package)).unwrap_or_default();
    let mut components: Vec<Value> = built
        .iter()
        .filter_map(|id| packages.get(id))
        .map(|package| {
            component(
                package,
                members.contains(&package["id"].as_str().unwrap_or_default()),
                checksums,
            )
        })
        .collect();
    components.sort_by_key(|it| it["bom-ref"].as_str().unwrap_or_default().to_owned());
    let mut dependencies: Vec<Value> = built
        .iter()
        .map(|id| {
            let on: BTreeSet<String> =
                needs.get(id).into_iter().flatten().map(|it| reference(it)).collect();
            json!({"ref": reference(id), "dependsOn": on})
        })
        .collect();
    dependencies.sort_by_key(|it| it["ref"].as_str().unwrap_or_default().to_owned());
    let version = members.first().and_then(|id| packages.get(id)).map(|it| it["version"].clone());
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": named(&components),
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": "pep", "name": "pep", "version": version},
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(
    package: &Value,
    is_ours: bool,
    checksums: &BTreeMap<(String, String), String>,
) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let mut component = Map::new();
    let kind = if is_ours { "application" } else { "library" };
    component.insert("type".into(), kind.into());
    component.insert("bom-ref".into(), purl(package).into());
    component.insert("name".into(), text("name").into());
    component.insert("version".into(), text("version").into());
    component.insert("purl".into(), purl(package).into());
    if let Some(licence) = package["license"].as_str() {
        // Older crates write `MIT/Apache-2.0`, which is no SPDX expression.
        let expression = licence.replace('/', " OR ");
        component.insert("licenses".into(), json!([{"expression": expression}]));
    }
    if let Some(sum) = checksums.get(&(text("name"), text("version"))) {
        component.insert("hashes".into(), json!([{"alg": "SHA-256", "content": sum}]));
    }
    Value::Object(component)
}

fn purl(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version").replace('+', "%2B"))
}

/// A UUID made from the content (RFC 9562 5.8, version 8): the same crates, the same name.
fn named(components: &[Value]) -> String {
    let digest = Sha256::digest(Value::from(components.to_vec()).to_string());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let uuid = [
        part(0, 8),
        part(8, 12),
        &format!("8{}", part(13, 16)),
        &format!("8{}", part(17, 20)),
        part(20, 32),
    ];
    format!("urn:uuid:{}", uuid.join("-"))
}
