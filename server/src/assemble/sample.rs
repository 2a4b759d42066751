//! What a unit would get under a configuration, without a station: the ledger stays shut.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ca::Draft;
use crate::config::product::{KeyMode, Mode};
use crate::config::{Config, Faults};
use crate::front::{Preview, PreviewError};
use crate::ra::{self, Ask, Facts, Fields, SerialNumber, SerialNumberError, SerialRules, UnitId};
use crate::station::Error;

/// Fits on any label.
const SAMPLE: &str = "SAMPLE-0001";

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// No serial number.
    #[error(transparent)]
    SerialNumber(#[from] SerialNumberError),
    /// `[developer]` says nothing.
    #[error("there is no developer mode: give [developer] account_id in station.toml")]
    NoDeveloper,
    /// No CA to sign with.
    #[error("{0}")]
    Authority(Faults),
    /// The station would refuse the unit.
    #[error(transparent)]
    Station(#[from] Error),
    /// No identity, or none that a device takes.
    #[error(transparent)]
    Preview(#[from] PreviewError),
}

/// The preview of the unit `serial`, bound to `account`, at `now`.
///
/// # Errors
/// [`SampleError`].
pub fn sample(
    config: &Config,
    serial: &str,
    account: Option<&str>,
    now: Timestamp,
) -> Result<Preview, SampleError> {
    let serial = SerialNumber::parse(serial.to_owned())?;
    let (authority, warnings) = super::authority(config, now);
    let authority =
        authority.map_err(|faults| SampleError::Authority(Faults { faults, warnings }))?;
    let examples = super::examples::look(&config.judged());
    if !examples.faults.is_empty() {
        return Err(SampleError::Authority(examples));
    }
    let mut rules = super::rules(&config.admission);
    // The sample stands for any unit, whatever their numbers look like.
    if serial.as_str() == SAMPLE {
        rules.serials.pattern = None;
    }
    let category = rules.categories.first().cloned().unwrap_or_default();
    let mut ask = ask(serial, category);
    ask.unit = rules.serials.folded(ask.unit);
    let admitted = ra::admit(ask, &rules, now).map_err(Error::from)?;
    let account = super::accounts(config).bind(account).map_err(Error::from)?;
    let mut profile = super::profile(&config.product);
    if let (Mode::Lwm2m { .. }, Some(account)) = (&config.product.mode, &account) {
        profile = profile.of_account(account);
    }
    let profile = Arc::new(profile);
    let name = admitted.ask().unit.serial_number.as_str();
    let draft = Draft::new(authority.clone(), profile, name, now).map_err(Error::from)?;
    let supplied = super::supplied(config);
    Ok(Preview::of(&config.product, (&authority, &draft), supplied.as_ref(), account, now)?)
}

/// A unit that `check` can show: any where keys are made for it, the first that has a folder where
/// they come from elsewhere; none where there is no folder yet.
pub fn sample_unit(config: &Config) -> Option<String> {
    if config.product.key_mode != KeyMode::Supplied {
        return Some(SAMPLE.to_owned());
    }
    folders(config).into_iter().next()
}

/// What is wrong with the folders of keys made elsewhere, a line each.
pub fn supplied_faults(config: &Config, now: Timestamp) -> Vec<String> {
    let (authority, _) = super::authority(config, now);
    let (Some(keys), Ok(authority)) = (super::supplied(config), authority) else {
        return Vec::new();
    };
    let account = super::accounts(config).bind(None).ok().flatten();
    let account = account.filter(|_| matches!(config.product.mode, Mode::Lwm2m { .. }));
    let serials = super::rules(&config.admission).serials;
    let fault = |name: String| match SerialNumber::parse(name) {
        Ok(serial) => {
            if let Some(never) = never_asked_for(&serial, &serials) {
                return Some(never);
            }
            let checked = keys.check(serial.as_str(), account.as_deref(), &authority, now);
            checked.err().map(|refusal| refusal.to_string())
        }
        Err(error) => Some(format!("a folder has no unit's name: {error}")),
    };
    folders(config).into_iter().filter_map(fault).collect()
}

/// Why no unit can ever be given what is in the folder of this name.
fn never_asked_for(name: &SerialNumber, serials: &SerialRules) -> Option<String> {
    let unit = UnitId::pep(name.clone());
    if let Err(refusal) = serials.check(&unit) {
        return Some(refusal.to_string());
    }
    let folded = serials.folded(unit).serial_number;
    (folded != *name).then(|| {
        format!(
            "the folder `{name}` is looked for as `{folded}` ([admission] serial_case); rename it"
        )
    })
}

/// The units' folders, in the order of their names.
fn folders(config: &Config) -> Vec<String> {
    let names = super::supplied(config).and_then(|keys| keys.supply.names().ok());
    let mut names = names.unwrap_or_default();
    names.sort();
    names
}

/// What would be asked for this unit.
pub(super) fn ask(serial: SerialNumber, category: String) -> Ask {
    let said = String::new;
    Ask {
        unit: UnitId::pep(serial),
        facts: Facts {
            api_address: said(),
            gateway_services_address: said(),
            hardware_version: said(),
            radio_config: said(),
            led_config: said(),
            category,
            extra: Fields::default(),
        },
        sealing_key: None,
        caller: said(),
        address: said(),
    }
}
