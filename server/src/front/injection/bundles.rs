//! What a unit of the product is given, as bundles of the injection protocol.

use fcc::bundle::{Bundle, Certificate, Chain, CsrRequest, Key, KeyKind, Param, Value};
use fcc::{names, subject};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::ca::Draft;
use crate::config::fcu::{account_id, with_account};
use crate::config::product::{CustomValue, Entropy, KeyMode, Mode, Product};
use crate::ra::ExecutionId;
use crate::station::Identity;

/// Digital signature and key agreement (injection protocol, section 7).
const KEY_USAGE: u32 = 9;
/// Client authentication.
const EXTENDED_KEY_USAGE: u32 = 4;

/// The item names of the mode (injection protocol, section 10.1).
struct Names {
    key: &'static str,
    certificate: &'static str,
    server_ca: &'static str,
    server_uri: &'static str,
}

fn item_names(product: &Product) -> Names {
    match product.mode {
        Mode::Bootstrap { .. } => Names {
            key: names::BOOTSTRAP_PRIVATE_KEY,
            certificate: names::BOOTSTRAP_CERTIFICATE,
            server_ca: names::BOOTSTRAP_SERVER_CA,
            server_uri: names::BOOTSTRAP_SERVER_URI,
        },
        Mode::Lwm2m { .. } => Names {
            key: names::LWM2M_PRIVATE_KEY,
            certificate: names::LWM2M_CERTIFICATE,
            server_ca: names::LWM2M_SERVER_CA,
            server_uri: names::LWM2M_SERVER_URI,
        },
    }
}

/// The common name a device is asked to put into its CSR: the endpoint name where `Subj` can say
/// it, else the execution's id. The certificate's subject is the station's either way.
pub(super) fn csr_common_name(draft: &Draft, execution: &ExecutionId) -> String {
    match subject::common_name(draft.common_name()) {
        Ok(_) => draft.common_name().to_owned(),
        Err(_) => execution.to_string(),
    }
}

/// Asks the device to make its key. This frame erases the device. Entropy that the station gives
/// has to be in it: a device without a random generator has none to make a key of.
///
/// # Errors
/// OpenSSL's, when entropy is wanted and there is none.
pub(super) fn csr_request(
    product: &Product,
    common_name: &str,
    sid: &str,
) -> Result<Bundle, ErrorStack> {
    let subject = subject::common_name(common_name).unwrap_or_default();
    Ok(Bundle {
        sid: Some(sid.to_owned()),
        keep_alive: true,
        entropy: stations_entropy(product)?,
        csr_requests: vec![CsrRequest {
            key_name: item_names(product).key.to_owned(),
            subject,
            key_usage: Some(KEY_USAGE),
            extended_key_usage: Some(EXTENDED_KEY_USAGE),
        }],
        ..Bundle::default()
    })
}

/// 48 random bytes, where the product's devices get their entropy from the station.
fn stations_entropy(product: &Product) -> Result<Option<Zeroizing<[u8; 48]>>, ErrorStack> {
    if product.entropy != Entropy::ByTool {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new([0; 48]);
    openssl::rand::rand_bytes(bytes.as_mut())?;
    Ok(Some(bytes))
}

/// Ends an open session, so that the client exits and can be started afresh.
pub(super) fn closing() -> Bundle {
    Bundle::default()
}

/// Everything the unit gets, as the last message of its session.
///
/// # Errors
/// OpenSSL's, when entropy is wanted and there is none.
pub(super) fn identity(
    product: &Product,
    identity: &Identity,
    sid: &str,
    now: Timestamp,
) -> Result<Bundle, ErrorStack> {
    let names = item_names(product);
    let mut bundle = Bundle {
        sid: Some(sid.to_owned()),
        verify: product.verify_on_device,
        disable: product.disable,
        ..Bundle::default()
    };
    bundle.entropy = identity.entropy().cloned();
    // Entropy can be set once (injection 6.7): where the device made its key it came with the
    // request for that.
    if product.key_mode != KeyMode::ByDevice && bundle.entropy.is_none() {
        bundle.entropy = stations_entropy(product)?;
    }
    if let Some(key) = identity.key() {
        bundle.keys.push(Key {
            name: names.key.to_owned(),
            kind: KeyKind::Private,
            der: key.clone(),
        });
    }
    device_certificate(&mut bundle, identity, &names);
    let mut certificate = |name: &str, der: &[u8]| {
        let (name, der) = (name.to_owned(), der.to_vec());
        bundle.certificates.push(Certificate { name, key_name: None, der });
    };
    certificate(names.server_ca, server_ca(product));
    if let Some(update) = &product.update {
        certificate(names::UPDATE_CERTIFICATE, update);
    }
    bundle.params = params(product, identity, &names, now);
    custom(&mut bundle, product);
    Ok(bundle)
}

/// Device certificate first: then a corrected bundle can still be taken in the same session.
/// `PrKN` makes the device refuse a mismatch before anything is stored under its name.
fn device_certificate(bundle: &mut Bundle, identity: &Identity, names: &Names) {
    let (name, key_name) = (names.certificate.to_owned(), Some(names.key.to_owned()));
    let der = identity.certificate().to_vec();
    if let Some(above) = identity.chain() {
        let certificates = std::iter::once(der).chain(above.iter().cloned()).collect();
        bundle.chains.push(Chain { name, key_name, certificates });
    } else {
        bundle.certificates.push(Certificate { name, key_name, der });
    }
}

fn server_ca(product: &Product) -> &[u8] {
    match &product.mode {
        Mode::Bootstrap { server_ca, .. } | Mode::Lwm2m { server_ca, .. } => server_ca,
    }
}

/// The parameters in the order of the injection protocol's section 10.5. The serial number is the
/// endpoint name.
fn params(product: &Product, identity: &Identity, names: &Names, now: Timestamp) -> Vec<Param> {
    let (device, endpoint_name) = (&product.device, identity.endpoint_name());
    let (bootstrap, uri, first_to_claim) = match &product.mode {
        Mode::Bootstrap { uri, first_to_claim, .. } => (1u64, uri, *first_to_claim),
        Mode::Lwm2m { uri, .. } => (0, uri, false),
    };
    let mut params = vec![
        Param::new(names::USE_BOOTSTRAP, bootstrap),
        Param::new(names::ENDPOINT_NAME, endpoint_name),
        Param::new(names.server_uri, uri_of_account(uri, identity.account())),
        Param::new(names::MANUFACTURER, device.manufacturer.as_str()),
        Param::new(names::MODEL_NUMBER, device.model_number.as_str()),
        Param::new(names::DEVICE_TYPE, device.device_type.as_str()),
        Param::new(names::HARDWARE_VERSION, device.hardware_version.as_str()),
        Param::new(names::MEMORY_TOTAL_KB, u64::from(device.memory_total_kb)),
        Param::new(names::SERIAL_NUMBER, endpoint_name),
    ];
    if product.time_sync {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        params.push(Param::new(names::CURRENT_TIME, seconds));
        params.push(Param::new(names::TIMEZONE, device.timezone.as_str()));
        params.push(Param::new(names::UTC_OFFSET, utc_offset(&device.timezone, now)));
    }
    if let Some(id) = &product.vendor_id {
        params.push(Param::new(names::VENDOR_ID, id.to_vec()));
    }
    if let Some(id) = &product.class_id {
        params.push(Param::new(names::CLASS_ID, id.to_vec()));
    }
    if first_to_claim {
        params.push(Param::new(names::FIRST_TO_CLAIM, 1u64));
    }
    params
}

/// The server URI with the account id that the unit is bound to in the place of fcu.yml's.
fn uri_of_account(uri: &str, account: Option<&str>) -> String {
    match (account_id(uri), account) {
        (Some(_), Some(account)) => with_account(uri, account),
        _ => uri.to_owned(),
    }
}

/// The zone's offset at this moment, `+02:00`.
fn utc_offset(zone: &str, now: Timestamp) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    now.to_zoned(zone).strftime("%:z").to_string()
}

fn custom(bundle: &mut Bundle, product: &Product) {
    for property in &product.custom {
        let name = property.name.clone();
        let key =
            |kind, der: &[u8]| Key { name: name.clone(), kind, der: Zeroizing::new(der.to_vec()) };
        let param = |value: Value| Param { name: name.clone(), value };
        match &property.value {
            CustomValue::Certificate(der) => {
                let der = der.clone();
                bundle.certificates.push(Certificate { name, key_name: None, der });
            }
            CustomValue::CertificateChain(certificates) => {
                let certificates = certificates.clone();
                bundle.chains.push(Chain { name, key_name: None, certificates });
            }
            CustomValue::PrivateKey(der) => bundle.keys.push(key(KeyKind::Private, der)),
            CustomValue::PublicKey(der) => bundle.keys.push(key(KeyKind::Public, der)),
            CustomValue::Text(text) => bundle.params.push(param(text.as_str().into())),
            CustomValue::Integer(number) => {
                // Of at most 64 bits; a negative one that is larger cannot be made.
                let unsigned = u64::try_from(*number).map(Value::from);
                let signed = i64::try_from(*number).map(Value::from);
                bundle.params.extend(unsigned.or(signed).ok().map(param));
            }
            CustomValue::Bytes(bytes) => bundle.params.push(param(bytes.clone().into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_names_the_units_account() {
        for (uri, account, expected) in [
            ("coaps://h:5684?aid=aa", Some("bb"), "coaps://h:5684?aid=bb"),
            ("coaps://aa:5684?x=aa&aid=aa", Some("bb"), "coaps://aa:5684?x=aa&aid=bb"),
            ("coaps://h:5684?aid=aa", None, "coaps://h:5684?aid=aa"),
            ("coaps://h:5684", Some("bb"), "coaps://h:5684"),
        ] {
            assert_eq!(uri_of_account(uri, account), expected);
        }
    }

    #[test]
    fn offsets_are_of_the_moment() {
        for (zone, at, offset) in [
            ("UTC", "2027-01-01T00:00:00Z", "+00:00"),
            ("Europe/Helsinki", "2027-01-01T00:00:00Z", "+02:00"),
            ("Europe/Helsinki", "2027-07-01T00:00:00Z", "+03:00"),
            ("America/St_Johns", "2027-01-01T00:00:00Z", "-03:30"),
        ] {
            assert_eq!(utc_offset(zone, at.parse().unwrap()), offset, "{zone}");
        }
    }
}
