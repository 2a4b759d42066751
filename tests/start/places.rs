//! Faults say where: file and line, what was meant, and of what stands twice the first place. All of
//! them at once, in the order of files and lines.

use super::{faults, one_fault, refused};
use crate::kit::{Setup, run};

/// `check` of a station.toml with this text, in its folder.
fn said(toml: &str) -> Vec<String> {
    let said = refused(|setup| {
        setup.file("station.toml", toml);
    });
    faults(&said).into_iter().map(str::to_owned).collect()
}

#[test]
fn what_was_meant() {
    for (toml, wanted) in [
        (
            "[injection]\n\ngive_upp = 3\n",
            "station.toml:3: [injection] give_upp: unknown key; did you mean give_up?",
        ),
        (
            "[http]\nworker = 3\n",
            "station.toml:2: [http] worker: unknown key; did you mean workers?",
        ),
        (
            "[http]\nport = 3\n",
            "station.toml:2: [http] port: unknown key; the keys here are listen, ",
        ),
        (
            "[injektion]\n",
            "station.toml:1: [injektion]: unknown section; did you mean [injection]?",
        ),
        (
            "[log]\nlevel = \"warning\"\n",
            "station.toml:2: [log] level: is the text \"warning\"; give one of",
        ),
        ("[log]\nlevel = \"inof\"\n", "did you mean \"info\"?"),
        (
            "log = { levle = \"info\" }\n",
            "station.toml:1: [log] levle: unknown key; did you mean level?",
        ),
        ("log.levle = \"info\"\n", "station.toml:1: [log] levle: unknown key; did you mean level?"),
        (
            "[admission]\ncategories = [\n  \"production\",\n  \"\",\n]\n",
            "station.toml:4: [admission] categories[2]: is empty; give a category",
        ),
        (
            "[admission]\ncategories = []\n",
            "station.toml:2: [admission] categories: is an empty list",
        ),
        (
            "[injection]\nallow = [\"10.0.0.0/8\", \"10.1.2.3/8\"]\n",
            "station.toml:2: [injection] allow[2]: is \"10.1.2.3/8\"",
        ),
        (
            "[[injection.line]]\nname = \"a\"\npath = \"/dev/null\"\n[[injection.line]]\nname = \"a b\"\npath = \"/dev/null\"\n",
            "station.toml:5: [injection] line[2].name: is \"a b\"",
        ),
        ("[operators]\ntoken_file = \"none\"\n", "station.toml:2: [operators] token_file: "),
        ("[developer]\ncountry = \"FI\"\n", "station.toml:1: [developer] account_id: is missing"),
    ] {
        let said = said(toml);
        let [fault] = &said[..] else { panic!("{toml}: {said:?}") };
        assert!(fault.contains(wanted), "{toml}: {fault}");
    }
}

/// A section that was uncommented a second time, and a key that was written twice.
#[test]
fn what_stands_twice() {
    for (toml, wanted) in [
        (
            "[http]\nworkers = 1\n\n[log]\n[http]\nlisten = \"127.0.0.1:0\"\n",
            "station.toml:5: [http] stands twice; the first is in line 1",
        ),
        (
            "[http]\nworkers = 1\nlisten = \"127.0.0.1:0\"\nworkers = 2\n",
            "station.toml:4: [http] workers stands twice; the first is in line 2",
        ),
        (
            "[[sign.factories]]\n[sign.factories.cloud]\n[sign.factories.cloud]\n",
            "station.toml:3: [sign.factories.cloud] stands twice; the first is in line 2",
        ),
    ] {
        let said = said(toml);
        assert!(said.iter().any(|fault| fault.contains(wanted)), "{toml}: {said:?}");
    }
    let said = refused(|setup| {
        setup.fcu_also("time-sync: false\ndevice-info:\n  timezone: UTC");
    });
    assert!(said.contains("fcu.yml:86: time-sync stands twice; the first is in line 27"), "{said}");
    assert!(said.contains("fcu.yml:87: device-info stands twice; the first is in line 33"));
}

/// Every place that is not TOML, not only the first.
#[test]
fn all_that_is_no_toml() {
    let said = said("[http]\nlisten = 127.0.0.1:80\nworkers = \n[log]\nlevel = info\n");
    let lines: Vec<_> = said.iter().map(|fault| fault.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "3", "5"], "{said:?}");
    for fault in &said {
        assert!(fault.contains("not valid TOML: "), "{fault}");
    }
}

/// Three files, a variable; station.toml's first, each in the order of its lines.
#[test]
fn in_the_order_of_files_and_lines() {
    let mut setup = Setup::new();
    setup.file("operator.token", "anna:0123456789abcdef\nbert:short\nx y:0123456789abcdef\n");
    setup
        .station("[log]", "[log]\nleve = 1")
        .station("at_once = 256", "at_once = \"x\"")
        .fcu("memory-total-kb: 1048576", "memory-total-kb: many")
        .fcu("use-bootstrap: true", "use-bootstrap: 1")
        .env("PEP_HTTP_WORKERS", "all");
    // In the folder itself the files have the names that the user gave them.
    let mut command = setup.server(&["check"]);
    command.current_dir(setup.folder());
    let mut beside = std::process::Command::new(command.get_program());
    beside.current_dir(setup.folder()).arg("check");
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            beside.env(name, value);
        }
    }
    let done = run(beside, |command, _| {
        command.current_dir(setup.folder());
    });
    assert_eq!(done.code, 78, "{}", done.stderr);
    let places: Vec<_> = faults(&done.stderr)
        .iter()
        .map(|fault| fault.split(": ").next().unwrap().to_owned())
        .collect();
    let (last, files) = places.split_last().unwrap();
    assert_eq!(last, "PEP_HTTP_WORKERS (for [http] workers)", "{}", done.stderr);
    let read = |place: &String| {
        let (file, line) = place.split_once(':').unwrap();
        (file != "station.toml", line.parse::<usize>().unwrap())
    };
    let places: Vec<_> = files.iter().map(read).collect();
    assert_eq!(places.len(), 6, "{}", done.stderr);
    assert!(places.is_sorted(), "{}", done.stderr);
    for line in ["operator.token:2: the token has fewer", "operator.token:3: the name has"] {
        assert!(done.stderr.contains(line), "{line}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("0123456789abcdef"));
}

/// R18: a device looks for a file of this very name.
#[test]
fn time_zones_in_their_own_spelling() {
    for (zone, words) in [
        ("europe/helsinki", "is \"europe/helsinki\"; write Europe/Helsinki"),
        ("Utc", "write UTC"),
        ("Europe/Helsinkki", "did you mean Europe/Helsinki?"),
        ("posix/Europe/Helsinki", "give a zone of the tz database"),
    ] {
        let said = refused(|setup| {
            setup.fcu("timezone: \"UTC\"", &format!("timezone: \"{zone}\""));
        });
        one_fault(&said, &["fcu.yml:40: device-info.timezone: ", words]);
    }
    for zone in ["Europe/Helsinki", "US/Pacific", "EST5EDT", "Etc/UTC"] {
        let mut setup = Setup::new();
        setup.fcu("timezone: \"UTC\"", &format!("timezone: \"{zone}\""));
        run(setup.server(&["check"]), |_, _| {}).worked();
    }
}

/// R17: an editor's byte order mark is no part of any file.
#[test]
fn byte_order_marks() {
    let mut setup = Setup::new();
    setup.file("serial.txt", "\u{feff}42\n");
    setup.fcu(
        "custom-properties: []",
        "custom-properties:\n  - {type: integer, name: acme.Number, data-file: serial.txt}",
    );
    for name in ["station.toml", "fcu.yml", "operator.token"] {
        let text = std::fs::read_to_string(setup.folder().join(name)).unwrap();
        setup.file(name, format!("\u{feff}{text}"));
    }
    let checked = run(setup.server(&["check"]), |_, _| {});
    assert!(checked.worked().contains("acme.Number"), "{}", checked.stderr);
}
