//! sota.toml, as the reference writes it (sign 3): fixed sections and keys in a fixed order, with
//! the device's overrides in their places.

use super::Factory;
use super::members::{Keys, Members};

type Section = (String, Keys);

/// The whole text. Overrides must have been checked before.
pub(super) fn text(factory: &Factory, members: &Members) -> String {
    let mut sections = defaults(factory, members);
    for (name, keys) in &members.overrides {
        let place = sections.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            sections.push((name.clone(), Vec::new()));
            sections.len() - 1
        });
        let Some((_, known)) = sections.get_mut(place) else { continue };
        for (key, value) in keys {
            match known.iter_mut().find(|(one, _)| one == key) {
                Some((_, old)) => old.clone_from(value),
                None => known.push((key.clone(), value.clone())),
            }
        }
    }
    let blocks: Vec<String> = sections.iter().map(block).collect();
    blocks.join("\n")
}

fn block((name, keys): &Section) -> String {
    let mut block = format!("[{name}]\n");
    for (key, value) in keys {
        match value {
            Some(value) => block.push_str(&format!("{key} = {value}\n")),
            None => block.push_str(&format!("# {key} is not set\n")),
        }
    }
    block
}

fn defaults(factory: &Factory, members: &Members) -> Vec<Section> {
    let Factory { gateway, ostree, .. } = factory;
    let folder = &members.folder;
    let below = |name: &str| quoted(&format!("{folder}/{name}"));
    let section = |name: &str, keys: &[(&str, String)]| {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), Some(value.clone())));
        (name.to_owned(), keys.collect())
    };
    let file = || quoted("file");
    vec![
        section(
            "tls",
            &[
                ("server", quoted(gateway)),
                ("ca_source", file()),
                ("pkey_source", file()),
                ("cert_source", file()),
            ],
        ),
        section(
            "provision",
            &[
                ("server", quoted(gateway)),
                ("primary_ecu_hardware_id", quoted(&members.hardware_id)),
            ],
        ),
        section(
            "uptane",
            &[("repo_server", quoted(&format!("{gateway}/repo"))), ("key_source", file())],
        ),
        section(
            "pacman",
            &[
                ("type", quoted("ostree+compose_apps")),
                ("ostree_server", quoted(&format!("{ostree}/ostree"))),
            ],
        ),
        section("storage", &[("type", quoted("sqlite")), ("path", below(""))]),
        section(
            "import",
            &[
                ("tls_cacert_path", below("root.crt")),
                ("tls_pkey_path", below("pkey.pem")),
                ("tls_clientcert_path", below("client.pem")),
            ],
        ),
    ]
}

/// A basic string of TOML. Control characters have been refused before.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
