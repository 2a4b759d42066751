//! The Debian package in a root of its own: put in, used as INSTALL says, taken out, purged.

use std::path::PathBuf;
use std::process::Command;

use super::package::output;
use crate::kit::{binary, run, skip};

/// A root at `$1` in which the system's programs are there and everything can be written, the
/// package `$2` in it; runs `$3` there.
const ENTER: &str = r#"
set -e
root=$1 package=$2 script=$3
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir -p usr proc dev etc tmp upper work var/lib/dpkg/info var/lib/dpkg/updates run
mount -t overlay overlay -o lowerdir=/usr,upperdir="$root/upper",workdir="$root/work" usr
mount --rbind /proc proc
mount --rbind /dev dev
for folder in bin sbin lib lib64; do
	if [ -L /$folder ]; then cp -a /$folder .; elif [ -d /$folder ]; then mkdir $folder; mount --rbind /$folder $folder; fi
done
cp /etc/ld.so.cache etc/
echo 'root:x:0:0:root:/:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
echo 'root:*:1::::::' > etc/shadow
echo 'hosts: files' > etc/nsswitch.conf
echo '127.0.0.1 localhost' > etc/hosts
: > var/lib/dpkg/status
chmod 1777 tmp
cp "$package" pep.deb
ip link set lo up
exec chroot . bash -c "$script"
"#;

/// `None` where it cannot be made here.
fn package() -> Option<(tempfile::TempDir, PathBuf)> {
    let own = super::tree().join(".cache/tools/bin/cargo-deb");
    let on_path = Command::new("cargo-deb").arg("--version").output().is_ok();
    if !own.is_file() && !on_path {
        skip("cargo-deb is not there; dist/packer builds it");
        return None;
    }
    let packer = if own.is_file() { own } else { "cargo-deb".into() };
    let place = tempfile::tempdir().unwrap();
    let sbom = place.path().join("sbom.json");
    std::fs::write(&sbom, "{}").unwrap();
    let programs = binary("pep");
    let mut pack = Command::new(super::tree().join("dist/pack"));
    pack.args([programs.parent().unwrap(), &sbom, &place.path().join("out")]);
    pack.env("SOURCE_DATE_EPOCH", "1790000000").env("CARGO_DEB", packer);
    let made = output(&mut pack);
    let deb = made.lines().find(|line| line.ends_with(".deb")).unwrap();
    let deb = PathBuf::from(deb);
    let sums = Command::new("sh")
        .args(["-c", "sha256sum --strict -c pep-*.sha256 && grep -q deb$ pep-*.sha256"])
        .current_dir(deb.parent().unwrap())
        .status();
    assert!(sums.unwrap().success());
    Some((place, deb))
}

#[test]
fn it_is_put_in_used_taken_out_and_purged() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("only root can make users");
    }
    let Some((_place, deb)) = package() else { return };
    let conffiles = output(Command::new("dpkg-deb").arg("--info").arg(&deb));
    assert!(!conffiles.contains("conffiles"), "{conffiles}");
    // What INSTALL says for this package, as it is written.
    let install = super::read("dist/INSTALL");
    let own = install.split("From the archive").next().unwrap();
    let commands: Vec<_> = own.lines().filter_map(|line| line.split_once("sudo -u pep ")).collect();
    let [init, check] = &commands[..] else { panic!("{commands:?}") };
    // The rest of such a line is a remark.
    let bare = |line: &str| line.split(" then ").next().unwrap().trim().to_owned();
    let script = format!(
        r#"set -e
        export PATH=/usr/sbin:/usr/bin:/sbin:/bin PEP_DISCOVERY_ANNOUNCE=false
        dpkg --force-depends -i /pep.deb
        stat -c '%n %U %a' /etc/pep /var/lib/pep
        as_pep() {{ setpriv --reuid=pep --regid=pep --clear-groups "$@"; }}
        unit=/lib/systemd/system/pep-server.service
        grep -q '^ExecStart=/usr/bin/pep-server ' $unit
        for line in $(sed -n 's/^Environment=//p' $unit); do export "$line"; done
        as_pep {init}
        as_pep {check}
        export PEP_HTTP_LISTEN=127.0.0.1:5151 PEP_SERVER_URL=http://127.0.0.1:5151
        # Not by the function, whose shell would get the signal in its place.
        setpriv --reuid=pep --regid=pep --clear-groups \
          pep-server --config /etc/pep/station.toml 2> /tmp/log & station=$!
        for try in $(seq 400); do grep -q 'listening on' /tmp/log && break; sleep 0.05; done
        fcc-device --listen 127.0.0.1:7777 > /tmp/device & sleep 0.5
        cd /tmp && pep get-one-identity -s GW-0001 > /dev/null && echo 'has its identity'
        pep status
        kill $station; wait $station
        dpkg -r pep
        test ! -e /usr/bin/pep-server && test ! -e $unit && echo 'taken out'
        dpkg -P pep
        find /var/lib/pep /etc/pep -name ledger.sqlite -o -name CA_private.pem
        id -u pep > /dev/null && echo 'purged'"#,
        init = bare(init.1),
        check = bare(check.1),
    );
    let root = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["-mn", "--propagation", "private", "sh", "-c", ENTER, "sh"]);
    command.arg(root.path()).arg(&deb).arg(&script);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let done = run(command, |_, _| {});
    let impossible = [
        "Operation not permitted",
        "unshare failed",
        "cannot change root",
        "unknown filesystem type",
    ];
    if done.stdout.is_empty() && impossible.iter().any(|it| done.stderr.contains(it)) {
        return skip("no root of its own can be made here");
    }
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_eq!(done.code, 0, "{said}");
    for line in [
        "/etc/pep pep 700",
        "/var/lib/pep pep 700",
        "nothing is wrong",
        "has its identity",
        ", ready",
        "taken out",
        "ledger.sqlite",
        "CA_private.pem",
        "pep: /var/lib/pep stays",
        "purged",
    ] {
        assert!(done.stdout.contains(line), "{line}: {said}");
    }
}
