//! What a unit would get, shown and tried out on a simulated device in memory. No secret is shown,
//! nothing is written, and the CA's key signs nothing.

use std::fmt;

use fcc::bundle::{Bundle, Certificate, KeyKind, Param, Value};
use fcc::device::{Act, Build, Device, Store};
use fcc::injector::Injector;
use fcc::reply::Reply;
use fcc::status;
use jiff::Timestamp;

use super::failures::plain;
use super::{bundles, verification};
use crate::ca::{Authority, Csr, Draft, Readable};
use crate::config::product::{Entropy, KeyMode, Mode, Product};
use crate::ra::ExecutionId;
use crate::station::{Error, Identity, KeySource, SuppliedKeys};

/// How wide the left column is.
const COLUMN: usize = 14;

/// What a unit would get, in lines for people.
pub struct Preview {
    lines: Vec<String>,
    refusal: Option<String>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The identity cannot be made.
    #[error(transparent)]
    Station(#[from] Error),
    /// The simulated device did not get as far as a certificate.
    #[error("a device would not take it: {0}")]
    Device(String),
}

impl Preview {
    /// The preview of `draft` under `product`.
    ///
    /// # Errors
    /// [`PreviewError`].
    pub fn of(
        product: &Product,
        (authority, draft): (&Authority, &Draft),
        supplied: Option<&SuppliedKeys>,
        account: Option<String>,
        now: Timestamp,
    ) -> Result<Self, PreviewError> {
        let execution = ExecutionId::from_bytes([0; 16]);
        let sid = execution.short().to_owned();
        // Where entropy is sent, devices have none of their own: it must come in time.
        let has_entropy = product.entropy == Entropy::ByDevice;
        let build = Build { has_entropy, ..Build::default() };
        let mut device = Device::start(build, Store::in_memory(), None);
        let mut first = Vec::new();
        let source = match product.key_mode {
            KeyMode::ByTool => KeySource::Make,
            KeyMode::ByDevice => {
                let common_name = bundles::csr_common_name(draft, &execution);
                let request = bundles::csr_request(product, &common_name, &sid)
                    .map_err(|error| Error::Internal(error.to_string()))?;
                first = request_lines(&request);
                KeySource::Csr(csr(&mut device, &request)?)
            }
            KeyMode::Supplied => KeySource::Supplied,
        };
        let identity = match supplied {
            Some(keys) => {
                let name = draft.common_name();
                let in_subject = matches!(product.mode, Mode::Lwm2m { .. });
                let account = account.as_deref().filter(|_| in_subject);
                Identity::supplied_sample(keys, name, account, authority, (execution, now))?
            }
            None => Identity::sample(draft, authority, source, execution)?,
        };
        let identity = identity.bound_to(account);
        let bundle = bundles::identity(product, &identity, &sid, now)
            .map_err(|error| Error::Internal(error.to_string()))?;
        verification::verify(&bundle).map_err(PreviewError::Device)?;
        let reply = tell(&mut device, &tryable(&bundle)).map_err(PreviewError::Device)?;

        let mut lines = certificate_lines(product, &identity);
        lines.push(String::new());
        lines.extend(first);
        lines.extend(bundle_lines(product, &bundle));
        lines.push(String::new());
        lines.extend(reply_lines(&reply));
        let refusal = (!reply.succeeded()).then(|| plain(reply.said()));
        Ok(Self { lines, refusal })
    }

    /// Why a device would not take it, where it would not.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The device makes its key.
fn csr(device: &mut Device, request: &Bundle) -> Result<Csr, PreviewError> {
    let reply = tell(device, request).map_err(PreviewError::Device)?;
    let der = reply.csrs.first().map(|csr| csr.der.as_slice());
    let der = der.ok_or_else(|| PreviewError::Device(plain(reply.said())))?;
    Csr::read(der).map_err(|error| PreviewError::Device(error.to_string()))
}

/// Says one bundle to the device.
fn tell(device: &mut Device, bundle: &Bundle) -> Result<Reply, String> {
    let mut injector =
        Injector::new(bundle, super::delivery::PAYLOAD_LIMIT).map_err(|why| why.to_string())?;
    let acts = device.heard(injector.unsent());
    for act in acts {
        if let Act::Send(bytes) = act
            && let Some(reply) = injector.heard(&bytes).map_err(|why| why.to_string())?
        {
            return Ok(reply);
        }
    }
    Err("it gives no answer".to_owned())
}

/// The bundle as the simulated device is told it. It checks the signatures of a chain as it stores
/// it (injection 6.4), and the sample's own was not made by the CA: its first certificate goes
/// alone. The others were checked when the CA was opened.
fn tryable(bundle: &Bundle) -> Bundle {
    let mut bundle = bundle.clone();
    let device = |chain: &fcc::bundle::Chain| chain.key_name.is_some();
    if let Some(place) = bundle.chains.iter().position(device) {
        let chain = bundle.chains.remove(place);
        if let Some(der) = chain.certificates.into_iter().next() {
            let (name, key_name) = (chain.name, chain.key_name);
            bundle.certificates.insert(0, Certificate { name, key_name, der });
        }
    }
    bundle
}

fn certificate_lines(product: &Product, identity: &Identity) -> Vec<String> {
    let mut lines = vec![format!("certificate of {}", identity.endpoint_name())];
    let Some(readable) = Readable::of(identity.certificate()) else { return lines };
    lines.push(row("subject", &readable.subject));
    lines.push(row("issuer", &readable.issuer));
    lines.push(row("valid from", &readable.validity.0));
    lines.push(row("valid until", &readable.validity.1));
    lines.push(row("serial", "drawn anew for each certificate"));
    lines.push(row(
        "key",
        match product.key_mode {
            KeyMode::ByTool => "P-256, made by the station for each unit",
            KeyMode::ByDevice => "P-256, made by the device",
            KeyMode::Supplied => "P-256, made elsewhere, from the unit's folder",
        },
    ));
    for (place, extension) in readable.extensions.iter().enumerate() {
        lines.push(row(if place == 0 { "extensions" } else { "" }, extension));
    }
    lines.push(row("size", &format!("{} bytes", readable.bytes)));
    lines
}

/// What the device is told before it makes its key.
fn request_lines(request: &Bundle) -> Vec<String> {
    let entropy = entropy_line(request);
    if entropy.is_none() {
        return Vec::new();
    }
    let mut lines = vec![format!("request for a CSR, {} bytes", request.encode().len())];
    lines.extend(entropy);
    lines.push(String::new());
    lines
}

fn entropy_line(bundle: &Bundle) -> Option<String> {
    bundle.entropy.as_ref().map(|_| row("entropy", "48 random bytes, not shown"))
}

fn bundle_lines(product: &Product, bundle: &Bundle) -> Vec<String> {
    let mut lines = vec![format!("bundle, {} bytes", bundle.encode().len())];
    lines.extend(entropy_line(bundle));
    for key in &bundle.keys {
        let half = match key.kind {
            KeyKind::Private => "private, not shown",
            KeyKind::Public => "public",
        };
        lines.push(row("key", &format!("{} ({half})", key.name)));
    }
    for chain in &bundle.chains {
        for (place, der) in chain.certificates.iter().enumerate() {
            let name = if place == 0 { chain.name.as_str() } else { "  signed by" };
            lines.push(row("chain", &certificate_in_words(name, der)));
        }
    }
    for certificate in &bundle.certificates {
        lines.push(row("certificate", &certificate_in_words(&certificate.name, &certificate.der)));
    }
    for param in &bundle.params {
        lines.push(row("parameter", &param_in_words(param, is_custom(product, &param.name))));
    }
    lines.push(row("verify", if bundle.verify { "yes, on the device" } else { "no" }));
    lines.push(row(
        "disable",
        if bundle.disable { "yes: no factory work after this" } else { "no" },
    ));
    lines
}

/// A product's own parameters may be secret.
fn is_custom(product: &Product, name: &str) -> bool {
    product.custom.iter().any(|property| property.name == name)
}

fn certificate_in_words(name: &str, der: &[u8]) -> String {
    match Readable::of(der) {
        Some(it) => format!(
            "{name}: {}, until {}, {} bytes{}",
            it.subject,
            it.validity.1,
            it.bytes,
            if it.is_example() { " (an EXAMPLE)" } else { "" }
        ),
        None => format!("{name}: {} bytes", der.len()),
    }
}

fn param_in_words(param: &Param, is_custom: bool) -> String {
    let name = &param.name;
    match &param.value {
        Value::Text(text) if is_custom => {
            format!("{name}: text of {} bytes, not shown", text.len())
        }
        Value::Text(text) => format!("{name} = {text:?}"),
        Value::Bytes(bytes) if is_custom => format!("{name}: {} bytes, not shown", bytes.len()),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{name} = {digits}")
        }
        Value::Integer(_) if is_custom => format!("{name}: a number, not shown"),
        Value::Integer(number) => format!("{name} = {number}"),
    }
}

fn reply_lines(reply: &Reply) -> Vec<String> {
    let mut lines = vec!["a device answers".to_owned()];
    if reply.succeeded() {
        lines.push(row("", "it takes this identity"));
    } else {
        let number = reply.return_status;
        let text =
            format!("status {number} ({}): {}", status::sentence(number), plain(reply.said()));
        lines.push(row("refuses", &text));
    }
    for warning in &reply.warnings {
        lines.push(row("warns", &plain(warning)));
    }
    lines
}

fn row(left: &str, right: &str) -> String {
    format!("  {left:COLUMN$}{right}")
}
