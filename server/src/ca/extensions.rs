//! The extensions that all device certificates of one form have in common, DER (RFC 5280 4.2.1).

use super::der;

const AUTHORITY_KEY_IDENTIFIER: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x23];
const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x13];
const KEY_USAGE: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x25];
/// CA:FALSE is the default and so an empty SEQUENCE.
const NOT_A_CA: [u8; 2] = [0x30, 0x00];
/// digitalSignature (bit 0) and keyAgreement (bit 4).
const SIGN_AND_AGREE: [u8; 4] = [0x03, 0x02, 0x03, 0x88];
/// digitalSignature (bit 0) alone.
const SIGN: [u8; 4] = [0x03, 0x02, 0x07, 0x80];
/// id-kp-clientAuth, in its SEQUENCE.
const CLIENT_AUTH: [u8; 12] =
    [0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// AKI (the CA's own SKI, copied), basicConstraints, keyUsage, extendedKeyUsage.
pub(super) fn gateway(ca_identifier: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    authority_identifier(&mut out, ca_identifier);
    der::extension(&mut out, &BASIC_CONSTRAINTS, true, &NOT_A_CA);
    der::extension(&mut out, &KEY_USAGE, true, &SIGN_AND_AGREE);
    der::extension(&mut out, &EXTENDED_KEY_USAGE, false, &CLIENT_AUTH);
    out
}

/// keyUsage, extendedKeyUsage, AKI, in the reference's order (sign 3).
pub(super) fn registered(ca_identifier: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    der::extension(&mut out, &KEY_USAGE, true, &SIGN);
    der::extension(&mut out, &EXTENDED_KEY_USAGE, true, &CLIENT_AUTH);
    authority_identifier(&mut out, ca_identifier);
    out
}

/// The CA's own SKI, copied: a hash of its key would be another one (sign 4, row 9).
fn authority_identifier(out: &mut Vec<u8>, ca_identifier: Option<&[u8]>) {
    if let Some(identifier) = ca_identifier {
        // AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING }
        let value = der::wrapped(der::SEQUENCE, &der::wrapped(0x80, identifier));
        der::extension(out, &AUTHORITY_KEY_IDENTIFIER, false, &value);
    }
}
