//! server/Dockerfile, instruction by instruction.

use serde_json::Value;

/// A stage: what it is built on, its name, and its instructions.
pub struct Stage {
    pub from: String,
    pub instructions: Vec<(String, String)>,
}

impl Stage {
    /// The arguments of every instruction of this name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.instructions.iter().filter(|(known, _)| known == name);
        found.map(|(_, arguments)| arguments.as_str()).collect()
    }

    /// The last one, which is the one that counts.
    pub fn last(&self, name: &str) -> &str {
        self.all(name).last().copied().unwrap_or_else(|| panic!("no {name}"))
    }

    /// The words of an instruction in its JSON form.
    pub fn words(&self, name: &str) -> Vec<String> {
        words(self.last(name))
    }

    /// The environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let all = self.all("ENV").into_iter().flat_map(str::split_whitespace);
        all.map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// A JSON array of words: no shell takes it apart.
pub fn words(json: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The stages in their order.
pub fn stages() -> Vec<Stage> {
    const KNOWN: [&str; 14] = [
        "ARG",
        "FROM",
        "RUN",
        "WORKDIR",
        "COPY",
        "ENV",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
        "VOLUME",
        "LABEL",
    ];
    let text = super::read("server/Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stages: Vec<Stage> = Vec::new();
    for line in joined.lines().filter(|line| !line.trim().is_empty()) {
        let (name, arguments) = line.trim().split_once(' ').unwrap();
        assert!(KNOWN.contains(&name), "what is {name}?");
        let arguments = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
        if name == "FROM" {
            stages.push(Stage { from: arguments, instructions: Vec::new() });
        } else if let Some(stage) = stages.last_mut() {
            // Blanks inside of JSON and of shell words matter.
            let whole = line.trim().split_once(' ').unwrap().1.trim().to_owned();
            stage.instructions.push((name.to_owned(), whole));
        } else {
            assert_eq!(name, "ARG", "{line} stands before the first FROM");
        }
    }
    stages
}

#[test]
fn two_stages_and_the_last_is_small_and_nobody() {
    let stages = stages();
    let [build, last] = &stages[..] else { panic!("{} stages", stages.len()) };
    assert!(build.from.starts_with("rust:") && build.from.ends_with(" AS build"), "{}", build.from);
    assert!(last.from.contains("-slim"), "{}", last.from);
    // Who runs it is not user 0 and has no shell.
    assert_eq!(last.last("USER"), "pep");
    let made = last.all("RUN").join("\n");
    assert!(made.contains("useradd --uid \"${PEP_UID}\"") && made.contains("nologin"), "{made}");
    assert!(last.all("ARG").contains(&"PEP_UID=1000"));
    let labels = last.last("LABEL");
    let version = concat!("org.opencontainers.image.version=\"", env!("CARGO_PKG_VERSION"), "\"");
    for label in [version, "image.title=", "image.description=", "image.licenses=\"Apache-2.0\""] {
        assert!(labels.contains(label), "{label}: {labels}");
    }
    assert_eq!(last.words("ENTRYPOINT"), ["pep-server"]);
    assert_eq!(last.words("CMD"), ["--config", "/etc/pep/station.toml"]);
    let health = last.last("HEALTHCHECK");
    let (settings, command) = health.split_once(" CMD ").unwrap();
    assert!(settings.contains("--interval=15s"), "{settings}");
    assert_eq!(words(command.trim())[..2], ["bash", "-c"]);
    // Everything that is written by default is below the one folder that may be written.
    let environment = last.environment();
    for name in ["PEP_STORE_PATH", "PEP_JOURNAL_PATH"] {
        let (_, path) = environment.iter().find(|(known, _)| known == name).unwrap();
        assert!(path.starts_with("/var/lib/pep/"), "{name}={path}");
    }
}

/// What is copied is there, and it is enough: cargo finds the whole workspace in it, and every file
/// that a source takes in.
#[test]
fn the_build_stage_has_all_it_needs() {
    let stages = stages();
    let folder = tempfile::tempdir().unwrap();
    let mut copied = Vec::new();
    for arguments in stages[0].all("COPY") {
        let words: Vec<_> = arguments.split_whitespace().collect();
        let (to, from) = words.split_last().unwrap();
        for source in from {
            let to = if *to == "./" { source } else { to };
            let done = std::process::Command::new("cp")
                .args(["-r".as_ref(), super::tree().join(source).as_os_str()])
                .arg(folder.path().join(to))
                .status();
            assert!(done.unwrap().success(), "COPY {arguments}");
            copied.push((*source).to_owned());
        }
    }
    assert!(
        copied.iter().all(|it| *it != "target" && *it != "keystore" && it != "."),
        "{copied:?}"
    );
    let found = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    // SQLite is built with what cargo's own configuration says.
    let configured = std::fs::read_to_string(folder.path().join(".cargo/config.toml")).unwrap();
    assert!(configured.contains("LIBSQLITE3_FLAGS"), "{configured}");
    // The engine is given what is copied, and no keystore and nothing that was built here.
    let ignored = super::read(".dockerignore");
    let ignored: Vec<_> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(ignored[0], "*", "everything else stays out");
    for source in &copied {
        assert!(ignored.contains(&format!("!{source}").as_str()), "{source} is not let in");
    }
    let let_in = ignored.iter().filter_map(|line| line.strip_prefix('!'));
    assert!(let_in.into_iter().all(|it| copied.iter().any(|source| source == it)), "{ignored:?}");
    let build = stages[0].last("RUN");
    assert_eq!(build, "cargo build --release --locked --workspace --bins");

    for (path, text) in crate::house::sources("") {
        for taken in text.split("include_str!(\"").skip(1) {
            let taken = taken.split('"').next().unwrap();
            if !folder.path().join(&path).is_file() || !path.contains("/src/") {
                continue;
            }
            let place = folder.path().join(&path).parent().unwrap().join(taken);
            assert!(place.is_file(), "{path} takes in {taken}, which is not copied");
        }
    }
    let last = stages[1].all("COPY").join("\n");
    for program in ["pep-server", "pep", "fcc-device"] {
        assert!(last.contains(&format!("/src/target/release/{program} ")), "{last}");
    }
}
