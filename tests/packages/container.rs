//! The container without an engine: a root of its own that cannot be written, nobody's rights, a
//! network of its own, and in it the commands of Dockerfile and compose file as they are written.

use std::path::Path;
use std::process::Command;

use super::{compose, recipe};
use crate::kit::{Setup, binary, run, skip};

/// Makes the root at `$1` from keystore `$2`, state `$3` and programs `$4`, and becomes user 1000
/// in it, with the rest as its program.
const ENTER: &str = r#"
set -e
root=$1 keystore=$2 state=$3 programs=$4
shift 4
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir -p usr proc dev etc/ssl etc/pep var/lib/pep tmp old
mount --rbind /usr usr
mount --rbind /proc proc
mount --rbind /dev dev
mount --rbind /etc/ssl etc/ssl
for folder in bin lib lib64; do
	if [ -L /$folder ]; then cp -a /$folder .; elif [ -d /$folder ]; then mkdir $folder; mount --rbind /$folder $folder; fi
done
cp /etc/ld.so.cache etc/
echo 'hosts: files' > etc/nsswitch.conf
echo '127.0.0.1 localhost station gateway' > etc/hosts
mount --bind "$programs" usr/local/bin
mount --bind "$keystore" etc/pep
mount -o remount,bind,ro etc/pep
mount --bind "$state" var/lib/pep
mount -t tmpfs tmpfs tmp
ip link set lo up
mount -o remount,ro .
pivot_root . old
cd /
umount -l old
exec unshare --user --map-user=1000 --map-group=1000 -- "$@"
"#;

#[test]
fn the_commands_run_as_written() {
    let setup = Setup::new();
    let (root, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = compose::file();
    let stages = recipe::stages();
    let image = stages.last().unwrap();

    let mut environment = image.environment();
    let given = file["services"]["station"]["environment"].as_object().unwrap();
    environment.extend(
        given.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())),
    );
    let station = [image.words("ENTRYPOINT"), image.words("CMD")].concat();
    let health = compose::words(&file["services"]["station"]["healthcheck"]["test"])[1..].to_vec();
    let own_health = recipe::words(image.last("HEALTHCHECK").split_once(" CMD ").unwrap().1.trim());
    let gateway = &file["services"]["gateway"];
    let server = gateway["environment"]["PEP_SERVER_URL"].as_str().unwrap();
    let device =
        [compose::words(&gateway["entrypoint"]), compose::words(&gateway["command"])].concat();
    let text = super::read("docker-compose.yml");
    let ask = text.lines().find_map(|line| line.split_once("exec gateway ")).unwrap().1;
    let status = text.lines().find_map(|line| line.split_once("exec station ")).unwrap().1;
    let check = text.lines().find_map(|line| line.split_once("run --rm station ")).unwrap().1;

    let script = format!(
        "set -e
         {exports}
         id -u
         ! touch /here 2> /dev/null && ! touch /etc/pep/here 2> /dev/null && touch /var/lib/pep/here
         echo 'only the state can be written'
         {entry} {check}
         {station} & station=$!
         for try in $(seq 400); do sh -c '{health}' && break; sleep 0.05; done
         {health}
         {own_health}
         echo 'healthy'
         export PEP_SERVER_URL={server}
         {device} & device=$!
         sleep 0.5
         {ask}
         test -s /tmp/identity.json
         {status}
         kill -HUP $station
         kill $device
         kill -{signal} $station
         wait $station
         echo 'stopped'",
        exports = exports(&environment),
        entry = shell(&image.words("ENTRYPOINT")),
        station = shell(&station),
        health = shell(&health).replace('\'', r"'\''"),
        own_health = shell(&own_health),
        device = shell(&device),
        signal = image.last("STOPSIGNAL").trim_start_matches("SIG"),
    );
    // Inside of a shell's quotes the quotes of the words are doubled; outside they are not.
    let script = script.replacen(
        &format!("\n         {}\n", shell(&health).replace('\'', r"'\''")),
        &format!("\n         {}\n", shell(&health)),
        1,
    );
    let mut command = Command::new("unshare");
    command.args(["-rmn", "sh", "-c", ENTER, "sh"]);
    command.args([root.path(), setup.folder(), state.path(), binary("pep").parent().unwrap()]);
    command.args(["bash", "-c", &script]);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let done = run(command, |_, _| {});
    let impossible = ["Operation not permitted", "unshare failed", "permission denied"];
    if done.code != 0
        && done.stdout.is_empty()
        && impossible.iter().any(|it| done.stderr.contains(it))
    {
        return skip("no name spaces can be had here");
    }
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_eq!(done.code, 0, "{said}");
    for line in ["1000", "only the state can be written", "nothing is wrong", "healthy", "stopped"]
    {
        assert!(done.stdout.contains(line), "{line}: {said}");
    }
    assert!(done.stdout.contains("\"serialNumber\":\"GW-0001\""), "{said}");
    for written in ["ledger.sqlite", "journal"] {
        assert!(state.path().join(written).exists(), "{written}: {said}");
    }
    assert!(!Path::new(setup.folder()).join("store").exists(), "{said}");
}

/// Words as a shell takes them.
fn shell(words: &[String]) -> String {
    let quoted = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

fn exports(environment: &[(String, String)]) -> String {
    let lines = environment.iter().map(|(name, value)| format!("export {name}='{value}'"));
    lines.collect::<Vec<_>>().join("; ")
}
