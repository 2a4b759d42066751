//! Databases: the servers of tests/servers, as its `fetch` builds them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::program::skip;

/// A MongoDB-compatible server. It ends with the process that started it: its input does.
pub struct Database {
    child: Child,
    address: String,
}

impl Database {
    /// mongo-java-server in memory, one for all tests of this process: its conditional writes are
    /// atomic, so that stations may race on it. Nobody stops it.
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Database>> = OnceLock::new();
        SERVER.get_or_init(Self::mongo_java_server).as_ref()
    }

    /// mongo-java-server in memory, of a test's own.
    pub fn mongo_java_server() -> Option<Self> {
        let folder = built("mongo-java-server")?;
        let classes = format!("{0}:{0}/lib/*", folder.display());
        let mut command = Command::new("java");
        // Small and quick to start: it keeps a few thousand documents at most.
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &classes, "Server"]);
        Some(Self::start(command))
    }

    /// FerretDB with its files in `folder`: what it has acknowledged survives its being killed.
    pub fn ferretdb(folder: &Path) -> Option<Self> {
        Self::ferretdb_at(folder, "127.0.0.1:0")
    }

    /// The same at the address where one was killed.
    pub fn ferretdb_at(folder: &Path, address: &str) -> Option<Self> {
        let mut command = Command::new(built("ferretdb")?);
        command.arg(folder).arg(address);
        Some(Self::start(command))
    }

    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "{command:?} did not start");
        Self { child, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it as a loss of power would its process; gives its address.
    pub fn kill(self) -> String {
        self.address.clone()
    }

    /// Stops it: it accepts, for the system does, and never answers.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn go(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(told.unwrap().success());
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A killed one has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn built(name: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/servers").join(name);
    if place.exists() {
        return Some(place);
    }
    skip(&format!("{name} is not there; tests/servers/fetch builds it"));
    None
}
