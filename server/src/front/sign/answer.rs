//! The answer: four members in the order of their names, compact, one newline behind them, as the
//! reference's JSON is (sign 3). Never another member: the client makes a file of each.

use openssl::base64::decode_block;

use super::Factory;
use crate::pem::encode;
use crate::ra::Record;

/// The live certificate of a unit, PEM with a newline at its end.
pub(super) fn certificate_of(record: &Record) -> Option<String> {
    let der = &record.live_execution()?.certificate.as_ref()?.der;
    Some(pem(&decode_block(der).ok()?))
}

/// A certificate in PEM, with a newline at its end.
pub(super) fn pem(der: &[u8]) -> String {
    encode([der])
}

/// The whole body.
pub(super) fn body(factory: &Factory, certificate: &str, sota: &str) -> String {
    let chained = format!("{certificate}\n{}", encode(&factory.chain).trim_end());
    let root = encode(factory.root.certificates());
    let members = [
        ("client.chained", chained.as_str()),
        ("client.pem", certificate),
        ("root.crt", root.trim_end()),
        ("sota.toml", sota),
    ];
    let members: Vec<String> =
        members.iter().map(|(name, text)| format!("\"{name}\":{}", in_ascii(text))).collect();
    format!("{{{}}}\n", members.join(","))
}

/// A JSON string in ASCII, as the reference's library writes it: everything beyond is escaped in
/// UTF-16.
fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in serde_json::Value::from(text).to_string().chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_the_references() {
        assert_eq!(in_ascii("a/b\n\"\\é😀"), r#""a/b\n\"\\\u00e9\ud83d\ude00""#);
    }

    #[test]
    fn pem_is_openssls() {
        let ca = crate::ca::test_ca::TestCa::default().certificate();
        assert_eq!(pem(&ca.to_der().unwrap()).into_bytes(), ca.to_pem().unwrap());
    }
}
