//! A ledger that goes by several names is opened once.

use super::{ledger, provision};
use crate::kit::{Kit, Running, Setup, run};

#[test]
fn a_link_does_not_open_a_ledger_twice() {
    let kit = Kit::start();
    provision(&kit, &["GW-1"]);
    let mut other = Setup::new();
    std::os::unix::fs::symlink(ledger(&kit), other.folder().join("soft.sqlite")).unwrap();
    std::fs::hard_link(ledger(&kit), other.folder().join("hard.sqlite")).unwrap();
    std::os::unix::fs::symlink(kit.folder().join("store"), other.folder().join("folder")).unwrap();
    for name in ["soft.sqlite", "hard.sqlite", "folder/ledger.sqlite"] {
        other.env("PEP_STORE_PATH", name);
        let refused = run(other.server(&[]), |_, _| {});
        let said = format!("is in use by another station, process {}", kit.process());
        assert_eq!(refused.code, 1, "{name}: {}", refused.stderr);
        assert!(refused.stderr.contains(&said), "{name}: {}", refused.stderr);
        assert_eq!(refused.stderr.matches("stop that one first").count(), 1, "{}", refused.stderr);
        assert!(!refused.stderr.contains("name a ledger"), "one hint: {}", refused.stderr);
    }
    provision(&kit, &["GW-2"]);
}

/// The other name is as good as the first, once nobody has it.
#[test]
fn a_link_to_a_ledger_opens_it() {
    let mut kit = Kit::start();
    provision(&kit, &["GW-1"]);
    kit.kill();
    let mut other = Setup::new();
    std::os::unix::fs::symlink(ledger(&kit), other.folder().join("soft.sqlite")).unwrap();
    other.env("PEP_STORE_PATH", "soft.sqlite");
    let checked = run(other.server(&["check"]), |_, _| {});
    assert!(
        checked.worked().contains("1 unit, newest"),
        "what is in its log as well: {}",
        checked.stdout
    );
    let station = Running::start(other.server(&[]));
    let line = station.line_with("the ledger is open");
    assert!(line.contains("units=1"), "{line}");
    assert!(!other.folder().join("soft.sqlite-wal").exists());
}
