//! `device-info`: what the device is told about itself.

use jiff::tz::TimeZone;

use crate::config::section::Section;
use crate::config::words::quoted;

use super::product::Device;

/// The device software leaves longer values out of its own answers (profile 4.2).
const LONGEST: usize = 64;

/// Reads `device-info`. All but the time zone must be there (injection 10, check 4).
pub fn read(section: &mut Section<'_>) -> Option<Device> {
    let manufacturer = about(section, "manufacturer", "the maker's name");
    let model_number = about(section, "model-number", "the model's name or number");
    let device_type = about(section, "device-type", "the kind of device");
    let hardware_version = about(section, "hardware-version", "the hardware's version");
    let memory = section.integer("memory-total-kb", 0..=u64::from(u32::MAX));
    if memory.is_none() && !section.was_faulty("memory-total-kb") {
        section.fault("memory-total-kb", "is missing", "give the device's memory in KiB");
    }
    let timezone = section.filled("timezone").unwrap_or_else(|| "UTC".to_owned());
    if TimeZone::get(&timezone).is_err() {
        section.fault(
            "timezone",
            format!("is {}", quoted(&timezone)),
            "give a name of the tz database: UTC, Europe/Helsinki",
        );
    }
    Some(Device {
        manufacturer: manufacturer?,
        model_number: model_number?,
        device_type: device_type?,
        hardware_version: hardware_version?,
        memory_total_kb: u32::try_from(memory?).ok()?,
        timezone,
    })
}

/// One text about the device. An empty one passes on the device, so it is only worth a warning.
fn about(section: &mut Section<'_>, key: &'static str, what: &str) -> Option<String> {
    let text = section.required_text(key, what)?;
    if text.chars().any(char::is_control) {
        section.fault(key, format!("is {}", quoted(&text)), "give one line of plain text");
        return None;
    }
    if text.is_empty() {
        section.warn(key, "is empty, and devices are given an empty text");
    }
    if text.len() > LONGEST {
        let text = format!("is {} bytes long; devices show at most 64", text.len());
        section.warn(key, text);
    }
    Some(text)
}
