//! What a device checks at the end of a message, checked before it is sent (injection 10): a refused
//! bundle costs a restart on the line, and a device that does not verify would take anything.

use fcc::bundle::{Bundle, Param, Value};
use fcc::names;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::config::fcu::account_id;

/// Whether the last message of a session holds together: mode, endpoint name, server URI, and the
/// certificate's CN and OU.
///
/// # Errors
/// The first rule broken, with its number.
pub(super) fn verify(bundle: &Bundle) -> Result<(), String> {
    let is_bootstrap = match number(bundle, names::USE_BOOTSTRAP) {
        Some(1) => true,
        Some(0) => false,
        other => return Err(format!("mbed.UseBootstrap is {other:?} (check 2)")),
    };
    let is_claimed_first = number(bundle, names::FIRST_TO_CLAIM).unwrap_or(0) == 1;
    let (uri, certificate) = if is_bootstrap {
        (names::BOOTSTRAP_SERVER_URI, names::BOOTSTRAP_CERTIFICATE)
    } else {
        (names::LWM2M_SERVER_URI, names::LWM2M_CERTIFICATE)
    };
    let endpoint_name = text(bundle, names::ENDPOINT_NAME).filter(|name| !name.is_empty());
    let endpoint_name = endpoint_name.ok_or("mbed.EndpointName is missing (check 3)")?;
    let uri = text(bundle, uri).ok_or("the server URI is missing (check 6)")?;
    if !uri.starts_with("coap://") && !uri.starts_with("coaps://") {
        return Err(format!("the server URI `{uri}` is not a CoAP URI (check 6)"));
    }
    let account = account_id(uri);
    match (is_bootstrap, is_claimed_first, account) {
        (false, true, _) => return Err("first to claim without a bootstrap server".to_owned()),
        (true, true, Some(_)) => {
            return Err(
                "the server URI names an account, and the unit belongs to nobody yet".to_owned()
            );
        }
        (_, false, None) => return Err("the server URI names no account (check 6)".to_owned()),
        _ => {}
    }
    let der = device_certificate(bundle, certificate).ok_or("no device certificate (check 8)")?;
    let parsed = X509Certificate::from_der(der).map_err(|_| "no certificate (check 8)")?.1;
    let subject = parsed.subject();
    let first =
        |mut values: Vec<&'_ str>| (!values.is_empty()).then(|| values.remove(0).to_owned());
    let cn = first(subject.iter_common_name().filter_map(|it| it.as_str().ok()).collect());
    if cn.as_deref() != Some(endpoint_name) {
        return Err(format!("CN is `{}`, the endpoint name `{endpoint_name}` (check 11)", or(cn)));
    }
    let ou = first(subject.iter_organizational_unit().filter_map(|it| it.as_str().ok()).collect());
    if !is_bootstrap && ou.as_deref() != account {
        let account = or(account.map(str::to_owned));
        return Err(format!("OU is `{}`, the account `{account}` (check 12)", or(ou)));
    }
    Ok(())
}

fn or(text: Option<String>) -> String {
    text.unwrap_or_else(|| "missing".to_owned())
}

fn param<'a>(bundle: &'a Bundle, name: &str) -> Option<&'a Param> {
    bundle.params.iter().find(|param| param.name == name)
}

fn text<'a>(bundle: &'a Bundle, name: &str) -> Option<&'a str> {
    match &param(bundle, name)?.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn number(bundle: &Bundle, name: &str) -> Option<u64> {
    match &param(bundle, name)?.value {
        Value::Integer(number) => u64::try_from(i128::from(*number)).ok(),
        _ => None,
    }
}

fn device_certificate<'a>(bundle: &'a Bundle, name: &str) -> Option<&'a [u8]> {
    let single = bundle.certificates.iter().find(|it| it.name == name).map(|it| it.der.as_slice());
    let chain = bundle.chains.iter().find(|it| it.name == name);
    single.or_else(|| chain?.certificates.first().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use fcc::bundle::Certificate;
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::x509::{X509, X509Name};

    use super::*;

    fn certificate(cn: &str, ou: Option<&str>) -> Vec<u8> {
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = openssl::ec::EcKey::generate(&group).unwrap();
        let key = openssl::pkey::PKey::from_ec_key(key).unwrap();
        let mut name = X509Name::builder().unwrap();
        if let Some(ou) = ou {
            name.append_entry_by_nid(Nid::ORGANIZATIONALUNITNAME, ou).unwrap();
        }
        name.append_entry_by_nid(Nid::COMMONNAME, cn).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let (name, day) = (name.build(), |days| Asn1Time::days_from_now(days).unwrap());
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&day(0)).unwrap();
        builder.set_not_after(&day(1)).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap()
    }

    struct Case {
        bootstrap: u64,
        claimed_first: u64,
        uri: &'static str,
        cn: &'static str,
        ou: Option<&'static str>,
        said: Option<&'static str>,
    }

    const GOOD: Case = Case {
        bootstrap: 1,
        claimed_first: 0,
        uri: "coaps://h:5684?aid=aa",
        cn: "GW-1",
        ou: None,
        said: None,
    };

    #[test]
    fn the_rules_of_section_10() {
        let direct = Case { bootstrap: 0, ou: Some("aa"), ..GOOD };
        let cases = [
            GOOD,
            Case { claimed_first: 1, uri: "coaps://h:5684", ..GOOD },
            Case { claimed_first: 1, said: Some("the unit belongs to nobody yet"), ..GOOD },
            Case { uri: "coaps://h:5684", said: Some("names no account"), ..GOOD },
            Case { uri: "https://h?aid=aa", said: Some("is not a CoAP URI"), ..GOOD },
            Case { bootstrap: 7, said: Some("check 2"), ..GOOD },
            Case { cn: "GW-2", said: Some("check 11"), ..GOOD },
            Case { ..direct },
            Case { bootstrap: 0, ou: None, said: Some("check 12"), ..GOOD },
            Case { bootstrap: 0, ou: Some("bb"), said: Some("OU is `bb`"), ..GOOD },
            Case { bootstrap: 0, ou: Some("aa"), claimed_first: 1, said: Some("first to"), ..GOOD },
            Case { bootstrap: 0, ou: Some("aa"), uri: "coaps://h", said: Some("no acc"), ..GOOD },
        ];
        for (place, case) in cases.into_iter().enumerate() {
            let (uri, name) = if case.bootstrap == 0 {
                (names::LWM2M_SERVER_URI, names::LWM2M_CERTIFICATE)
            } else {
                (names::BOOTSTRAP_SERVER_URI, names::BOOTSTRAP_CERTIFICATE)
            };
            let der = certificate(case.cn, case.ou);
            let bundle = Bundle {
                params: vec![
                    Param::new(names::USE_BOOTSTRAP, case.bootstrap),
                    Param::new(names::ENDPOINT_NAME, "GW-1"),
                    Param::new(uri, case.uri),
                    Param::new(names::FIRST_TO_CLAIM, case.claimed_first),
                ],
                certificates: vec![Certificate { name: name.to_owned(), key_name: None, der }],
                ..Bundle::default()
            };
            match (verify(&bundle), case.said) {
                (Ok(()), None) => {}
                (Err(said), Some(words)) => assert!(said.contains(words), "{place}: {said}"),
                (got, wanted) => panic!("{place}: {got:?}, wanted {wanted:?}"),
            }
        }
    }
}
