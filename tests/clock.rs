//! A clock that has jumped back: the station says so and issues nothing until the clock is right,
//! or an operator says that it is.

use crate::kit::{Device, Kit, run};

#[test]
fn a_clock_behind_the_newest_record_is_accepted_once() {
    let mut kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    kit.stop();
    kit.newer_than_now(3600);
    kit.start_again();
    assert!(kit.log().contains("its clock says "), "{}", kit.log());

    let device = Device::with(&["--keep"]);
    let problem = kit.provision_by_http("GW-2", &device).problem(503, "stopped");
    let detail = problem["detail"].as_str().unwrap();
    for part in ["its clock says ", "the newest record is of ", "`pep-server accept-clock`"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    let done = kit.provision("GW-2", &device);
    assert!(done.failed_with(5).0.contains("accept-clock"), "{}", done.stderr);
    // It says what time it has, which goes on.
    let newest = detail.split_once("; ").unwrap().1;
    let ready = kit.get("/readyz").problem(503, "stopped");
    assert!(ready["detail"].as_str().unwrap().ends_with(newest), "{ready}");
    let numbers = kit.get_as_operator("/metrics");
    for line in ["pep_stopped{cause=\"clock\"} 1", "pep_stopped{cause=\"disk\"} 0"] {
        assert!(numbers.text().lines().any(|found| found == line), "{line}: {}", numbers.text());
    }
    assert!(device.items().is_empty(), "no device was touched");
    assert!(kit.states("GW-2").is_empty(), "nothing was written");
    // What it knows it still tells.
    kit.get("/v3/identity-record?serialNumber=GW-1").document();

    // While the station runs nobody can lift it.
    let accept = |kit: &Kit| {
        let mut command = kit.server();
        command.arg("--config").arg(kit.folder().join("station.toml")).arg("accept-clock");
        run(command, |_, _| {})
    };
    let refused = accept(&kit);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("in use by another station"), "{}", refused.stderr);

    kit.stop();
    let accepted = accept(&kit);
    assert!(accepted.worked().contains("the clock is taken as right: "), "{}", accepted.stdout);
    let book = kit.operations();
    let (operator, act) = book.last().unwrap();
    assert_eq!(operator, "console");
    assert!(act.starts_with("accept-clock: it says "), "{act}");
    let again = accept(&kit);
    assert!(again.worked().contains("there is nothing to accept"), "{}", again.stdout);

    kit.start_again();
    kit.get("/readyz").document();
    kit.provision("GW-2", &device).worked();
    kit.stop();
    // More than a minute, and more than a start on a busy machine takes.
    kit.newer_than_now(120);
    kit.start_again();
    kit.get("/readyz").problem(503, "stopped");
}

/// A clock that is set a little now and then is no reason to stop.
#[test]
fn less_than_a_minute_is_no_jump() {
    let mut kit = Kit::start();
    kit.provision("GW-1", &Device::start()).worked();
    kit.kill();
    kit.newer_than_now(45);
    kit.start_again();
    kit.provision("GW-2", &Device::start()).worked();
}
