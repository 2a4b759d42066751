//! The names that the device looks for (injection 6.5, 10.1), spelt once.
//!
//! Which of them a unit gets is the station's decision.

/// Private key, bootstrap mode.
pub const BOOTSTRAP_PRIVATE_KEY: &str = "mbed.BootstrapDevicePrivateKey";
/// Device certificate or chain, bootstrap mode.
pub const BOOTSTRAP_CERTIFICATE: &str = "mbed.BootstrapDeviceCert";
/// Server CA certificate, bootstrap mode.
pub const BOOTSTRAP_SERVER_CA: &str = "mbed.BootstrapServerCACert";
/// Server address, bootstrap mode.
pub const BOOTSTRAP_SERVER_URI: &str = "mbed.BootstrapServerURI";

/// Private key, direct LwM2M mode.
pub const LWM2M_PRIVATE_KEY: &str = "mbed.LwM2MDevicePrivateKey";
/// Device certificate or chain, direct LwM2M mode.
pub const LWM2M_CERTIFICATE: &str = "mbed.LwM2MDeviceCert";
/// Server CA certificate, direct LwM2M mode.
pub const LWM2M_SERVER_CA: &str = "mbed.LwM2MServerCACert";
/// Server address, direct LwM2M mode.
pub const LWM2M_SERVER_URI: &str = "mbed.LwM2MServerURI";

/// Certificate that firmware updates are checked with, either mode.
pub const UPDATE_CERTIFICATE: &str = "mbed.UpdateAuthCert";

/// Integer: 1 bootstrap mode, 0 direct LwM2M mode. Every last message needs it in the store.
pub const USE_BOOTSTRAP: &str = "mbed.UseBootstrap";
/// Integer: 1 first to claim.
pub const FIRST_TO_CLAIM: &str = "mbed.FirstToClaim";
/// Integer: memory in KiB.
pub const MEMORY_TOTAL_KB: &str = "mbed.MemoryTotalKB";
/// Text: equals the certificate's CN byte for byte.
pub const ENDPOINT_NAME: &str = "mbed.EndpointName";
/// Text.
pub const MANUFACTURER: &str = "mbed.Manufacturer";
/// Text.
pub const MODEL_NUMBER: &str = "mbed.ModelNumber";
/// Text.
pub const DEVICE_TYPE: &str = "mbed.DeviceType";
/// Text.
pub const HARDWARE_VERSION: &str = "mbed.HardwareVersion";
/// Text.
pub const SERIAL_NUMBER: &str = "mbed.SerialNumber";
/// Integer: seconds since 1970, sets the device clock, is not stored (injection 6.6).
pub const CURRENT_TIME: &str = "mbed.CurrentTime";
/// Text: an IANA zone name.
pub const TIMEZONE: &str = "mbed.Timezone";
/// Text: `+hh:mm` or `-hh:mm`.
pub const UTC_OFFSET: &str = "mbed.UTCOffset";
/// 16 bytes.
pub const VENDOR_ID: &str = "mbed.VendorId";
/// 16 bytes.
pub const CLASS_ID: &str = "mbed.ClassId";

/// The longest item name a device takes, in characters (injection 6.1).
pub const LONGEST: usize = 100;

/// Whether a device would take `name` as an item name: 1 to 100 characters of
/// `A-Z a-z 0-9 . _ -` (injection 6.1).
pub fn allowed(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a device would mistake the parameter `name` for one of its own, because it compares
/// only as many characters as it received (injection 6.5, "names to avoid").
pub fn mistaken(name: &str) -> bool {
    [CURRENT_TIME, USE_BOOTSTRAP, FIRST_TO_CLAIM, MEMORY_TOTAL_KB]
        .iter()
        .any(|known| known.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_key_stores_alphabet() {
        let longest = "n".repeat(100);
        for (name, good) in [
            ("acme.Text_1-a", true),
            (longest.as_str(), true),
            ("", false),
            ("acme text", false),
            ("acme/x", false),
            ("grün", false),
        ] {
            assert_eq!(allowed(name), good, "{name}");
        }
        assert!(!allowed(&"n".repeat(101)));
    }

    #[test]
    fn a_prefix_of_a_known_name_is_mistaken_for_it() {
        for (name, mixed_up) in
            [("m", true), ("mbed.Current", true), ("mbed.Use", true), ("acme.m", false)]
        {
            assert_eq!(mistaken(name), mixed_up, "{name}");
        }
    }
}
