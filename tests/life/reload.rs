//! SIGHUP: what changes while the station serves, what waits for a restart, and what is refused.

use std::sync::mpsc::channel;

use crate::kit::{Device, Gateway, Kit, eventually, request};

/// Replaces a text that must stand in a file of the station's folder.
fn edit(kit: &Kit, name: &str, from: &str, to: &str) {
    let path = kit.folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in {name}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// Puts a line into a section of station.toml, in the place of what it says of that key.
fn set(kit: &Kit, section: &str, line: &str) {
    let path = kit.folder().join("station.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let heading = format!("\n[{section}]\n");
    let (before, rest) = text.split_once(&heading).unwrap();
    let (inside, after) = rest.split_once("\n[").unwrap_or((rest, "end]"));
    let key = format!("{} =", line.split(' ').next().unwrap());
    let kept: Vec<_> = inside.lines().filter(|line| !line.starts_with(&key)).collect();
    let text = format!("{before}{heading}{line}\n{}\n[{after}", kept.join("\n"));
    std::fs::write(path, text.trim_end_matches("[end]")).unwrap();
}

/// The status of the operators' page for this token.
fn page(kit: &Kit, token: &str) -> u16 {
    let head = format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
    request(kit.address(), &head).status
}

/// A token that is taken out of the file opens nothing any more, a new one does.
#[test]
fn tokens_are_read_again() {
    let kit = Kit::start();
    let (old, new) = (kit.token(), "0123456789abcdef0123456789abcdef");
    assert_eq!((page(&kit, &old), page(&kit, new)), (200, 401));
    std::fs::write(kit.token_file(), format!("anna:{new}\n")).unwrap();
    assert_eq!((page(&kit, &old), page(&kit, new)), (200, 401), "nothing is read by itself");
    let said = kit.reload();
    assert!(said.contains("in use now: the operators' tokens"), "{said}");
    assert_eq!((page(&kit, &old), page(&kit, new)), (401, 200));
    assert!(!kit.log().contains(new) && !kit.log().contains(&old));
}

/// An injection that is under way when the station is asked to read its configuration again ends as
/// if nothing had been; and its address is still its own.
#[test]
fn an_injection_in_flight_does_not_notice() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_INJECTION_GIVE_UP", "60").env("PEP_INJECTION_QUIET", "30");
    });
    let (reached, points) = channel();
    let gateway = Gateway::start(reached);
    std::thread::scope(|scope| {
        let path = Kit::query("GW-1", &gateway.port());
        let kit = &kit;
        let asked = scope.spawn(move || kit.get(&path));
        let (first, go) = points.recv().unwrap();
        assert_eq!(first, 1, "the gateway holds the connection");
        // Three ways in which a configuration can be: as it was, changed, broken.
        let said = kit.reload();
        assert!(said.contains("nothing had changed"), "{said}");
        set(kit, "admission", "categories = [\"production\", \"rework\"]");
        assert!(kit.reload().contains("[admission]"));
        kit.get(&Kit::query("GW-2", &gateway.port())).problem(409, "address-busy");
        set(kit, "log", "nonsense = 1");
        assert!(kit.reload().contains("refused"));
        drop(go);
        // The other points, until the gateway is gone.
        std::thread::spawn(move || points.into_iter().for_each(drop));
        let document = asked.join().unwrap().document();
        assert_eq!(document["serialNumber"], "GW-1");
    });
    assert_eq!(kit.states("GW-1"), ["confirmed"]);
}

/// The rules of admission, the networks, what a certificate looks like: the next unit meets the new
/// ones.
#[test]
fn the_next_unit_meets_the_new_rules() {
    let kit = Kit::start();
    let device = Device::start();
    let category = format!("{}&category=pilot", Kit::query("GW-1", &device.port()));
    kit.get(&category).problem(403, "not-admitted");
    edit(&kit, "fcu.yml", "O: \"EXAMPLE\"", "O: \"Other\"");
    set(&kit, "admission", "categories = [\"pilot\"]");
    let said = kit.reload();
    assert!(said.contains("in use now: fcu.yml, [admission]"), "{said}");
    kit.get(&category).document();
    let subject = kit.record("GW-1")["executions"][0]["planned"]["subject"].to_string();
    assert!(subject.contains("O=Other"), "{subject}");
    kit.get(&Kit::query("GW-2", "7777")).problem(403, "not-admitted");
}

/// What the log says follows its level.
#[test]
fn the_level_of_the_log_changes() {
    let kit = Kit::start();
    let heard = |kit: &Kit| {
        let id = kit.get("/healthz").header("x-request-id").unwrap().to_owned();
        kit.get("/nowhere");
        kit.log().contains(&id)
    };
    assert!(!heard(&kit));
    set(&kit, "log", "level = \"debug\"");
    let said = kit.reload();
    assert!(said.contains("[log] level"), "{said}");
    eventually("requests that went well are logged", || heard(&kit));
}

/// What only a restart can follow is named, key by key, each time; everything else is taken.
#[test]
fn what_needs_a_restart_is_named_and_stays() {
    let kit = Kit::start();
    let token = kit.token();
    let elsewhere = kit.folder().join("elsewhere.sqlite");
    set(&kit, "station", "name = \"another\"");
    set(&kit, "http", "workers = 3");
    set(&kit, "store", &format!("path = \"{}\"", elsewhere.display()));
    set(&kit, "injection", "at_once = 3");
    set(&kit, "journal", "path = \"other\"");
    set(&kit, "log", "format = \"json\"");
    for _ in 0..2 {
        let said = kit.reload();
        for key in [
            "[station] name",
            "[http] workers",
            "[store] path",
            "[injection] at_once",
            "[journal] path",
            "[log] format",
        ] {
            let words = format!("reload: {key} changed; restart the station for it");
            assert!(said.contains(&words), "{words}: {said}");
        }
        assert!(said.contains("reload: done"), "{said}");
    }
    assert!(!elsewhere.exists());
    kit.provision("GW-1", &Device::start()).worked();
    assert_eq!(kit.states("GW-1"), ["confirmed"], "in the ledger it was started with");
    assert_eq!(page(&kit, &token), 200);
    assert_ne!(kit.get("/healthz").json()["station"], "another");
}

/// A configuration with faults changes nothing, not even what is right in it, and every fault is in
/// the log.
#[test]
fn a_bad_configuration_is_refused_whole() {
    let mut kit = Kit::start();
    let (old, new) = (kit.token(), "0123456789abcdef0123456789abcdef");
    std::fs::write(kit.token_file(), format!("anna:{new}\n")).unwrap();
    let good = std::fs::read_to_string(kit.folder().join("station.toml")).unwrap();
    edit(
        &kit,
        "fcu.yml",
        "device-key-generation-mode: by_tool",
        "device-key-generation-mode: by_x",
    );
    set(&kit, "admission", "categoriez = [\"a\"]");
    set(&kit, "log", "level = \"loud\"");
    let said = kit.reload();
    for words in ["categoriez", "[log] level", "by_x", "reload: refused"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!((page(&kit, &old), page(&kit, new)), (200, 401));

    // A CA whose key is another's, a file that is gone, a file that is no TOML.
    std::fs::write(kit.folder().join("station.toml"), &good).unwrap();
    edit(
        &kit,
        "fcu.yml",
        "device-key-generation-mode: by_x",
        "device-key-generation-mode: by_tool",
    );
    let key = kit.folder().join("keystore/CA_private.pem");
    let own = std::fs::read(&key).unwrap();
    std::fs::write(&key, crate::kit::Draft::named("Other").self_signed().key_pem()).unwrap();
    assert!(kit.reload().contains("[signer] key"), "{}", kit.log());
    std::fs::remove_file(&key).unwrap();
    assert!(kit.reload().contains("CA_private.pem"));
    std::fs::write(&key, own).unwrap();
    std::fs::write(kit.folder().join("station.toml"), "[http\n").unwrap();
    assert!(kit.reload().contains("refused"));
    assert_eq!((page(&kit, &old), page(&kit, new)), (200, 401));
    kit.provision("GW-1", &Device::start()).worked();

    std::fs::write(kit.folder().join("station.toml"), good).unwrap();
    assert!(kit.reload().contains("the operators' tokens"));
    assert_eq!((page(&kit, &old), page(&kit, new)), (401, 200));
    assert_eq!(kit.stop(), 0);
    assert!(
        !kit.log().contains("still in use"),
        "the ledger is folded in at the end: {}",
        kit.log()
    );
}

/// A unit that is denied is refused at once: the deny list is in the ledger, and needs no signal.
#[test]
fn the_deny_list_needs_no_reload() {
    let kit = Kit::start();
    kit.pep_as_operator(["deny", "add", "GW-1", "--reason", "stolen"]).worked();
    kit.get(&Kit::query("GW-1", "7777")).problem(403, "not-admitted");
    kit.reload();
    kit.get(&Kit::query("GW-1", "7777")).problem(403, "not-admitted");
}

/// Hang-ups in a row, also before the station listens, end nothing.
#[test]
fn hang_ups_in_a_row_end_nothing() {
    let kit = Kit::start();
    for _ in 0..50 {
        let id = kit.process().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
    kit.reload();
    kit.provision("GW-1", &Device::start()).worked();
}

#[test]
fn a_simulated_station_keeps_what_it_began_with() {
    let kit = Kit::with(|setup| {
        setup.launched_by(&["sh", "-c", "exec \"$@\" --simulate", "sh"]);
    });
    assert!(kit.reload().contains("a simulated station keeps what it began with"));
    assert_eq!(kit.get("/readyz").status, 200);
}
