//! The numbers of `/metrics`: described, and all of them there from the first scrape, so that an
//! alarm on a rise sees the first one.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pep_server::station::{CAUSES, OUTCOMES, STEPS};
use pep_server::version::{COMMIT, VERSION};

/// Bounds of the histograms, in seconds: a commit takes less than a millisecond, a device up to a
/// minute.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];
/// How often the recorder's histograms are folded.
const FOLD: Duration = Duration::from_secs(5);

/// The recorder of this program, with every number at its beginning.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe();
    begin();
    Ok(recorder)
}

/// Folds the recorder's histograms; its own listener, which would do it, is not used.
pub async fn fold(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(FOLD).await;
        recorder.run_upkeep();
    }
}

fn begin() {
    for outcome in OUTCOMES {
        metrics::counter!("pep_identities_total", "outcome" => outcome).absolute(0);
    }
    for cause in CAUSES {
        metrics::gauge!("pep_stopped", "cause" => cause).set(0);
    }
    for step in STEPS {
        // What is not recorded yet is there with a count of 0.
        let _ = metrics::histogram!("pep_step_seconds", "step" => step);
    }
    let _ = metrics::histogram!("pep_store_commit_seconds");
    metrics::counter!("pep_clones_total").absolute(0);
    metrics::counter!("pep_store_writes_total").absolute(0);
    for result in ["done", "refused"] {
        metrics::counter!("pep_reloads_total", "result" => result).absolute(0);
    }
    metrics::gauge!("pep_journal_faults").set(0);
    metrics::gauge!("pep_stories_in_flight").set(0);
    metrics::gauge!("pep_injections_queued").set(0);
    metrics::gauge!("pep_build_info", "version" => VERSION, "commit" => COMMIT.unwrap_or("unknown"))
        .set(1);
}

fn describe() {
    metrics::describe_counter!("pep_identities_total", "Identities asked for, by outcome");
    metrics::describe_counter!("pep_clones_total", "Devices refused with another unit's key");
    metrics::describe_counter!("pep_reloads_total", "Configurations read again, by result");
    metrics::describe_gauge!("pep_build_info", "1; the labels say what runs");
    metrics::describe_gauge!("pep_ca_not_after_seconds", "When this CA ends, since 1970");
    metrics::describe_gauge!(
        "pep_tls_not_after_seconds",
        "When TLS's certificate ends, since 1970"
    );
    metrics::describe_gauge!("pep_disk_free_bytes", "Room on the ledger's disk");
    metrics::describe_gauge!("pep_stopped", "1 while this cause keeps the station from issuing");
    metrics::describe_gauge!("pep_journal_faults", "Damages found in the journal at the start");
    metrics::describe_gauge!("pep_stories_in_flight", "Identities being given now");
    metrics::describe_gauge!("pep_injections_queued", "Requests waiting for their turn");
    metrics::describe_histogram!("pep_step_seconds", "Duration of each step of an identity");
    metrics::describe_histogram!("pep_store_commit_seconds", "Duration of a commit of the ledger");
    metrics::describe_counter!("pep_store_writes_total", "Writes committed to the ledger");
}
