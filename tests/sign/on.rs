//! The two ledgers a story can be told on.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::kit::{Kit, Setup, binary, run, skip};

/// Where the station of a story keeps its records.
pub enum On {
    Embedded,
    /// In a database of its own, on the server at this address.
    MongoDb(&'static str),
}

impl On {
    /// Databases on the mongo-java-server that all stories of this process share; nothing, and
    /// a line that says so, where it was not built.
    pub fn a_database() -> Option<Self> {
        static SERVER: OnceLock<Option<(Child, String)>> = OnceLock::new();
        let (_, address) = SERVER.get_or_init(server).as_ref()?;
        Some(Self::MongoDb(address))
    }

    /// A station as `pep-server init --sign acme` leaves it, on this ledger.
    pub fn kit(&self) -> Kit {
        self.kit_with(|_| {})
    }

    /// The same, changed before its first start.
    pub fn kit_with(&self, change: impl FnOnce(&mut Setup)) -> Kit {
        Kit::with(|setup| {
            self.prepare(setup);
            change(setup);
        })
    }

    /// Makes a folder one that `pep-server init --sign acme` left, on this ledger.
    pub fn prepare(&self, setup: &mut Setup) {
        let folder = setup.folder().to_owned();
        std::fs::remove_dir_all(&folder).unwrap();
        let mut command = Command::new(binary("pep-server"));
        command.arg("init").arg(&folder).args(["--sign", "acme"]);
        run(command, |_, _| {}).worked();
        if let Self::MongoDb(address) = self {
            let mut bytes = [0; 8];
            openssl::rand::rand_bytes(&mut bytes).unwrap();
            let database = format!("pep_test_{:016x}", u64::from_be_bytes(bytes));
            setup
                .env("PEP_STORE_KIND", "mongodb")
                .env("PEP_STORE_URI", &format!("mongodb://{address}/?directConnection=true"))
                .env("PEP_STORE_DATABASE", &database);
        }
    }
}

/// mongo-java-server, in memory. It ends with this process: its input does.
fn server() -> Option<(Child, String)> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/servers/mongo-java-server");
    if !place.exists() {
        skip("mongo-java-server is not there; tests/servers/fetch builds it");
        return None;
    }
    let classes = format!("{0}:{0}/lib/*", place.display());
    let mut child = Command::new("java")
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &classes, "Server"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address = address.trim().to_owned();
    assert!(!address.is_empty(), "mongo-java-server did not start");
    Some((child, address))
}
