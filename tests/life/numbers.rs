//! Every number is there from the first scrape.

use crate::kit::{Kit, binary, run};

#[test]
fn nothing_has_to_happen_first() {
    let kit = Kit::start();
    let answer = kit.get_as_operator("/metrics");
    let lines: Vec<_> = answer.text().lines().filter(|line| !line.starts_with('#')).collect();
    for line in [
        "pep_identities_total{outcome=\"confirmed\"} 0",
        "pep_identities_total{outcome=\"sent\"} 0",
        "pep_identities_total{outcome=\"device-failed\"} 0",
        "pep_identities_total{outcome=\"key-taken\"} 0",
        "pep_identities_total{outcome=\"store-unavailable\"} 0",
        "pep_identities_total{outcome=\"signer-unavailable\"} 0",
        "pep_stopped{cause=\"disk\"} 0",
        "pep_stopped{cause=\"clock\"} 0",
        "pep_step_seconds_count{step=\"hand_over\"} 0",
        "pep_step_seconds_count{step=\"announce\"} 0",
        "pep_clones_total 0",
        "pep_journal_faults 0",
        "pep_stories_in_flight 0",
        "pep_injections_queued 0",
        "pep_reloads_total{result=\"refused\"} 0",
    ] {
        assert!(lines.contains(&line), "{line}: {}", answer.text());
    }
    let build = format!("pep_build_info{{version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(lines.iter().any(|it| it.starts_with(&build) && it.ends_with(" 1")), "{build}");
    for name in ["pep_store_commit_seconds_count", "pep_store_writes_total", "pep_disk_free_bytes"]
    {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name}: {}", answer.text());
    }
}

/// Every number that the program knows is explained in the manual, and none that it does not know.
#[test]
fn the_manual_knows_them_all() {
    let kit = Kit::start();
    let answer = kit.get_as_operator("/metrics");
    let known: std::collections::BTreeSet<_> =
        answer.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let explained = |name: &str| {
        manual.contains(&format!("| `{name}`")) || manual.contains(&format!("| `{name}{{"))
    };
    assert!(known.len() >= 11, "{known:?}");
    for line in known {
        let name = line.split(' ').next().unwrap();
        assert!(explained(name), "{name} is not in docs/operating.md");
    }
}

#[test]
fn the_version_is_said() {
    let mut command = std::process::Command::new(binary("pep-server"));
    command.arg("--version");
    let done = run(command, |_, _| {});
    let begins = concat!("pep-server ", env!("CARGO_PKG_VERSION"));
    assert!(done.worked().starts_with(begins), "{}", done.stdout);
}
