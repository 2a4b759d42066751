//! `device-info`: what the device is told about itself.

use jiff::tz::TimeZoneDatabase;

use crate::config::nearest::nearest;
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
    if let Err(fix) = zone(&timezone) {
        section.fault("timezone", format!("is {}", quoted(&timezone)), fix);
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

/// A device looks for a file with the zone's name, so the name must be spelt as the tz database
/// spells it. The error says what would be right.
fn zone(name: &str) -> Result<(), String> {
    let database = TimeZoneDatabase::bundled();
    let found = database.get(name).ok().filter(|zone| !zone.is_unknown());
    match found.as_ref().and_then(|zone| zone.iana_name()) {
        Some(spelling) if spelling == name => Ok(()),
        Some(spelling) => Err(format!("write {spelling}")),
        None => {
            let known: Vec<_> = database.available().map(|name| name.to_string()).collect();
            let meant = nearest(name, known.iter().map(String::as_str));
            let meant = meant.map_or_else(String::new, |name| format!("; did you mean {name}?"));
            Err(format!("give a zone of the tz database: UTC, Europe/Helsinki{meant}"))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::zone;

    #[test]
    fn a_zone_is_one_of_the_database_in_its_own_spelling() {
        let zones = [
            "UTC",
            "Etc/UTC",
            "GMT",
            "Europe/Helsinki",
            "US/Pacific",
            "EST5EDT",
            "Etc/GMT+5",
            "America/Argentina/Buenos_Aires",
            "Asia/Calcutta",
            "Zulu",
        ];
        for name in zones {
            assert_eq!(zone(name), Ok(()), "{name}");
        }
        for (name, fix) in [
            ("europe/helsinki", "write Europe/Helsinki"),
            ("EUROPE/HELSINKI", "write Europe/Helsinki"),
            ("utc", "write UTC"),
            ("us/pacific", "write US/Pacific"),
            ("est5edt", "write EST5EDT"),
            ("Europe/Helsinky", "did you mean Europe/Helsinki?"),
            ("Europe Helsinki", "did you mean Europe/Helsinki?"),
            (" UTC", "give a zone"),
            ("posix/Europe/Helsinki", "give a zone"),
            ("Etc/Unknown", "give a zone"),
            ("Mars/Olympus", "give a zone"),
            ("EET-2EEST,M3.5.0/3,M10.5.0/4", "give a zone"),
            ("+02:00", "give a zone"),
            ("../../etc/passwd", "give a zone"),
        ] {
            let said = zone(name).expect_err(name);
            assert!(said.contains(fix), "{name}: {said}");
        }
    }
}
