//! A folder is wiped when its unit has confirmed, whenever the power goes.

use super::{Made, kit, put};
use crate::kit::Device;

#[test]
fn a_confirmed_unit_leaves_nothing_behind() {
    let (kit, ca) = kit(|setup| {
        setup.env("PEP_SUPPLIED_WIPE", "true");
    });
    let place = put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    let other = put(kit.folder(), "GW-2", &Made::named("GW-2").signed_by(&ca));
    kit.provision("GW-1", &Device::start()).worked();
    assert!(!place.exists());
    assert!(other.join("device-key.pem").is_file(), "nobody else's");
    assert!(kit.log().contains("the unit's folder is wiped"));
}

/// The power goes between the confirmation and the wipe, or in the middle of it: the next start
/// ends it. A folder for another identity stays.
#[test]
fn a_start_wipes_what_a_stop_left_over() {
    let (mut kit, ca) = kit(|_| {});
    let whole = put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    let half = put(kit.folder(), "GW-2", &Made::named("GW-2").signed_by(&ca));
    let renewed = put(kit.folder(), "GW-3", &Made::named("GW-3").signed_by(&ca));
    let waiting = put(kit.folder(), "GW-4", &Made::named("GW-4").signed_by(&ca));
    for serial in ["GW-1", "GW-2", "GW-3"] {
        kit.provision(serial, &Device::start()).worked();
    }
    kit.kill();
    std::fs::remove_file(half.join("device-key.pem")).unwrap();
    put(kit.folder(), "GW-3", &Made::named("GW-3").signed_by(&ca));
    kit.set_env("PEP_SUPPLIED_WIPE", "true");
    kit.start_again();
    assert!(!whole.exists() && !half.exists());
    assert!(renewed.join("device-key.pem").is_file(), "it is not the identity the unit has");
    assert!(waiting.join("device-key.pem").is_file());
}

/// What else lies in the folder is somebody else's.
#[test]
fn other_files_stay() {
    let (kit, ca) = kit(|setup| {
        setup.env("PEP_SUPPLIED_WIPE", "true");
    });
    let place = put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    std::fs::write(place.join("delivery-note.txt"), "with thanks").unwrap();
    kit.provision("GW-1", &Device::start()).worked();
    let left: Vec<_> = std::fs::read_dir(&place).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert!(place.join("delivery-note.txt").is_file());
}

/// A simulated station signs with another CA: it refuses the real keys, and their folder stays.
#[test]
fn a_simulation_gives_no_real_key_and_wipes_none() {
    let (kit, ca) = kit(|setup| {
        setup.env("PEP_SUPPLIED_WIPE", "true");
        setup.launched_by(&["sh", "-c", "exec \"$@\" --simulate", "sh"]);
    });
    let place = put(kit.folder(), "GW-1", &Made::named("GW-1").signed_by(&ca));
    let device = Device::with(&["--keep"]);
    let answer = kit.provision_by_http("GW-1", &device);
    assert_eq!(answer.header("pep-simulated"), Some("EXAMPLE CA, store in memory"));
    assert!(answer.status >= 400, "{}", answer.text());
    assert!(device.items().is_empty());
    for name in ["device-key.pem", "device-certificate.pem"] {
        assert!(place.join(name).is_file(), "{name}");
    }
}
