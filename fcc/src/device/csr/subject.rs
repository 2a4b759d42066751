//! `Subj` as mbed TLS 2.25 reads it, silent mistakes included (profile and names 4.3).

use super::super::der;

const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const IA5: u8 = 0x16;

/// One value has fewer characters than this.
const VALUE: usize = 256;

/// A type's spellings, its OID's content bytes, the string type its values get.
type Known = (&'static [&'static str], &'static [u8], u8);

const KNOWN: &[Known] = &[
    (&["CN", "commonName"], &[0x55, 4, 3], UTF8),
    (&["C", "countryName"], &[0x55, 4, 6], PRINTABLE),
    (&["O", "organizationName"], &[0x55, 4, 10], UTF8),
    (&["L", "locality"], &[0x55, 4, 7], UTF8),
    (&["R", "emailAddress"], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], IA5),
    (&["OU", "organizationalUnitName"], &[0x55, 4, 11], UTF8),
    (&["ST", "stateOrProvinceName"], &[0x55, 4, 8], UTF8),
    (&["serialNumber"], &[0x55, 4, 5], PRINTABLE),
    (&["postalAddress"], &[0x55, 4, 16], PRINTABLE),
    (&["postalCode"], &[0x55, 4, 17], PRINTABLE),
    (&["dnQualifier"], &[0x55, 4, 46], PRINTABLE),
    (&["title"], &[0x55, 4, 12], UTF8),
    (&["SN", "surName"], &[0x55, 4, 4], UTF8),
    (&["GN", "givenName"], &[0x55, 4, 42], UTF8),
    (&["initials"], &[0x55, 4, 43], UTF8),
    (&["pseudonym"], &[0x55, 4, 65], UTF8),
    (&["generationQualifier"], &[0x55, 4, 44], UTF8),
    (&["DC", "domainComponent"], &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], IA5),
];

/// The DER of the subject that `text` gives, `None` where the client refuses it.
pub(super) fn name(text: &[u8]) -> Option<Vec<u8>> {
    // A C string: a NUL cuts it.
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut attributes: Vec<(&Known, Vec<u8>)> = Vec::new();
    let mut rest = text;
    // Text without a further `=` is not looked at.
    while let Some(equals) = rest.iter().position(|&byte| byte == b'=') {
        let (kind, behind) = rest.split_at(equals);
        let known = KNOWN
            .iter()
            .find(|(spellings, ..)| spellings.iter().any(|known| known.as_bytes() == kind))?;
        let (value, next) = value(behind.get(1..).unwrap_or_default())?;
        // A second value of one type takes the place of the first.
        match attributes.iter_mut().find(|(earlier, _)| earlier.1 == known.1) {
            Some((_, earlier)) => *earlier = value,
            None => attributes.push((known, value)),
        }
        rest = next;
    }
    let sets: Vec<Vec<u8>> = attributes
        .iter()
        .map(|((_, oid, tag), value)| {
            der::set(&der::sequence(&[&der::oid(oid), &der::value(*tag, value)]))
        })
        .collect();
    Some(der::value(0x30, &sets.concat()))
}

/// One value up to its comma, and what stands behind the comma and its blanks.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [] => return Some((value, rest)),
            [b',', behind @ ..] => {
                let blanks = behind.iter().take_while(|&&byte| byte == b' ').count();
                return Some((value, behind.get(blanks..).unwrap_or_default()));
            }
            [b'\\', b',', behind @ ..] => {
                value.push(b',');
                rest = behind;
            }
            [b'\\', ..] => return None,
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
        if value.len() == VALUE {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Option<Vec<String>> {
        use x509_parser::prelude::FromDer;
        let der = name(text.as_bytes())?;
        let (_, name) = x509_parser::x509::X509Name::from_der(&der).unwrap();
        Some(
            name.iter_attributes()
                .map(|one| String::from_utf8(one.as_slice().to_vec()).unwrap())
                .collect(),
        )
    }

    /// Profile and names 4.3, row by row.
    #[test]
    fn text_is_read_as_the_client_reads_it() {
        let ok = |values: &[&str]| Some(values.iter().map(|&v| v.to_owned()).collect::<Vec<_>>());
        for (text, expected) in [
            ("CN=a\\,b", ok(&["a,b"])),
            ("CN=\\, b\\,O=b", ok(&[", b,O=b"])),
            ("CN=a\\+", None),
            ("CN==+\"", ok(&["=+\""])),
            ("CN= a  b ", ok(&[" a  b "])),
            ("CN=Ω", ok(&["Ω"])),
            ("CN=a\\", None),
            ("CN=a\\\\b", None),
            ("CN=a\0b", ok(&["a"])),
            ("CN=a,b", ok(&["a"])),
            ("CN=\"a,b\"", ok(&["\"a"])),
            ("CN=a,CN=b", ok(&["b"])),
            ("abc", ok(&[])),
            ("", ok(&[])),
            ("O=", ok(&[""])),
            ("O=x,  CN=a", ok(&["x", "a"])),
            (" CN=a", None),
            ("CN =a", None),
            ("cn=a", None),
            ("2.5.4.3=a", None),
            ("businessCategory=a", None),
            ("CN=a,", ok(&["a"])),
        ] {
            assert_eq!(values(text), expected, "{text:?}");
        }
        assert!(values(&format!("CN={}", "x".repeat(255))).is_some());
        assert!(values(&format!("CN={}", "x".repeat(256))).is_none());
    }
}
