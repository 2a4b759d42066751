//! What is left of the EXAMPLE folder that `init` writes: certificates, names, ids, accounts.
//!
//! An EXAMPLE CA signs for EXAMPLE products, so that a new folder runs, and says so. A CA of one's
//! own never does by accident: units that went out under EXAMPLE's names would keep them.

use std::path::Path;

use crate::ca::{Readable, read_certificates};
use crate::config::product::{CertificateFields, CustomValue, Mode, Product};
use crate::config::{Factory, Fault, Faults, Judged, Signer, Warning, fcu};

/// The ids and the account in the EXAMPLE folder's files.
const VENDOR: &str = "42fa7b48-1a65-43aa-890f-8c704daade54";
const CLASS: &str = "c56f3a62-b52b-4ef6-95a0-db7a6e3b5b21";
const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
/// Stands in every name of the EXAMPLE folder.
const WORD: &str = "EXAMPLE";

/// Something of the EXAMPLE folder: its key, and what is there.
type Example = (String, String);

/// Everything that is an EXAMPLE: faults where the CA that signs for it is none, else warnings.
pub fn look(judged: &Judged<'_>) -> Faults {
    let mut found = Faults::none();
    let mut add = |examples: Vec<Example>, is_real: bool| {
        for (key, what) in examples {
            if is_real && !judged.admission.allow_example {
                let fix =
                    "replace it, or, to try things out, give [admission] allow_example = true";
                let problem = format!("{what} is an EXAMPLE, and the CA is not");
                found.faults.push(Fault { key, problem, fix: fix.to_owned() });
            } else {
                let text = format!("{what} is an EXAMPLE; replace it before production");
                found.warnings.push(Warning { key, text });
            }
        }
    };
    if let Some(Signer::File { certificate, .. }) = judged.signer {
        let (is_real, chain) = ca("[signer] certificate", certificate);
        add(chain, is_real);
        add(judged.product.map(product).unwrap_or_default(), is_real);
        add(around(judged), is_real);
    }
    for factory in &judged.sign.factories {
        let (is_real, chain) = ca(&format!("{}.certificate", factory.key), &factory.ca_certificate);
        add(chain, is_real);
        add(of_factory(factory), is_real);
    }
    found
}

/// Whether the CA in this file is one of the user's own, and what in its file is an EXAMPLE. A file
/// that holds no certificate is a fault elsewhere, and no CA of anybody's.
fn ca(key: &str, file: &Path) -> (bool, Vec<Example>) {
    let ders = read_certificates(file).unwrap_or_default();
    let issuing = ders.first().and_then(|der| Readable::of(der));
    let is_real = issuing.is_some_and(|issuing| !issuing.is_example());
    (is_real, ders.iter().filter_map(|der| certificate(key, der)).collect())
}

fn certificate(key: &str, der: &[u8]) -> Option<Example> {
    let readable = Readable::of(der)?;
    let is_example = readable.is_example() || readable.issuer.contains(WORD);
    is_example.then(|| (key.to_owned(), format!("`{}`", readable.subject)))
}

fn text(key: &str, text: &str) -> Option<Example> {
    text.contains(WORD).then(|| (key.to_owned(), format!("{text:?}")))
}

fn account(key: &str, account: &str) -> Option<Example> {
    let is_example = account.eq_ignore_ascii_case(ACCOUNT);
    is_example.then(|| (key.to_owned(), format!("the account id {account}")))
}

fn id(key: &str, id: Option<[u8; 16]>, example: &str) -> Option<Example> {
    let given = uuid::Uuid::from_bytes(id?).to_string();
    (given == example).then(|| (format!("fcu.yml: {key}"), given))
}

/// What fcu.yml says.
fn product(product: &Product) -> Vec<Example> {
    let (prefix, uri, server_ca) = match &product.mode {
        Mode::Bootstrap { uri, server_ca, .. } => ("bootstrap", uri, server_ca),
        Mode::Lwm2m { uri, server_ca } => ("lwm2m", uri, server_ca),
    };
    let device = &product.device;
    let about = [
        ("manufacturer", &device.manufacturer),
        ("model-number", &device.model_number),
        ("device-type", &device.device_type),
        ("hardware-version", &device.hardware_version),
    ];
    let uri_key = format!("fcu.yml: {prefix}-server-uri");
    let update = product.update.as_deref();
    let custom = product.custom.iter().enumerate().filter_map(|(index, item)| {
        let key = format!("fcu.yml: custom-properties[{}]", index + 1);
        match &item.value {
            CustomValue::Certificate(der) => certificate(&key, der),
            CustomValue::CertificateChain(chain) => {
                chain.iter().find_map(|it| certificate(&key, it))
            }
            CustomValue::Text(value) => text(&key, value),
            _ => None,
        }
    });
    let mut found: Vec<Example> = Vec::new();
    found.extend(certificate(&format!("fcu.yml: {prefix}-server-ca-file"), server_ca));
    found.extend(fcu::account_id(uri).and_then(|id| account(&uri_key, id)));
    found.extend(update.and_then(|der| certificate("fcu.yml: update-auth-certificate-file", der)));
    found.extend(id("vendor-id", product.vendor_id, VENDOR));
    found.extend(id("class-id", product.class_id, CLASS));
    let about = about.into_iter();
    found.extend(about.filter_map(|(key, it)| text(&format!("fcu.yml: device-info.{key}"), it)));
    found.extend(subject("fcu.yml: device-certificate", &product.certificate));
    found.extend(custom);
    found
}

fn subject(section: &str, fields: &CertificateFields) -> Vec<Example> {
    let fields = [
        ("ST", &fields.state),
        ("L", &fields.locality),
        ("O", &fields.organization),
        ("OU", &fields.organizational_unit),
    ];
    let given = fields.iter().filter_map(|(key, field)| Some((key, field.as_ref()?)));
    given.filter_map(|(key, field)| text(&format!("{section}.{key}"), field)).collect()
}

/// What station.toml says beside the CA and the factories.
fn around(judged: &Judged<'_>) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    if let Some(tls) = &judged.http.tls {
        let ders = read_certificates(&tls.certificate).unwrap_or_default();
        found.extend(ders.iter().filter_map(|der| certificate("[http] certificate", der)));
    }
    for (index, id) in judged.admission.accounts.iter().enumerate() {
        found.extend(account(&format!("[admission] accounts[{}]", index + 1), id));
    }
    if let Some(developer) = judged.developer {
        found.extend(account("[developer] account_id", &developer.account_id));
        let organization = developer.subject.organization.as_deref().unwrap_or_default();
        found.extend(text("[developer] organization", organization));
        // Where none is given it is the product's, which is looked at there.
        let usual = judged.product.map(|product| &product.mode);
        if let Mode::Bootstrap { server_ca, .. } = &developer.product.mode
            && !matches!(usual, Some(Mode::Bootstrap { server_ca: usual, .. }) if usual == server_ca)
        {
            found.extend(certificate("[developer] server_ca_file", server_ca));
        }
    }
    for operator in judged.operators {
        let token = operator.token.to_ascii_uppercase();
        if token.contains(WORD) || operator.name.contains(WORD) {
            // A token is not shown, not even such a one.
            found.push(("[operators] token_file".to_owned(), format!("{}'s token", operator.name)));
        }
    }
    found
}

/// The public files of a factory beside its CA.
fn of_factory(factory: &Factory) -> Vec<Example> {
    let files = [("root", Some(&factory.root)), ("tls", factory.tls.as_ref())];
    let files = files.iter().filter_map(|(key, file)| Some((key, (*file)?)));
    files
        .flat_map(|(key, file)| {
            let ders = read_certificates(file).unwrap_or_default();
            let key = format!("{}.{key}", factory.key);
            ders.iter().filter_map(|der| certificate(&key, der)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_those_of_the_folder() {
        let product = include_str!("../../../keystore.example/fcu.yml");
        for example in [VENDOR, CLASS, ACCOUNT, WORD] {
            assert!(product.contains(example), "{example}");
        }
    }

    #[test]
    fn an_account_is_known_in_either_case() {
        assert!(account("k", &ACCOUNT.to_uppercase()).is_some());
        assert!(account("k", "1123456789abcdef0123456789abcdef").is_none());
    }
}
