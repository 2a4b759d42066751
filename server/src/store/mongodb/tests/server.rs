//! Servers to hold the store against: those of tests/servers, built by its `fetch`, and a real one
//! where `PEP_TEST_MONGODB_URI` names it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::{Client, Database};

use super::super::{MongoDbSettings, MongoDbStore};
use super::relay::Relay;

/// A server that tests started. It ends with the process that started it: its input does.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
}

impl Server {
    fn start(program: PathBuf, arguments: Vec<String>) -> Self {
        let mut child = Command::new(&program)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "{} did not start", program.display());
        Self { child, address }
    }

    /// FerretDB with its files in `folder`.
    pub(super) fn ferretdb(folder: &Path) -> Option<Self> {
        Self::ferretdb_at(folder, "127.0.0.1:0")
    }

    /// The same at the address where one was killed.
    pub(super) fn ferretdb_at(folder: &Path, address: &str) -> Option<Self> {
        let folder = folder.to_str().unwrap().to_owned();
        Some(Self::start(built("ferretdb")?, vec![folder, address.to_owned()]))
    }

    /// The same over TLS, with the certificate and key of the server and the CA of its callers.
    pub(super) fn ferretdb_with_tls(folder: &Path, files: [&Path; 3]) -> Option<Self> {
        let folder = folder.to_str().unwrap().to_owned();
        let mut arguments = vec![folder, "127.0.0.1:0".to_owned()];
        arguments.extend(files.map(|file| file.to_str().unwrap().to_owned()));
        Some(Self::start(built("ferretdb")?, arguments))
    }

    /// mongo-java-server, in memory.
    pub(super) fn mongo_java_server() -> Option<Self> {
        let folder = built("mongo-java-server")?;
        let classes = format!("{0}:{0}/lib/*", folder.display());
        Some(Self::start("java".into(), vec!["-cp".to_owned(), classes, "Server".to_owned()]))
    }

    pub(super) fn place(&self) -> Place {
        Place::at(&self.address)
    }

    /// Ends it as a loss of power would its process, and says where it was.
    pub(super) fn kill(self) -> String {
        self.address.clone()
    }

    /// Stops it: it accepts, for the system does, and never answers.
    pub(super) fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(super) fn go(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(told.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A database nobody else uses, on some server.
#[derive(Clone)]
pub(crate) struct Place {
    pub(super) uri: String,
    pub(super) database: String,
    pub(super) dropped: bool,
}

impl Place {
    fn new(uri: String) -> Self {
        Self { uri, database: format!("pep_test_{}", ObjectId::new().to_hex()), dropped: false }
    }

    pub(super) fn at(address: &str) -> Self {
        Self::new(format!("mongodb://{address}"))
    }

    /// On the mongo-java-server all tests of this process share.
    pub(crate) fn mongo_java_server() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        SERVER.get_or_init(Server::mongo_java_server).as_ref().map(Server::place)
    }

    /// On the FerretDB all tests of this process share.
    pub(super) fn ferretdb() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let start = || {
            let folder = tempfile::tempdir().unwrap().keep();
            Server::ferretdb(&folder)
        };
        SERVER.get_or_init(start).as_ref().map(Server::place)
    }

    /// On the real server that `PEP_TEST_MONGODB_URI` names. It is not required of CI.
    pub(super) fn real() -> Option<Self> {
        let uri = std::env::var("PEP_TEST_MONGODB_URI").ok().filter(|uri| !uri.is_empty());
        if uri.is_none() {
            eprintln!("skipped: PEP_TEST_MONGODB_URI names no server");
        }
        uri.map(|uri| Self { dropped: true, ..Self::new(uri) })
    }

    pub(super) fn settings(&self, timeout: Duration) -> MongoDbSettings {
        MongoDbSettings {
            uri: self.uri.clone(),
            database: self.database.clone(),
            username: None,
            password: None,
            tls_ca_file: None,
            tls_certificate_key_file: None,
            timeout,
        }
    }

    /// The same database behind a relay; `None` for more servers than one, which would be found
    /// without it.
    pub(super) async fn relayed(&self) -> Option<(Relay, Self)> {
        let (scheme, rest) = self.uri.split_once("://").unwrap();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, options) = rest.split_at(end);
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(u, h)| (u, h));
        if hosts.contains(',') {
            eprintln!("skipped: a relay needs a URI with one host");
            return None;
        }
        let with_port =
            if hosts.contains(':') { hosts.to_owned() } else { format!("{hosts}:27017") };
        let relay = Relay::to(with_port).await;
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let options = match options.split_once('?') {
            Some((path, options)) => format!("{path}?{options}&directConnection=true"),
            None => format!("{}/?directConnection=true", options.trim_end_matches('/')),
        };
        let uri = format!("{scheme}://{user}{}{options}", relay.address);
        let place = Self { uri, database: self.database.clone(), dropped: false };
        Some((relay, place))
    }

    pub(crate) fn open(&self) -> MongoDbStore {
        self.open_within(Duration::from_secs(20))
    }

    pub(super) fn open_within(&self, timeout: Duration) -> MongoDbStore {
        MongoDbStore::open(self.settings(timeout)).unwrap()
    }

    /// The database itself, as somebody else's program sees it.
    pub(super) async fn raw(&self) -> Database {
        Client::with_uri_str(&self.uri).await.unwrap().database(&self.database)
    }

    /// Leaves nothing behind on a server that goes on.
    pub(super) async fn leave(self) {
        if self.dropped {
            self.raw().await.drop().await.unwrap();
        }
    }
}

/// What `tests/servers/fetch` built; where it has not, the test says so and passes, but in CI.
fn built(name: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/servers").join(name);
    if place.exists() {
        return Some(place);
    }
    assert!(std::env::var_os("CI").is_none(), "skipped: {name} is not there: tests/servers/fetch");
    eprintln!("skipped: {name} is not there; tests/servers/fetch builds it");
    None
}
