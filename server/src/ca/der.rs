//! The few DER forms a device certificate is made of (X.690), written straight into a buffer.
//!
//! A certificate builder costs several times the signature it is for; assembling the bytes costs
//! a hundredth of it. `draft` holds the result against OpenSSL's own builder in its tests.

use jiff::Timestamp;
use jiff::tz::Offset;

pub(super) const BOOLEAN_TRUE: [u8; 3] = [0x01, 0x01, 0xff];
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Appends one element: tag, length, content (X.690 8.1, definite form, shortest length).
pub(super) fn element(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    length(out, content.len());
    out.extend_from_slice(content);
}

/// One element on its own.
pub(super) fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 5);
    element(&mut out, tag, content);
    out
}

/// Several elements in a row inside one.
pub(super) fn all(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    wrapped(tag, &parts.concat())
}

fn length(out: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    if length < 0x80 {
        out.extend(significant.chain((length == 0).then_some(&0)));
    } else {
        let count = significant.clone().count();
        out.push(0x80 | u8::try_from(count).unwrap_or(0x7f));
        out.extend(significant);
    }
}

/// Appends a positive INTEGER from its big-endian bytes (X.690 8.3: shortest, sign bit clear).
pub(super) fn positive_integer(out: &mut Vec<u8>, magnitude: &[u8]) {
    let mut content: Vec<u8> = magnitude.iter().copied().skip_while(|byte| *byte == 0).collect();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(out, INTEGER, &content);
}

/// Appends a time: UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). The last
/// second a [`Timestamp`] can hold stands for "no well-defined end", which is 12 hours later.
pub(super) fn time(out: &mut Vec<u8>, at: Timestamp) {
    if at.as_second() == Timestamp::MAX.as_second() {
        return element(out, GENERALIZED_TIME, b"99991231235959Z");
    }
    let at = Offset::UTC.to_datetime(at);
    let two = |number: i8| -> [u8; 2] {
        let number = number.unsigned_abs();
        [b'0' + number / 10 % 10, b'0' + number % 10]
    };
    let year = at.year().clamp(0, 9999);
    // A remainder of 100 fits.
    let [century, year_of_it] = [year / 100, year % 100].map(|part| two(part as i8));
    let rest = [at.month(), at.day(), at.hour(), at.minute(), at.second()].map(two);
    let digits = [&century[..], &year_of_it, rest.as_flattened(), b"Z"].concat();
    if (1950..2050).contains(&year) {
        element(out, UTC_TIME, digits.get(2..).unwrap_or_default());
    } else {
        element(out, GENERALIZED_TIME, &digits);
    }
}

/// Appends an extension (RFC 5280 4.1): id, criticality when set, value in an OCTET STRING.
pub(super) fn extension(out: &mut Vec<u8>, oid: &[u8], critical: bool, value: &[u8]) {
    let criticality: &[u8] = if critical { &BOOLEAN_TRUE } else { &[] };
    let value = wrapped(OCTET_STRING, value);
    out.extend(all(SEQUENCE, &[oid, criticality, &value]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_shortest() {
        for (size, head) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (255, vec![4, 0x81, 255]),
            (256, vec![4, 0x82, 1, 0]),
            (65536, vec![4, 0x83, 1, 0, 0]),
        ] {
            assert_eq!(&wrapped(OCTET_STRING, &vec![0; size])[..head.len()], &head[..], "{size}");
        }
    }

    #[test]
    fn integers_are_positive_and_shortest() {
        for (magnitude, expected) in [
            (&[0x01][..], vec![2, 1, 1]),
            (&[0x80], vec![2, 2, 0, 0x80]),
            (&[0, 0, 0x7f], vec![2, 1, 0x7f]),
            (&[0], vec![2, 1, 0]),
        ] {
            let mut out = Vec::new();
            positive_integer(&mut out, magnitude);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn times_change_form_in_2050() {
        for (at, expected) in [
            ("2049-12-31T23:59:59Z", "\x17\x0d491231235959Z"),
            ("2050-01-01T00:00:00Z", "\x18\x0f20500101000000Z"),
            ("9999-12-30T21:00:00Z", "\x18\x0f99991230210000Z"),
        ] {
            let mut out = Vec::new();
            time(&mut out, at.parse().unwrap());
            assert_eq!(out, expected.as_bytes());
        }
        let mut out = Vec::new();
        time(&mut out, Timestamp::MAX);
        assert_eq!(out, b"\x18\x0f99991231235959Z");
    }
}
