//! docker-compose.yml, read as an engine reads it.

use serde_json::{Map, Value};

/// The whole file, with merges made and variables replaced by their defaults.
pub fn file() -> Value {
    let text = super::read("docker-compose.yml");
    let value: Value = serde_saphyr::from_str(&text).unwrap();
    settled(&value)
}

/// Takes `<<` in, and `${NAME:-default}` and `${NAME-default}` out.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut whole = Map::new();
            if let Some(merged) = map.get("<<").map(settled) {
                whole.extend(merged.as_object().unwrap().clone());
            }
            let own = map.iter().filter(|(key, _)| *key != "<<");
            whole.extend(own.map(|(key, value)| (key.clone(), settled(value))));
            Value::Object(whole)
        }
        Value::Array(list) => list.iter().map(settled).collect(),
        Value::String(text) => Value::String(replaced(text)),
        other => other.clone(),
    }
}

fn replaced(text: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let (inside, after) = behind.split_once('}').unwrap();
        let (_, default) =
            inside.split_once('-').unwrap_or_else(|| panic!("{text} has no default"));
        whole = whole + before + default;
        rest = after;
    }
    (whole + rest).replace("$$", "$")
}

/// A list of words somewhere in the file.
pub fn words(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn three_services_and_what_each_may() {
    let file = file();
    let services = file["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["station", "mongodb", "gateway"]);
    for name in ["station", "gateway"] {
        let service = &services[name];
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(words(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["build"]["dockerfile"], "server/Dockerfile", "{name}");
        assert!(super::tree().join("server/Dockerfile").is_file());
    }
    let station = &services["station"];
    let mounts = station["volumes"].as_array().unwrap();
    let keystore = mounts.iter().find(|it| it["target"] == "/etc/pep").unwrap();
    assert_eq!((keystore["type"].as_str(), &keystore["read_only"]), (Some("bind"), &true.into()));
    let state = mounts.iter().find(|it| it["target"] == "/var/lib/pep").unwrap();
    assert_eq!(state["type"], "volume");
    assert_eq!(station["depends_on"]["mongodb"]["condition"], "service_healthy");
    // The database is there when it is used, and only then.
    assert_eq!(station["environment"]["PEP_STORE_KIND"], "embedded");
    assert_eq!(station["environment"]["PEP_STORE_URI"], "");
    assert_eq!(station["depends_on"]["mongodb"]["required"], false);
    assert_eq!(words(&services["mongodb"]["profiles"]), ["mongodb"]);
    assert!(station.get("profiles").is_none());
    assert!(services["gateway"]["profiles"].as_array().unwrap().contains(&"demo".into()));

    let mongodb = &services["mongodb"];
    let image = mongodb["image"].as_str().unwrap();
    let version: u32 = image.strip_prefix("mongo:").unwrap().parse().unwrap();
    assert!(version >= 7, "{image}");
    assert!(words(&mongodb["healthcheck"]["test"]).contains(&"mongosh".to_owned()));
    assert!(mongodb.get("ports").is_none(), "nobody else reaches the database");
    assert_eq!(file["networks"]["database"]["internal"], true);
    let volumes = file["volumes"].as_object().unwrap();
    for service in services.values() {
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let source = mount["source"].as_str().unwrap();
            assert!(mount["type"] == "bind" || volumes.contains_key(source), "{source}");
        }
        for network in service["networks"].as_array().into_iter().flatten() {
            assert!(!file["networks"][network.as_str().unwrap()].is_boolean());
        }
    }
}

/// Where an engine's own reader is there, it reads the file too.
#[test]
fn docker_compose_reads_it() {
    let docker = |arguments: &[&str]| {
        std::process::Command::new("docker").args(arguments).current_dir(super::tree()).output()
    };
    if !docker(&["compose", "version"]).is_ok_and(|it| it.status.success()) {
        // The other tests of this folder read it without.
        return eprintln!("there is no docker compose here");
    }
    let read = docker(&["compose", "--profile", "demo", "config", "--quiet"]).unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    for (arguments, services) in [
        (&["compose", "config", "--services"][..], vec!["station"]),
        (&["compose", "--profile", "mongodb", "config", "--services"], vec!["mongodb", "station"]),
    ] {
        let read = docker(arguments).unwrap();
        let mut names: Vec<_> = std::str::from_utf8(&read.stdout).unwrap().lines().collect();
        names.sort_unstable();
        assert_eq!(names, services, "{}", String::from_utf8_lossy(&read.stderr));
    }
}
