//! Opening a MongoDB: how to reach it, who we are, what is demanded of its answers, and whether it
//! can be used at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    ClientOptions, Credential, ReadConcern, ReadPreference, SelectionCriteria, Tls, TlsOptions,
    WriteConcern,
};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::answers;
use super::ledger::Ledger;
use crate::state::Holder;

/// Connections at most, unless the URI says otherwise.
const CONNECTIONS: u32 = 64;
const SCHEME: &str = "mongodb://";
/// Between two tries to reach a database.
const PAUSE: Duration = Duration::from_millis(200);

/// Where a MongoDB is and how to speak to it.
pub struct MongoDbSettings {
    /// `mongodb://` and its hosts, with options but without user and password.
    pub uri: String,
    /// The database's name.
    pub database: String,
    /// Who the station is.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Zeroizing<String>>,
    /// The CA of the servers' certificates, PEM; naming it means TLS.
    pub tls_ca_file: Option<PathBuf>,
    /// The station's own certificate and key in one PEM file; naming it means TLS.
    pub tls_certificate_key_file: Option<PathBuf>,
    /// What one call of the store may take; a write, or a read, half of it.
    pub timeout: Duration,
}

/// Why a MongoDB cannot be used as a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The URI or a TLS file cannot be used.
    #[error("the database's address cannot be used: {0}")]
    Address(String),
    /// It does not answer.
    #[error("the database does not answer: {0}")]
    Silent(String),
    /// It is too old for the station's driver, or too new.
    #[error("the database cannot be used: {0}")]
    Version(String),
    /// It does not let this station in, or not write.
    #[error("the database refuses this station: {0}")]
    Refused(String),
    /// Another process writes this station's journal.
    #[error("the journal of this station in {folder} is in use by {holder}")]
    JournalInUse {
        /// The journal's folder.
        folder: String,
        /// Which station.
        holder: Holder,
    },
    /// The journal cannot be read or written, or the database not be brought up to date from it.
    #[error("{0}")]
    Journal(String),
    /// An index that a promise rests on cannot be had.
    #[error("the collection {collection} cannot be used: {problem}")]
    Index {
        /// The collection.
        collection: String,
        /// What is in the way.
        problem: String,
    },
}

impl ConnectError {
    pub(super) fn silent(limit: Duration) -> Self {
        Self::Silent(super::slowness(limit))
    }

    pub(super) fn index(collection: &str, error: &Error) -> Self {
        Self::Index { collection: collection.to_owned(), problem: answers::text(error) }
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = answers::text(&error);
        match &*error.kind {
            _ if answers::is_refusal(&error) => Self::Refused(text),
            _ if answers::is_mismatch(&error) => Self::Version(text),
            ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => {
                Self::Address(text)
            }
            _ => Self::Silent(text),
        }
    }
}

/// Connects, and shows that the database writes and has its indexes. The ledger comes with its id:
/// the one it has, else `known`, else a new one.
pub(super) async fn open(
    settings: &MongoDbSettings,
    known: Option<String>,
) -> Result<(Ledger, String), ConnectError> {
    let limit = settings.timeout;
    let ledger = connect(settings).await?;
    let probed = ledger.clone();
    reach(limit, move || {
        let ledger = probed.clone();
        async move { ledger.write_probe().await }
    })
    .await?;
    ledger.make_indexes(limit).await?;
    ledger.derive_standings(limit).await?;
    let id = timeout(limit, ledger.id_or(known)).await;
    Ok((ledger, id.map_err(|_| ConnectError::silent(limit))??))
}

/// The database as the settings name it. Nobody has been asked yet.
pub(super) async fn connect(settings: &MongoDbSettings) -> Result<Ledger, ConnectError> {
    let client = Client::with_options(options(settings).await?)?;
    Ok(Ledger { database: client.database(&settings.database), newest: Arc::default() })
}

/// Asks the database until it answers, at most for as long as the limit. Between two tries there is
/// a pause: the driver may know at once that there is no server for it.
pub(super) async fn reach<T, A: Future<Output = Result<T, Error>>>(
    limit: Duration,
    ask: impl Fn() -> A,
) -> Result<T, ConnectError> {
    let mut last = ConnectError::silent(limit);
    let trying = async {
        loop {
            match ask().await {
                Err(error) if answers::is_mismatch(&error) => return Err(error.into()),
                Err(error) if matches!(*error.kind, ErrorKind::ServerSelection { .. }) => {
                    last = error.into();
                    sleep(PAUSE).await;
                }
                answered => return Ok(answered?),
            }
        }
    };
    let reached = timeout(limit, trying).await;
    reached.unwrap_or(Err(last))
}

/// What the URI says, and what no URI may change.
async fn options(settings: &MongoDbSettings) -> Result<ClientOptions, ConnectError> {
    let limit = settings.timeout;
    let mut options = ClientOptions::parse(uri(settings)).await?;
    if let Some(password) = &settings.password {
        let credential = options.credential.get_or_insert_with(Credential::default);
        credential.password = Some(password.to_string());
    }
    if settings.tls_ca_file.is_some() || settings.tls_certificate_key_file.is_some() {
        let mut tls = match options.tls.take() {
            Some(Tls::Enabled(tls)) => tls,
            _ => TlsOptions::default(),
        };
        tls.ca_file_path = settings.tls_ca_file.clone().or(tls.ca_file_path);
        tls.cert_key_file_path =
            settings.tls_certificate_key_file.clone().or(tls.cert_key_file_path);
        options.tls = Some(Tls::Enabled(tls));
    }
    options.app_name.get_or_insert_with(|| "pep-server".to_owned());
    options.max_pool_size.get_or_insert(CONNECTIONS);
    // Less than a write may take: the driver says why no server is to be had, a call that was cut
    // off does not.
    options.server_selection_timeout = Some(limit.mul_f64(0.45));
    options.connect_timeout = Some(limit);
    // Promise 1: on the disks of a majority before it is acknowledged.
    let durable = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority);
    options.write_concern = Some(durable.journal(true).w_timeout(limit).build());
    // What was read cannot be taken back by the election of another primary: the station goes by
    // what it reads after a write without an answer.
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    Ok(options)
}

impl MongoDbSettings {
    /// The database and its hosts, for people.
    pub fn place(&self) -> String {
        let hosts = self.uri.strip_prefix(SCHEME).unwrap_or(&self.uri);
        let hosts = hosts.split(['/', '?']).next().unwrap_or_default();
        // No user stands in an address; should one, it is nobody's business here.
        let hosts = hosts.rsplit('@').next().unwrap_or_default();
        format!("{SCHEME}{hosts}/{}", self.database)
    }
}

/// The URI with the user's name in it, so that the driver reads `authSource` and `authMechanism`
/// with it. The password never stands there.
fn uri(settings: &MongoDbSettings) -> String {
    match (&settings.username, settings.uri.strip_prefix(SCHEME)) {
        (Some(name), Some(rest)) => format!("{SCHEME}{}@{rest}", percent_encoded(name)),
        _ => settings.uri.clone(),
    }
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use mongodb::options::{Acknowledgment, AuthMechanism};

    use super::*;

    fn settings(uri: &str, user: Option<(&str, Option<&str>)>) -> MongoDbSettings {
        MongoDbSettings {
            uri: uri.to_owned(),
            database: "d".to_owned(),
            username: user.map(|(name, _)| name.to_owned()),
            password: user.and_then(|(_, it)| it.map(|it| Zeroizing::new(it.to_owned()))),
            tls_ca_file: None,
            tls_certificate_key_file: None,
            timeout: Duration::from_secs(4),
        }
    }

    #[tokio::test]
    async fn no_uri_makes_a_write_less_durable_or_a_read_less_sure() {
        let uri = "mongodb://a,b:1/?w=0&readPreference=nearest&readConcernLevel=local\
                   &replicaSet=line&retryWrites=false&maxPoolSize=7";
        let options = options(&settings(uri, None)).await.unwrap();
        let durable = options.write_concern.unwrap();
        assert_eq!((durable.w, durable.journal), (Some(Acknowledgment::Majority), Some(true)));
        assert_eq!(options.read_concern, Some(ReadConcern::majority()));
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        assert_eq!(options.selection_criteria, Some(primary));
        assert_eq!(options.repl_set_name.as_deref(), Some("line"));
        assert_eq!((options.retry_writes, options.max_pool_size), (Some(false), Some(7)));
        assert_eq!((options.credential, options.tls), (None, None));
    }

    #[tokio::test]
    async fn the_user_is_who_the_settings_say_where_the_uri_says() {
        let user = Some(("line 1/ü@x", Some("p%40:s")));
        let options = options(&settings("mongodb://a/?authSource=people", user)).await.unwrap();
        let credential = options.credential.unwrap();
        assert_eq!(credential.username.as_deref(), Some("line 1/ü@x"));
        assert_eq!(credential.password.as_deref(), Some("p%40:s"));
        assert_eq!(credential.source.as_deref(), Some("people"));
    }

    #[tokio::test]
    async fn a_certificate_can_say_who_the_station_is() {
        let mut settings = settings("mongodb://a/?authMechanism=MONGODB-X509", None);
        settings.tls_ca_file = Some("ca.pem".into());
        settings.tls_certificate_key_file = Some("own.pem".into());
        let options = options(&settings).await.unwrap();
        let credential = options.credential.unwrap();
        assert_eq!(credential.mechanism, Some(AuthMechanism::MongoDbX509));
        assert_eq!((credential.username, credential.password), (None, None));
        let Some(Tls::Enabled(tls)) = options.tls else { panic!() };
        assert_eq!(tls.ca_file_path, settings.tls_ca_file);
        assert_eq!(tls.cert_key_file_path, settings.tls_certificate_key_file);
    }
}
