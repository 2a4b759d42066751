//! The steps of a selftest, one function each: what is asked, and what has to come back.

use std::time::Duration;

use fcc::device::{Build, Device, Store};
use fcc::names;
use fcc::serve::Gateway;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout};

use super::Options;
use crate::client::{Ask, Client, JSON, Query, Wait, not_a_station};
use crate::commands::Document;
use crate::failure::{Failure, Kind};

/// Members that every identity document has (pep-v3 section 1).
const MEMBERS: [&str; 9] = [
    "deployed",
    "hardwareVersion",
    "radioConfig",
    "ledConfig",
    "category",
    "cloudAddress",
    "apiAddress",
    "gatewayServicesAddress",
    "createdAt",
];

/// How often a station that is not ready is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// How long a gateway may take to end when it has its identity.
const ENDING: Duration = Duration::from_secs(10);

/// One unit's way through the station.
pub struct Trial<'a> {
    pub client: &'a Client,
    pub options: &'a Options,
    pub serial: &'a str,
    /// Until when a station may take to be ready.
    pub until: Option<Instant>,
}

impl Trial<'_> {
    /// The station could provide an identity now, or soon enough.
    pub async fn ready(&self) -> Result<(), Failure> {
        loop {
            let failure = match self.ready_now().await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let may_come =
                matches!(failure.kind(), Kind::Unreached | Kind::Unanswered | Kind::Unavailable);
            if !may_come || self.until.is_none_or(|until| Instant::now() >= until) {
                return Err(failure);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn ready_now(&self) -> Result<(), Failure> {
        let query = Query::new();
        let ask = Ask { route: "/readyz", query: &query, accept: JSON };
        let body = self.client.ask(&ask, Wait::Whole).await?.body(4096).await?;
        let condition: Value = serde_json::from_slice(&body).map_err(|_| not_a_station())?;
        if condition.get("condition").and_then(Value::as_str) == Some("ready") {
            Ok(())
        } else {
            Err(not_a_station())
        }
    }

    /// A gateway of this program that waits for its identity.
    pub fn gateway(&self) -> Result<Gateway, Failure> {
        let address = self.options.listen.unwrap_or_else(|| self.client.near_address());
        let device = Device::start(Build::default(), Store::in_memory(), None);
        Gateway::start(address, device, false).map_err(|error| {
            Failure::new(Kind::Local, format!("no gateway can listen on {address}: {error}"))
                .with_hint("--listen names another address and port of this machine")
        })
    }

    /// The station has never heard of the unit.
    pub async fn unknown(&self) -> Result<(), Failure> {
        match self.enrollment_id().await {
            Err(failure) if failure.status() == Some(404) => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => Err(wrong("the station knows a serial number that nobody has used")),
        }
    }

    /// A serial number that no unit may have is refused, and no gateway is touched.
    pub async fn not_admitted(&self, gateway: &Gateway) -> Result<(), Failure> {
        match self.identity("SELFTEST&not-admitted", gateway).await {
            Err(failure) if failure.code() == Some("not-admitted") => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => Err(wrong("the station gave an identity to a serial number with an &")),
        }
    }

    /// The unit gets its identity.
    pub async fn provide(&self, gateway: &Gateway) -> Result<Document, Failure> {
        self.identity(self.serial, gateway).await
    }

    /// The document has what other programs read in it.
    pub fn whole(&self, document: &Value) -> Result<(), Failure> {
        let found = document.get("serialNumber").and_then(Value::as_str);
        if found != Some(self.serial) {
            return Err(wrong(&format!("the document is of serial number {found:?}")));
        }
        if document.get("deployed") != Some(&Value::Bool(true)) {
            return Err(wrong("the document does not say that the unit is deployed"));
        }
        match MEMBERS.iter().find(|name| document.get(**name).is_none()) {
            None => Ok(()),
            Some(missing) => Err(wrong(&format!("the document has no {missing}"))),
        }
    }

    /// The gateway has ended well and holds the certificate that the document speaks of.
    pub async fn held(&self, gateway: Gateway, document: &Value) -> Result<(), Failure> {
        let ended = timeout(ENDING, gateway.ended()).await;
        let (device, _) = ended
            .map_err(|_| wrong("the gateway still waits: nothing was injected"))?
            .map_err(|error| wrong(&format!("the gateway's port failed: {error}")))?;
        let names = [names::BOOTSTRAP_CERTIFICATE, names::LWM2M_CERTIFICATE];
        let held = names.iter().find_map(|name| device.store().certificates(name));
        let certificate = held
            .as_ref()
            .and_then(|chain| chain.first())
            .ok_or_else(|| wrong("the gateway holds no certificate"))?;
        match document.get("enrollmentID").and_then(Value::as_str) {
            Some(told) if told != enrollment_identity(certificate) => {
                Err(wrong("the gateway holds another certificate than the document says"))
            }
            _ => Ok(()),
        }
    }

    /// The station answers the enrollment identity that the document has.
    pub async fn enrolled(&self, document: &Value) -> Result<(), Failure> {
        let told = self.enrollment_id().await?;
        if document.get("enrollmentID").is_none_or(|known| known.as_str() == Some(&told)) {
            Ok(())
        } else {
            Err(wrong("the station answers another enrollment identity than the document has"))
        }
    }

    /// A unit is done once.
    pub async fn taken(&self) -> Result<(), Failure> {
        let gateway = self.gateway()?;
        match self.identity(self.serial, &gateway).await {
            Err(failure) if failure.status() == Some(409) => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => Err(wrong("the same serial number got a second identity")),
        }
    }

    /// The recorded document is the one that was answered.
    pub async fn again(&self, document: &Value) -> Result<(), Failure> {
        let mut query = Query::new();
        query.add("serialNumber", self.serial);
        let ask = Ask { route: "identity-record", query: &query, accept: JSON };
        let mut answer = self.client.ask(&ask, Wait::Whole).await?;
        let recorded = Document::read(answer.body(Document::LONGEST).await?)?;
        if recorded.value() == document {
            Ok(())
        } else {
            Err(wrong("the recorded document is another than the one answered"))
        }
    }

    async fn enrollment_id(&self) -> Result<String, Failure> {
        let mut query = Query::new();
        query.add("serialNumber", self.serial);
        self.client.text("enrollment-id", &query).await
    }

    async fn identity(&self, serial: &str, gateway: &Gateway) -> Result<Document, Failure> {
        let port = gateway.address().port().to_string();
        // A station on this machine connects where the gateway is; any other to whoever asks.
        let ip = gateway.address().ip();
        let near = (!ip.is_unspecified()).then(|| ip.to_string());
        let mut query = Query::new();
        query
            .add("serialNumber", serial)
            .add_given("ip", self.options.ip.as_deref().or(near.as_deref()))
            .add("port", &port)
            .add("category", &self.options.category)
            .add("selftest", concat!("pep ", env!("CARGO_PKG_VERSION")));
        let ask = Ask { route: "identity", query: &query, accept: JSON };
        let mut answer = self.client.ask(&ask, Wait::Whole).await?;
        Document::read(answer.body(Document::LONGEST).await?)
    }
}

/// `A-` and the SHA-256 of the certificate in pairs (injection 14.1).
fn enrollment_identity(certificate: &[u8]) -> String {
    let pairs: Vec<_> =
        Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("A-{}", pairs.join(":"))
}

fn wrong(message: &str) -> Failure {
    Failure::new(Kind::Refused, message)
        .with_hint("the station does not do what it should: call the line engineer")
}
