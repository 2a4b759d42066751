//! Certificate serials for people: as OpenSSL prints them, so that one can be compared with another.

/// Upper-case hexadecimal, two digits a byte. What is not a number is left as it is.
pub fn as_openssl(serial: &str) -> String {
    if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return serial.to_owned();
    }
    let digits = serial.to_ascii_uppercase();
    if digits.len() % 2 == 1 { format!("0{digits}") } else { digits }
}

#[cfg(test)]
mod tests {
    use super::as_openssl;

    #[test]
    fn every_byte_has_two_digits() {
        for (serial, shown) in
            [("5", "05"), ("63a553f9", "63A553F9"), ("abc", "0ABC"), ("", ""), ("n/a", "n/a")]
        {
            assert_eq!(as_openssl(serial), shown);
        }
    }
}
