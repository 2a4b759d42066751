//! The documents name what there is: every command, every route, every page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::kit::{binary, only, run};

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(tree().join(path)).unwrap()
}

/// The rows of all tables of a page.
fn tables(path: &str) -> String {
    read(path).lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n")
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(binary(program));
    only(&mut command, &[]);
    command.args(arguments);
    run(command, |_, _| {}).worked().to_owned()
}

/// The commands that a program's help lists.
fn commands(program: &str) -> Vec<String> {
    let help = printed(program, &["-h"]);
    let listed = help.split("Commands:\n").nth(1).unwrap().lines();
    let rows = listed.take_while(|line| line.starts_with("  "));
    let names =
        rows.filter(|row| !row.starts_with("   ")).filter_map(|row| row.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_readme_names_every_command() {
    let tables = tables("README.md");
    for program in ["pep", "pep-server", "fcc-device"] {
        let commands = commands(program);
        assert!(!commands.is_empty(), "{program}");
        for command in commands {
            let named = [format!("`{command}`"), format!("`{command} ")];
            assert!(named.iter().any(|it| tables.contains(it)), "{program} {command}");
        }
    }
    let all = tables_of_the_interface();
    for command in commands("pep") {
        assert!(all.contains(&command), "pep {command} in docs/protocols/pep-v3.md");
    }
}

fn tables_of_the_interface() -> String {
    tables("docs/protocols/pep-v3.md")
}

#[test]
fn the_interface_names_every_route() {
    let document: Value = serde_json::from_str(&printed("pep-server", &["openapi"])).unwrap();
    let tables = tables_of_the_interface();
    let routes: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert!(routes.len() > 10, "{routes:?}");
    for route in routes {
        assert!(tables.contains(&format!("`{route}`")), "{route}");
    }
}

#[test]
fn the_readme_names_every_page() {
    let tables = tables("README.md");
    let mut pages = BTreeSet::new();
    for folder in ["docs", "docs/protocols"] {
        for entry in std::fs::read_dir(tree().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                pages.insert(format!("{folder}/{name}"));
            }
        }
    }
    assert!(pages.len() > 10, "{pages:?}");
    for page in &pages {
        assert!(tables.contains(&format!("({page})")), "{page}");
    }
}

/// Every link between the pages leads somewhere.
#[test]
fn links_lead_somewhere() {
    let mut pages = vec!["README.md".to_owned(), "keystore.example/README.md".to_owned()];
    for folder in ["docs", "docs/protocols"] {
        let entries = std::fs::read_dir(tree().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(names.filter(|it| it.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    for page in pages {
        let text = read(&page);
        let folder = tree().join(&page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || link.contains("://") {
                continue;
            }
            assert!(folder.join(file).exists(), "{page}: {link}");
        }
    }
}
