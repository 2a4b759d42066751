//! The little DER that a CSR needs, and that OpenSSL would write properly where the client does
//! not (injection 7).

/// One value: tag, length, content.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
    let mut out = vec![tag];
    match significant.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most 8 bytes on any machine.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A SEQUENCE of `parts`.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// A SET of one.
pub(super) fn set(part: &[u8]) -> Vec<u8> {
    value(0x31, part)
}

/// An object identifier from its content bytes.
pub(super) fn oid(content: &[u8]) -> Vec<u8> {
    value(0x06, content)
}

/// A BIT STRING of whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    named_bits(content, 0)
}

/// A BIT STRING whose last `unused` bits are not there.
pub(super) fn named_bits(content: &[u8], unused: u8) -> Vec<u8> {
    let mut all = vec![unused];
    all.extend_from_slice(content);
    value(0x03, &all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (length, head) in [
            (0, &[0x04, 0][..]),
            (127, &[0x04, 127]),
            (128, &[0x04, 0x81, 128]),
            (256, &[0x04, 0x82, 1, 0]),
        ] {
            assert!(value(0x04, &vec![7; length]).starts_with(head), "{length}");
        }
    }
}
