//! Stations that are found without an address: a gateway and stations in network name spaces of
//! their own, joined by pairs of virtual cables. Nothing leaves them.

use std::process::Command;
use std::time::Duration;

use crate::kit::{Done, Draft, Setup, binary, run, skip};

/// `add N` makes a station's network, 10.9.N.0/24, in which the gateway is 10.9.N.7 and the station
/// 10.9.N.2; `on N COMMAND` runs something there; `try COMMAND` tells how it ended.
const NETWORK: &str = r#"
add() {
	unshare -n sleep 600 &
	pid=$!
	eval "space$1=$pid"
	until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
	ip link add gw$1 type veth peer name st$1
	ip link set st$1 netns $pid
	ip addr add 10.9.$1.7/24 dev gw$1
	ip link set gw$1 up
	on $1 sh -c "ip link set lo up; ip addr add 10.9.$1.2/24 dev st$1; ip link set st$1 up"
}
on() { eval "of=\$space$1"; shift; nsenter -t $of -n "$@"; }
station() { # number, name, further variables
	number=$1; shift
	on $number env PEP_HTTP_LISTEN=0.0.0.0:5151 PEP_STATION_NAME="$@" \
		pep-server --config "$folder$number/station.toml" 2> log$number &
	heard log$number 'listening on'
}
heard() { # file, words
	for time in $(seq 400); do grep -q "$2" $1 && return; sleep 0.05; done
	echo "never said: $2"; cat $1; exit 1
}
try() { echo "> $*"; "$@" 2>&1; echo "= $?"; }
ip link set lo up
"#;

/// Runs a script in a network of its own, with so many stations' folders; `None` where that cannot
/// be had.
fn in_a_network(setups: &[&Setup], script: &str) -> Option<Done> {
    let folders: String = setups
        .iter()
        .zip(1..)
        .map(|(setup, number)| format!("folder{number}='{}'\n", setup.folder().display()))
        .collect();
    // The shell has no lists: `$folder$number` is a place with links to them.
    let place = tempfile::tempdir().unwrap();
    for (setup, number) in setups.iter().zip(1..) {
        let link = place.path().join(number.to_string());
        std::os::unix::fs::symlink(setup.folder(), link).unwrap();
    }
    let script = format!("{folders}folder='{}/'\n{NETWORK}{script}", place.path().display());
    let mut command = Command::new("unshare");
    command.args(["-rmn", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c"]);
    command.arg(script).env_clear();
    let programs = binary("pep");
    let programs = programs.parent().unwrap().display();
    command.env("PATH", format!("{programs}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    command.env("FORGER", std::env::current_exe().unwrap());
    for kept in ["TMPDIR", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    let done = run(command, |_, _| {});
    let impossible = ["unshare failed", "Operation not permitted", "RTNETLINK answers"];
    if impossible.iter().any(|it| done.stderr.contains(it)) {
        skip("no networks can be had here");
        return None;
    }
    Some(done)
}

/// What the tries of a script said, each with its exit code.
fn tries(done: &Done) -> Vec<(i32, &str)> {
    let all = done.stdout.split("> ").skip(1);
    all.map(|one| {
        let (said, code) = one.rsplit_once("= ").unwrap_or_else(|| panic!("{}", done.stdout));
        (code.trim().parse().unwrap(), said)
    })
    .collect()
}

#[test]
fn a_station_is_found_across_two_networks_and_forgotten() {
    let setup = Setup::new();
    let script = r#"
		add 1
		station 1 line-1
		heard log1 'announced as _pep._tcp'
		fcc-device --listen 0.0.0.0:7777 > device &
		heard device 'Client IP'
		try pep get-one-identity -s GW-1
		try pep -q get-enrollment-id -s GW-1
		kill -TERM $(pgrep -x pep-server)
		heard log1 ' stopped'
		try pep get-enrollment-id -s GW-1
	"#;
    let Some(done) = in_a_network(&[&setup], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 3, "{}{}", done.stdout, done.stderr);
    let (code, said) = tries[0];
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("found the station line-1 at http://10.9.1.2:5151"), "{said}");
    assert!(done.file("identity.json").contains("GW-1"));
    let (code, said) = tries[1];
    assert!(code == 0 && !said.contains("found"), "{said}");
    // Nothing is remembered.
    let (code, said) = tries[2];
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("and none was found on the network"), "{said}");
}

#[test]
fn of_two_stations_none_is_chosen() {
    let setups = [Setup::new(), Setup::new()];
    let script = r#"
		add 1; add 2
		station 1 line-1
		station 2 line-2
		heard log1 'announced'; heard log2 'announced'
		sleep 2
		try pep get-enrollment-id -s GW-1
		try pep --station line-2 get-enrollment-id -s GW-1
		export PEP_STATION=line-9
		try pep get-enrollment-id -s GW-1
		export PEP_SERVER_URL=http://10.9.1.2:5151
		try pep get-enrollment-id -s GW-1
	"#;
    let Some(done) = in_a_network(&[&setups[0], &setups[1]], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 4, "{}{}", done.stdout, done.stderr);
    let all = "error: 2 stations answer: line-1 at 10.9.1.2:5151, line-2 at 10.9.2.2:5151\n\
               hint: say which: --station NAME";
    assert!(tries[0].0 == 2 && tries[0].1.contains(all), "{}", tries[0].1);
    // The stations were reached: they know no such unit.
    for known in [1, 3] {
        let (code, said) = tries[known];
        assert!(code == 1 && said.contains("no provisioned unit"), "{said}");
    }
    let (code, said) = tries[2];
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("no station called line-9 was found on the network; there is"), "{said}");
    let logs = (done.file("log1"), done.file("log2"));
    assert_eq!(logs.0.matches("/v3/enrollment-id").count(), 1, "{}", logs.0);
    assert_eq!(logs.1.matches("/v3/enrollment-id").count(), 1, "{}", logs.1);
}

#[test]
fn a_forged_announcement_is_refused() {
    let mut setup = Setup::new();
    let ca = Draft::named("line CA").self_signed();
    let draft = Draft { is_ca: false, address: Some("10.9.1.2"), ..Draft::named("station") };
    let station = draft.signed_by(&ca);
    setup.file("ca.pem", ca.pem());
    setup.file("tls-cert.pem", station.pem());
    setup.file("tls-key.pem", station.key_pem());
    let script = r#"
		add 1
		tls="PEP_HTTP_CERTIFICATE=tls-cert.pem PEP_HTTP_KEY=tls-key.pem"
		station 1 line-1 $tls
		heard log1 'announced'
		try pep --cacert $folder1/ca.pem get-enrollment-id -s GW-1
		try pep get-enrollment-id -s GW-1
		kill -TERM $(pgrep -x pep-server); heard log1 ' stopped'
		station 1 line-1 $tls PEP_DISCOVERY_ANNOUNCE=false
		for tls in $(printf 'ab%.0s' $(seq 32)) none; do
			FORGED=$tls on 1 "$FORGER" --ignored --exact discovery::forger > forger 2>&1 &
			forger=$!
			heard forger announced
			try pep --cacert $folder1/ca.pem get-enrollment-id -s GW-1
			kill -9 $(pgrep -f 'exact discovery::forger'); wait $forger 2> /dev/null
		done
	"#;
    let Some(done) = in_a_network(&[&setup], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 4, "{}{}", done.stdout, done.stderr);
    let (code, said) = tries[0];
    assert!(code == 1 && said.contains("no provisioned unit"), "{said}");
    // Announced is not trusted.
    let (code, said) = tries[1];
    assert!(code == 3 && said.contains("certificate"), "{said}");
    let (code, said) = tries[2];
    assert_eq!(code, 3, "{said}");
    let refused =
        "error: https://10.9.1.2:5151 does not have the TLS certificate that was announced for it";
    assert!(said.contains(refused) && said.contains("hint: the announcement is forged"), "{said}");
    let (code, said) = tries[3];
    assert!(code == 3 && said.contains("was announced without TLS"), "{said}");
    // The second life of the station was asked for nothing.
    assert!(!done.file("log1").contains("/v3/enrollment-id"), "{}", done.file("log1"));
}

/// Announces a station that is none, until it is killed. Run by the test above in its network.
#[test]
#[ignore = "a part of another test"]
fn forger() {
    let Ok(tls) = std::env::var("FORGED") else { return };
    let mut said = vec![("station", "line-1"), ("api", "3")];
    if tls != "none" {
        said.push(("tls", &tls));
    }
    let address = std::net::IpAddr::from([10, 9, 1, 2]);
    let info = mdns_sd::ServiceInfo::new(
        "_pep._tcp.local.",
        "line-1",
        "forger.local.",
        address,
        5151,
        &said[..],
    );
    let daemon = mdns_sd::ServiceDaemon::new().unwrap();
    daemon.register(info.unwrap()).unwrap();
    // Probing takes three quarters of a second (RFC 6762 8.1).
    std::thread::sleep(Duration::from_secs(1));
    use std::io::Write as _;
    writeln!(std::io::stderr(), "announced").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

/// A gateway of the line shall not come to a station that forgets it.
#[test]
fn a_simulated_station_is_announced_to_nobody() {
    let setups = [Setup::new(), Setup::new()];
    let script = r#"
		add 1; add 2
		station 1 line-1
		on 2 env PEP_HTTP_LISTEN=0.0.0.0:5151 PEP_DISCOVERY_ANNOUNCE=true \
			pep-server --simulate --config "${folder}2/station.toml" 2> simulated &
		heard log1 'announced'; heard simulated 'listening on'
		sleep 2
		try pep get-enrollment-id -s GW-1
	"#;
    let Some(done) = in_a_network(&[&setups[0], &setups[1]], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 1, "{}{}", done.stdout, done.stderr);
    let (code, said) = tries[0];
    assert!(code == 1 && said.contains("no provisioned unit"), "{said}");
    assert!(!said.contains("simulated"), "{said}");
    assert!(!done.file("simulated").contains("announced"), "{}", done.file("simulated"));
}

#[test]
fn off_is_off() {
    let setup = Setup::new();
    let script = r#"
		add 1
		station 1 line-1 PEP_DISCOVERY_ANNOUNCE=false
		try pep get-enrollment-id -s GW-1
		export PEP_DISCOVERY=off
		try pep get-enrollment-id -s GW-1
		try pep --station line-1 get-enrollment-id -s GW-1
	"#;
    let Some(done) = in_a_network(&[&setup], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 3, "{}{}", done.stdout, done.stderr);
    let (code, said) = tries[0];
    assert!(code == 3 && said.contains("none was found on the network"), "{said}");
    let (code, said) = tries[1];
    assert!(
        code == 3 && said.contains("no connection to the station at http://localhost"),
        "{said}"
    );
    let (code, said) = tries[2];
    assert!(code == 2 && said.contains("PEP_DISCOVERY is off"), "{said}");
    assert!(!done.file("log1").contains("announced"), "{}", done.file("log1"));
}

/// On this machine alone, and only because both sides name the interface: by itself a station that
/// listens there is announced to nobody.
#[test]
fn on_loopback_when_it_is_named() {
    let setup = Setup::new();
    let script = r#"
		start() {
			env PEP_HTTP_LISTEN=127.0.0.1:5199 PEP_STATION_NAME=near "$@" \
				pep-server --config "${folder}1/station.toml" 2> log &
			heard log 'listening on'
		}
		export PEP_DISCOVERY=lo
		start PEP_DISCOVERY_INTERFACES=lo
		heard log 'announced'
		try pep get-enrollment-id -s GW-1
		kill -TERM $(pgrep -x pep-server); heard log ' stopped'
		start A=B
		try pep get-enrollment-id -s GW-1
	"#;
    let Some(done) = in_a_network(&[&setup], script) else { return };
    let tries = tries(&done);
    assert_eq!(tries.len(), 2, "{}{}", done.stdout, done.stderr);
    let (code, said) = tries[0];
    assert!(code == 1 && said.contains("no provisioned unit"), "{said}");
    let (code, said) = tries[1];
    assert!(code == 3 && said.contains("none was found on the network"), "{said}");
}
