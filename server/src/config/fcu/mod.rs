//! fcu.yml: the configuration file of the old tool, read as its users have it (injection 15.2).
//!
//! Every rule a device would check about these values is checked here, since a refused bundle costs
//! a restart on the line. What differs from unit to unit is not in this file.

mod certificates;
mod custom;
mod device;
mod expand;
mod lines;
pub mod product;
mod server;
mod subject;
mod update;
mod yaml;

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub(super) use self::custom::hex;
pub use self::server::{account_id, server_ca, with_account};

use self::product::{Entropy, KeyMode, Product};
use super::FILE_LIMIT;
use super::environment::Environment;
use super::faults::Findings;
use super::files::{as_text, read_bounded};
use super::places::{PRODUCT, product_line};
use super::section::{Leftover, Notation, Section, Source};

/// Reads the file at `path`; keys named in `ignore` may stand there unread.
pub fn read(
    path: &Path,
    ignore: &[String],
    environment: &Environment,
    now: Timestamp,
    findings: &Findings,
) -> Option<Product> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let text = text_of(path, folder, environment, findings)?;
    let entries = match yaml::read(&text) {
        Ok(entries) => entries,
        Err(yaml::Broken { line, problem, fix }) => {
            findings.fault(product_line(line), problem, fix);
            return None;
        }
    };
    lines::find(&text, findings);
    let source = Source { notation: Notation::Yaml, folder, findings };
    let mut section = Section::outermost(source, entries);
    let mut leftovers = Vec::new();

    let mode = server::read(&mut section, now);
    let time_sync = section.flag("time-sync").unwrap_or(true);
    if !time_sync {
        section.warn("time-sync", "is false: devices get no clock and warn of it");
    }
    let verify_on_device = section.flag("verify-on-device").unwrap_or(true);
    let (key_mode, entropy) = makers(&mut section);
    let update = update::read(&mut section, now);
    let mut about = section.section("device-info");
    let device = device::read(&mut about);
    leftovers.extend(about.leftovers());
    let mut subject = section.section("device-certificate");
    let certificate = subject::read(&mut subject, mode.as_ref());
    leftovers.extend(subject.leftovers());
    let chain_depth = section
        .integer("device-certificate-chain-depth", 1..=5)
        .and_then(|depth| u8::try_from(depth).ok());
    let custom = custom::read(section.sections("custom-properties"), &mut leftovers);
    let disable = section.flag("disable").unwrap_or(false);
    if disable {
        section.warn(
            "disable",
            "is true: the injection ends a device's factory work for good; it takes no other \
             identity afterwards",
        );
    }
    pass_over_the_old_tools_own(&mut section);
    leftovers.extend(section.leftovers());
    refuse_unknown(leftovers, ignore, findings);

    Some(Product {
        mode: mode?,
        time_sync,
        verify_on_device,
        key_mode,
        entropy,
        update: update.certificate,
        vendor_id: update.vendor_id,
        class_id: update.class_id,
        device: device?,
        certificate,
        chain_depth,
        custom,
        disable,
    })
}

/// The file's text with its variables put in. The folder variables of the old tool are the file's
/// own folder where they are not set.
fn text_of(
    path: &Path,
    folder: &Path,
    environment: &Environment,
    findings: &Findings,
) -> Option<String> {
    let bytes = match read_bounded(path, FILE_LIMIT) {
        Ok(bytes) => bytes,
        Err(problem) => {
            let problem = format!("{} {problem}", path.display());
            let fix = "put it there, or name it: [fcu] file = \"FILE\"";
            findings.fault("[fcu] file", problem, fix);
            return None;
        }
    };
    let Some(text) = as_text(&bytes) else {
        findings.fault(PRODUCT, "is not UTF-8 text", "save it as UTF-8");
        return None;
    };
    let variable = |name: &str| match (environment.get(name), name) {
        (Some(value), _) => Some(value.to_owned()),
        (None, "FCU_RESOURCES_DIR" | "FCU_HOME_DIR") => folder.to_str().map(str::to_owned),
        (None, _) => None,
    };
    let limit = usize::try_from(FILE_LIMIT).unwrap_or(usize::MAX);
    match expand::expand(text, variable, limit) {
        Ok(text) => Some(text),
        Err(refusals) => {
            for refusal in refusals {
                findings.fault(product_line(refusal.line), refusal.problem, refusal.fix);
            }
            None
        }
    }
}

/// Who makes keys and entropy.
fn makers(section: &mut Section<'_>) -> (KeyMode, Entropy) {
    let modes = [
        ("by_tool", KeyMode::ByTool),
        ("by_device", KeyMode::ByDevice),
        ("externally_supplied", KeyMode::Supplied),
    ];
    let key_mode = section.one_of("device-key-generation-mode", &modes).unwrap_or(KeyMode::ByTool);
    let key = "entropy-generation-mode";
    let modes = [
        ("by_tool", Entropy::ByTool),
        ("by_device", Entropy::ByDevice),
        ("externally_supplied", Entropy::Supplied),
    ];
    let entropy = section.one_of(key, &modes).unwrap_or(Entropy::ByDevice);
    if entropy == Entropy::Supplied && key_mode != KeyMode::Supplied {
        section.fault(
            key,
            "is externally_supplied, and the key is not",
            "entropy made elsewhere comes with its key: give \
             `device-key-generation-mode: externally_supplied`, or by_tool or by_device here",
        );
    }
    (key_mode, entropy)
}

/// Keys that tell the old tool how to set up a CA. The station is given one.
fn pass_over_the_old_tools_own(section: &mut Section<'_>) {
    if section.flag("setup-ca-as-intermediate") == Some(true) {
        section.warn(
            "setup-ca-as-intermediate",
            "has no effect: the station signs with the CA it is given and makes none",
        );
    }
    if section.take("certificate-authority").is_some_and(|given| says_anything(&given.value)) {
        section.warn(
            "certificate-authority",
            "has no effect: the station signs with the CA it is given and makes none",
        );
    }
}

/// Whether any value below is filled in.
fn says_anything(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(says_anything),
        Value::Object(entries) => Map::values(entries).any(says_anything),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Unknown keys stop the station, since a misspelt one would otherwise take its default unnoticed.
/// The last fault prints the line to paste when all of them are meant to be there.
fn refuse_unknown(leftovers: Vec<Leftover>, ignore: &[String], findings: &Findings) {
    for (index, ignored) in ignore.iter().enumerate() {
        if !leftovers.iter().any(|leftover| leftover.name == *ignored) {
            let text = format!("fcu.yml has no unknown key {ignored:?}");
            findings.warn(format!("[fcu] ignore[{}]", index + 1), text);
        }
    }
    let unknown: Vec<_> =
        leftovers.iter().filter(|leftover| !ignore.contains(&leftover.name)).collect();
    let mut all: Vec<_> = ignore.iter().chain(unknown.iter().map(|it| &it.name)).collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| seen.insert(*name));
    let listed: Vec<_> = all.iter().map(|name| format!("{name:?}")).collect();
    for (index, leftover) in unknown.iter().enumerate() {
        let correct = match &leftover.meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => "take it out".to_owned(),
        };
        let keep = format!(" To keep all unknown keys: [fcu] ignore = [{}]", listed.join(", "));
        let is_last = index + 1 == unknown.len();
        let end = if leftover.meant.is_some() { "" } else { "." };
        let fix = if is_last { format!("{correct}{end}{keep}") } else { correct };
        findings.fault(&leftover.key, "unknown key", fix);
    }
}
