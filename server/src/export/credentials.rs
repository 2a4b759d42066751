//! The C source file with an identity for software that is built for development: what the cloud's
//! portal used to give (injection 14.6).

use std::fmt::Write;

use zeroize::Zeroizing;

/// What stands in the file. No `Debug`: it holds a private key.
pub struct Credentials<'a> {
    /// The endpoint name, which is the certificate's CN.
    pub endpoint_name: &'a str,
    /// The account id.
    pub account_id: &'a str,
    /// The bootstrap server's URI, with the account id.
    pub server_uri: &'a str,
    /// The device certificate, DER.
    pub certificate: &'a [u8],
    /// The server CA's certificate, DER.
    pub server_ca: &'a [u8],
    /// The device's private key, SEC 1 DER.
    pub key: &'a [u8],
    /// As in `device-info`.
    pub manufacturer: &'a str,
    /// As in `device-info`.
    pub model_number: &'a str,
    /// As in `device-info`.
    pub device_type: &'a str,
    /// As in `device-info`.
    pub hardware_version: &'a str,
    /// As in `device-info`.
    pub memory_total_kb: u32,
}

/// More than any file has, so that the text with the key in it is never moved.
const ROOM: usize = 64 << 10;
/// Bytes in one line.
const IN_A_LINE: usize = 12;

impl Credentials<'_> {
    /// The file.
    pub fn source(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(ROOM));
        out.push_str(
            "/* mbed_cloud_dev_credentials.c: an identity for development, never for production.\n \
             * It holds a private key. One such identity serves up to 100 devices. */\n\n\
             #ifndef __MBED_CLOUD_DEV_CREDENTIALS_H__\n\
             #define __MBED_CLOUD_DEV_CREDENTIALS_H__\n\n\
             #include <inttypes.h>\n\n",
        );
        for (name, value) in [
            ("BOOTSTRAP_ENDPOINT_NAME", self.endpoint_name),
            ("ACCOUNT_ID", self.account_id),
            ("BOOTSTRAP_SERVER_URI", self.server_uri),
        ] {
            text(&mut out, name, value);
        }
        out.push('\n');
        let bytes = [
            ("BOOTSTRAP_DEVICE_CERTIFICATE", self.certificate),
            ("BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE", self.server_ca),
            ("BOOTSTRAP_DEVICE_PRIVATE_KEY", self.key),
        ];
        for (name, value) in bytes {
            array(&mut out, name, value);
        }
        for (name, value) in [
            ("MANUFACTURER", self.manufacturer),
            ("MODEL_NUMBER", self.model_number),
            ("SERIAL_NUMBER", self.endpoint_name),
            ("DEVICE_TYPE", self.device_type),
            ("HARDWARE_VERSION", self.hardware_version),
        ] {
            text(&mut out, name, value);
        }
        let kilobytes = self.memory_total_kb;
        // Writing into memory does not fail.
        let _ = writeln!(out, "const uint32_t MBED_CLOUD_DEV_MEMORY_TOTAL_KB = {kilobytes};\n");
        for (name, _) in bytes {
            let name = format!("MBED_CLOUD_DEV_{name}");
            let _ = writeln!(out, "const uint32_t {name}_SIZE = sizeof({name});");
        }
        out.push_str("\n#endif /* __MBED_CLOUD_DEV_CREDENTIALS_H__ */\n");
        out
    }
}

fn text(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "const char MBED_CLOUD_DEV_{name}[] = \"{}\";", escaped(value));
}

fn array(out: &mut String, name: &str, bytes: &[u8]) {
    let _ = write!(out, "const uint8_t MBED_CLOUD_DEV_{name}[] = {{");
    for (place, byte) in bytes.iter().enumerate() {
        out.push_str(if place % IN_A_LINE == 0 { "\n    " } else { " " });
        let _ = write!(out, "0x{byte:02x},");
    }
    out.push_str("\n};\n\n");
}

/// A C string literal's inside (C99 6.4.4.4): octal escapes end after three digits, hexadecimal ones
/// would not. A question mark could begin a trigraph.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn texts_stay_what_they_are() {
        for (text, expected) in [
            ("GW-1", "GW-1"),
            ("a\"b\\c", "a\\\"b\\\\c"),
            ("coaps://h?aid=1", "coaps://h\\?aid=1"),
            ("ü1", "\\303\\2741"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
