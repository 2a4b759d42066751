//! An EXAMPLE factory: the files and names that the platform's own tool makes (sign 2).

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use zeroize::Zeroizing;

use super::Draft;
use super::example::{Example, Names};

const YEAR: i64 = 365 * 86_400;
/// Where the EXAMPLE factory's devices would go.
const REPOSITORY: &str = "example";

/// Whether a text can be an OU and stand in station.toml as it is.
pub(super) fn is_name(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fit)
}

/// The section of station.toml.
pub(super) fn section(factory: &str) -> String {
    format!(
        "\n[[sign.factories]]\nname = \"{factory}\"\nroot = \"sign/factory_ca.pem\"\n\
         certificate = \"sign/local-ca.pem\"\nkey = \"sign/local-ca.key\"\n\
         tls = \"sign/tls-crt\"\n"
    )
}

/// The four files.
pub(super) fn drafts(factory: &str, now: Timestamp) -> Result<Vec<Draft>, ErrorStack> {
    let root = Example::in_tree(
        &Names { common_name: "Factory-CA EXAMPLE", unit: factory, lifetime: 20 * YEAR },
        None,
        now,
        |builder| {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build()?;
            builder.append_extension(usage)?;
            builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)
        },
    )?;
    let local = Example::in_tree(
        &Names { common_name: "fio-EXAMPLE", unit: factory, lifetime: 10 * YEAR },
        Some(&root),
        now,
        |builder| {
            builder
                .append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
            builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)
        },
    )?;
    let gateway = format!("{REPOSITORY}.ota-lite.foundries.io");
    let tls = Example::in_tree(
        &Names { common_name: &gateway, unit: factory, lifetime: 10 * YEAR },
        Some(&root),
        now,
        |builder| {
            let usage = KeyUsage::new().critical().digital_signature().build()?;
            builder.append_extension(usage)?;
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            let names = SubjectAlternativeName::new()
                .dns(&gateway)
                .dns(&format!("{REPOSITORY}.ostree.foundries.io"))
                .build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)
        },
    )?;
    let made = |name, bytes| Draft { name, content: Zeroizing::new(bytes), secret: false };
    Ok(vec![
        made("sign/factory_ca.pem", root.certificate.to_pem()?),
        made("sign/local-ca.pem", local.certificate.to_pem()?),
        Draft { name: "sign/local-ca.key", content: sec1(&local)?, secret: true },
        made("sign/tls-crt", tls.certificate.to_pem()?),
    ])
}

/// SEC 1 PEM, as the platform's tool writes the key.
fn sec1(example: &Example) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
    let key = PKey::private_key_from_pem(&example.key_pem()?)?;
    key.ec_key()?.private_key_to_pem().map(Zeroizing::new)
}
