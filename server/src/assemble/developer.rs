//! Development units of a configuration: what the station makes for them, and the source file for
//! those whose software is built with its identity inside.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::SampleError;
use crate::ca::{DeveloperProfile, SubjectFields};
use crate::config::product::Mode;
use crate::config::{self, Config};
use crate::export::Credentials;
use crate::ra::SerialNumber;
use crate::station::{Developer, Error};

/// What the station makes for development units.
pub fn of(config: &Config) -> Option<Developer> {
    let developer = config.developer.as_ref()?;
    Some(Developer { profile: profile(developer), account: developer.account_id.clone() })
}

fn profile(developer: &config::Developer) -> DeveloperProfile {
    let fields = &developer.subject;
    let fields = SubjectFields {
        country: fields.country.clone(),
        state: fields.state.clone(),
        locality: fields.locality.clone(),
        organization: fields.organization.clone(),
        organizational_unit: None,
    };
    DeveloperProfile::new(fields, &developer.account_id, developer.mark.clone())
}

/// The C source file for devices of this endpoint name, with a key of its own. No unit has it, and
/// it is written down nowhere else.
///
/// # Errors
/// [`SampleError`].
pub fn developer_credentials(
    config: &Config,
    name: &str,
    now: Timestamp,
) -> Result<Zeroizing<String>, SampleError> {
    let developer = config.developer.as_ref().ok_or(SampleError::NoDeveloper)?;
    let name = SerialNumber::parse(name.to_owned())?;
    let ask = super::sample::ask(name, "developer".to_owned());
    let categories = vec!["developer".to_owned()];
    let rules = crate::ra::Rules { categories, ..Default::default() };
    let admitted = crate::ra::admit(ask, &rules, now).map_err(Error::from)?;
    let name = admitted.ask().unit.serial_number.as_str();
    let identity = profile(developer).make(name, now).map_err(Error::from)?;
    let product = &developer.product;
    let (Mode::Bootstrap { uri, server_ca, .. } | Mode::Lwm2m { uri, server_ca }) = &product.mode;
    let device = &product.device;
    Ok(Credentials {
        endpoint_name: name,
        account_id: &developer.account_id,
        server_uri: uri,
        certificate: &identity.certificate,
        server_ca,
        key: &identity.key,
        manufacturer: &device.manufacturer,
        model_number: &device.model_number,
        device_type: &device.device_type,
        hardware_version: &device.hardware_version,
        memory_total_kb: device.memory_total_kb,
    }
    .source())
}
