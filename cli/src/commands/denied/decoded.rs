//! A text file of somebody else's, in whatever Unicode it was saved: PowerShell writes UTF-16.

/// The text in `bytes`: UTF-8 or UTF-16, with a byte order mark or without. What is neither comes
/// with replacement characters in it.
pub fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => utf8(text),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        // Without a mark: half the bytes of digits and hyphens in UTF-16 are zero, and which half
        // says which byte comes first.
        text => match zeros(text) {
            (0, 0) => utf8(text),
            (first, second) if first > second => utf16(text, u16::from_be_bytes),
            _ => utf16(text, u16::from_le_bytes),
        },
    }
}

fn utf8(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn utf16(text: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = text.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// How many first and how many second bytes of a pair are zero.
fn zeros(text: &[u8]) -> (usize, usize) {
    let (pairs, _) = text.as_chunks::<2>();
    let count = |zero: fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| zero(pair)).count();
    (count(|[first, _]| *first == 0), count(|[_, second]| *second == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unicode() {
        let text = "UUID\r\n0f0e0d0c\u{2011}1111 \u{1f600}\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            little.clone(),
            [&b"\xff\xfe"[..], &little].concat(),
            big.clone(),
            [&b"\xfe\xff"[..], &big].concat(),
        ] {
            assert_eq!(decoded(&bytes), text, "{bytes:x?}");
        }
        assert_eq!(decoded(b""), "");
        assert_eq!(decoded(b"caf\xe9"), "caf\u{fffd}");
        // Cut in the middle of a character.
        assert!(decoded(&little[..little.len() - 1]).starts_with("UUID"));
    }
}
